"""How many second peaks could anybody foresee from every second level? Simulated studies whose truth is known, and what the exact posterior would say.

48 volunteers swallow 20, 60 or 180 mg once and give 13 samples over five days; the limit hides about two fifths of the levels, the others carry 15 % of error.
Three kinds: a part of the dose is absorbed hours later, bile is emptied at two meals, or neither. Where a curve is flat about its peak, that error alone makes
maxima of the levels: some of what is observed is noise, which nobody can foresee. So what is foreseen is held against the truth too.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.checks.second_peaks import half, second_peak_h
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.patient import Dose, Patient, Sample
from pkvae_core.residual_error import ResidualError, log_likelihood
from pkvae_core.structural.shape_curves import Curves, Parameters, delayed, recirculation, two_sites

HOURS = torch.tensor([0.25, 0.5, 1, 1.5, 2, 4, 8, 12, 24, 48, 72, 96, 120], dtype=torch.float64)
DOSES_mg = torch.tensor([20.0] * 18 + [60.0] * 13 + [180.0] * 17, dtype=torch.float64)
LLOQ_mg_per_L, ERROR = 0.05, ResidualError(0.15, 0.0)
GRID_H = torch.linspace(0, 24, 241, dtype=torch.float64)
BANK, AT_ONCE, RESAMPLED = 40_000, 5_000, 500
FLAT = 1e-3  # mg/L, of error, where the exact posterior weighs levels: a true concentration of 0 would have none


@dataclass(frozen=True)
class Kind:
    """A kind of patient: log-normal parameters (median, coefficient of variation), evenly spread ones (from, to), and the curve."""

    name: str
    typical: Mapping[str, tuple[float, float]]
    even: Mapping[str, tuple[float, float]]
    curve: Callable[[Parameters, Tensor, Tensor], Curves]

    def draw(self, count: int, generator: torch.Generator) -> Parameters:
        def normal() -> Tensor:
            return torch.randn(count, dtype=torch.float64, generator=generator)

        spread = {name: median * torch.exp(math.sqrt(math.log1p(cv**2)) * normal()) for name, (median, cv) in self.typical.items()}
        return spread | {name: low + (high - low) * torch.rand(count, dtype=torch.float64, generator=generator) for name, (low, high) in self.even.items()}


SITES = {"CL": (8.0, 0.3), "V": (35.0, 0.2), "ka": (1.2, 0.4), "ka2": (1.0, 0.4), "lag1": (0.25, 0.3), "lag2": (5.0, 0.35)}
BODY = {"CL": (8.0, 0.3), "V": (30.0, 0.2), "Q": (2.0, 0.3), "V2": (30.0, 0.3), "CLm": (3.0, 0.3), "Vm": (4.0, 0.3), "ka": (1.5, 0.4), "meal": (5.0, 0.3)}
KINDS = (
    Kind("two absorption sites", SITES, {"share": (0.0, 0.7)}, two_sites),
    Kind("recirculation", BODY, {"share": (0.0, 0.85), "emptied": (0.3, 0.95)}, recirculation),
    Kind("one slow absorption", {"CL": (8.0, 0.3), "V": (35.0, 0.2), "lag": (0.4, 0.5), "transit": (1.5, 0.5)}, {}, delayed),
)


@dataclass(frozen=True)
class Study:
    """Volunteers with their levels, and their true curves at GRID_H."""

    patients: tuple[Patient, ...]
    truth: Float[np.ndarray, "patient time"]

    def true_peaks_h(self) -> list[float | None]:
        """When each true curve has its second peak."""
        return [second_peak_h(GRID_H.numpy(), curve) for curve in self.truth]


def draw_study(kind: Kind, generator: torch.Generator) -> Study:
    """A fresh study of this kind."""
    parameters = kind.draw(len(DOSES_mg), generator)
    truth = kind.curve(parameters, DOSES_mg, HOURS)
    level = truth * (1 + ERROR.proportional * torch.randn(truth.shape, dtype=torch.float64, generator=generator))
    patients = tuple(_patient(i, float(DOSES_mg[i]), row.tolist()) for i, row in enumerate(level))
    return Study(patients, kind.curve(parameters, DOSES_mg, GRID_H).numpy())


def _patient(index: int, dose_mg: float, level: list[float]) -> Patient:
    samples = tuple(Sample(t, y if y >= LLOQ_mg_per_L else None, LLOQ_mg_per_L) for t, y in zip(HOURS.tolist(), level, strict=True))
    return Patient(str(index), (Dose(0.0, dose_mg, 0.0, "oral"),), samples)


@dataclass(frozen=True)
class Exact:
    """What the exact posterior says of one patient from every second level: its median at GRID_H, that one's second peak, and the probability of one."""

    median: Float[np.ndarray, " time"]
    foreseen_h: float | None
    probability: float


@torch.no_grad()
def exact(kind: Kind, study: Study, generator: torch.Generator) -> list[Exact]:
    """By weighing `BANK` patients of the very population: nobody can foresee more on average, and nobody who has only a cohort knows as much."""
    bank, one = [kind.draw(AT_ONCE, generator) for _ in range(BANK // AT_ONCE)], torch.ones(AT_ONCE, dtype=torch.float64)
    at_levels, curves = (torch.cat([kind.curve(some, one, hours).float() for some in bank]) for hours in (HOURS, GRID_H))
    found = []
    for patient in study.patients:
        weight = _log_levels(at_levels * patient.doses[0].amount_mg, half(patient)).softmax(0)
        some = torch.multinomial(weight, RESAMPLED, replacement=True, generator=generator)
        drawn = (curves[some] * patient.doses[0].amount_mg).double().numpy()
        median = weighted_quantiles(drawn, np.full(RESAMPLED, 1 / RESAMPLED), (0.5,))[0]
        peaks = [second_peak_h(GRID_H.numpy(), curve) for curve in drawn]
        found.append(Exact(median, second_peak_h(GRID_H.numpy(), median), float(np.mean([p is not None for p in peaks]))))
    return found


def _log_levels(at_levels: Float[Tensor, "curve time"], patient: Patient) -> Float[Tensor, " curve"]:
    """log p(levels of a patient | curve)."""
    at = torch.tensor([HOURS.tolist().index(s.time_h) for s in patient.samples])
    level = torch.tensor([LLOQ_mg_per_L if s.concentration_mg_per_L is None else s.concentration_mg_per_L for s in patient.samples])
    is_below = torch.tensor([s.is_below_lloq for s in patient.samples])
    return log_likelihood(at_levels[:, at], level, is_below, ResidualError(ERROR.proportional, FLAT)).double().sum(1)
