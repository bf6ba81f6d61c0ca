"""What does one level do to the dose? The same recommendation without it, and had it been drawn half an hour earlier or later."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pkvae_core.case import Case
from pkvae_core.dosing.recommend import recommend
from pkvae_core.inference.observable import observable
from pkvae_core.inference.posterior import Posterior
from pkvae_core.insight.levels import Believe, Expectation, expectation, fitted
from pkvae_core.patient import Regimen

HALF_AN_HOUR = 0.5


@dataclass(frozen=True)
class Consequence:
    """What would be recommended: the first regimen and its chance in target; `regimen` is None, and `reason` says why, where none meets the target."""

    regimen: Regimen | None
    probability_in: float
    reason: str = ""


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


def consequence(posterior: Posterior, case: Case, regimens: Sequence[Regimen]) -> Consequence:
    """The best of `regimens` for the case's target by this belief; each amount and interval once is enough to choose among (`Recommendation.distinct`)."""
    found = recommend(posterior, case.target, regimens, current=case.current)
    first = found.best or found.ranked[0]
    return Consequence(found.best and found.best.regimen, first.probability_in, found.reason or "")


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
