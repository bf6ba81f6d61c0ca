"""How far does each covariate move the latent prior, before any level?

The prior p(z | c) of the model is asked twice for each patient of a cohort, with one covariate at the cohort's 10th and at its 90th percentile (or at its two
groups) and all others as they are. Nothing is estimated here: it is what the model believes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import MixtureSameFamily, MultivariateNormal

from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.parts import CovariateSpec
from pkvae_core.drugs.population import Population
from pkvae_core.patient import Patient
from pkvae_core.structural.exponentials import disposition
from pkvae_core.vae.vae import PKVAE

ENDS = (0.1, 0.9)


@dataclass(frozen=True)
class LatentShift:
    """From `low` to `high` of one covariate: by how many of its own standard deviations the prior's mean moves in the latent space (Mahalanobis, median over
    the patients), and what becomes of clearance and volume at the prior's mean (geometric mean of the ratios)."""

    spec: CovariateSpec
    low: float
    high: float
    distance: float
    clearance_ratio: float
    volume_ratio: float


@torch.no_grad()
def latent_shifts(model: PKVAE, patients: Sequence[Patient]) -> tuple[LatentShift, ...]:
    """The card's covariates that vary in this cohort, the one that moves the prior most first."""
    covariates = Population.of(model.card, [complete(model.card, patient) for patient in patients]).covariates
    found = []
    for i, spec in enumerate(model.card.covariates):
        known = covariates[:, i][~covariates[:, i].isnan()]
        if len(known) and float(known.max()) > float(known.min()):
            ends = (known.min(), known.max()) if len(known.unique()) == 2 else (known.quantile(ENDS[0]), known.quantile(ENDS[1]))
            found.append(_shift(model, covariates, i, spec, ends))
    return tuple(sorted(found, key=lambda shift: -shift.distance))


def _shift(model: PKVAE, covariates: Float[Tensor, "subject covariate"], i: int, spec: CovariateSpec, ends: tuple[Tensor, Tensor]) -> LatentShift:
    before, after = (model.prior(_with(covariates, i, float(end))) for end in ends)
    way = after.mean - before.mean
    covariance = (_covariance(before) + _covariance(after)) / 2
    distance = (way[:, None] @ torch.linalg.solve(covariance, way[..., None]))[:, 0, 0].sqrt()
    low, high = (disposition(model.decoder(prior.mean[:, None])) for prior in (before, after))
    clearance, volume = (float((high[name] / low[name]).log().mean().exp()) for name in ("CL", "V"))
    return LatentShift(spec, float(ends[0]), float(ends[1]), float(distance.median()), clearance, volume)


def _with(covariates: Float[Tensor, "subject covariate"], i: int, value: float) -> Float[Tensor, "subject covariate"]:
    changed = covariates.clone()
    changed[:, i] = value
    return changed


def _covariance(mixture: MixtureSameFamily) -> Float[Tensor, "subject latent latent"]:
    """Within the parts of a mixture, and between them."""
    parts, share = mixture.component_distribution, mixture.mixture_distribution.probs
    assert isinstance(parts, MultivariateNormal)
    off = parts.loc - mixture.mean[:, None]
    return (share[..., None, None] * (parts.covariance_matrix + off[..., :, None] * off[..., None, :])).sum(1)
