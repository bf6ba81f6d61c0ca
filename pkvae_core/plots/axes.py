"""What the axes of the latent space measure, and which of its dimensions are in use."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pkvae_core.insight.axes import Axis, Correlation
from pkvae_core.insight.dimensions import IN_USE, Use
from pkvae_core.plots.theme import PALETTES, Theme, faded, figure


def meaning_figure(theme: Theme, axes: Sequence[Axis], *, height: int | None = None) -> go.Figure:
    """Rank correlation of every axis with every property, printed in its cell; the interval under the pointer."""
    colour, rows = PALETTES[theme], [c.property.label for c in axes[0].correlations]
    table: list[list[Correlation]] = [[a.correlations[i] for a in axes] for i in range(len(rows))]
    rho = np.array([[c.rho for c in row] for row in table], dtype=np.float32)
    interval = np.array([[(c.low95, c.high95) for c in row] for row in table], dtype=np.float32)
    chart = figure(theme, height=height or 60 + 36 * len(rows))
    ends = [
        [at, faded(hue, opacity)]
        for at, hue, opacity in ((0, colour.warning, 0.55), (0.5, colour.warning, 0), (0.5, colour.regimen, 0), (1, colour.regimen, 0.55))
    ]
    chart.add_trace(
        go.Heatmap(
            z=rho,
            x=[a.name for a in axes],
            y=rows,
            zmin=-1,
            zmax=1,
            showscale=False,
            xgap=2,
            ygap=2,
            colorscale=ends,
            customdata=interval,
            text=[[f"{v:.2f}".replace("-", "−").replace("0.", ".") for v in row] for row in rho],
            texttemplate="%{text}",
            textfont=dict(color=colour.ink, size=11),
            hovertemplate="%{x} and %{y}: %{text} (95 %: %{customdata[0]:.2f} to %{customdata[1]:.2f})<extra></extra>",
        )
    )
    chart.update_xaxes(side="top", showgrid=False, tickfont=dict(size=12, color=colour.ink))
    chart.update_yaxes(autorange="reversed", showgrid=False, tickfont=dict(size=12, color=colour.ink))
    return chart


def use_figure(theme: Theme, use: Use, *, height: int | None = None) -> go.Figure:
    """What levels teach in each dimension, in bits with its 95 % interval; the variance of E[z | x] beside it. A dimension out of use is hollow."""
    colour, chart = PALETTES[theme], figure(theme, height=height or 84 + 36 * len(use.dimensions))
    names = [d.name for d in use.dimensions]
    bits, error = [d.bits for d in use.dimensions], [1.96 * d.bits_se for d in use.dimensions]
    fills = [colour.regimen if d.is_in_use else "rgba(0,0,0,0)" for d in use.dimensions]
    marker = dict(color=[faded(colour.regimen, 0.75) if f == colour.regimen else f for f in fills], line=dict(color=colour.regimen, width=1.2))
    bars = dict(type="data", array=error, color=colour.ink, thickness=1.2, width=4)
    said = [f"variance of E[z|x] {d.variance:.3g}{'' if d.is_in_use else f', at most {IN_USE:g}: not in use'}" for d in use.dimensions]
    hover = "%{y}: %{x:.2f} bits (95 %: \u00b1 %{error_x.array:.2f}), %{customdata}<extra></extra>"
    chart.add_trace(go.Bar(x=bits, y=names, orientation="h", marker=marker, error_x=bars, customdata=said, hovertemplate=hover))
    for d in use.dimensions:
        words = f"{d.bits:.2f} bits \u00b7 variance {d.variance:.3g}" + ("" if d.is_in_use else " \u00b7 not in use")
        chart.add_annotation(x=d.bits + 1.96 * d.bits_se, y=d.name, text=words, xanchor="left", xshift=6, showarrow=False, font=dict(color=colour.ink, size=12))
    chart.update_xaxes(title_text=f"What {use.levels} levels teach in this dimension (bits a patient)", range=[0, 1.75 * max(bits)])
    chart.update_yaxes(autorange="reversed", showgrid=False, tickfont=dict(size=13, color=colour.ink))
    return chart
