"""Do the intervals hold what they promise, for everybody? Coverage against its nominal level, by stratum, and ranks of the truth."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pkvae_core.checks.coverage import CoveragePoint
from pkvae_core.checks.goals import Goal
from pkvae_core.checks.uniformity import Bars, Uniformity
from pkvae_core.plots.marks import goal, legend_on_top, styles, whiskers
from pkvae_core.plots.theme import PALETTES, Theme, band, faded, figure


def reliability_figure(theme: Theme, series: Mapping[str, Sequence[CoveragePoint]], *, height: int = 340) -> go.Figure:
    """Covered against nominal, in per cent, one series for each name; on the dashed diagonal an interval holds exactly what it promises."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    chart.add_trace(go.Scatter(x=[0, 100], y=[0, 100], mode="lines", line=dict(color=colour.muted, width=1.2, dash="dash"), hoverinfo="skip", showlegend=False))
    for (name, points), (hue, symbol) in zip(series.items(), styles(colour), strict=False):
        counts = [f"{p.cases:,} of {p.subjects:,} patients" for p in points]
        hover = f"{name}: %{{y:.1f}} % inside the %{{x:.0f}} % interval<br>%{{customdata}}<extra></extra>"
        ends = [(100 * p.low95, 100 * p.high95) for p in points]
        chart.add_trace(whiskers([100 * p.nominal for p in points], [100 * p.covered for p in points], ends, name, hue, symbol, counts, hover, size=7))
        chart.data[-1].update(mode="lines+markers", line=dict(color=faded(hue, 0.5), width=1))
    chart.update_xaxes(title_text="Nominal level of the interval (%)", range=[0, 100], dtick=20)
    chart.update_yaxes(title_text="Truths inside (%)", range=[0, 100], dtick=20)
    return legend_on_top(chart)


def strata_figure(theme: Theme, points: Mapping[str, CoveragePoint], *, is_overall: Sequence[bool], aim: Goal) -> go.Figure:
    """Share inside the 90 % interval with its 95 % interval, a row for each name with its count; the goal is shaded, wider for a stratum."""
    colour, count = PALETTES[theme], len(points)
    chart = figure(theme, height=90 + 36 * count)
    for i, overall in enumerate(is_overall):
        goal(chart, colour, *(aim.coverage_percent if overall else aim.stratum_percent), rows=(i - 0.5, i + 0.5))
    for overall, hue, symbol in ((True, colour.regimen, "circle"), (False, colour.warning, "diamond")):
        rows = [(i, p) for i, (p, o) in enumerate(zip(points.values(), is_overall, strict=True)) if o == overall]
        ends = [(100 * p.low95, 100 * p.high95) for _, p in rows]
        values, counts = [100 * p.covered for _, p in rows], [f"{p.cases:,} of {p.subjects:,} patients" for _, p in rows]
        hover = "%{x:.1f} % inside the 90 % interval<br>%{customdata}<extra></extra>"
        chart.add_trace(whiskers(values, [i for i, _ in rows], ends, "", hue, symbol, counts, hover, is_sideways=True))
    lows = [100 * p.low95 for p in points.values() if not np.isnan(p.low95)]
    chart.update_xaxes(title_text="Truths inside the 90 % interval (%)", range=[max(0, min([84.0, *lows]) - 1), 100.5], side="bottom")
    names = [f"{name} · {p.cases:,}" for name, p in points.items()]
    chart.update_yaxes(tickvals=list(range(count)), ticktext=names, range=[count - 0.5, -0.5], showgrid=False, tickfont=dict(color=colour.ink))
    return chart


def rank_figure(theme: Theme, bars: Bars, *, height: int = 300) -> go.Figure:
    """Share of the truths in each twentieth of the ranks among their posterior draws; shaded: where 99 of 100 bars of a right posterior end."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    chart.add_hrect(y0=100 * bars.low99, y1=100 * bars.high99, fillcolor=faded(colour.prior, 0.3), line_width=0, layer="below")
    low, high = 100 * np.asarray(bars.low, float), 100 * np.asarray(bars.high, float)
    hover = "%{y:.1f} % of the truths between %{customdata[0]:.0f} and %{customdata[1]:.0f} %<extra></extra>"
    fill, ends = dict(color=faded(colour.regimen, 0.75), line_width=0), np.stack([low, high], 1)
    share = 100 * np.asarray(bars.share, float)
    chart.add_trace(go.Bar(x=(low + high) / 2, y=share, width=0.82 * (high - low), marker=fill, customdata=ends, hovertemplate=hover))
    chart.update_xaxes(title_text="Rank of the truth among its posterior draws (%)", range=[0, 100], showgrid=False)
    chart.update_yaxes(title_text="Truths (%)", rangemode="tozero")
    return chart


def rank_curve_figure(theme: Theme, ranks: Uniformity, *, height: int = 300) -> go.Figure:
    """Distance of the ranks' cumulative share from that of even ranks, with the band that holds the whole curve of a right posterior 95 times in 100."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    position = 100 * np.asarray(ranks.position, float)
    chart.add_trace(band(position, 100 * np.asarray(ranks.low95), 100 * np.asarray(ranks.high95), colour.prior, opacity=0.3))
    chart.add_hline(y=0, line=dict(color=colour.muted, width=1.2, dash="dash"))
    hue = colour.regimen if ranks.is_uniform else colour.warning
    line, hover = dict(color=hue, width=2.2, shape="hv"), "%{y:+.1f} points at rank %{x:.0f} %<extra></extra>"
    chart.add_trace(go.Scatter(x=position, y=100 * np.asarray(ranks.difference), mode="lines", line=line, hovertemplate=hover))
    chart.update_xaxes(title_text="Rank of the truth among its posterior draws (%)", range=[0, 100])
    chart.update_yaxes(title_text="Too many up to here (points)", zeroline=False)
    return chart
