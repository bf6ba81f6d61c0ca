"""What does the gallery's model believe of a patient after a few levels? As everywhere: the encoder proposes, the decoder decides."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import MixtureSameFamily, MultivariateNormal

from pkvae_core.inference.importance import DEFENCE, draw
from pkvae_core.inference.ladder import LEAST_EFFECTIVE_SHARE
from pkvae_core.inference.tempering import Scores, temper
from pkvae_core.structural.shapes import TIMES_H
from pkvae_core.vae.shapes import SCALE_mg_per_L, ShapeLevels, ShapeVAE, around, at, squeezed

DRAWS = 600
IMPOSSIBLE = -1e30  # log-density of a draw whose curve is no number


@dataclass(frozen=True)
class ShapeBelief:
    """One patient's draws of z, all worth the same; `distinct` of them differ. `rung` is "prior", "tempered", or "failed" (too few differ).

    `off` is how far the truth of each draw lies from its curve, in sds of what the decoder says it misses (standard normal)."""

    z: Float[Tensor, "draw latent"]
    distinct: int
    rung: str
    off: Float[Tensor, " draw"]


@torch.no_grad()
def believe_shape(model: ShapeVAE, levels: ShapeLevels, *, draws: int = DRAWS, seed: int = 0) -> ShapeBelief:
    """Of one patient; without levels, the prior."""
    assert len(levels.dose_mg) == 1
    generator = torch.Generator().manual_seed(seed)
    off, prior = torch.randn(draws, generator=generator), model.prior()
    if not bool(levels.is_level.any()):
        return ShapeBelief(draw(prior, draws, generator)[0], draws, "prior", off)
    proposal, from_prior = model.posterior(levels), round(DEFENCE * draws)
    z = torch.cat([draw(proposal, draws - from_prior, generator), draw(prior, from_prior, generator)], 1)[0]
    near, far = _density(proposal), _density(prior)
    found = temper(z, lambda there: _scores(model, levels, near(there), far(there), there), generator)
    is_trusted = found.is_there and found.distinct >= LEAST_EFFECTIVE_SHARE * draws
    return ShapeBelief(found.z, found.distinct, "tempered" if is_trusted else "failed", off)


def _density(mixture: MixtureSameFamily) -> Callable[[Float[Tensor, "draw latent"]], Float[Tensor, " draw"]]:
    """log p(z) of one patient's mixture of Gaussians, asked often: every component is whitened once and for all."""
    parts = mixture.component_distribution
    assert isinstance(parts, MultivariateNormal)
    whitening, mean = torch.linalg.inv(parts.scale_tril[0]), parts.loc[0]
    centre = (whitening @ mean[..., None]).flatten()
    constant = mixture.mixture_distribution.logits[0] + whitening.diagonal(dim1=-2, dim2=-1).log().sum(-1) - 0.5 * mean.shape[-1] * math.log(2 * math.pi)
    rows = whitening.flatten(0, 1).T.contiguous()
    return lambda z: (constant - 0.5 * (z @ rows - centre).square().unflatten(-1, mean.shape).sum(-1)).logsumexp(-1)


def _scores(model: ShapeVAE, levels: ShapeLevels, log_near: Tensor, log_prior: Tensor, z: Float[Tensor, "draw latent"]) -> Scores:
    """Log-densities of draws: from the proposal and, one in ten, from the prior; and of the posterior."""
    start = torch.logaddexp(log_near + math.log(1 - DEFENCE), log_prior + math.log(DEFENCE))
    dose, time_h = levels.dose_mg[:, None].expand(1, len(z)), levels.time_h[:, None].expand(1, len(z), -1)
    grid_h = TIMES_H.float()
    near = around(grid_h, levels.time_h)
    drawn, misfit = (at(table, grid_h[near], time_h) for table in (model.decode(z[None], dose, near), model.misfit(z[None], dose, near)))
    return start, (levels.log_likelihood(drawn, misfit)[0] + log_prior).nan_to_num(nan=IMPOSSIBLE, posinf=IMPOSSIBLE, neginf=IMPOSSIBLE)


@torch.no_grad()
def shape_curves(model: ShapeVAE, belief: ShapeBelief, dose_mg: float) -> Float[Tensor, "draw time"]:
    """The true curves (mg/L) that all draws stand for, at TIMES_H after this dose: each off its decoded one by what the decoder says it misses."""
    dose = torch.full((len(belief.z),), dose_mg)
    true = squeezed(model.decode(belief.z, dose)) + belief.off[:, None] * model.misfit(belief.z, dose)
    return SCALE_mg_per_L * true.clamp(min=0).sinh()  # a concentration below nothing is none
