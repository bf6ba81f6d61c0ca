"""Where the encoder's proposal fails: climb to the posterior's mode, and propose a t distribution shaped by its curvature."""

from collections.abc import Callable

import torch
from torch import Tensor

from pkvae_core.drugs.population import Population
from pkvae_core.inference.importance import WeightedDraws, log_density, log_levels, sample_t
from pkvae_core.vae.vae import PKVAE

STEPS = 25


def laplace_sample(model: PKVAE, population: Population, start: Tensor, *, draws: int, generator: torch.Generator) -> WeightedDraws:
    """Weighted draws for one patient from a multivariate t (5 degrees of freedom) at the mode reached from `start` [latent], defended by the prior."""
    mode, scale = _climb(model, population, model.prior(population.covariates), start)
    return sample_t(model, population, mode, scale, draws=draws, generator=generator)


def _climb(model: PKVAE, population: Population, prior, start: Tensor) -> tuple[Tensor, Tensor]:
    """Mode of log p(levels | z) + log p(z | c) by damped Newton steps, and the Cholesky factor of its inverse curvature."""

    def height(z: Tensor) -> Tensor:
        return (log_levels(model, population, z.view(1, 1, -1)).logsumexp(-1) + log_density(prior, z.view(1, 1, -1)))[0, 0]

    z, best, damping = start, height(start), 1e-2
    for _ in range(STEPS):
        gradient, curvature = torch.autograd.functional.jacobian(height, z), _curvature(height, z)
        root = _inverse_root(curvature, damping)
        step = root @ (root.T @ gradient)
        candidate = height(z + step)
        if candidate > best:
            gained, z, best, damping = candidate - best, z + step, candidate, damping / 5
            if gained < 1e-3:
                break
        else:
            damping *= 10
            if damping > 1e6:
                break
    return z, _inverse_root(_curvature(height, z), 0.0)


def _curvature(height: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Minus the second derivatives at z; where a likelihood is too steep for floating point, those of the prior's own scale."""
    hessian = torch.autograd.functional.hessian(height, z)
    assert isinstance(hessian, Tensor)
    return -hessian if bool(hessian.isfinite().all()) else torch.eye(len(z))


def _inverse_root(curvature: Tensor, damping: float) -> Tensor:
    """Lower-triangular L with L L^T the inverse of the curvature, its eigenvalues held above 0.05 (the prior's own scale is about 1)."""
    value, vector = torch.linalg.eigh(curvature.double() + damping * torch.eye(len(curvature)))
    covariance = vector @ torch.diag(1 / value.clamp(min=0.05)) @ vector.T
    return torch.linalg.cholesky(covariance).to(curvature.dtype)
