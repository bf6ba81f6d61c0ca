"""A shape of the gallery: the true curve, two textbook fits and the learned one with its band; how far each is off over time; and at another dose."""

import numpy as np
import plotly.graph_objects as go

from pkvae_core.insight.gallery import LEARNED, Answer, Exhibit
from pkvae_core.plots.marks import legend_on_top
from pkvae_core.plots.profiles import LABELS, styles_of_models
from pkvae_core.plots.theme import PALETTES, Palette, Theme, band, figure
from pkvae_core.structural.shapes import END_H

TICKS_H = tuple(range(0, int(END_H) + 1, 6))


def shape_figure(theme: Theme, found: Exhibit, *, is_log: bool, height: int = 400) -> go.Figure:
    """What the fits make of the levels they were given."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    floor = _draw(chart, colour, found.time_h, found.given, is_log=is_log)
    for is_below, name, symbol in ((False, "Levels given", "circle"), (True, "Below the limit", "triangle-down-open")):
        if (found.is_below == is_below).any():
            here = found.is_below == is_below
            marker, hover = dict(color=colour.ink, size=8, symbol=symbol), f"{name}, %{{x:.1f}} h: %{{y:.3g}} mg/L<extra></extra>"
            chart.add_trace(go.Scatter(x=found.level_time_h[here], y=found.level[here], name=name, mode="markers", marker=marker, hovertemplate=hover))
    return _axes(chart, found.given, floor, is_log=is_log)


def asked_figure(theme: Theme, found: Exhibit, *, is_log: bool, height: int = 400) -> go.Figure:
    """What the same fits foretell of the other dose; no level of it was given."""
    chart = figure(theme, height=height)
    floor = _draw(chart, PALETTES[theme], found.time_h, found.asked, is_log=is_log)
    return _axes(chart, found.asked, floor, is_log=is_log)


def _draw(chart: go.Figure, colour: Palette, time_h: np.ndarray, answer: Answer, *, is_log: bool) -> float:
    """The curves; returns the lowest value that the axis shows."""
    floor = 1e-3 * float(answer.truth.max()) if is_log else 0.0
    for fit in answer.fits:
        hue, dash, _ = styles_of_models(colour)[fit.name]
        if fit.band is not None:
            low, high = (np.maximum(table, floor) for table in fit.band)
            chart.add_trace(band(time_h, low, high, hue, opacity=0.18).update(showlegend=False))
        hover = f"{LABELS[fit.name]}, %{{x:.1f}} h: %{{y:.3g}} mg/L<extra></extra>"
        line = dict(color=hue, dash=dash, width=2.4 if fit.name == LEARNED else 1.8)
        curve = np.where(fit.curve >= floor, fit.curve, np.nan) if is_log else fit.curve
        chart.add_trace(go.Scatter(x=time_h, y=curve, name=LABELS[fit.name], mode="lines", line=line, hovertemplate=hover))
    truth = np.where(answer.truth >= floor, answer.truth, np.nan) if is_log else answer.truth
    line = dict(color=colour.ink, width=1.4, dash="dot")
    chart.add_trace(go.Scatter(x=time_h, y=truth, name="Truth", mode="lines", line=line, hovertemplate="Truth, %{x:.1f} h: %{y:.3g} mg/L<extra></extra>"))
    return floor


def _axes(chart: go.Figure, answer: Answer, floor: float, *, is_log: bool) -> go.Figure:
    top = 1.35 * float(answer.truth.max())
    chart.update_xaxes(title_text="Hours after the dose", range=[-0.4, END_H + 0.4], tickvals=TICKS_H)
    chart.update_yaxes(
        title_text="Concentration (mg/L)", type="log" if is_log else "linear", range=[np.log10(floor), np.log10(1.5 * top)] if is_log else [0, top],
        dtick=1 if is_log else None,
    )  # fmt: skip
    return legend_on_top(chart)


def misses_figure(theme: Theme, found: Exhibit, *, height: int = 260) -> go.Figure:
    """Each fit over the truth less 1, in per cent, where the truth is above a hundredth of its peak; cut at twice the truth."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    chart.add_hline(y=0, line=dict(color=colour.muted, width=1))
    for fit in found.given.fits:
        hue, dash, _ = styles_of_models(colour)[fit.name]
        hover = f"{LABELS[fit.name]}, %{{x:.1f}} h: %{{y:+.0f}} %<extra></extra>"
        line = dict(color=hue, dash=dash, width=2.4 if fit.name == LEARNED else 1.8)
        chart.add_trace(go.Scatter(x=found.time_h, y=fit.relative_percent, name=LABELS[fit.name], mode="lines", line=line, hovertemplate=hover))
    chart.update_xaxes(title_text="Hours after the dose", range=[-0.4, END_H + 0.4], tickvals=TICKS_H)
    chart.update_yaxes(title_text="Fit over truth, less 1 (%)", range=[-105, 105], tickvals=[-100, -50, 0, 50, 100])
    return chart
