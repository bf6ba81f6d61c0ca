"""Which way of sampling can be trusted for each patient: the encoder's draws weighed, else a Laplace-t proposal, else none."""

from dataclasses import fields, replace

import torch

from pkvae_core.drugs.population import Population, rows
from pkvae_core.inference.importance import WeightedDraws, importance_sample
from pkvae_core.inference.laplace import laplace_sample
from pkvae_core.vae.vae import PKVAE

TRUSTED_K_HAT = 0.7
LEAST_EFFECTIVE_SHARE = 0.05
AMPLE_EFFECTIVE_SHARE = 0.2


def is_trusted(drawn: WeightedDraws) -> torch.Tensor:
    """For each subject, whether its weights pass: at least one effective draw in twenty, and k-hat at most 0.7 unless one draw in five is effective.

    The prior's tenth of the draws bounds every weight, so with ample effective draws a larger k-hat is noise in the fit of the tail.
    """
    share = drawn.effective / drawn.z.shape[1]
    return (share >= LEAST_EFFECTIVE_SHARE) & ((drawn.k_hat <= TRUSTED_K_HAT) | (share >= AMPLE_EFFECTIVE_SHARE))


def climb(model: PKVAE, population: Population, *, draws: int, generator: torch.Generator) -> tuple[WeightedDraws, list[str]]:
    """Weighted draws of each subject and the rung they come from: "weighted", "laplace" or "failed" (then the better of the two)."""
    drawn = importance_sample(model, population, draws=draws, generator=generator)
    rungs = ["weighted"] * len(drawn.z)
    for i in (~is_trusted(drawn)).nonzero()[:, 0].tolist():
        start = drawn.z[i, drawn.log_weight[i].argmax()]
        again = laplace_sample(model, rows(population, torch.tensor([i])), start, draws=draws, generator=generator)
        rungs[i] = "laplace" if bool(is_trusted(again)) else "failed"
        if rungs[i] == "laplace" or again.effective[0] > drawn.effective[i]:
            drawn = _with_row(drawn, i, again)
    return drawn, rungs


def _with_row(drawn: WeightedDraws, i: int, one: WeightedDraws) -> WeightedDraws:
    changed = {}
    for field in fields(WeightedDraws):
        table = getattr(drawn, field.name).clone()
        table[i] = getattr(one, field.name)[0].to(table.dtype)
        changed[field.name] = table
    return replace(drawn, **changed)
