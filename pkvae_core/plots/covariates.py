"""Effects of covariates: curves with bands, groups with whiskers, and pairs that act together."""

from html import escape

import numpy as np
import plotly.graph_objects as go

from pkvae_core.insight.discovery.effects import Effect
from pkvae_core.insight.discovery.pairs import Cell, Pair
from pkvae_core.plots.marks import by_category, whiskers
from pkvae_core.plots.theme import PALETTES, Theme, band, faded, figure

STRONG = 0.35  # |ln ratio| at which a cell has its full colour: 30 % less, 42 % more


def effect_figure(theme: Theme, effect: Effect, *, is_called: bool, height: int = 260) -> go.Figure:
    """The quantity over the covariate, others as on average: a line with its 95 % band, or a dot for each group; grey where nothing is called."""
    colour, chart, curve = PALETTES[theme], figure(theme, height=height), effect.curve
    hue, unit = colour.regimen if is_called else colour.prior, effect.quantity.unit
    interval = np.stack([curve.low95, curve.high95], 1).astype(np.float32)
    hover = f"%{{y:.3g}} {unit} (95 %: %{{customdata[0]:.3g}}–%{{customdata[1]:.3g}})<extra></extra>"
    column = effect.column
    if column.categories:
        ends = list(zip(curve.low95.tolist(), curve.high95.tolist(), strict=True))
        places = list(range(len(curve.x)))
        chart.add_trace(whiskers(places, curve.value.tolist(), ends, "", hue, "circle", [], hover).update(customdata=interval))
        by_category(chart, [escape(column.said(x)) for x in curve.x], escape(column.label))
    else:
        chart.add_trace(band(curve.x, curve.low95, curve.high95, hue, opacity=0.2))
        line = dict(color=hue, width=2.4)
        chart.add_trace(go.Scatter(x=curve.x, y=curve.value, mode="lines", line=line, customdata=interval, hovertemplate=hover))
        title = f"{escape(column.label)} ({escape(column.unit)})" if column.unit else escape(column.label)
        chart.update_xaxes(title_text=title, range=[float(curve.x[0]), float(curve.x[-1])], hoverformat=".3g")
        chart.update_layout(hovermode="x unified")
    chart.update_yaxes(title_text=f"{effect.quantity.label} ({unit})", range=[0, 1.08 * float(curve.high95.max())])
    return chart


def pair_figure(theme: Theme, pair: Pair, *, height: int = 260) -> go.Figure:
    """Halves by halves: how far the patients in each cell lie from what the two covariates say each alone."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    rows, columns = list(dict.fromkeys(c.first for c in pair.cells)), list(dict.fromkeys(c.second for c in pair.cells))
    cell = {(c.first, c.second): c for c in pair.cells}
    table = [[cell[row, column] for column in columns] for row in rows]
    ends = [
        [at, faded(hue, opacity)]
        for at, hue, opacity in ((0, colour.warning, 0.55), (0.5, colour.warning, 0), (0.5, colour.regimen, 0), (1, colour.regimen, 0.55))
    ]
    chart.add_trace(
        go.Heatmap(
            z=[[float(np.log(c.ratio)) for c in row] for row in table],
            x=[escape(name) for name in columns],
            y=[escape(name) for name in rows],
            zmin=-STRONG,
            zmax=STRONG,
            showscale=False,
            xgap=3,
            ygap=3,
            colorscale=ends,
            text=[[_said(c) for c in row] for row in table],
            texttemplate="%{text}",
            textfont=dict(color=colour.ink, size=13),
            hoverinfo="skip",
        )
    )
    chart.update_xaxes(title_text=escape(pair.second.label), showgrid=False, tickfont=dict(color=colour.ink, size=12))
    chart.update_yaxes(title_text=escape(pair.first.label), showgrid=False, tickfont=dict(color=colour.ink, size=12))
    return chart


def _said(cell: Cell) -> str:
    """ "+17 %" above its interval."""
    low, high = (f"{100 * (v - 1):.0f}" for v in (cell.low95, cell.high95))
    return f"<b>{100 * (cell.ratio - 1):+.0f} %</b><br>{low} to {high}".replace("-", "−")
