"""How do prior, likelihood and posterior look, and when would the next level help?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import plotly.graph_objects as go

from pkvae_core.insight.belief import Shapes
from pkvae_core.plots.elapsed import clock_format
from pkvae_core.plots.theme import PALETTES, Palette, Theme, band, faded, figure

FINE = (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9)  # ticks where an axis spans little
PRIOR, LIKELIHOOD, POSTERIOR = "before", "the level alone", "both"


@dataclass(frozen=True)
class Dot:
    """A level on the chart; `is_below` for one below its limit."""

    moment: datetime
    value: float
    is_below: bool = False


@dataclass(frozen=True)
class Expected:
    """A level that is still hidden: when it was drawn, the interval in which 90 % of such levels lie, and what the class says, if anything."""

    moment: datetime
    low: float
    high: float
    guess: float | None


def course(
    theme: Theme, moments: Sequence[datetime], before: np.ndarray, after: np.ndarray | None, dots: Sequence[Dot], hidden: Expected | None, *, ceiling: float,
    unit: str, height: int = 330,
) -> go.Figure:  # fmt: skip
    """The concentration as it was thought of before (grey) and is now (blue): `before` and `after` hold 5, 25, 50, 75 and 95 % at each moment."""
    colour, drawn = PALETTES[theme], figure(theme, height=height)
    _fan(drawn, moments, before, colour.prior, unit, is_front=after is None)
    if after is not None:
        _fan(drawn, moments, after, colour.regimen, unit, is_front=True)
    if hidden:
        _hidden(drawn, hidden, colour, unit)
    for is_below in (False, True):
        some = [dot for dot in dots if dot.is_below == is_below]
        marker = dict(color=colour.ink, size=11, symbol="triangle-down" if is_below else "circle", line=dict(color=colour.page, width=1.5))
        words = f"{'under ' if is_below else ''}%{{y:.3g}} {unit}, measured<extra></extra>"
        drawn.add_trace(go.Scatter(x=[d.moment for d in some], y=[d.value for d in some], mode="markers", marker=marker, hovertemplate=words))
    drawn.update_xaxes(range=[moments[0], moments[-1]], tickformat=clock_format(moments), nticks=5, tickangle=0)
    drawn.update_yaxes(range=[0, ceiling], title_text=f"Concentration ({unit})")
    return drawn


def _fan(drawn: go.Figure, moments: Sequence[datetime], quantiles: np.ndarray, hue: str, unit: str, *, is_front: bool) -> None:
    low, middle_low, median, middle_high, high = quantiles.astype(np.float32)
    drawn.add_trace(band(moments, low, high, hue, opacity=0.16))
    if is_front:
        drawn.add_trace(band(moments, middle_low, middle_high, hue, opacity=0.26))
    said = [f"{m:.3g} ({a:.3g}–{b:.3g})" for m, a, b in zip(median, low, high, strict=True)]
    line = dict(color=hue, width=2.4 if is_front else 1.6, dash="solid" if is_front else "dot")
    hover = f"%{{x|%a %d %b %H:%M}}<br>%{{customdata}} {unit}, 90 %<extra></extra>"
    drawn.add_trace(
        go.Scatter(x=list(moments), y=median, customdata=said, mode="lines", line=line, hovertemplate=hover, hoverinfo=None if is_front else "skip")
    )


def _hidden(drawn: go.Figure, hidden: Expected, colour: Palette, unit: str) -> None:
    """A dashed line where the level will stand, the interval it is expected in, and the class's guess as a diamond."""
    drawn.add_shape(type="line", x0=hidden.moment, x1=hidden.moment, y0=0, y1=1, yref="paper", line=dict(color=colour.muted, width=1, dash="dash"))
    middle = (hidden.low + hidden.high) / 2
    reach = dict(type="data", array=[hidden.high - middle], arrayminus=[middle - hidden.low], width=7, thickness=2, color=colour.ink)
    hover = f"90 % of such levels: {hidden.low:.3g}–{hidden.high:.3g} {unit}<extra></extra>"
    drawn.add_trace(go.Scatter(x=[hidden.moment], y=[middle], error_y=reach, mode="markers", marker=dict(color=colour.ink, size=1), hovertemplate=hover))
    if hidden.guess is not None:
        marker = dict(color=colour.warning, size=13, symbol="diamond", line=dict(color=colour.page, width=1.5))
        drawn.add_trace(
            go.Scatter(x=[hidden.moment], y=[hidden.guess], mode="markers", marker=marker, hovertemplate=f"the class: %{{y:.3g}} {unit}<extra></extra>")
        )


def belief(theme: Theme, shapes: Shapes, shown: Sequence[str], unit: str, *, factor: float = 1.0, height: int = 210) -> go.Figure:
    """Prior, likelihood and posterior of one quantity, those that are `shown`; the likelihood is scaled to the height of the others."""
    colour, drawn, value = PALETTES[theme], figure(theme, height=height), shapes.value * factor
    top = max(shapes.before.max(), shapes.after.max())
    if PRIOR in shown:
        _hill(drawn, value, shapes.before, colour.prior, PRIOR, unit, is_faint=len(shown) > 1)
    if LIKELIHOOD in shown:
        line = dict(color=colour.warning, width=2.4, dash="dash")
        drawn.add_trace(go.Scatter(x=value, y=shapes.likelihood * top, mode="lines", line=line, hovertemplate=f"%{{x:.3g}} {unit}<extra>{LIKELIHOOD}</extra>"))
    if POSTERIOR in shown:
        _hill(drawn, value, shapes.after, colour.regimen, POSTERIOR, unit)
    _logarithmic(drawn, value, unit, top)
    return drawn


def balance(
    theme: Theme, value: np.ndarray, hills: Sequence[tuple[str, np.ndarray]], unit: str, *, factor: float = 1.0, height: int = 230
) -> go.Figure:  # fmt: skip
    """Densities of one quantity: the prior, Bayes' posterior, and the one at the slider's powers, in this order."""
    colour, drawn = PALETTES[theme], figure(theme, height=height)
    looks = (colour.prior, colour.regimen, colour.warning)
    for i, ((name, hill), hue) in enumerate(zip(hills, looks, strict=False)):
        _hill(drawn, value * factor, hill, hue, name, unit, is_faint=i == 0 and len(hills) > 1, dash="dash" if i == 2 else "solid")
    _logarithmic(drawn, value * factor, unit, max(hill.max() for _, hill in hills))
    return drawn


def _hill(drawn: go.Figure, value: np.ndarray, height: np.ndarray, hue: str, name: str, unit: str, *, is_faint: bool = False, dash: str = "solid") -> None:
    line = dict(color=hue, width=1.6 if is_faint else 2.4, dash=dash)
    hover = f"%{{x:.3g}} {unit}<extra>{name}</extra>"
    drawn.add_trace(go.Scatter(x=value, y=height, mode="lines", line=line, fill="tozeroy", fillcolor=faded(hue, 0.12), hovertemplate=hover))


def _logarithmic(drawn: go.Figure, value: np.ndarray, unit: str, top: float) -> None:
    low, high = float(value[0]), float(value[-1])
    steps = next(found for least, found in ((1000, (1,)), (50, (1, 3)), (8, (1, 2, 5)), (2.5, (1, 1.5, 2, 3, 4, 5, 7)), (0, FINE)) if high / low >= least)
    ticks = [m * 10.0**k for k in range(-4, 7) for m in steps if low <= m * 10.0**k <= high]
    drawn.update_xaxes(
        type="log", range=[np.log10(low), np.log10(high)], tickvals=ticks, ticktext=[f"{t:,g}" for t in ticks], title_text=unit, showgrid=False, tickangle=0
    )
    drawn.update_yaxes(range=[0, 1.08 * top], showticklabels=False, showgrid=False)


def gains(
    theme: Theme, moments: Sequence[datetime], points: Sequence[float], said: Sequence[str], best: int | None, *, doses: Sequence[datetime], height: int = 260
) -> go.Figure:
    """Expected gain of a level at each moment, in points of a hundred; a gap where none can be drawn. `best` is the index of the best one."""
    colour, drawn = PALETTES[theme], figure(theme, height=height)
    line = dict(color=colour.regimen, width=2.4)
    hover = "%{x|%a %d %b %H:%M}<br>%{customdata}<extra></extra>"
    drawn.add_trace(go.Scatter(x=list(moments), y=list(points), customdata=list(said), mode="lines", line=line, connectgaps=False, hovertemplate=hover))
    top = max([1.0, *(p for p in points if p == p)])
    for moment in doses:
        drawn.add_shape(type="line", x0=moment, x1=moment, y0=0, y1=1, yref="paper", line=dict(color=colour.muted, width=1, dash="dot"))
        drawn.add_annotation(x=moment, y=1, yref="paper", text="dose", showarrow=False, xanchor="left", yanchor="top", font=dict(color=colour.muted, size=11))
    if best is not None:
        marker = dict(color=colour.in_target, size=13, symbol="diamond", line=dict(color=colour.page, width=1.5))
        drawn.add_trace(go.Scatter(x=[moments[best]], y=[points[best]], customdata=[said[best]], mode="markers", marker=marker, hovertemplate=hover))
        drawn.add_annotation(
            x=moments[best],
            y=points[best],
            text=f"<b>best: {moments[best]:%a %H:%M}</b>",
            showarrow=False,
            yshift=16,
            font=dict(color=colour.in_target, size=13),
        )
    drawn.update_xaxes(range=[moments[0], moments[-1]], tickformat=clock_format(moments), nticks=5, tickangle=0)
    drawn.update_yaxes(range=[0, 1.25 * top], title_text="Expected gain (points of 100)")
    return drawn
