"""Which latent dimensions are in use, and how much does the model learn in each when levels arrive?

A dimension is in use when patients are told apart in it: the variance of E[z | x] over patients exceeds 0.01 (Burda, Grosse & Salakhutdinov 2016). What
levels teach in it is the divergence of the encoder's belief with levels from its belief before them, KL(q(z_d | x, c) || p(z_d | c)), averaged over patients.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal

from pkvae_core.drugs.population import simulate
from pkvae_core.inference.importance import draw, log_density
from pkvae_core.insight.axes import latent_name
from pkvae_core.vae.vae import PKVAE

IN_USE = 0.01
NATS_A_BIT = math.log(2)
TOGETHER = 50  # patients at a time: a thousand at once take half a gigabyte


@dataclass(frozen=True)
class Dimension:
    """One latent coordinate: the variance of E[z | x] over patients, and what levels teach in it (nats a patient, with its standard error)."""

    name: str
    variance: float
    nats: float
    nats_se: float

    @property
    def is_in_use(self) -> bool:
        return self.variance > IN_USE

    @property
    def bits(self) -> float:
        return self.nats / NATS_A_BIT

    @property
    def bits_se(self) -> float:
        return self.nats_se / NATS_A_BIT


@dataclass(frozen=True)
class Use:
    """Every dimension, and what `levels` levels teach in all of them together: less than their sum where dimensions tell the same."""

    dimensions: tuple[Dimension, ...]
    nats: float
    nats_se: float
    levels: int
    patients: int

    @property
    def in_use(self) -> int:
        return sum(d.is_in_use for d in self.dimensions)

    @property
    def bits(self) -> float:
        return self.nats / NATS_A_BIT


@torch.no_grad()
def dimensions(model: PKVAE, generator: torch.Generator, *, patients: int = 1000, levels: int = 4) -> Use:
    """Measured on fresh virtual patients with that many levels each."""
    seen = simulate(model.card, patients, generator, samples=levels).population
    posterior, prior = model.posterior(seen), model.prior(seen.covariates)
    variance = posterior.mean.var(0)
    nats = marginal_divergence(posterior, prior)
    drawn = draw(posterior, 200, generator)
    joint = (log_density(posterior, drawn) - log_density(prior, drawn)).mean(1)
    error = patients**-0.5
    found = [Dimension(latent_name(i), float(variance[i]), float(nats[:, i].mean()), float(nats[:, i].std() * error)) for i in range(len(variance))]
    return Use(tuple(found), float(joint.mean()), float(joint.std() * error), levels, patients)


def marginal_divergence(q: MixtureSameFamily, p: MixtureSameFamily, *, grid: int = 400) -> Float[Tensor, "subject latent"]:
    """KL(q || p) in nats of every single coordinate of two Gaussian mixtures, by the trapezoidal rule over six standard deviations of every part of q."""
    q_parts, p_parts = _marginals(q), _marginals(p)
    blocks = zip(*(table.split(TOGETHER) for table in (*q_parts, *p_parts)), strict=True)
    return torch.cat([_divergence(block[:3], block[3:], grid) for block in blocks])


def _divergence(q: Sequence[Tensor], p: Sequence[Tensor], grid: int) -> Float[Tensor, "subject latent"]:
    """The same of some patients: weights, means and standard deviations of each belief."""
    _, mean, sd = q
    low, high = (mean - 6 * sd).min(-1).values, (mean + 6 * sd).max(-1).values
    z = low + torch.linspace(0, 1, grid, dtype=low.dtype).view(-1, 1, 1) * (high - low)
    log_q, log_p = _mixture(*q).log_prob(z), _mixture(*p).log_prob(z)
    return torch.trapezoid(log_q.exp() * (log_q - log_p), z, dim=0)


def _marginals(belief: MixtureSameFamily) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and standard deviations of each coordinate's own mixture: [subject latent component]."""
    parts = belief.component_distribution
    mean, sd = (table.double().transpose(1, 2) for table in (parts.mean, parts.stddev))
    return belief.mixture_distribution.logits.double()[:, None].expand_as(mean), mean, sd


def _mixture(logits: Tensor, mean: Tensor, sd: Tensor) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(logits=logits, validate_args=False), Normal(mean, sd, validate_args=False), validate_args=False)
