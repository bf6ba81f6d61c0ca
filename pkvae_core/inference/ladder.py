"""Which way of sampling can be trusted for each patient: the encoder's draws weighed, else moved to where they count, else a Laplace-t proposal, else none."""

from dataclasses import fields, replace

import torch

from pkvae_core.drugs.population import Population, rows
from pkvae_core.inference.adapt import moments
from pkvae_core.inference.importance import WeightedDraws, importance_sample, sample_t
from pkvae_core.inference.laplace import laplace_sample
from pkvae_core.vae.vae import PKVAE

RUNGS = ("prior", "weighted", "adapted", "laplace", "failed")
TRUSTED_K_HAT = 0.7
LEAST_EFFECTIVE_SHARE = 0.05
AMPLE_EFFECTIVE_SHARE = 0.2
ADAPTATIONS = 4


def passes(effective: torch.Tensor, k_hat: torch.Tensor, draws: int) -> torch.Tensor:
    """For each subject, whether its weights pass: at least one effective draw in twenty, and k-hat at most 0.7 unless one draw in five is effective.

    The prior's tenth of the draws bounds every weight, so with ample effective draws a larger k-hat is noise in the fit of the tail.
    """
    share = effective / draws
    return (share >= LEAST_EFFECTIVE_SHARE) & ((k_hat <= TRUSTED_K_HAT) | (share >= AMPLE_EFFECTIVE_SHARE))


def is_trusted(drawn: WeightedDraws) -> torch.Tensor:
    """`passes`, for draws of z."""
    return passes(drawn.effective, drawn.k_hat, drawn.z.shape[1])


def climb(model: PKVAE, population: Population, *, draws: int, generator: torch.Generator) -> tuple[WeightedDraws, list[str]]:
    """Weighted draws of each subject and the rung they come from: "weighted", "adapted", "laplace" or "failed" (then the best of the three)."""
    drawn = importance_sample(model, population, draws=draws, generator=generator)
    rungs = ["weighted"] * len(drawn.z)
    here = generator.get_state()
    for i in (~is_trusted(drawn)).nonzero()[:, 0].tolist():
        generator.set_state(here)  # a climb must not depend on who climbed before
        index = torch.tensor([i])
        one, rungs[i] = _climb_on(model, rows(population, index), rows(drawn, index), draws, generator)
        drawn = _with_row(drawn, i, one)
    return drawn, rungs


def _climb_on(model: PKVAE, population: Population, first: WeightedDraws, draws: int, generator: torch.Generator) -> tuple[WeightedDraws, str]:
    """The higher rungs for one patient whose first draws cannot be trusted."""
    tried = [first]
    for _ in range(ADAPTATIONS):
        tried.append(sample_t(model, population, *moments(tried[-1].z[0], tried[-1].log_weight[0], least=30), draws=draws, generator=generator))
        if bool(is_trusted(tried[-1])):
            return tried[-1], "adapted"
    best = max(tried, key=lambda drawn: float(drawn.effective))
    tried.append(laplace_sample(model, population, best.z[0, best.log_weight[0].argmax()], draws=draws, generator=generator))
    if bool(is_trusted(tried[-1])):
        return tried[-1], "laplace"
    return max(tried, key=lambda drawn: float(drawn.effective)), "failed"


def _with_row(drawn: WeightedDraws, i: int, one: WeightedDraws) -> WeightedDraws:
    changed = {}
    for field in fields(WeightedDraws):
        table = getattr(drawn, field.name).clone()
        table[i] = getattr(one, field.name)[0].to(table.dtype)
        changed[field.name] = table
    return replace(drawn, **changed)
