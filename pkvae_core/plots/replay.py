"""What would have happened under our doses? Each decision of a record, looked back at with everything that was learned later."""

from collections.abc import Sequence
from typing import Literal

import plotly.graph_objects as go

from pkvae_core.checks.loop import LoopPoint
from pkvae_core.checks.replay import Decision, ReplaySummary
from pkvae_core.plots.marks import by_category, legend_on_top, ours_first, whiskers
from pkvae_core.plots.theme import PALETTES, Theme, faded, figure


def decisions_figure(theme: Theme, decisions: Sequence[Decision], *, height: int = 340) -> go.Figure:
    """Chance in target under our regimen against that under the regimen given, a dot for each decision; open where none of ours met the target."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    chart.add_trace(go.Scatter(x=[0, 100], y=[0, 100], mode="lines", line=dict(color=colour.ink, width=1.2, dash="dash"), hoverinfo="skip"))
    said = [
        f"Patient {d.patient_id}, hour {d.decided_h:.0f}, {d.earlier_levels} levels known<br>given {d.given_mg:,.0f} mg every {d.given_interval_h:g} h, "
        f"ours {d.ours_mg:,.0f} mg every {d.ours_interval_h:g} h"
        for d in decisions
    ]
    marker = dict(color=faded(colour.regimen, 0.65), size=7, symbol=["circle" if d.is_offered else "circle-open" for d in decisions])
    hover = "%{y:.0f} % against %{x:.0f} %<br>%{customdata}<extra></extra>"
    x, y = [d.in_given for d in decisions], [d.in_ours for d in decisions]
    chart.add_trace(go.Scatter(x=x, y=y, mode="markers", marker=marker, customdata=said, hovertemplate=hover, cliponaxis=False))
    chart.update_xaxes(title_text="In target under the regimen given (%)", range=[0, 100], dtick=20)
    chart.update_yaxes(title_text="In target under ours (%)", range=[0, 100], dtick=20)
    return chart


def summaries_figure(theme: Theme, summaries: Sequence[ReplaySummary], *, height: int = 340) -> go.Figure:
    """Mean chance in target by the number of levels known: under the regimens given, under ours, and what we had promised of ours."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    for shift, name, field, hue, symbol in (
        (-0.12, "given", "in_given", colour.prior, "circle-open"),
        (0.0, "ours, with hindsight", "in_ours", colour.regimen, "circle"),
        (0.12, "ours, as promised", "promised", colour.in_target, "square"),
    ):
        found = [(i, s, getattr(s, field)) for i, s in enumerate(summaries)]
        known = [(i, s, f) for i, s, f in found if f.value is not None]
        said = [f"{s.decisions:,} decisions in {s.patients:,} patients" for _, s, _ in known]
        ends = [(f.low95, f.high95) for _, _, f in known]
        hover = f"{name}: %{{y:.0f}} %<br>%{{customdata}}<extra></extra>"
        chart.add_trace(whiskers([i + shift for i, _, _ in known], [f.value for _, _, f in known], ends, name, hue, symbol, said, hover))
    chart.update_yaxes(title_text="Mean chance in target (%)", range=[0, 100])
    return legend_on_top(by_category(chart, [f"{s.earlier_levels}<br>{s.decisions:,} decisions" for s in summaries], "Levels known"))


def loop_figure(theme: Theme, points: Sequence[LoopPoint], what: Literal["in_target", "kept_in"], *, height: int = 340) -> go.Figure:
    """Virtual patients in target from day to day, a line for each way of dosing."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    arms = list(dict.fromkeys(p.arm for p in points))
    for i, (arm, (hue, symbol)) in enumerate(zip(arms, ours_first(colour), strict=False)):
        mine = [(p, getattr(p, what)) for p in points if p.arm == arm]
        known = [(p, f) for p, f in mine if f.value is not None]
        said = [f"day {p.day}, {p.levels_known:.1f} levels known on average, {p.patients:,} patients" for p, _ in known]
        x, ends = [p.day + 0.07 * (i - (len(arms) - 1) / 2) for p, _ in known], [(f.low95, f.high95) for _, f in known]
        hover = f"{arm}: %{{y:.0f}} %<br>%{{customdata}}<extra></extra>"
        dots = whiskers(x, [f.value for _, f in known], ends, arm, hue, symbol, said, hover, size=7)
        chart.add_trace(dots.update(mode="lines+markers", line=dict(color=hue, width=1.2)))
    titles = {"in_target": "Exposure of the day in target (%)", "kept_in": "In target if the regimen is kept (%)"}
    chart.update_xaxes(title_text="Day", dtick=1, showgrid=False)
    chart.update_yaxes(title_text=titles[what], range=[0, 100])
    return legend_on_top(chart)
