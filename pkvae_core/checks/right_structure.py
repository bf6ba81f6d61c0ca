"""What would one know who knew the hidden structure and its population? The exact posterior, and its mode, which is MAP with the right structure."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.checks.hidden import ERROR, INTERVAL_H, STEP_H, Hidden
from pkvae_core.drugs.population import Population, rows
from pkvae_core.residual_error import log_likelihood

BANK, AT_ONCE, RESAMPLED = 160_000, 20_000, 1000
ROUNDS, AROUND, FIRST_SPREAD, NARROWER = 16, 32, 0.4, 0.78
FIRST = slice(round(INTERVAL_H / STEP_H))


def right_structure(
    hidden: Hidden, asked: Population, at: slice, band: tuple[float, ...], generator: torch.Generator
) -> tuple[Float[np.ndarray, "quantile patient time"], Float[np.ndarray, "patient time"]]:
    """Quantiles of the exact posterior's concentrations at those times, by weighing `BANK` patients of the very population; and the posterior mode's."""
    bank = [hidden.draw_eta(AT_ONCE, generator) for _ in range(BANK // AT_ONCE)]
    curves = [hidden.curves_of(eta) for eta in bank]
    eta, first, second = torch.cat(bank), torch.cat([c[:, FIRST] for c in curves]), torch.cat([c[:, at] for c in curves])
    quantiles, likeliest = [], []
    for i in range(len(asked.covariates)):
        each = _log_levels(first, rows(asked, slice(i, i + 1)))
        some = torch.multinomial(each.softmax(0), RESAMPLED, replacement=True, generator=generator)
        quantiles.append(np.quantile(second[some].numpy(), band, axis=0))
        likeliest.append(eta[(each + _log_prior(eta)).argmax()])
    mode = _climbed(hidden, asked, torch.stack(likeliest), generator)
    return np.stack(quantiles, 1), hidden.curves_of(mode)[:, at].numpy()


def _log_levels(first: Float[Tensor, "curve time"], one: Population) -> Float[Tensor, " curve"]:
    """log p(levels of one patient | curve), for each of many curves of the first interval."""
    at = (one.sample_time[0] / STEP_H).round().long()
    return (log_likelihood(first[:, at], one.level[0], one.is_below_lloq[0], ERROR) * one.is_sample[0]).double().sum(1)


def _log_prior(eta: Float[Tensor, "*batch parameter"]) -> Float[Tensor, "*batch"]:
    return -0.5 * eta.square().sum(-1)


def _climbed(hidden: Hidden, asked: Population, eta: Float[Tensor, "patient parameter"], generator: torch.Generator) -> Float[Tensor, "patient parameter"]:
    """The mode of each patient's posterior near `eta`, by random search in a shrinking neighbourhood: meal times make the posterior jump, so no slopes."""
    for i in range(ROUNDS):
        spread = FIRST_SPREAD * NARROWER**i
        tried = eta[:, None] + spread * torch.randn(len(eta), AROUND, eta.shape[1], dtype=eta.dtype, generator=generator)
        tried = torch.cat([eta[:, None], tried], 1)
        first = hidden.curves_of(tried.flatten(0, 1))[:, FIRST].unflatten(0, tried.shape[:2])
        height = torch.stack([_log_levels(curves, rows(asked, slice(j, j + 1))) for j, curves in enumerate(first)]) + _log_prior(tried)
        eta = tried[torch.arange(len(eta)), height.argmax(1)]
    return eta
