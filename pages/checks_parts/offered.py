"""Which checks can be made on these patients, and who makes them?"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from pages import model
from pages.checks_parts.jobs import Step, Tick
from pages.checks_parts.source import Source
from pkvae_core.checks.accuracy import usual_margin
from pkvae_core.checks.calibration import cohort_coverage, virtual_coverage
from pkvae_core.checks.engines import Engine, classical, vae
from pkvae_core.checks.fit import goodness_of_fit
from pkvae_core.checks.fitted import fitted
from pkvae_core.checks.folds import CrossValidation, cross_validate, shipped
from pkvae_core.checks.levels import level_accuracy
from pkvae_core.checks.loop import closed_loop
from pkvae_core.checks.plausibility import plausibility
from pkvae_core.checks.ranks import rank_check, self_check
from pkvae_core.checks.replay import replay
from pkvae_core.checks.replicates import replicate
from pkvae_core.checks.trial import dose_trial
from pkvae_core.checks.virtual import fresh
from pkvae_core.checks.vpc import VPC, Axis, compared
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.patient import Patient

FOLDS, MOST_FITTED = 5, 100  # folds of a cross-validation; patients up to whom a population fit is made in each
DRAWS = 500  # of each posterior: enough for an interval, half the time of the Dose page's 1,000
REPLICATES, BINS = 500, 8  # simulated cohorts behind a VPC or an NPDE; bins of time
AXES: tuple[Axis, ...] = ("time_after_dose_h", "time_h")
DOSING = ("doses", "replay", "loop")  # which ask for a target, and so for a card that gives doses
Work = Callable[[Tick], Any]

LABELS = {
    "coverage": "Coverage",
    "ranks": "Ranks",
    "own_ranks": "Self-check of ranks",
    "vpc": "VPC",
    "fit": "Goodness of fit",
    "forecasts": "Forecasts",
    "doses": "Dose prediction",
    "replay": "Prospective replay",
    "loop": "Closed loop",
    "plausibility": "Plausibility",
}


def offered(source: Source) -> dict[str, Step]:
    """The checks of this source, by name, in the order they run. The patients are drawn once for all of them, inside the run."""
    engine = replace(vae(model(source.drug), draws=DRAWS), name="PKVAE")
    patients = _patients(source)
    works = _shared(engine, source, patients) | (_virtual(engine, source) if source.is_virtual else _cohort(engine, source, patients))
    if source.stratum:
        works.pop("own_ranks", None)  # the model's own patients are drawn from all of its prior
    if not model(source.drug).card.gives_dose:
        works = {name: work for name, work in works.items() if name not in DOSING}
    return {name: Step(name, label, works[name]) for name, label in LABELS.items() if name in works}


def _patients(source: Source) -> Callable[[], Sequence[Patient]]:
    """Who is checked: as uploaded, or drawn at the first call."""

    @cache
    def drawn() -> Sequence[Patient]:
        card = model(source.drug).card
        return fresh(card, source.count, samples=source.samples, seed=source.seed, is_wanted=source.wants).patients

    given = source.given
    return drawn if given is None else lambda: given


def _classical(card: DrugCard) -> Engine:
    """The opponent, and the judge of a replay, who should not be the adviser: MAP-Bayes averaged over the card's published models."""
    return replace(classical(card, draws=DRAWS), name="averaged MAP-Bayes")


def _shared(engine: Engine, source: Source, patients: Callable[[], Sequence[Patient]]) -> dict[str, Work]:
    """The checks that ask only for levels, whoever they come from."""
    card = model(source.drug).card
    judged = {"replay": lambda tick: replay(engine, patients(), Target.of(card), judge=_classical(card), progress=tick)}
    return {
        "vpc": lambda tick: _vpcs(engine, patients(), tick),
        "fit": lambda tick: goodness_of_fit(engine, patients(), replicates=REPLICATES, progress=tick),
        "forecasts": lambda tick: level_accuracy(engine, patients(), margin=usual_margin(card), progress=tick),
        **(judged if card.targets and card.published_models else {}),
        "plausibility": lambda tick: plausibility(engine, card, patients(), progress=tick),
    }


def _virtual(engine: Engine, source: Source) -> dict[str, Work]:
    """The checks that need the truth behind the levels."""
    card, count, wants, seed = model(source.drug).card, source.count, source.wants, source.seed
    return {
        "coverage": lambda tick: virtual_coverage(engine, card, patients=count, is_wanted=wants, seed=seed, progress=tick),
        "ranks": lambda tick: rank_check(engine, card, patients=count, levels=source.samples, is_wanted=wants, seed=seed, progress=tick),
        "own_ranks": lambda tick: self_check(model(source.drug), draws=DRAWS, patients=count, levels=source.samples, seed=seed, progress=tick),
        "doses": lambda tick: dose_trial([engine, _classical(card)], card, patients=count, is_wanted=wants, seed=seed, progress=tick),
        "loop": lambda tick: closed_loop([engine], card, patients=count, is_wanted=wants, seed=seed, progress=tick),
    }


def _cohort(engine: Engine, source: Source, patients: Callable[[], Sequence[Patient]]) -> dict[str, Work]:
    """The checks that need real levels or real doses."""
    card = model(source.drug).card
    return {
        "coverage": lambda tick: cohort_coverage(engine, card, patients(), progress=tick),
        "doses": lambda tick: _folds(engine, card, patients(), tick),
    }


def _vpcs(engine: Engine, patients: Sequence[Patient], tick: Tick) -> dict[tuple[str, bool], VPC]:
    """Plain and prediction-corrected, over either time: all from the same simulated cohorts."""
    found = replicate(engine, patients, replicates=REPLICATES, seed=0, progress=tick)
    return {(axis, corrected): compared(engine.name, found, axis=axis, is_corrected=corrected, bins=BINS) for axis in AXES for corrected in (False, True)}


def _folds(engine: Engine, card: DrugCard, patients: Sequence[Patient], tick: Tick) -> CrossValidation:
    """The shipped engines, and where it takes no minutes a classical population fit made anew on each training set."""
    learners = [shipped(engine), *([shipped(_classical(card))] if card.published_models else [])]
    if len(patients) <= MOST_FITTED:
        learners.append(fitted(card))
    return cross_validate(learners, patients, folds=min(FOLDS, len(patients)), progress=tick)
