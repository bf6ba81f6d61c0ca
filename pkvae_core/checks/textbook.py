"""Why is the textbook's PKVAE not enough? It and ours on the same fresh virtual patients, asked the same four questions.

Asked of each patient after one dose: the concentrations on the textbook's own grid, (1) from levels at all 24 hours of it, (2) from levels at three of them
(the textbook must be told something for the other 21 and gets the population's mean), (3) from all 24, what three times the dose would do; and (4) after a
second dose at another hour, for which it has no input. Our model is the drug's shipped one; it knows the covariates, which the textbook has no place for.
"""

import time as clock
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.checks.virtual import as_patients
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population
from pkvae_core.exposure import auc, weighted_quantiles
from pkvae_core.inference.posterior import individualise_all, predict
from pkvae_core.patient import Dose
from pkvae_core.vae.textbook import GRID, STEPS, Lesson, Profiles, grid_h, one_dose, profiles, teach
from pkvae_core.vae.vae import PKVAE

SEED_OFFSET, AT_ONCE, DRAWS, FEW, MORE = 5_000_000_029, 50, 400, 3, 3.0
LLOQ_SHARE = 0.02  # of the mean concentration: what our model gets as "below the limit"; the textbook gets the number itself
QUESTIONS = {
    "all": "All 24 levels of its grid",
    "few": "3 of the 24 levels",
    "more": "Three times the dose, from all 24 levels",
    "again": "A second dose, 9 hours later, from 3 levels",
}


@dataclass(frozen=True)
class Score:
    """Median over patients of the profile's normalised RMSE (%), log-RMSE of the AUC over the grid, coverage (%) of the true concentration by 90 % bands."""

    profile_error: float
    auc_log_rmse: float
    coverage: float


@dataclass(frozen=True)
class Comparison:
    """Both models' scores by question; None where a model has no answer."""

    drug: str
    patients: int
    seconds: float
    textbook: dict[str, Score | None]
    ours: dict[str, Score | None]

    def to_dict(self) -> dict:
        return asdict(self)


def score(time_h: np.ndarray, quantiles: Float[np.ndarray, "subject 3 time"], true: Float[np.ndarray, "subject time"]) -> Score:
    """`quantiles` are the 5, 50 and 95 % ones of each patient's concentration."""
    low, median, high = quantiles.transpose(1, 0, 2)
    error = np.sqrt(((median - true) ** 2).mean(1)) / true.mean(1)
    log_ratio = np.log(auc(time_h, np.maximum(median, 1e-9)) / auc(time_h, true))
    return Score(100 * float(np.median(error)), float(np.sqrt((log_ratio**2).mean())), 100 * float(((low <= true) & (true <= high)).mean()))


@torch.no_grad()
def of_textbook(lesson: Lesson, measured: Float[Tensor, "subject time"], dose: Float[Tensor, " subject"], seed: int) -> Float[np.ndarray, "subject 3 time"]:
    """The textbook's 5, 50 and 95 % quantiles after this dose."""
    q = lesson.model.encode(measured)
    noise = torch.randn(DRAWS, *q.loc.shape, generator=torch.Generator().manual_seed(seed))
    decoded = lesson.model.decode(q.loc + q.scale * noise, dose.expand(DRAWS, -1))
    return np.quantile(decoded.numpy(), (0.05, 0.5, 0.95), axis=0).transpose(1, 0, 2)


def of_ours(model: PKVAE, seen: Population, asked: Callable[[tuple[Dose, ...]], tuple[Dose, ...]], time_h: np.ndarray) -> Float[np.ndarray, "subject 3 time"]:
    """Our model's, given these levels, after the doses that `asked` makes of those given."""
    found, patients = [], as_patients(model.card, seen)
    for first in range(0, len(patients), AT_ONCE):
        for posterior in individualise_all(model, patients[first : first + AT_ONCE], draws=DRAWS):
            prediction = predict(posterior, asked(posterior.patient.doses), time_h)
            found.append(weighted_quantiles(prediction.concentration_mg_per_L, prediction.weight, (0.05, 0.5, 0.95)))
    return np.stack(found)


def _seen(card: DrugCard, fresh: Profiles, is_sample: Tensor) -> Population:
    """What our model is told: the dose, the covariates, and the chosen levels."""
    time = torch.as_tensor(grid_h(card), dtype=torch.float32).expand(len(fresh.dose), -1)
    lloq = LLOQ_SHARE * fresh.true.mean()
    is_below = fresh.measured < lloq
    level = torch.where(is_below, lloq, fresh.measured)
    levels = {"sample_time": time, "level": level, "is_below_lloq": is_below, "is_sample": is_sample, "trust": torch.ones_like(time)}
    return replace(fresh.patients.population, doses=one_dose(card, fresh.dose), **levels)


def compare(model: PKVAE, *, patients: int = 300, seed: int = 0, steps: int = STEPS) -> Comparison:
    """Both models on `patients` fresh virtual patients; the textbook's is trained here, with beta 1."""
    card, started = model.card, clock.perf_counter()
    *_, lesson = teach(card, seed=seed, steps=steps)
    seconds = clock.perf_counter() - started
    generator = torch.Generator().manual_seed(SEED_OFFSET + seed)
    fresh, time_h = profiles(card, patients, generator), grid_h(card)
    everything = torch.ones(patients, GRID, dtype=torch.bool)
    few = torch.zeros(patients, GRID, dtype=torch.bool).scatter(1, torch.rand(patients, GRID, generator=generator).topk(FEW, 1).indices, True)
    filled = torch.where(few, fresh.measured, fresh.measured.mean(0))
    later, two = _twice(card, fresh, time_h)
    truth = {"all": fresh.true, "few": fresh.true, "more": MORE * fresh.true, "again": later}
    theirs = {
        "all": of_textbook(lesson, fresh.measured, fresh.dose, seed),
        "few": of_textbook(lesson, filled, fresh.dose, seed),
        "more": of_textbook(lesson, fresh.measured, MORE * fresh.dose, seed),
    }
    known, sparse = _seen(card, fresh, everything), _seen(card, fresh, few)
    ours = {
        "all": of_ours(model, known, lambda given: given, time_h),
        "few": of_ours(model, sparse, lambda given: given, time_h),
        "more": of_ours(model, known, lambda given: tuple(replace(d, amount_mg=MORE * d.amount_mg) for d in given), time_h),
        "again": of_ours(model, sparse, two, time_h),
    }
    scores = [{name: score(time_h, each[name], truth[name].numpy()) if name in each else None for name in QUESTIONS} for each in (theirs, ours)]
    return Comparison(card.drug, patients, seconds, *scores)


def _twice(card: DrugCard, fresh: Profiles, time_h: np.ndarray) -> tuple[Tensor, Callable[[tuple[Dose, ...]], tuple[Dose, ...]]]:
    """True concentrations when the same dose is given again nine hours later, and the doses that say so."""
    once, shift = one_dose(card, fresh.dose), 9.0
    time = torch.as_tensor(time_h, dtype=torch.float32).expand(len(fresh.dose), -1)
    again = fresh.patients.responses.curves(replace(once, time=once.time + shift), time)[0][:, 0]
    return fresh.true + again, lambda given: (*given, *(replace(d, time_h=d.time_h + shift) for d in given))
