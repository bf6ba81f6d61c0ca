"""Where would our doses have landed? Virtual patients whose truth is known, and real doses read backwards from the levels that followed."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pkvae_core.checks.folds import Score
from pkvae_core.checks.occasions import DosePrediction
from pkvae_core.checks.trial import TrialCell, TrialDose
from pkvae_core.plots.marks import by_category, legend_on_top, ours_first, whiskers
from pkvae_core.plots.theme import PALETTES, Theme, faded, figure


def landing_figure(theme: Theme, cells: Sequence[TrialCell], *, height: int = 340) -> go.Figure:
    """Patients whose true exposure lands in target, by levels known and by who chose the dose; the dashed line is what the available amounts allow."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    levels, engines = list(dict.fromkeys(c.levels for c in cells)), list(dict.fromkeys(c.engine for c in cells))
    first = [c for c in cells if c.engine == engines[0]]
    ceiling = dict(color=colour.muted, width=1.4, dash="dash")
    chart.add_trace(
        go.Scatter(
            x=[levels.index(c.levels) for c in first], y=[c.reachable.value for c in first], mode="lines", name="some available dose would", line=ceiling
        )
    )
    for i, (engine, (hue, symbol)) in enumerate(zip(engines, ours_first(colour), strict=False)):
        mine = [c for c in cells if c.engine == engine and c.in_target.value is not None]
        x = [levels.index(c.levels) + 0.1 * (i - (len(engines) - 1) / 2) for c in mine]
        said = [f"{c.patients:,} patients, {c.levels} levels known" for c in mine]
        ends = [(c.in_target.low95, c.in_target.high95) for c in mine]
        hover = f"{engine}: %{{y:.1f}} % in target<br>%{{customdata}}<extra></extra>"
        chart.add_trace(whiskers(x, [c.in_target.value or 0 for c in mine], ends, engine, hue, symbol, said, hover))
    chart.update_yaxes(title_text="Patients in target (%)", range=[0, 100])
    return legend_on_top(by_category(chart, [str(n) for n in levels], "Levels known"))


def asked_figure(theme: Theme, doses: Sequence[TrialDose], *, height: int = 340) -> go.Figure:
    """The exact dose of one engine against the dose that the truth asks for; filled where the available amount nearest in score lands in target."""
    x, y = np.array([d.asked_mg for d in doses], float), np.array([d.exact_mg for d in doses], float)
    symbols = ["circle" if d.is_in_target else "circle-open" for d in doses]
    said = [f"Patient {d.patient_id}: given {d.given_mg:,.0f} mg, {'in' if d.is_in_target else 'not in'} target" for d in doses]
    return _identity(theme, x, y, symbols, said, ("Dose that the truth asks for (mg)", "Dose that the model chooses (mg)"), height)


def backwards_figure(theme: Theme, doses: Sequence[DosePrediction], *, height: int = 340) -> go.Figure:
    """The dose predicted for the level that followed against the dose that was given; filled where the 90 % interval holds it."""
    possible = [d for d in doses if d.predicted_mg > 0]
    x, y = np.array([d.given_mg for d in possible], float), np.array([d.predicted_mg for d in possible], float)
    symbols = ["circle" if d.is_covered else "circle-open" for d in possible]
    said = [f"Patient {d.patient_id}, {d.earlier_levels} earlier levels: {d.percent_error:+.0f} %" for d in possible]
    return _identity(theme, x, y, symbols, said, ("Dose that was given (mg)", "Dose predicted for the level that followed (mg)"), height)


def _identity(theme: Theme, x: np.ndarray, y: np.ndarray, symbols: list[str], said: list[str], titles: tuple[str, str], height: int) -> go.Figure:
    """Dots around the dashed line of identity, both axes logarithmic and alike."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    both = np.concatenate([x, y])
    ends = [float(both.min()) / 1.2, float(both.max()) * 1.2] if len(both) else [1.0, 1000.0]
    chart.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line=dict(color=colour.ink, width=1.2, dash="dash"), hoverinfo="skip"))
    marker, hover = dict(color=faded(colour.regimen, 0.65), size=7, symbol=symbols), "%{y:,.0f} mg against %{x:,.0f} mg<br>%{customdata}<extra></extra>"
    chart.add_trace(go.Scatter(x=x, y=y, mode="markers", marker=marker, customdata=said, hovertemplate=hover))
    for update, title in zip((chart.update_xaxes, chart.update_yaxes), titles, strict=True):
        update(title_text=title, type="log", range=list(np.log10(ends)), dtick="D2", minor_showgrid=False)
    return chart


def scores_figure(theme: Theme, scores: Sequence[Score], *, height: int = 340) -> go.Figure:
    """Median size of the dose error by the number of earlier levels, a series for each engine."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    groups, engines = list(dict.fromkeys(s.earlier_levels for s in scores)), list(dict.fromkeys(s.engine for s in scores))
    for i, (engine, (hue, symbol)) in enumerate(zip(engines, ours_first(colour), strict=False)):
        mine = [s for s in scores if s.engine == engine and s.MdAPE.value is not None]
        x = [groups.index(s.earlier_levels) + 0.1 * (i - (len(engines) - 1) / 2) for s in mine]
        said = [f"{s.n:,} doses of {s.patients:,} patients; within 20 %: {s.within_20.value or 0:.0f} %" for s in mine]
        ends = [(s.MdAPE.low95, s.MdAPE.high95) for s in mine]
        hover = f"{engine}: half within %{{y:.0f}} %<br>%{{customdata}}<extra></extra>"
        chart.add_trace(whiskers(x, [s.MdAPE.value or 0 for s in mine], ends, engine, hue, symbol, said, hover))
    chart.update_yaxes(title_text="Median error of the dose (%)", rangemode="tozero")
    return legend_on_top(by_category(chart, groups, "Earlier levels known"))
