"""Is there anybody like this patient among those that the model was made from, all covariates taken together?

A shipped model was made from its card's virtual patients. A model of somebody's own cohort knows of that cohort only the mean and covariance of the covariates
(see `covariate_distribution`); one that was adapted stands on both, and a patient counts as near whichever is nearer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from scipy.special import fdtrc
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.cohorts import COHORTS
from pkvae_core.drugs.parts import CovariateSpec
from pkvae_core.patient import Covariate, Patient
from pkvae_core.records.covariates import is_derived

COHORT = 10_000
SEED = 20_261_123


@dataclass(frozen=True)
class Similarity:
    """How far the patient stands from the middle of the virtual cohort (Mahalanobis), the share of the cohort that stands as far, and in which covariates."""

    distance: float
    probability: float
    stated: tuple[Covariate, ...]


def similarity(card: DrugCard, patient: Patient, learned: Mapping[str, Any] | None = None) -> Similarity | None:
    """The latest stated covariates against those of whom the model was made from, on the log scale; None where fewer than two are known, which ranges judge.

    `learned` is the distribution of the covariates that a model of one's own was trained with. A clearance that we computed is left out: it follows from the
    others. Unknown covariates leave the comparison to the known ones.
    """
    found = [_to_cohort(patient, learned) if learned else None, _to_virtual(card, patient) if card.cohort in COHORTS else None]
    return max((each for each in found if each is not None), key=lambda each: each.probability, default=None)


def _to_cohort(patient: Patient, learned: Mapping[str, Any]) -> Similarity | None:
    """Against the mean and covariance of a cohort of n patients: n (n - k) d^2 / (k (n^2 - 1)) ~ F(k, n - k), the prediction region of Hotelling (1931)."""
    names = learned["names"]
    latest = {c.name: c for c in patient.covariates if c.name in names and not is_derived(c) and (c.name == "SEX" or c.value > 0)}
    known = [i for i, name in enumerate(names) if name in latest]
    n, k = learned["patients"], len(known)
    if k < 2 or n <= k:
        return None
    stated = tuple(latest[names[i]] for i in known)
    own = torch.tensor([c.value if c.name == "SEX" else math.log(c.value) for c in stated], dtype=torch.float64)
    covariance = torch.tensor(learned["covariance"], dtype=torch.float64)[known][:, known] + 1e-9 * torch.eye(k)
    apart = own - torch.tensor(learned["mean"], dtype=torch.float64)[known]
    square = float(apart @ torch.linalg.solve(covariance, apart))
    return Similarity(square**0.5, float(fdtrc(k, n - k, square * n * (n - k) / (k * (n**2 - 1)))), stated)


def _to_virtual(card: DrugCard, patient: Patient) -> Similarity | None:
    """Against the card's virtual patients, by rank."""
    ranges = tuple((spec.name, spec.low, spec.high) for spec in card.covariates)
    names, table = _cohort(card.cohort, ranges)
    latest = {c.name: c for c in patient.covariates if c.name in names and not is_derived(c)}
    known = [i for i, name in enumerate(names) if name in latest]
    if len(known) < 2:
        return None
    specs = {spec.name: spec for spec in card.covariates}
    stated = tuple(latest[names[i]] for i in known)
    own = torch.tensor([_scaled(specs[c.name], torch.tensor(c.value, dtype=torch.float64)) for c in stated], dtype=torch.float64)
    others = torch.stack([_scaled(specs[names[i]], table[:, i]) for i in known], 1)
    distances = _distances(torch.cat([own[None], others]), others)
    rank = 1 + int((distances[1:] >= distances[0]).sum())
    return Similarity(float(distances[0]), rank / (COHORT + 1), stated)


@lru_cache(maxsize=16)
def _cohort(name: str, ranges: tuple[tuple[str, float, float], ...]) -> tuple[tuple[str, ...], Float[Tensor, "subject covariate"]]:
    """The same virtual patients every time, with the covariates that are on the card."""
    drawn = COHORTS[name](COHORT, {covariate: (low, high) for covariate, low, high in ranges}, torch.Generator().manual_seed(SEED))
    names = tuple(covariate for covariate, _, _ in ranges if covariate in drawn)
    return names, torch.stack([drawn[covariate] for covariate in names], 1).double()


def _scaled(spec: CovariateSpec, value: Tensor) -> Tensor:
    """Logarithms, save for a covariate that can be 0."""
    return value.clamp(min=1e-6).log() if spec.low > 0 else value


def _distances(points: Float[Tensor, "point covariate"], cohort: Float[Tensor, "subject covariate"]) -> Float[Tensor, " point"]:
    """sqrt((x - mean)' S^-1 (x - mean)) with the cohort's mean and covariance."""
    centre, size = cohort.mean(0), cohort.shape[1]
    covariance = torch.cov(cohort.T).view(size, size) + 1e-9 * torch.eye(size)
    whitened = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), (points - centre).T, upper=False)
    return whitened.square().sum(0).sqrt()


def words(card: DrugCard, stated: Sequence[Covariate]) -> str:
    """age 92 years, weight 140 kg and serum creatinine 0.3 mg/dL."""
    specs = {spec.name: spec for spec in card.covariates}
    parts = [_value_words(specs[c.name], c.value) for c in stated if math.isfinite(c.value)]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _value_words(spec: CovariateSpec, value: float) -> str:
    shown = spec.in_words(f"{float(f'{value:.3g}'):g}", value)
    return shown if spec.name == "SEX" and spec.allows(value) else f"{spec.label.lower()} {shown}"
