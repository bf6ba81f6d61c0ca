"""Where should we draw next, given draws of which too few count? From a t distribution around the ones that do (population Monte Carlo, Cappe et al. 2004)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

FREEDOM = 5
WIDER = 1.5


def tempered(log_weight: Float[Tensor, " draw"], *, least: float) -> Float[Tensor, " draw"]:
    """Normalised weights, flattened until at least `least` draws count: a proposal must not collapse onto one."""
    power = 1.0
    while True:
        weight = (power * log_weight.double()).softmax(0)
        if float(1 / weight.square().sum()) >= least or power < 1e-6:
            return weight
        power /= 1.5


def draw_t(centre: Float[Tensor, " axis"], scale: Float[Tensor, "axis axis"], draws: int, generator: torch.Generator) -> Float[Tensor, "draw axis"]:
    """Draws of the multivariate t with 5 degrees of freedom and Cholesky factor `scale`."""
    normal = torch.randn(draws, len(centre), dtype=centre.dtype, generator=generator)
    chi_square = torch.randn(draws, FREEDOM, dtype=centre.dtype, generator=generator).square().sum(-1)
    return centre + (normal / (chi_square / FREEDOM).sqrt()[:, None]) @ scale.T


def log_t(point: Float[Tensor, "draw axis"], centre: Float[Tensor, " axis"], scale: Float[Tensor, "axis axis"]) -> Float[Tensor, " draw"]:
    """Log-density of that t distribution."""
    size = len(centre)
    distance = torch.linalg.solve_triangular(scale, (point - centre).T, upper=False).square().sum(0)
    constant = math.lgamma((FREEDOM + size) / 2) - math.lgamma(FREEDOM / 2) - 0.5 * size * math.log(FREEDOM * math.pi)
    return constant - scale.diagonal().log().sum() - 0.5 * (FREEDOM + size) * torch.log1p(distance / FREEDOM)


def moments(
    point: Float[Tensor, "draw axis"], log_weight: Float[Tensor, " draw"], *, least: float = 100
) -> tuple[Float[Tensor, " axis"], Float[Tensor, "axis axis"]]:
    """Centre, and Cholesky factor of the widened covariance, of the weighted draws."""
    weight = tempered(log_weight, least=least)
    centre = weight @ point.double()
    spread = point.double() - centre
    covariance = WIDER * (spread.T * weight) @ spread + 1e-6 * torch.eye(len(centre))
    return centre, torch.linalg.cholesky(covariance)
