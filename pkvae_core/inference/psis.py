"""Can these importance weights be trusted: Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao & Gabry, JMLR 2024;25:72)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def effective_draws(log_weight: Float[Tensor, "subject draw"]) -> Float[Tensor, " subject"]:
    """How many equal draws the weighted ones are worth: 1 / sum w^2 (Kong 1992)."""
    weight = log_weight.softmax(-1)
    return 1 / weight.square().sum(-1)


def fit_pareto(excess: Float[Tensor, "subject tail"]) -> tuple[Float[Tensor, " subject"], Float[Tensor, " subject"]]:
    """Shape k and scale of the generalised Pareto distribution of each row of ascending excesses (Zhang & Stephens, Technometrics 2009;51:316).

    As in PSIS, k is drawn towards 0.5 by a prior worth ten observations.
    """
    tail = excess.shape[1]
    grid = 30 + int(math.sqrt(tail))
    steps = torch.arange(1, grid + 1, dtype=excess.dtype)
    quarter = excess[:, int(tail / 4 + 0.5) - 1, None]
    theta = 1 / excess[:, -1:] + (1 - torch.sqrt(grid / (steps - 0.5))) / (3 * quarter)
    k = torch.log1p(-theta[..., None] * excess[:, None]).mean(-1)
    profile = tail * (torch.log(-theta / k) - k - 1)
    theta = (theta * profile.softmax(-1)).sum(-1)
    k = torch.log1p(-theta[:, None] * excess).mean(-1)
    scale = -k / theta
    return (tail * k + 10 * 0.5) / (tail + 10), scale


def smooth(log_weight: Float[Tensor, "subject draw"]) -> tuple[Float[Tensor, "subject draw"], Float[Tensor, " subject"]]:
    """Normalised log-weights, the largest replaced by expected order statistics of the fitted tail, and k-hat: below 0.7 the weights can be trusted."""
    draws = log_weight.shape[1]
    tail = int(min(0.2 * draws, 3 * math.sqrt(draws)))
    shifted = log_weight.double() - log_weight.double().max(-1, keepdim=True).values
    ordered, order = shifted.sort(-1)
    cut = ordered[:, -tail - 1, None].exp()
    excess = (ordered[:, -tail:].exp() - cut).clamp(min=1e-30)
    k, scale = fit_pareto(excess)
    position = (torch.arange(1, tail + 1, dtype=excess.dtype) - 0.5) / tail
    quantile = scale[:, None] * torch.expm1(-k[:, None] * torch.log1p(-position)) / k[:, None]
    replaced = torch.log(cut + quantile).clamp(max=0)
    usable = torch.isfinite(replaced).all(-1, keepdim=True)
    ordered = torch.cat([ordered[:, :-tail], torch.where(usable, replaced, ordered[:, -tail:])], -1)
    smoothed = torch.empty_like(ordered).scatter(-1, order, ordered)
    return smoothed - smoothed.logsumexp(-1, keepdim=True), torch.where(usable[:, 0], k, torch.inf)
