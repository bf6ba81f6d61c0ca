"""Where does the model miss, if anywhere? Measured against predicted, and what is left over against time and prediction."""

from typing import Literal

import numpy as np
import plotly.graph_objects as go

from pkvae_core.checks.fit import Fit
from pkvae_core.checks.trend import Trend
from pkvae_core.plots.theme import PALETTES, Palette, Theme, band, faded, figure

NAMES = {
    "PRED": "Population prediction", "IPRED": "Individual prediction", "IWRES": "Individual weighted residual", "PWRES": "Population weighted residual",
    "NPDE": "NPDE", "time_h": "Hours since the first dose", "time_after_dose_h": "Hours since the last dose",
}  # fmt: skip
CONCENTRATIONS = ("PRED", "IPRED")


def observed_figure(theme: Theme, fit: Fit, against: Literal["PRED", "IPRED"], unit: str, *, unit_mg_per_L: float = 1.0, height: int = 320) -> go.Figure:
    """Every measured level against its prediction, both on a log scale, with the line of identity."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    x, y = np.asarray(getattr(fit, against), float) / unit_mg_per_L, np.asarray(fit.measured, float) / unit_mg_per_L
    shown = (x > 0) & (y > 0)
    ends = _log_range(np.concatenate([x[shown], y[shown]]))
    identity = dict(color=colour.ink, width=1.2, dash="dash")
    chart.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line=identity, hoverinfo="skip"))
    chart.add_trace(_dots(colour, fit, x, y, f"measured %{{y:.3g}} {unit}, predicted %{{x:.3g}} {unit}", shown))
    for update, title in ((chart.update_xaxes, NAMES[against]), (chart.update_yaxes, "Measured level")):
        update(title_text=f"{title} ({unit})", type="log", range=list(np.log10(ends)), dtick="D2", minor_showgrid=False)
    return chart


def residual_figure(
    theme: Theme, fit: Fit, residual: str, against: str, trend: Trend | None, unit: str, *, unit_mg_per_L: float = 1.0, height: int = 300
) -> go.Figure:
    """Residuals against time or prediction, with the running median and its 95 % band; nearly all should lie between -2 and 2, around 0."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    is_level, factor = against in CONCENTRATIONS, unit_mg_per_L if against in CONCENTRATIONS else 1.0
    x, y = np.asarray(getattr(fit, against), float) / factor, np.asarray(getattr(fit, residual), float)
    for at, dash in ((0, "solid"), (-1.96, "dot"), (1.96, "dot")):
        chart.add_hline(y=at, line=dict(color=colour.muted, width=1, dash=dash))
    where = f"%{{x:.3g}} {unit}" if is_level else "%{x:.1f} h"
    chart.add_trace(_dots(colour, fit, x, y, f"%{{y:.2f}} at {where}", np.isfinite(x) & np.isfinite(y)))
    if trend is not None and len(trend.x):
        along = np.asarray(trend.x, float) / factor
        chart.add_trace(band(along, np.asarray(trend.low95), np.asarray(trend.high95), colour.warning, opacity=0.2))
        chart.add_trace(go.Scatter(x=along, y=np.asarray(trend.median), mode="lines", line=dict(color=colour.warning, width=2.2), hoverinfo="skip"))
    top = max([3.2, *np.abs(y[np.isfinite(y)]) * 1.05])
    chart.update_xaxes(title_text=f"{NAMES[against]} ({unit})" if is_level else NAMES[against], rangemode="tozero")
    chart.update_yaxes(title_text=NAMES[residual], range=[-top, top], zeroline=False)
    return chart


def npde_figure(theme: Theme, fit: Fit, *, height: int = 300) -> go.Figure:
    """How the normalised prediction distribution errors are spread, over the standard normal curve that they follow when the model is right."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    values = np.asarray(fit.NPDE, np.float32)
    values = values[np.isfinite(values)]
    bins, hover = dict(start=-4, end=4, size=0.5), "%{y:.2f} a unit, %{x}<extra></extra>"
    fill = dict(color=faded(colour.regimen, 0.6), line=dict(color=colour.page, width=1))
    chart.add_trace(go.Histogram(x=values, xbins=bins, histnorm="probability density", marker=fill, hovertemplate=hover))
    x = np.linspace(-4, 4, 121)
    normal = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    chart.add_trace(go.Scatter(x=x, y=normal, mode="lines", line=dict(color=colour.ink, width=1.6, dash="dash"), hoverinfo="skip"))
    chart.update_xaxes(title_text=NAMES["NPDE"], range=[-4, 4], showgrid=False)
    chart.update_yaxes(title_text="Share a unit", rangemode="tozero")
    return chart


def _dots(colour: Palette, fit: Fit, x: np.ndarray, y: np.ndarray, hover: str, shown: np.ndarray) -> go.Scatter:
    below = np.asarray(fit.is_below, bool)[shown]
    marker = dict(color=faded(colour.regimen, 0.5), size=5, symbol=np.where(below, "triangle-down-open", "circle").tolist())
    who = np.asarray(fit.patient)[shown]
    return go.Scatter(
        x=x[shown].astype(np.float32), y=y[shown].astype(np.float32), mode="markers", marker=marker, customdata=who,
        hovertemplate=f"Patient %{{customdata}}: {hover}<extra></extra>",
    )  # fmt: skip


def _log_range(values: np.ndarray) -> list[float]:
    """Ends of a log axis that hold all values, with a little room."""
    return [float(values.min()) / 1.2, float(values.max()) * 1.2] if len(values) else [0.1, 10.0]
