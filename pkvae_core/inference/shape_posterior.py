"""What does the gallery's model believe of a patient after a few levels? As everywhere: the encoder proposes, the decoder decides."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.inference.adapt import draw_t, log_t, moments
from pkvae_core.inference.importance import DEFENCE, draw, log_density
from pkvae_core.inference.ladder import ADAPTATIONS, passes
from pkvae_core.inference.psis import effective_draws, smooth
from pkvae_core.structural.shapes import TIMES_H
from pkvae_core.vae.shapes import ShapeLevels, ShapeVAE, at

DRAWS = 600


@dataclass(frozen=True)
class ShapeBelief:
    """One patient's weighted draws of z; `effective` of them count. `rung` is "prior", "weighted", "adapted", or "failed" (the best of all tried)."""

    z: Float[Tensor, "draw latent"]
    weight: Float[Tensor, " draw"]
    effective: float
    rung: str


@torch.no_grad()
def believe_shape(model: ShapeVAE, levels: ShapeLevels, *, draws: int = DRAWS, seed: int = 0) -> ShapeBelief:
    """Of one patient; without levels, the prior."""
    assert len(levels.dose_mg) == 1
    generator = torch.Generator().manual_seed(seed)
    prior = model.posterior(levels.none())
    if not bool(levels.is_level.any()):
        return ShapeBelief(draw(prior, draws, generator)[0], torch.full((draws,), 1 / draws), float(draws), "prior")
    proposal = model.posterior(levels)
    from_prior = round(DEFENCE * draws)
    defence = draw(prior, from_prior, generator)
    z = torch.cat([draw(proposal, draws - from_prior, generator), defence], 1)
    tried = [_weighed(model, levels, z, log_density(proposal, z)[0], log_density(prior, z)[0])]
    for _ in range(ADAPTATIONS):
        if tried[-1][1]:
            break
        centre, scale = (table.float() for table in moments(tried[-1][0].z, tried[-1][0].weight.log(), least=30))
        z = torch.cat([draw_t(centre, scale, draws - from_prior, generator)[None], defence], 1)
        tried.append(_weighed(model, levels, z, log_t(z[0], centre, scale), log_density(prior, z)[0], rung="adapted"))
    found, is_trusted = tried[-1]
    return found if is_trusted else ShapeBelief(**{**max((t[0] for t in tried), key=lambda b: b.effective).__dict__, "rung": "failed"})


def _weighed(
    model: ShapeVAE, levels: ShapeLevels, z: Float[Tensor, "1 draw latent"], log_near: Tensor, log_prior: Tensor, rung: str = "weighted"
) -> tuple[ShapeBelief, bool]:
    """Smoothed importance weights of draws from the proposal and, one in ten, from the prior; and whether they can be trusted."""
    log_proposal = torch.logaddexp(log_near + math.log(1 - DEFENCE), log_prior + math.log(DEFENCE))
    curves = model.decode(z, levels.dose_mg[:, None].expand(1, z.shape[1]))
    at_levels = at(curves, TIMES_H.float(), levels.time_h[:, None].expand(1, z.shape[1], -1))
    log_weight = (levels.log_likelihood(at_levels) + log_prior - log_proposal).nan_to_num(nan=-torch.inf, posinf=-torch.inf)
    smoothed, k_hat = smooth(log_weight)
    effective = effective_draws(log_weight)
    is_trusted = bool(passes(effective, k_hat, z.shape[1])[0])
    return ShapeBelief(z[0], smoothed[0].exp().float(), float(effective[0]), rung), is_trusted


@torch.no_grad()
def shape_curves(model: ShapeVAE, belief: ShapeBelief, dose_mg: float) -> Float[Tensor, "draw time"]:
    """The curves of all draws (mg/L) at TIMES_H after this dose."""
    return model.decode(belief.z, torch.full((len(belief.z),), dose_mg))
