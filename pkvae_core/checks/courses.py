"""What does the truth answer to the doses of a virtual patient: levels with their error, the exposure of each day, and where a regimen leads?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from pkvae_core.checks.virtual import Virtual
from pkvae_core.dosing.option import screen
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.population import course, rows
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.inference.posterior import Diagnostics, Posterior
from pkvae_core.patient import Patient, Regimen, Sample

BEFORE_DOSE_H = 0.5
STEPS_A_DAY = 96  # grid on which a day's peak is looked for: a quarter of an hour
LLOQ_SHARE = 0.02  # limit of quantification, as a share of the average concentration that the target stands for

Days = Float[np.ndarray, "subject day"]


@dataclass(frozen=True)
class Course:
    """One virtual patient (`index` among them) so far: the record, and the regimens begun, the last of which is in force."""

    index: int
    patient: Patient
    regimens: tuple[Regimen, ...] = ()

    def next_due(self, hour: float) -> float:
        """When the first dose at or after this hour is due; the hour itself before any regimen."""
        if not self.regimens:
            return hour
        regimen = self.regimens[-1]
        return regimen.start_h + regimen.interval_h * max(0, math.ceil((hour - regimen.start_h) / regimen.interval_h - 1e-9))

    def given_until(self, hour: float) -> "Course":
        """The doses of the regimen in force that are due before this hour, and not yet given, are given."""
        last = self.patient.doses[-1].time_h if self.patient.doses else -math.inf
        due = tuple(dose for dose in self.regimens[-1].doses(hour) if dose.time_h > last)
        return replace(self, patient=replace(self.patient, doses=(*self.patient.doses, *due)))

    def in_force(self, hour: float) -> Regimen:
        """The last regimen begun before this hour."""
        return [r for r in self.regimens if r.start_h < hour][-1]


def follow_truth(
    virtual: Virtual, courses: Sequence[Course], time_h: Float[np.ndarray, "subject time"]
) -> tuple[Float[np.ndarray, "subject time"], Float[np.ndarray, "subject time"]]:
    """True concentration (mg/L) just before each time, and its integral (mg h/L)."""
    truth = rows(virtual.truth, torch.tensor([one.index for one in courses]))
    found = truth.curves(course(virtual.card, [one.patient.doses for one in courses]), torch.from_numpy(time_h).float())
    concentration, area = (table[:, 0].double().numpy() for table in found)
    return concentration, area


def measure(virtual: Virtual, courses: Sequence[Course], hour: float, *, seed: int) -> list[Course]:
    """Each course at its first dose due from this hour on: the doses before it are given, and a level is drawn half an hour before it.

    The laboratory reports the true concentration with the residual error of the patient's published model.
    """
    due = [one.next_due(hour) for one in courses]
    given = [one.given_until(at) for one, at in zip(courses, due, strict=True)]
    time = np.array(due)[:, None] - BEFORE_DOSE_H
    truth = torch.from_numpy(follow_truth(virtual, given, time)[0][:, 0])
    normal = torch.randn(len(virtual.patients), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    seen = []
    for one, level, at in zip(given, truth, time[:, 0].tolist(), strict=True):
        error = MODELS[virtual.card.published_models[int(virtual.model[one.index])].name].error
        reported = float(level + normal[one.index] * error.sd(level))
        seen.append(replace(one, patient=replace(one.patient, samples=(*one.patient.samples, _sample(virtual, at, reported)))))
    return seen


def _sample(virtual: Virtual, time_h: float, reported: float) -> Sample:
    lloq = LLOQ_SHARE * average_concentration(virtual.card)
    return Sample(time_h, None, lloq) if reported < lloq else Sample(time_h, reported)


def daily(virtual: Virtual, courses: Sequence[Course], target: Target, days: int) -> Days:
    """The true exposure of each day, in the unit of the target: AUC24, highest concentration, or that just before the day's last dose (else its end)."""
    edges = np.tile(24.0 * np.arange(days + 1), (len(courses), 1))
    if target.metric == "auc24":
        return np.diff(follow_truth(virtual, courses, edges)[1], axis=1) / target.divisor
    if target.metric == "peak":
        grid = np.tile(24.0 * np.arange(1, days * STEPS_A_DAY + 1) / STEPS_A_DAY, (len(courses), 1))
        return follow_truth(virtual, courses, grid)[0].reshape(len(courses), days, STEPS_A_DAY).max(2) / target.divisor
    last = np.array(
        [[max((d.time_h for d in one.patient.doses if 24 * i < d.time_h <= 24 * i + 24), default=24.0 * i + 24) for i in range(days)] for one in courses]
    )
    return follow_truth(virtual, courses, last)[0] / target.divisor


def kept(virtual: Virtual, courses: Sequence[Course], target: Target, days: int) -> Days:
    """The true exposure at steady state, in the unit of the target, if the regimen in force at the end of each day is kept."""
    found = np.empty((len(courses), days))
    for row, one in enumerate(courses):
        judged = dict(zip(one.regimens, screen(truth_of(virtual, one.index), target, one.regimens), strict=True))
        found[row] = [judged[one.in_force(24.0 * (day + 1))].exposure_median for day in range(days)]
    return found


def truth_of(virtual: Virtual, index: int) -> Posterior:
    """The truth about one patient as a belief without doubt: one draw."""
    name = virtual.card.published_models[int(virtual.model[index])].name
    known = Posterior(
        card=virtual.card,
        engine="truth",
        version="",
        provenance={},
        patient=virtual.patients[index],
        responses=rows(virtual.truth, slice(index, index + 1)),
        weight=torch.ones(1, dtype=torch.float64),
        model_probability={name: 1.0},
        diagnostics=Diagnostics("prior", 1.0, 1, None, 0.0),
        revise=lambda patient: replace(known, patient=patient),
    )
    return known
