"""Which dose would have given the level that was seen? A prediction of dose whose truth is known on real patients: the dose that was given.

A decision is a patient's first dose, and each later dose that is the first one after a new level. Just before it stands what a prescriber knew: earlier levels,
doses and covariates. Each level between this decision and the next is then read backwards: had it been the aim, which doses from the decision on, at the times
they were given, would have been chosen? All of them scale by one factor f, and the answer is the f at which the median concentration is the level,
    median over draws of C0 + f C1 = y,
C0 from the doses before the decision, C1 from those since. As the concentration rises with f in every draw, that f is the median of (y - C0)/C1.
The dose given is f = 1; a perfect forecast of the level is a perfect prediction of the dose. Nothing from the decision on is seen but
the times of the doses and their proportions to one another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import root_scalar

from pkvae_core.checks.engines import Engine
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.observable import Observable, errors_of
from pkvae_core.inference.posterior import Posterior, predict
from pkvae_core.patient import Dose, Patient, Sample

MOST = 1e3  # the largest factor looked for; beyond it no dose reaches the level


@dataclass(frozen=True)
class Occasion:
    """What was known at a decision (`past`), the doses from it up to a level (`given`), and that level."""

    past: Patient
    given: tuple[Dose, ...]
    sample: Sample


@dataclass(frozen=True)
class DosePrediction:
    """A dose that was given and the one predicted from what was known before it and the level that followed.

    `given_mg` is the last dose before the level, as labelled; all doses since the decision scale with it. The 90 % interval is of posterior and
    measurement error; `predicted_mg` is 0 where even no dose would leave more than the level, `high90_mg` None where no dose is too high.
    """

    engine: str
    patient_id: str
    decided_h: float
    level_h: float
    earlier_levels: int
    level_mg_per_L: float
    given_mg: float
    predicted_mg: float
    low90_mg: float
    high90_mg: float | None

    @property
    def percent_error(self) -> float:
        return 100 * (self.predicted_mg / self.given_mg - 1)

    @property
    def is_covered(self) -> bool:
        """Whether the 90 % interval holds the dose given."""
        return self.low90_mg <= self.given_mg and (self.high90_mg is None or self.given_mg <= self.high90_mg)


def occasions(patient: Patient) -> tuple[Occasion, ...]:
    """Every measured level after a dose, with the decision that it followed. A level below the limit of quantification names no dose and is left out."""
    decided, found = decisions(patient), []
    for sample in patient.samples:
        before = [time_h for time_h in decided if time_h < sample.time_h]
        if before and not sample.is_below_lloq:
            given = tuple(dose for dose in patient.doses if before[-1] <= dose.time_h < sample.time_h)
            found.append(Occasion(patient.until(before[-1]), given, sample))
    return tuple(found)


def decisions(patient: Patient) -> tuple[float, ...]:
    """When a dose was chosen: at the first dose, and at each first dose after a new level (one drawn at the very time of a dose is not known to it)."""
    found: list[float] = []
    for dose in patient.doses:
        if not found or any(found[-1] <= sample.time_h < dose.time_h for sample in patient.samples):
            found.append(dose.time_h)
    return tuple(found)


def predict_doses(engine: Engine, patients: Sequence[Patient], *, seed: int = 0) -> list[tuple[DosePrediction, ...] | str]:
    """The predictions of each patient, or the sentence that says why there are none. One request to the engine for all."""
    each = [occasions(patient) for patient in patients]
    needed = {(o.past.id, o.past.samples, o.past.covariates): o.past for found in each for o in found}
    beliefs = dict(zip(needed, engine.each(list(needed.values()), seed=seed), strict=True))
    answers: list[tuple[DosePrediction, ...] | str] = []
    for found in each:
        believed = [beliefs[o.past.id, o.past.samples, o.past.covariates] for o in found]
        refusals = [b for b in believed if isinstance(b, str)]
        predictions = (predict_dose(engine.name, b, o) for b, o in zip(believed, found, strict=True) if not isinstance(b, str))
        answers.append(refusals[0] if refusals else tuple(predictions))
    return answers


def predict_dose(engine: str, posterior: Posterior, occasion: Occasion) -> DosePrediction:
    """The dose at which this posterior expects the level."""
    level, at = occasion.sample.concentration_mg_per_L, [occasion.sample.time_h]
    assert level is not None
    weight = np.asarray(posterior.weight, dtype=float)
    C0, C1 = (predict(posterior, doses, at).concentration_mg_per_L[:, 0].astype(float) for doses in (occasion.past.doses, occasion.given))
    missing = level - C0
    each = np.where(C1 > 0, missing / np.where(C1 > 0, C1, 1), np.where(missing > 0, np.inf, -np.inf))
    factor = min(max(float(weighted_quantile(each, weight, 0.5)), 0.0), MOST)
    errors = errors_of(posterior)

    def reaches(f: float) -> float:
        """Probability that the laboratory reports the level or more after f times the dose."""
        return 1 - Observable(C0 + f * C1, weight, errors).probability_below(level)

    low, high = _crossing(reaches, 0.05), _crossing(reaches, 0.95)
    given_mg = occasion.given[-1].amount_mg
    return DosePrediction(
        engine=engine,
        patient_id=occasion.past.id,
        decided_h=occasion.given[0].time_h,
        level_h=occasion.sample.time_h,
        earlier_levels=len(occasion.past.samples),
        level_mg_per_L=level,
        given_mg=given_mg,
        predicted_mg=factor * given_mg,
        low90_mg=(0.0 if low is None else low) * given_mg,
        high90_mg=None if high is None else high * given_mg,
    )


def _crossing(reaches: Callable[[float], float], probability: float) -> float | None:
    """The factor at which `reaches` comes to this probability: 0 where it is there without a dose, None where it stays below up to `MOST`."""
    if reaches(0.0) >= probability:
        return 0.0
    if reaches(MOST) < probability:
        return None
    return float(root_scalar(lambda f: reaches(f) - probability, bracket=(0.0, MOST), xtol=1e-6, rtol=1e-6).root)
