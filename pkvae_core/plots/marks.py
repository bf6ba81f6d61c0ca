"""What do a value with its interval and a goal look like, on every chart that has them?"""

from collections.abc import Sequence

import plotly.graph_objects as go

from pkvae_core.plots.theme import Palette, faded


def styles(colour: Palette) -> list[tuple[str, str]]:
    """(colour, symbol) of the first, second ... series: told apart by either."""
    hues = (colour.prior, colour.regimen, colour.in_target, colour.below, colour.warning, colour.primary, colour.ink)
    return list(zip(hues, ("circle-open", "circle", "square", "triangle-up", "diamond", "cross", "x"), strict=True))


def ours_first(colour: Palette) -> list[tuple[str, str]]:
    """The same for engines beside each other: ours, the first, in the colour of this regimen."""
    prior, regimen, in_target, below, warning, *others = styles(colour)
    return [regimen, below, warning, in_target, prior, *others]


def whiskers(
    x: Sequence[float], y: Sequence[float], ends: Sequence[tuple[float | None, float | None]], name: str, hue: str, symbol: str, said: Sequence[str],
    hover: str, *, is_sideways: bool = False, size: int = 9,
) -> go.Scatter:  # fmt: skip
    """Dots with their intervals (`ends`: low and high of each; None or NaN where there is none); `said` goes under the pointer as customdata."""
    values = x if is_sideways else y
    above = [0 if high is None else high - v for v, (_, high) in zip(values, ends, strict=True)]
    below = [0 if low is None else v - low for v, (low, _) in zip(values, ends, strict=True)]
    bars = dict(array=above, arrayminus=below, width=0, thickness=1.6, color=faded(hue, 0.7))
    marker = dict(color=hue, symbol=symbol, size=size)
    dots = go.Scatter(x=x, y=y, name=name, mode="markers", marker=marker, customdata=said, hovertemplate=hover)
    return dots.update({"error_x" if is_sideways else "error_y": bars})


def goal(chart: go.Figure, colour: Palette, low: float, high: float, *, rows: tuple[float, float] | None = None) -> None:
    """What should be reached, shaded across the chart; with `rows`, from `low` to `high` on the x axis for these rows only."""
    place = dict(x0=0, x1=1, xref="paper", y0=low, y1=high) if rows is None else dict(x0=low, x1=high, y0=rows[0], y1=rows[1])
    chart.add_shape(dict(type="rect", fillcolor=faded(colour.in_target, 0.13), line_width=0, layer="below", **place))


def legend_on_top(chart: go.Figure) -> go.Figure:
    """The same figure with its names above it."""
    legend = dict(orientation="h", y=1.0, yanchor="bottom", x=0, itemclick=False, itemdoubleclick=False)
    return chart.update_layout(showlegend=True, legend=legend, margin=dict(l=8, r=8, t=32, b=8))


def by_category(chart: go.Figure, names: Sequence[str], title: str) -> go.Figure:
    """The x axis as a row of names at 0, 1, 2 ..."""
    chart.update_xaxes(title_text=title, tickvals=list(range(len(names))), ticktext=list(names), range=[-0.5, len(names) - 0.5], showgrid=False)
    return chart
