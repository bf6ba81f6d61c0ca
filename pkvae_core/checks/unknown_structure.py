"""Can a model without a structure beat one with the wrong structure? Learned from 3 to 5 levels a patient in one interval, asked for the whole next one.

The learner is told the doses, the levels, the weight (which matters not) and the laboratory's error, as every laboratory states it.
"""

import tempfile
import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pkvae_core.checks.hidden import AMOUNT_MG, ERROR, INTERVAL_H, STEP_H, TIMES_H, Hidden
from pkvae_core.checks.right_structure import right_structure
from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.drugs.population import Population, published_responses
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.inference.classical import Structure, fit_population
from pkvae_core.inference.mode import find_mode
from pkvae_core.inference.posterior import individualise_all, predict
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.vae.observed import ObservedSchedule, learn
from pkvae_core.vae.vae import PKVAE

PATIENTS, ASKED = 500, 200
LLOQ_mg_per_L = 0.05
AT = slice(round(INTERVAL_H / STEP_H) + 5, None, 5)  # the second interval, every half hour
BAND = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Cohort:
    """Patients with levels in the first interval, and their true curves at TIMES_H."""

    patients: tuple[Patient, ...]
    truth: Float[Tensor, "patient time"]


@dataclass(frozen=True)
class Score:
    """Median over patients of the profile's error (RMSE over mean concentration of the second interval), and share of true concentrations in the 90 % band."""

    error: float
    coverage: float | None = None


def card() -> DrugCard:
    """A drug that is swallowed, of which body weight is known and matters not: theophylline's card, whose published model only starts the classical fits."""
    return load_card("theophylline")


def draw_cohort(hidden: Hidden, count: int, generator: torch.Generator) -> Cohort:
    """Fresh patients with 3 to 5 levels at random times of the first interval."""
    truth = hidden.draw(count, generator)
    weight = 70 * torch.exp(0.18 * torch.randn(count, generator=generator))
    return Cohort(tuple(_patient(i, truth[i], float(weight[i]), generator) for i in range(count)), truth)


def _patient(index: int, truth: Float[Tensor, " time"], weight_kg: float, generator: torch.Generator) -> Patient:
    count = int(torch.randint(3, 6, (1,), generator=generator))
    at = (2 + torch.randperm(round(INTERVAL_H / STEP_H) - 2, generator=generator)[:count]).sort().values
    level = truth[at] + ERROR.sd(truth[at]) * torch.randn(count, generator=generator)
    samples = tuple(
        Sample(float(t), float(y), LLOQ_mg_per_L) if y >= LLOQ_mg_per_L else Sample(float(t), None, LLOQ_mg_per_L)
        for t, y in zip(TIMES_H[at], level, strict=True)
    )
    doses = tuple(Dose(t, AMOUNT_MG, 0.0, "oral") for t in (0.0, INTERVAL_H))
    return Patient(str(index), doses, samples, (Covariate("WT", min(max(weight_kg, 40.0), 120.0)),))


def _score(truth: Float[np.ndarray, "patient time"], middle: np.ndarray, band: tuple[np.ndarray, np.ndarray] | None = None) -> Score:
    error = np.sqrt(((middle - truth) ** 2).mean(1)) / truth.mean(1)
    inside: Bool[np.ndarray, "patient time"] | None = None if band is None else (truth >= band[0]) & (truth <= band[1])
    return Score(float(np.median(error)), None if inside is None else float(inside.mean()))


def learned(model: PKVAE, asked: Cohort) -> Score:
    """The learned model's posterior median and band."""
    found = [individualise_all(model, asked.patients[i : i + 20]) for i in range(0, len(asked.patients), 20)]
    time = TIMES_H[AT].numpy()
    each = [predict(p, p.patient.doses, time) for part in found for p in part]
    low, middle, high = np.stack([weighted_quantiles(e.concentration_mg_per_L, e.weight, BAND) for e in each], 1)
    return _score(asked.truth[:, AT].numpy(), middle, (low, high))


@torch.no_grad()
def classical(cohort: Cohort, asked: Cohort, compartments: int) -> Score:
    """A population model of one or two compartments fitted to the cohort, then MAP for those who are asked about."""
    of, structure = card(), Structure(compartments)
    model = fit_population(of, Population.of(of, cohort.patients), structure).model
    population = Population.of(of, asked.patients)
    responses = published_responses(model, of, population, find_mode(model, of, population).normal[:, None])
    concentration = responses.curves(population.doses, TIMES_H[AT].expand(len(asked.patients), -1))[0][:, 0]
    return _score(asked.truth[:, AT].numpy(), concentration.numpy())


@torch.no_grad()
def right(hidden: Hidden, asked: Cohort, generator: torch.Generator) -> tuple[Score, Score]:
    """MAP with the right structure, and the exact posterior, which nobody can beat on average: both under the very population that made the patients."""
    (low, middle, high), mode = right_structure(hidden, Population.of(card(), asked.patients), AT, BAND, generator)
    truth = asked.truth[:, AT].numpy()
    return _score(truth, mode), _score(truth, middle, (low, high))


@dataclass(frozen=True)
class Trial:
    """One cohort of one hidden structure: everybody's scores, and the minutes that learning took."""

    name: str
    seed: int
    learned: Score
    one: Score
    two: Score
    right_map: Score
    exact: Score
    minutes: float

    @property
    def best_classical(self) -> float:
        return min(self.one.error, self.two.error)

    def closed(self, right: Score) -> float:
        """Share of the gap between the best wrong structure and the right one, known by MAP or exactly, that the learned model closes."""
        return (self.best_classical - self.learned.error) / (self.best_classical - right.error)


def run_trial(hidden: Hidden, seed: int, *, schedule: ObservedSchedule | None = None, say: Callable[[str], None] = print) -> Trial:
    """Learn from 500 patients, then ask about 200 others."""
    generator = torch.Generator().manual_seed(7_000_003 * (seed + 1))
    cohort, asked = draw_cohort(hidden, PATIENTS, generator), draw_cohort(hidden, ASKED, generator)
    started = clock.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        model = learn(card(), [p.until(INTERVAL_H) for p in cohort.patients], Path(folder), schedule=schedule, assay=ERROR)
    minutes = (clock.monotonic() - started) / 60
    say(f"{hidden.name}, seed {seed}: learned in {minutes:.1f} min")
    found = Trial(
        hidden.name,
        seed,
        learned(model, asked),
        classical(cohort, asked, 1),
        classical(cohort, asked, 2),
        *right(hidden, asked, generator),
        minutes,
    )
    return found
