"""Where the encoder's proposal fails: climb to the posterior's mode, and propose a t distribution shaped by its curvature."""

from collections.abc import Callable

import torch
from torch import Tensor

from pkvae_core.drugs.population import Population
from pkvae_core.inference.importance import DEFENCE, WeightedDraws, draw, log_density, log_levels, weigh
from pkvae_core.vae.vae import PKVAE

FREEDOM = 5.0
STEPS = 25


def laplace_sample(model: PKVAE, population: Population, start: Tensor, *, draws: int, generator: torch.Generator) -> WeightedDraws:
    """Weighted draws for one patient from a multivariate t (5 degrees of freedom) at the mode reached from `start` [latent], defended by the prior."""
    prior = model.prior(population.covariates)
    mode, scale = _climb(model, population, prior, start)
    latent, from_prior = start.shape[0], round(DEFENCE * draws)
    normal = torch.randn(draws - from_prior, latent, generator=generator)
    chi = _chi2(draws - from_prior, generator)
    z = torch.cat([(mode + (normal / (chi / FREEDOM).sqrt()[:, None]) @ scale.T)[None], draw(prior, from_prior, generator)], 1)
    log_prior = log_density(prior, z)
    share = torch.tensor(from_prior / draws)
    log_proposal = torch.logaddexp(_log_t(z - mode, scale) + (1 - share).log(), log_prior + share.log())
    return weigh(model, population, z, log_prior, log_proposal)


def _chi2(count: int, generator: torch.Generator) -> Tensor:
    """Chi-square draws as sums of squared normals: torch's own sampler takes no generator."""
    return torch.randn(count, int(FREEDOM), generator=generator).square().sum(-1)


def _log_t(deviation: Tensor, scale: Tensor) -> Tensor:
    """Log-density of the multivariate t at `deviation` [1, draw, latent] with Cholesky `scale`."""
    latent = scale.shape[0]
    distance = torch.linalg.solve_triangular(scale, deviation[0].T, upper=False).square().sum(0)
    constant = (
        torch.lgamma(torch.tensor((FREEDOM + latent) / 2))
        - torch.lgamma(torch.tensor(FREEDOM / 2))
        - 0.5 * latent * torch.log(torch.tensor(FREEDOM * torch.pi))
    )
    return (constant - scale.diagonal().log().sum() - 0.5 * (FREEDOM + latent) * torch.log1p(distance / FREEDOM))[None]


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
    hessian = torch.autograd.functional.hessian(height, z)
    assert isinstance(hessian, Tensor)
    return -hessian


def _inverse_root(curvature: Tensor, damping: float) -> Tensor:
    """Lower-triangular L with L L^T the inverse of the curvature, its eigenvalues held above 0.05 (the prior's own scale is about 1)."""
    value, vector = torch.linalg.eigh(curvature.double() + damping * torch.eye(len(curvature)))
    covariance = vector @ torch.diag(1 / value.clamp(min=0.05)) @ vector.T
    return torch.linalg.cholesky(covariance).to(curvature.dtype)
