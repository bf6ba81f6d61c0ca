"""One patient's textbook curve and the corrected one, and the learned correction with its band, before and after the levels."""

import numpy as np
import plotly.graph_objects as go

from pkvae_core.insight.residual_fit import ResidualFit
from pkvae_core.patient import Patient
from pkvae_core.plots.elapsed import elapsed
from pkvae_core.plots.marks import legend_on_top
from pkvae_core.plots.theme import PALETTES, Theme, band, figure

WIDE, CLOSE = (0.1, 0.2, 0.5, 1, 2, 5, 10), (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 2, 2.5, 3)  # factors with a label


def corrected_figure(theme: Theme, patient: Patient, found: ResidualFit, unit: str, *, unit_mg_per_L: float, height: int = 330) -> go.Figure:
    """Measured levels, the textbook's curve, and the corrected one with its 90 % band."""
    colour, chart, clock = PALETTES[theme], figure(theme, height=height), elapsed(float(found.time_h[-1]))
    low, middle, high = found.corrected / unit_mg_per_L
    chart.add_trace(band(found.time_h / clock.hours, low, high, colour.regimen, opacity=0.18).update(showlegend=False))
    lines = (("One compartment", found.textbook / unit_mg_per_L, colour.warning, "dash"), ("With its correction", middle, colour.regimen, "solid"))
    for name, curve, hue, dash in lines:
        hover = f"{name}, %{{x:.1f}} {clock.unit}: %{{y:.3g}} {unit}<extra></extra>"
        chart.add_trace(
            go.Scatter(x=found.time_h / clock.hours, y=curve, name=name, mode="lines", line=dict(color=hue, dash=dash, width=2), hovertemplate=hover)
        )
    some = [s for s in patient.samples if s.concentration_mg_per_L is not None]
    levels, hover = [(s.concentration_mg_per_L or 0.0) / unit_mg_per_L for s in some], f"Measured, %{{x:.1f}} {clock.unit}: %{{y:.3g}} {unit}<extra></extra>"
    dots = dict(color=colour.ink, size=9)
    chart.add_trace(go.Scatter(x=[s.time_h / clock.hours for s in some], y=levels, name="Measured", mode="markers", marker=dots, hovertemplate=hover))
    chart.update_xaxes(title_text=f"{clock.title} since the start", dtick=clock.tick)
    chart.update_yaxes(title_text=f"Concentration ({unit})", rangemode="tozero")
    return legend_on_top(chart)


def correction_figure(theme: Theme, found: ResidualFit, *, height: int = 330) -> go.Figure:
    """What the textbook's concentration is multiplied by, hour by hour after a dose: 90 % bands before and after the levels. 1 is the textbook's own answer."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    for name, (low, middle, high), hue, dash in (
        ("Before the levels", found.before, colour.prior, "dot"), ("After them", found.correction, colour.regimen, "solid"),
    ):  # fmt: skip
        chart.add_trace(band(found.since_h, low, high, hue, opacity=0.18).update(showlegend=False))
        text = [f"{a:.2f} to {b:.2f}" for a, b in zip(low, high, strict=True)]
        hover = f"{name}, %{{x:.1f}} h: × %{{y:.2f}} (90 %: %{{customdata}})<extra></extra>"
        line = dict(color=hue, dash=dash, width=2)
        chart.add_trace(go.Scatter(x=found.since_h, y=middle, name=name, mode="lines", line=line, customdata=text, hovertemplate=hover))
    chart.add_hline(y=1, line=dict(color=colour.muted, width=1))
    edges = np.array([found.before[0].min(), found.before[2].max()]).clip(0.1, 10)
    ticks = WIDE if edges[1] / edges[0] > 4 else CLOSE
    chart.update_xaxes(title_text="Hours since the last dose")
    chart.update_yaxes(
        title_text="Truth over one compartment (factor)", type="log", range=np.log10(edges * (0.9, 1.1)).tolist(),
        tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks],
    )  # fmt: skip
    return legend_on_top(chart)
