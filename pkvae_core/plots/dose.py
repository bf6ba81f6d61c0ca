"""How does one regimen look beside another, and a changed schedule beside the planned one?"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import plotly.graph_objects as go

from pkvae_core.plots.elapsed import clock_format
from pkvae_core.plots.theme import PALETTES, Theme, band, faded, figure


def side_by_side(
    moments: Sequence[datetime], fan: Sequence[Sequence[float]], theme: Theme, *, ceiling: float, target: tuple[float | None, float | None] | None, unit: str
) -> go.Figure:
    """One small panel: the five quantiles of `fan` over the clock, all panels on the scale up to `ceiling`."""
    colour = PALETTES[theme]
    low, middle_low, median, middle_high, high = fan
    drawn = figure(theme, height=190)
    drawn.add_traces([
        band(moments, low, high, colour.regimen, opacity=0.15),
        band(moments, middle_low, middle_high, colour.regimen, opacity=0.28),
        _line(moments, median, colour.regimen, [f"{m:.3g} ({a:.3g}–{b:.3g})" for m, a, b in zip(median, low, high, strict=True)], unit),
    ])  # fmt: skip
    _axes(drawn, moments, ceiling, unit)
    if target:
        drawn.add_hrect(y0=target[0] or 0, y1=target[1] or ceiling * 1.05, fillcolor=faded(colour.in_target, 0.13), line_width=0, layer="below")
    return drawn


def disturbed(
    moments: Sequence[datetime],
    planned: Sequence[float],
    changed: Sequence[Sequence[float]],
    theme: Theme,
    *,
    at: datetime,
    what: str,
    unit: str,
    names: tuple[str, str],
) -> go.Figure:
    """The planned median, dashed, and what a change `at` that moment makes of it with its 90 % band; `changed` holds 5, 50 and 95 %, `names` both curves'."""
    colour = PALETTES[theme]
    low, median, high = changed
    drawn = figure(theme, height=260)
    drawn.add_traces([
        band(moments, low, high, colour.warning, opacity=0.15),
        go.Scatter(x=list(moments), y=list(planned), mode="lines", line=dict(color=colour.regimen, width=2, dash="dash"), hoverinfo="skip"),
        _line(moments, median, colour.warning, [f"{m:.3g} ({a:.3g}–{b:.3g})" for m, a, b in zip(median, low, high, strict=True)], unit),
    ])  # fmt: skip
    _axes(drawn, moments, max(max(high), max(planned)), unit)
    drawn.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, yref="paper", line=dict(color=colour.ink, width=1.4))
    drawn.add_annotation(x=at, y=1, yref="paper", text=what, showarrow=False, xanchor="left", yanchor="bottom", font=dict(color=colour.ink))
    ends = sorted(zip((planned[-1], median[-1]), names, (colour.regimen, colour.warning), strict=True))
    for height, (_, words, tone) in zip(_spread([end for end, _, _ in ends], 0.09 * max(max(high), max(planned))), ends, strict=True):
        drawn.add_annotation(x=moments[-1], y=height, text=words, showarrow=False, xanchor="left", xshift=6, font=dict(color=tone))
    drawn.update_layout(margin=dict(r=74, t=24))
    return drawn


def overlaid(
    moments: Sequence[datetime],
    fans: Mapping[str, Sequence[Sequence[float]]],
    levels: Sequence[tuple[datetime, float]],
    theme: Theme,
    *,
    now: datetime,
    unit: str,
) -> go.Figure:
    """The same regimen by several engines: `fans` holds 5, 50 and 95 % by name. The first is shaded; the others are dashed and dotted between thin lines."""
    colour, drawn = PALETTES[theme], figure(theme, height=250)
    looks = ((colour.regimen, "solid"), (colour.ink, "dash"), (colour.below, "dot"))
    ceiling = max(max(fan[2]) for fan in fans.values())
    for (tone, dash), (low, median, high) in zip(looks, fans.values(), strict=False):
        edge = dict(color=faded(tone, 0.6), width=1, dash=dash)
        limits = [band(moments, low, high, tone, opacity=0.15)] if dash == "solid" else [_edge(moments, values, edge) for values in (low, high)]
        line = _line(moments, median, tone, [f"{m:.3g} ({a:.3g}–{b:.3g})" for m, a, b in zip(median, low, high, strict=True)], unit)
        drawn.add_traces([*limits, line.update(line_dash=dash)])
    if levels:
        marker = dict(color=colour.ink, size=9, line=dict(color=colour.page, width=1.5))
        drawn.add_trace(
            go.Scatter(x=[t for t, _ in levels], y=[v for _, v in levels], mode="markers", marker=marker, hovertemplate=f"%{{y:.3g}} {unit}<extra></extra>")
        )
    top = max([ceiling, *(v for _, v in levels)])
    _axes(drawn, moments, top, unit)
    drawn.add_shape(type="line", x0=now, x1=now, y0=0, y1=1, yref="paper", line=dict(color=colour.ink, width=1.4))
    drawn.add_annotation(x=now, y=1, yref="paper", text="Now", showarrow=False, xanchor="center", yanchor="bottom", font=dict(color=colour.ink))
    ends = sorted((fan[1][-1], name, tone) for (name, fan), (tone, _) in zip(fans.items(), looks, strict=False))
    for height, (_, name, tone) in zip(_spread([end for end, _, _ in ends], 0.09 * top), ends, strict=True):
        drawn.add_annotation(x=moments[-1], y=height, text=name, showarrow=False, xanchor="left", xshift=6, font=dict(color=tone))
    drawn.update_layout(margin=dict(r=56, t=22))
    return drawn


def _edge(moments: Sequence[datetime], values: Sequence[float], line: dict) -> go.Scatter:
    return go.Scatter(x=list(moments), y=list(values), mode="lines", line=line, hoverinfo="skip")


def _spread(ascending: Sequence[float], apart: float) -> list[float]:
    """Heights for labels at these values, moved up where two would touch."""
    found: list[float] = []
    for value in ascending:
        found.append(max(value, found[-1] + apart) if found else value)
    return found


def _line(moments: Sequence[datetime], values: Sequence[float], colour: str, said: list[str], unit: str) -> go.Scatter:
    hover = f"%{{x|%a %d %b %H:%M}}<br>%{{customdata}} {unit}, 90 %<extra></extra>"
    return go.Scatter(x=list(moments), y=list(values), customdata=said, mode="lines", line=dict(color=colour, width=2.2), hovertemplate=hover)


def _axes(drawn: go.Figure, moments: Sequence[datetime], ceiling: float, unit: str) -> None:
    drawn.update_xaxes(range=[moments[0], moments[-1]], tickformat=clock_format(moments), nticks=5, tickangle=0, fixedrange=True)
    drawn.update_yaxes(range=[0, ceiling * 1.05], title_text=unit, fixedrange=True)
