"""What does one level do to the dose? The same recommendation without it, and had it been drawn half an hour earlier or later."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pkvae_core.case import Case
from pkvae_core.dosing.recommend import recommend
from pkvae_core.inference.observable import observable
from pkvae_core.inference.posterior import Posterior
from pkvae_core.insight.levels import Expectation, expectation, fitted
from pkvae_core.patient import Patient, Regimen, Sample

HALF_AN_HOUR = 0.5
DRAWS = 400  # of equal weight: a chance in target wavers by two points, which decides between neighbouring amounts only


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
    """The best of `regimens` for the case's target by this belief."""
    found = recommend(posterior.resampled(DRAWS), case.target, regimens, current=case.current)
    first = found.best or found.ranked[0]
    return Consequence(found.best and found.best.regimen, first.probability_in, found.reason or "")


def if_switched(posterior: Posterior, case: Case, index: int, regimens: Sequence[Regimen], *, without: Posterior) -> Consequence:
    """Without this level or, where it was left out, with it. `without` is the belief without it, known from `leave_one_out`."""
    if case.patient.samples[index].trust > 0:
        return consequence(without, case, regimens)
    return consequence(posterior.revise(case.with_level(index, is_used=True).patient_as_weighed), case, regimens)


def if_moved(posterior: Posterior, case: Case, index: int, regimens: Sequence[Regimen], *, without: Posterior, by_h: float) -> Shift:
    """Had this level been drawn `by_h` later: what today's curve says there, the curve and the dose of the same engine given the level there."""
    patient = case.patient_as_weighed
    sample = replace(patient.samples[index], time_h=patient.samples[index].time_h + by_h)
    moved = posterior.revise(_with(patient, index, sample)) if sample.trust > 0 else posterior
    return Shift(
        by_h,
        expected=expectation(observable(without, sample.time_h), sample),
        predicted_mg_per_L=fitted(posterior, (sample.time_h,))[0][0],
        refitted_mg_per_L=fitted(moved, (sample.time_h,))[0][0],
        consequence=consequence(moved, case, regimens),
    )


def _with(patient: Patient, index: int, sample: Sample) -> Patient:
    return replace(patient, samples=(*patient.samples[:index], sample, *patient.samples[index + 1 :]))
