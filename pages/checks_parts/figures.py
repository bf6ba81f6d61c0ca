"""The four figures on top of the page."""

from collections.abc import Mapping

import streamlit as st

from pages import model
from pages.checks_parts.calibrated import in_text
from pages.checks_parts.foreseen import words
from pages.checks_parts.jobs import Outcome
from pages.checks_parts.source import Source
from pkvae_core.checks.coverage import Coverage
from pkvae_core.checks.folds import CrossValidation
from pkvae_core.checks.levels import LevelAccuracy
from pkvae_core.checks.plausibility import Plausibility
from pkvae_core.checks.strata import EVERYBODY
from pkvae_core.checks.trial import DoseTrial
from pkvae_core.wording import counted

SHORT = {"auc24": "AUC24", "trough": "trough", "peak": "peak", "level": "next level"}
NONE = ("–", "not checked yet")


def show_key_figures(source: Source, outcomes: Mapping[str, Outcome]) -> None:
    """Coverage, forecast error, doses that land, laws broken: a dash where the check has not run."""
    made = {name: outcome.result for name, outcome in outcomes.items() if not outcome.failure}
    shown = {
        "90 % intervals that hold the truth": _coverage(source, made["coverage"]) if "coverage" in made else NONE,
        "Error of the next level": _error(made["forecasts"]) if "forecasts" in made else NONE,
        "Doses that land in target" if source.is_virtual else "Doses near the one given": _landed(made["doses"]) if "doses" in made else NONE,
        "Biological laws and ranges kept": _broken(made["plausibility"]) if "plausibility" in made else NONE,
    }
    for column, (label, (value, beside)) in zip(st.columns(4), shown.items(), strict=True):
        column.metric(label, value, beside, delta_color="off", delta_arrow="off", border=True, height="stretch")


def _coverage(source: Source, found: Coverage) -> tuple[str, str]:
    """Of the target's exposure where the truth is known, else of the next level; with the most usual number of levels."""
    card = model(source.drug).card
    exposure = card.main_metric if card.targets else "level"
    quantities = found.there_is("quantity")
    if not quantities:
        return "–", "no level to foresee"
    quantity = exposure if exposure in quantities else "level" if "level" in quantities else quantities[0]
    points = {p.levels: p for p in found.select(quantity=quantity, stratum=EVERYBODY, nominal=0.9)}
    point = points.get("2") if source.is_virtual else points.get("all")
    point = point or next(iter(points.values()))
    known = "" if point.levels == "all" else f", {counted(int(point.levels), 'level')}"
    return (
        f"{100 * point.covered:.1f} %",
        f"{SHORT.get(quantity, in_text(point.label))}{known} (95 %: {100 * point.low95:.0f}–{100 * point.high95:.0f} %)",
    )


def _error(found: LevelAccuracy) -> tuple[str, str]:
    later = found.summaries["1+"]
    if not later.n:
        return "–", "no patient has two levels"
    return f"{words(later.PRED.MAPE)} → {words(later.IPRED.MAPE)} %", f"a priori → a posteriori: MAPE of {later.n:,} levels"


def _landed(found: DoseTrial | CrossValidation) -> tuple[str, str]:
    """In target where the truth is known; near the dose that was given where it is not."""
    if isinstance(found, CrossValidation):
        score = found.score(next(iter(found.levels)), earlier_levels="1+")
        return (f"{words(score.within_20)} %", f"within 20 % of the dose given, {score.n:,} doses") if score.n else ("–", "no level followed a second dose")
    cell = next((c for c in found.cells if c.levels == 2), found.cells[0])
    return f"{words(cell.in_target)} %", f"{cell.levels} levels known; possible: {words(cell.reachable)} %"


def _broken(found: Plausibility) -> tuple[str, str]:
    laws, broken = len(found.checks), sum(not c.is_kept for c in found.checks)
    return f"{laws - broken} of {laws}", f"each tried on {max(c.tested for c in found.checks):,} draws"
