"""Does the model make patients like these? Percentiles of the observed levels over the bands of the simulated ones."""

import numpy as np
import plotly.graph_objects as go

from pkvae_core.checks.vpc import VPC, Percentile
from pkvae_core.plots.theme import PALETTES, Palette, Theme, faded, figure

EARLIEST_H, TICKS_H = 0.1, (0.1, 0.25, 0.5, 1, 2, 4, 8, 12, 24, 48, 96, 168, 336, 672)
AXES = {"time_after_dose_h": "Hours since the last dose", "time_h": "Hours since the first dose"}


def vpc_figure(theme: Theme, check: VPC, unit: str, *, unit_mg_per_L: float = 1.0, height: int = 380) -> go.Figure:
    """Observed levels and their 5th, 50th and 95th percentile in each bin, over the 95 % bands of the same percentiles in simulated cohorts."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    hues = {5: colour.below, 50: colour.regimen, 95: colour.warning}
    top = _top(check) / unit_mg_per_L
    for p in check.percentiles:
        if p.high95 / unit_mg_per_L > top:
            _beyond(chart, p, f"{p.high95 / unit_mg_per_L:.3g}", hues[p.percent])
        _box(chart, p.low_h, p.high_h, p.low95 / unit_mg_per_L, p.high95 / unit_mg_per_L, hues[p.percent])
    chart.add_trace(_points(colour, check, unit, unit_mg_per_L))
    for percent, hue in hues.items():
        chart.add_trace(_observed(check, percent, hue, unit, unit_mg_per_L))
    what = "Prediction-corrected level" if check.is_corrected else "Level"
    chart.update_yaxes(title_text=f"{what} ({unit})", range=[0, top])
    return _over_time(chart, check)


def below_figure(theme: Theme, check: VPC, *, height: int = 220) -> go.Figure:
    """Share of levels below the limit of quantification in each bin, observed over the band of the simulated."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    for b in check.below:
        _box(chart, b.low_h, b.high_h, 100 * b.low95, 100 * b.high95, colour.prior)
    middle, share = [b.middle_h for b in check.below], [100 * b.observed for b in check.below]
    said = [f"of {b.levels:,} levels below {b.limit_mg_per_L:.3g} mg/L; simulated {100 * b.low95:.1f}–{100 * b.high95:.1f} %" for b in check.below]
    line, hover = dict(color=colour.ink, width=2), "%{y:.1f} % %{customdata}<extra></extra>"
    chart.add_trace(go.Scatter(x=middle, y=share, customdata=said, mode="lines+markers", line=line, marker=dict(size=6), hovertemplate=hover))
    chart.update_yaxes(title_text="Below the limit (%)", rangemode="tozero")
    return _over_time(chart, check)


def _over_time(chart: go.Figure, check: VPC) -> go.Figure:
    """A log axis: levels crowd after a dose, and a few come days later."""
    bins = check.percentiles or check.below
    ends = [max(min(p.low_h for p in bins), EARLIEST_H) / 1.15, max(p.high_h for p in bins) * 1.15] if bins else [1.0, 24.0]
    ticks = [t for t in TICKS_H if ends[0] <= t <= ends[1]]
    chart.update_xaxes(type="log", range=list(np.log10(ends)), tickvals=ticks, ticktext=[f"{t:g}" for t in ticks])
    chart.update_xaxes(title_text=f"{AXES[check.axis]} (log scale)", showgrid=False)
    return chart.update_layout(margin=dict(l=8, r=16, t=16, b=8))


def _top(check: VPC) -> float:
    """The top of the chart: above everything measured but the most extreme points, and above what is usually simulated; single bands may go beyond it."""
    highest = [max(p.observed, p.median) for p in check.percentiles if np.isfinite(p.observed)]
    highest += [float(np.quantile(check.point, 0.98))] if len(check.point) else []
    return 1.35 * max(highest, default=1.0)


def _box(chart: go.Figure, left: float, right: float, low: float, high: float, hue: str) -> None:
    if np.isfinite([low, high]).all():
        chart.add_shape(
            type="rect",
            x0=max(left, EARLIEST_H) / 1.04,
            x1=max(right, EARLIEST_H) * 1.04,
            y0=low,
            y1=high,
            fillcolor=faded(hue, 0.22),
            line_width=0,
            layer="below",
        )


def _beyond(chart: go.Figure, p: Percentile, end: str, hue: str) -> None:
    """A band that goes on above the chart says where it ends."""
    x = float(np.log10(max(p.middle_h, EARLIEST_H)))
    chart.add_annotation(x=x, y=1, yref="paper", yanchor="bottom", text=f"to {end}", showarrow=False, font=dict(color=hue, size=11))


def _points(colour: Palette, check: VPC, unit: str, unit_mg_per_L: float) -> go.Scatter:
    symbol = np.where(check.is_below, "triangle-down-open", "circle-open").tolist()
    hover = f"Patient %{{customdata}}: %{{y:.3g}} {unit} at %{{x:.1f}} h<extra></extra>"
    return go.Scatter(
        x=check.point_h.astype(np.float32), y=(check.point / unit_mg_per_L).astype(np.float32), customdata=list(check.patient), mode="markers",
        marker=dict(color=faded(colour.ink, 0.4), size=5, symbol=symbol), hovertemplate=hover,
    )  # fmt: skip


def _observed(check: VPC, percent: int, hue: str, unit: str, unit_mg_per_L: float) -> go.Scatter:
    """One observed percentile over the bins; a gap where it lies below the limit of quantification. Labelled at its top, where the lines are apart."""
    each = check.line(percent)
    y = [p.observed / unit_mg_per_L if np.isfinite(p.observed) else None for p in each]
    said = [f"{p.levels:,} levels; simulated {p.low95 / unit_mg_per_L:.3g}–{p.high95 / unit_mg_per_L:.3g} {unit}" for p in each]
    hover = f"{percent}th percentile: %{{y:.3g}} {unit}<br>%{{customdata}}<extra></extra>"
    top = max((v for v in y if v is not None), default=None)
    text = [f"{percent} %" if v is not None and v == top else "" for v in y]
    return go.Scatter(
        x=[p.middle_h for p in each], y=y, customdata=said, mode="lines+markers+text", text=text, textposition="top center", textfont=dict(color=hue),
        line=dict(color=hue, width=2, dash="solid" if percent == 50 else "dash"), marker=dict(size=5), hovertemplate=hover, cliponaxis=False,
    )  # fmt: skip
