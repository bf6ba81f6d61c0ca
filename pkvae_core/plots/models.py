"""How good a model was on patients it had never seen, at a glance."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from pkvae_core.checks.goals import Goal
from pkvae_core.plots.marks import whiskers
from pkvae_core.plots.theme import PALETTES, Palette, Theme, faded, figure

EXPOSURES = {"auc24": "AUC₂₄", "trough": "Trough", "peak": "Peak"}


def coverage_figure(
    theme: Theme, cells: Sequence[Mapping[str, Any]], ends: Mapping[str, Sequence[tuple[float, float]]], aim: Goal, *, height: int = 290
) -> go.Figure:
    """Share of virtual patients whose true exposure lay in the 90 % interval, with its own 95 % interval (`ends`), by number of levels; the goal is shaded."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    _goal(chart, colour, *aim.coverage_percent)
    for i, (name, label, hue, symbol) in enumerate(_exposures(cells, "coverage", colour)):
        values = [100 * c["coverage"][name] for c in cells]
        hover = f"{label}, %{{customdata}} levels: %{{y:.1f}} % of the intervals hold the truth<extra></extra>"
        x, said = [j + 0.16 * i for j in range(len(cells))], [str(c["levels"]) for c in cells]
        chart.add_trace(whiskers(x, values, [(100 * low, 100 * high) for low, high in ends[name]], label, hue, symbol, said, hover))
    reach = [100 * end for name, *_ in _exposures(cells, "coverage", colour) for pair in ends[name] for end in pair]
    low, high = aim.coverage_percent
    shown = [min(low, *reach) - 1, min(100.5, max(high, *reach) + 1)]
    chart.update_yaxes(title_text="Intervals that hold the truth (%)", range=shown)
    return _by_levels(chart, cells)


def ratio_figure(theme: Theme, cells: Sequence[Mapping[str, Any]], aim: Goal, *, height: int = 290) -> go.Figure:
    """Error of the model over the error of the exact posterior on the same patients, with its 95 % interval; 1 is as good as possible."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    _goal(chart, colour, 0, aim.ratio)
    ends = [bound for c in cells for name, *_ in _exposures(cells, "ratio", colour) for bound in c["ratio"][name]]
    for i, (name, label, hue, symbol) in enumerate(_exposures(cells, "ratio", colour)):
        middle, low, high = zip(*(c["ratio"][name] for c in cells), strict=True)
        hover = f"{label}, %{{customdata}} levels: %{{y:.3f}} times the error of the exact posterior<extra></extra>"
        dots = _dots([j + 0.16 * i for j in range(len(cells))], middle, label, hue, symbol, [c["levels"] for c in cells], hover)
        dots.error_y = dict(
            array=[h - m for h, m in zip(high, middle, strict=True)], arrayminus=[m - v for m, v in zip(middle, low, strict=True)], width=0, thickness=1.6
        )
        chart.add_trace(dots)
    chart.update_yaxes(title_text="Error over the best possible", range=[min([0.97, *ends]) - 0.01, max([aim.ratio + 0.02, *ends]) + 0.01], tickformat=".2f")
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


def loss_figure(theme: Theme, step: Sequence[float], losses: Mapping[str, Sequence[float]], *, height: int = 240) -> go.Figure:
    """The parts of the loss of a training over its steps, each on its own scale of the same axis."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    dress = [(colour.regimen, "solid"), (colour.warning, "dash"), (colour.in_target, "dot"), (colour.below, "dashdot")]
    for (name, values), (hue, dash) in zip(losses.items(), dress, strict=False):
        label = name.replace("_", " ")
        hover = f"{label}, step %{{x:,}}: %{{y:.3g}}<extra></extra>"
        chart.add_trace(go.Scatter(x=step, y=values, name=label.capitalize(), mode="lines", line=dict(color=hue, dash=dash), hovertemplate=hover))
    chart.update_xaxes(title_text="Step of training", tickformat=",")
    chart.update_yaxes(title_text="Loss")
    chart.update_layout(showlegend=True, legend=dict(orientation="h", y=1.0, yanchor="bottom", x=0), margin=dict(l=8, r=8, t=36, b=8))
    return chart


def learning_figure(theme: Theme, curves: Mapping[int, Mapping[str, Sequence[float]]], *, height: int = 260) -> go.Figure:
    """The negative bounds of each member of a cohort's model over its steps: solid of the patients it learned from, dashed of those held out."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    for member, curve in curves.items():
        for key, label, hue, dash in (("train", "Learned from", colour.regimen, "solid"), ("held_out", "Held out", colour.warning, "dash")):
            hover = f"Member {member}, {label.lower()}, step %{{x:,}}: %{{y:.2f}} nats a patient<extra></extra>"
            line = dict(color=faded(hue, 1 if len(curves) == 1 else 0.7), dash=dash, width=1.6)
            first = member == next(iter(curves))
            chart.add_trace(go.Scatter(x=curve["step"], y=curve[key], name=label, mode="lines", line=line, showlegend=first, hovertemplate=hover))
    chart.update_xaxes(title_text="Step of training", tickformat=",")
    chart.update_yaxes(title_text="Nats a patient")
    chart.update_layout(showlegend=True, legend=dict(orientation="h", y=1.0, yanchor="bottom", x=0), margin=dict(l=8, r=8, t=36, b=8))
    return chart


def against_figure(theme: Theme, ratios: Sequence[tuple[str, str, float | None, float | None, float | None]], *, height: int = 230) -> go.Figure:
    """(rival, which levels, ratio of errors, low, high): dots with 95 % intervals on a logarithmic axis; left of 1 the new model is better."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    known = [(rival, kind, v, low, high) for rival, kind, v, low, high in ratios if v is not None and low is not None and high is not None]
    ends = [end for *_, v, low, high in known for end in (v, low, high) if end > 0] + [0.9, 1.1]
    chart.add_vrect(x0=min(ends) * 0.9, x1=1, fillcolor=faded(colour.in_target, 0.10), line_width=0)
    chart.add_vline(x=1, line=dict(color=colour.muted, width=1.2))
    for words, hue, symbol in (("all levels", colour.regimen, "circle"), ("after a level", colour.warning, "diamond")):
        mine = [(rival, value, low, high) for rival, kind, value, low, high in known if kind == words]
        chart.add_trace(
            go.Scatter(
                x=[value for _, value, _, _ in mine],
                y=[f"{rival}<br>{words}" for rival, *_ in mine],
                error_x=dict(array=[h - v for _, v, _, h in mine], arrayminus=[v - low for _, v, low, _ in mine], width=0, thickness=1.8),
                mode="markers",
                marker=dict(color=hue, symbol=symbol, size=10),
                name=words,
                hovertemplate="%{y}: %{x:.2f} times its error<extra></extra>",
            )
        )
    chart.update_xaxes(title_text="Ratio of errors; left of 1 it is better", type="log", range=[math.log10(min(ends) * 0.9), math.log10(max(ends) * 1.1)])
    chart.update_xaxes(tickvals=[0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5], tickformat=".2~f")
    chart.update_yaxes(autorange="reversed", showgrid=False)
    chart.update_layout(showlegend=False, margin=dict(l=8, r=8, t=8, b=8))
    return chart
