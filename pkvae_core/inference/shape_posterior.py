"""What does the gallery's model believe of a patient after a few levels? As everywhere: the encoder proposes, the decoder decides."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.inference.adapt import draw_t, log_t, moments
from pkvae_core.inference.importance import DEFENCE, draw, log_density
from pkvae_core.inference.ladder import ADAPTATIONS, passes
from pkvae_core.inference.psis import effective_draws, smooth
from pkvae_core.structural.shapes import TIMES_H
from pkvae_core.vae.shapes import SCALE_mg_per_L, ShapeLevels, ShapeVAE, at, squeezed

DRAWS = 600


@dataclass(frozen=True)
class ShapeBelief:
    """One patient's weighted draws of z; `effective` of them count. `rung` is "prior", "weighted", "adapted", or "failed" (the best of all tried).

    `off` is how far the truth of each draw lies from its curve, in sds of what the decoder says it misses (standard normal)."""

    z: Float[Tensor, "draw latent"]
    weight: Float[Tensor, " draw"]
    effective: float
    rung: str
    off: Float[Tensor, " draw"]


@torch.no_grad()
def believe_shape(model: ShapeVAE, levels: ShapeLevels, *, draws: int = DRAWS, seed: int = 0) -> ShapeBelief:
    """Of one patient; without levels, the prior."""
    assert len(levels.dose_mg) == 1
    generator = torch.Generator().manual_seed(seed)
    off = torch.randn(draws, generator=generator)
    prior = model.prior()
    if not bool(levels.is_level.any()):
        return ShapeBelief(draw(prior, draws, generator)[0], torch.full((draws,), 1 / draws), float(draws), "prior", off)
    proposal = model.posterior(levels)
    from_prior = round(DEFENCE * draws)
    defence = draw(prior, from_prior, generator)
    z = torch.cat([draw(proposal, draws - from_prior, generator), defence], 1)
    tried = [_weighed(model, levels, z, log_density(proposal, z)[0], off)]
    for _ in range(ADAPTATIONS):
        if tried[-1][1]:
            break
        centre, scale = (table.float() for table in moments(tried[-1][0].z, tried[-1][0].weight.log(), least=30))
        z = torch.cat([draw_t(centre, scale, draws - from_prior, generator)[None], defence], 1)
        tried.append(_weighed(model, levels, z, log_t(z[0], centre, scale), off, rung="adapted"))
    found, is_trusted = tried[-1]
    return found if is_trusted else replace(max((belief for belief, _ in tried), key=lambda belief: belief.effective), rung="failed")


def _weighed(
    model: ShapeVAE, levels: ShapeLevels, z: Float[Tensor, "1 draw latent"], log_near: Tensor, off: Tensor, rung: str = "weighted"
) -> tuple[ShapeBelief, bool]:
    """Smoothed importance weights of draws from the proposal and, one in ten, from the prior; and whether they can be trusted."""
    log_prior = log_density(model.prior(), z)[0]
    log_proposal = torch.logaddexp(log_near + math.log(1 - DEFENCE), log_prior + math.log(DEFENCE))
    dose, time_h = levels.dose_mg[:, None].expand(1, z.shape[1]), levels.time_h[:, None].expand(1, z.shape[1], -1)
    drawn, misfit = (at(table, TIMES_H.float(), time_h) for table in (model.decode(z, dose), model.misfit(z, dose)))
    log_weight = (levels.log_likelihood(drawn, misfit) + log_prior - log_proposal).nan_to_num(nan=-torch.inf, posinf=-torch.inf)
    smoothed, k_hat = smooth(log_weight)
    effective = effective_draws(log_weight)
    is_trusted = bool(passes(effective, k_hat, z.shape[1])[0])
    return ShapeBelief(z[0], smoothed[0].exp().float(), float(effective[0]), rung, off), is_trusted


@torch.no_grad()
def shape_curves(model: ShapeVAE, belief: ShapeBelief, dose_mg: float) -> Float[Tensor, "draw time"]:
    """The true curves (mg/L) that all draws stand for, at TIMES_H after this dose: each off its decoded one by what the decoder says it misses."""
    dose = torch.full((len(belief.z),), dose_mg)
    true = squeezed(model.decode(belief.z, dose)) + belief.off[:, None] * model.misfit(belief.z, dose)
    return SCALE_mg_per_L * true.clamp(min=0).sinh()  # a concentration below nothing is none
