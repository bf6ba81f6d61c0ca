"""How good a model was on patients it had never seen, at a glance."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from pkvae_core.plots.theme import PALETTES, Palette, Theme, faded, figure

EXPOSURES = {"auc24": "AUC₂₄", "trough": "Trough", "peak": "Peak"}


def coverage_figure(theme: Theme, cells: Sequence[Mapping[str, Any]], *, height: int = 290) -> go.Figure:
    """Share of virtual patients whose true exposure lay in the 90 % interval, by number of levels; the goal is shaded."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    _goal(chart, colour, 88, 92)
    for i, (name, label, hue, symbol) in enumerate(_exposures(cells, "coverage", colour)):
        values = [100 * c["coverage"][name] for c in cells]
        hover = f"{label}, %{{customdata}} levels: %{{y:.1f}} % of the intervals hold the truth<extra></extra>"
        chart.add_trace(_dots([j + 0.16 * i for j in range(len(cells))], values, label, hue, symbol, [c["levels"] for c in cells], hover))
    ends = [100 * c["coverage"][name] for c in cells for name, *_ in _exposures(cells, "coverage", colour)]
    chart.update_yaxes(title_text="Intervals that hold the truth (%)", range=[min([87.0, *(v - 1 for v in ends)]), max([93.0, *(v + 1 for v in ends)])])
    return _by_levels(chart, cells)


def ratio_figure(theme: Theme, cells: Sequence[Mapping[str, Any]], *, height: int = 290) -> go.Figure:
    """Error of the model over the error of the exact posterior on the same patients, with its 95 % interval; 1 is as good as possible."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    _goal(chart, colour, 0, 1.03)
    ends = [bound for c in cells for name, *_ in _exposures(cells, "ratio", colour) for bound in c["ratio"][name]]
    for i, (name, label, hue, symbol) in enumerate(_exposures(cells, "ratio", colour)):
        middle, low, high = zip(*(c["ratio"][name] for c in cells), strict=True)
        hover = f"{label}, %{{customdata}} levels: %{{y:.3f}} times the error of the exact posterior<extra></extra>"
        dots = _dots([j + 0.16 * i for j in range(len(cells))], middle, label, hue, symbol, [c["levels"] for c in cells], hover)
        dots.error_y = dict(
            array=[h - m for h, m in zip(high, middle, strict=True)], arrayminus=[m - v for m, v in zip(middle, low, strict=True)], width=0, thickness=1.6
        )
        chart.add_trace(dots)
    chart.update_yaxes(title_text="Error over the best possible", range=[min([0.97, *ends]) - 0.01, max([1.05, *ends]) + 0.01], tickformat=".2f")
    return _by_levels(chart, cells)


def _exposures(cells: Sequence[Mapping[str, Any]], figures: str, colour: Palette) -> list[tuple[str, str, str, str]]:
    """(key, label, colour, symbol) of each exposure that the weighted engine was measured on."""
    keys = [key for key in cells[0][figures] if key.startswith("weighted ")]
    dress = [(colour.regimen, "circle"), (colour.warning, "diamond"), (colour.in_target, "square")]
    return [(key, EXPOSURES[key.split()[1]], *style) for key, style in zip(keys, dress, strict=False)]


def _dots(x: Sequence[float], y: Sequence[float], name: str, hue: str, symbol: str, levels: Sequence[int], hover: str) -> go.Scatter:
    marker = dict(color=hue, symbol=symbol, size=9)
    return go.Scatter(x=x, y=y, name=name, mode="markers", marker=marker, customdata=levels, hovertemplate=hover)


def _goal(chart: go.Figure, colour: Palette, low: float, high: float) -> None:
    chart.add_hrect(y0=low, y1=high, fillcolor=faded(colour.in_target, 0.13), line_width=0)


def _by_levels(chart: go.Figure, cells: Sequence[Mapping[str, Any]]) -> go.Figure:
    chart.update_xaxes(title_text="Levels known", tickvals=list(range(len(cells))), ticktext=[str(c["levels"]) for c in cells], range=[-0.4, len(cells) - 0.4])
    chart.update_layout(showlegend=True, legend=dict(orientation="h", y=1.0, yanchor="bottom", x=0), margin=dict(l=8, r=8, t=28, b=8))
    chart.update_xaxes(showgrid=False)
    return chart


def training_figure(theme: Theme, curve: Mapping[str, Sequence[float]], *, height: int = 260) -> go.Figure:
    """The parts of the negative ELBO over the steps of training, in nats a patient."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    for key, hue, dash in (
        ("reconstruction", colour.regimen, "solid"),
        ("divergence from the student with levels", colour.warning, "dash"),
        ("divergence from the prior", colour.in_target, "dot"),
    ):
        hover = f"{key}, step %{{x:,}}: %{{y:.2f}} nats<extra></extra>"
        chart.add_trace(go.Scatter(x=curve["step"], y=curve[key], name=key.capitalize(), mode="lines", line=dict(color=hue, dash=dash), hovertemplate=hover))
    chart.update_xaxes(title_text="Step of training", tickformat=",")
    chart.update_yaxes(title_text="Nats a patient", type="log", tickvals=[1, 2, 5, 10, 20, 50, 100])
    chart.update_layout(showlegend=True, legend=dict(orientation="h", y=1.0, yanchor="bottom", x=0), margin=dict(l=8, r=8, t=48, b=8))
    return chart
