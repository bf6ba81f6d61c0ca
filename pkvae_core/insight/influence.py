"""What does one level do to the dose? The recommendation without it, and had it been drawn half an hour earlier or later.

The rule is that of `recommend`. It is asked many times, so it is asked for less: each amount and interval once, and of an AUC at steady state, which is the
dose over the clearance however long the infusion runs, one simulation for each interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pkvae_core.case import Case
from pkvae_core.dosing.option import Option, judge_spans, spans
from pkvae_core.dosing.recommend import Recommendation, rank, silence_of
from pkvae_core.dosing.target import Target
from pkvae_core.inference.observable import observable
from pkvae_core.inference.posterior import Posterior
from pkvae_core.insight.levels import Believe, Expectation, expectation, fitted
from pkvae_core.patient import Regimen

HALF_AN_HOUR = 0.5


@dataclass(frozen=True)
class Consequence:
    """What would be recommended: the first regimen and its chance in target; `regimen` is None where none meets the target, or nobody answers, or
    there is none to choose from."""

    regimen: Regimen | None
    probability_in: float
    is_answered: bool = True


@dataclass(frozen=True)
class Shift:
    """One level, had it been drawn `by_h` later (earlier when negative).

    `expected`: by the other levels at that time. `predicted_mg_per_L`: today's curve there. `refitted_mg_per_L`: the curve after the level was moved there.
    """

    by_h: float
    expected: Expectation
    predicted_mg_per_L: float
    refitted_mg_per_L: float
    consequence: Consequence


def shortlist(ranking: Recommendation) -> tuple[Regimen, ...]:
    """Each amount and interval of the ranking once, with the infusion that ranked best."""
    return tuple(option.regimen for option in ranking.distinct)


def consequence(posterior: Posterior, case: Case, regimens: Sequence[Regimen]) -> Consequence:
    """What `recommend` would put first of these regimens for the case's target."""
    if not regimens:
        return Consequence(None, 0.0, silence_of(posterior) is None)
    least = case.target.least_probability
    first = rank(_judged(posterior, case.target, regimens), least, case.current)[0]
    is_answered = silence_of(posterior) is None
    is_good = is_answered and first.probability_in >= least
    return Consequence(first.regimen if is_good else None, first.probability_in, is_answered)


def _judged(posterior: Posterior, target: Target, regimens: Sequence[Regimen]) -> list[Option]:
    """Probabilities of every regimen; without exact amounts and cautions, which nobody reads here."""
    longest: dict[float, float] = {}
    for r in regimens:
        longest[r.interval_h] = max(r.infusion_h, longest.get(r.interval_h, 0.0))
    is_any_infusion = target.window_h is None and target.metric in ("auc24", "auc")
    shapes = [replace(r, amount_mg=1.0, infusion_h=longest[r.interval_h] if is_any_infusion else r.infusion_h) for r in regimens]
    span_of = spans(posterior, target, tuple(dict.fromkeys(shapes)))
    lived = [span_of[shape](r.amount_mg) for shape, r in zip(shapes, regimens, strict=True)]
    return judge_spans(target, regimens, lived, np.asarray(posterior.weight, dtype=float))


def if_switched(case: Case, index: int, regimens: Sequence[Regimen], believe: Believe) -> Consequence:
    """Without this level or, where it was left out, with it: what the switch will recommend."""
    is_used = case.patient.samples[index].trust > 0
    return consequence(believe(case.with_level(index, is_used=not is_used)), case, regimens)


def if_moved(case: Case, index: int, regimens: Sequence[Regimen], believe: Believe, *, by_h: float) -> Shift:
    """Had this level been drawn `by_h` later: what today's curve says there, the curve given the level there, and the dose."""
    samples = list(case.patient.samples)
    sample = replace(samples[index], time_h=samples[index].time_h + by_h)
    samples[index] = sample
    moved = believe(replace(case, patient=replace(case.patient, samples=tuple(samples))))
    return Shift(
        by_h,
        expected=expectation(observable(believe(case.with_level(index, is_used=False)), sample.time_h), sample),
        predicted_mg_per_L=fitted(believe(case), (sample.time_h,))[0][0],
        refitted_mg_per_L=fitted(moved, (sample.time_h,))[0][0],
        consequence=consequence(moved, case, regimens),
    )
