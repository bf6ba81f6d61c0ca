"""How much is each draw worth: p(levels | z) p(z | c) / q(z), for a batch of patients at once."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import MixtureSameFamily, MultivariateNormal

from pkvae_core.drugs.population import Population
from pkvae_core.inference.adapt import draw_t, log_t
from pkvae_core.inference.psis import effective_draws, smooth
from pkvae_core.residual_error import ResidualError, log_likelihood
from pkvae_core.vae.vae import PKVAE

DEFENCE = 0.1


@dataclass(frozen=True)
class WeightedDraws:
    """Draws of z with normalised log-weights; `effective` and `k_hat` judge the raw weights, `log_member` is log p(published model | z, levels, c).

    `log_evidence` is log p(levels | model), 0 where the draws were not weighed.
    """

    z: Float[Tensor, "subject draw latent"]
    log_weight: Float[Tensor, "subject draw"]
    effective: Float[Tensor, " subject"]
    k_hat: Float[Tensor, " subject"]
    log_member: Float[Tensor, "subject draw model"]
    log_evidence: Float[Tensor, " subject"]


def draw(mixture: MixtureSameFamily, draws: int, generator: torch.Generator) -> Float[Tensor, "subject draw latent"]:
    """Draws from a mixture of Gaussians, components in exact proportion (systematic), so that a seed gives the same draws whatever the batch."""
    share = mixture.mixture_distribution.probs
    position = (torch.arange(draws) + torch.rand(1, generator=generator)) / draws
    component = torch.searchsorted(share.cumsum(-1).clamp(max=1 - 1e-6).contiguous(), position.expand(share.shape[0], -1).contiguous()).clamp(
        max=share.shape[-1] - 1
    )
    parts = _gaussians(mixture)
    normal = torch.randn(draws, parts.event_shape[0], generator=generator)
    rows = torch.arange(share.shape[0])[:, None]
    return parts.loc[rows, component] + (parts.scale_tril[rows, component] @ normal[None, ..., None])[..., 0]


def _gaussians(mixture: MixtureSameFamily) -> MultivariateNormal:
    parts = mixture.component_distribution
    assert isinstance(parts, MultivariateNormal)
    return parts


def log_density(mixture: MixtureSameFamily, z: Float[Tensor, "subject draw latent"]) -> Float[Tensor, "subject draw"]:
    """log q(z) of each subject's own mixture at its own draws."""
    parts = _gaussians(mixture)
    deviation = (z[:, :, None] - parts.loc[:, None]).transpose(1, 2)  # subject component draw latent
    whitened = torch.linalg.solve_triangular(parts.scale_tril, deviation.transpose(-1, -2), upper=False)
    half_log_det = parts.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    size = parts.event_shape[0]
    each = -0.5 * whitened.square().sum(-2) - half_log_det[..., None] - 0.5 * size * torch.log(torch.tensor(2 * torch.pi))
    return (each + mixture.mixture_distribution.logits[..., None].log_softmax(1)).logsumexp(1)


def log_levels(model: PKVAE, population: Population, z: Float[Tensor, "subject draw latent"]) -> Float[Tensor, "subject draw model"]:
    """log p(m | z, c) + log p(levels | z, m): each of the model's `names` with its own residual error; levels below their limit by M3."""
    concentration = model.responses(z, population).curves(population.doses, population.sample_time)[0]
    each = [log_likelihood_of(population, concentration, error) for error in model.errors]
    return model.membership(z, population.covariates) + torch.stack(each, -1)


def log_likelihood_of(population: Population, concentration: Float[Tensor, "subject draw sample"], error: ResidualError) -> Float[Tensor, "subject draw"]:
    """log p(levels | true concentrations), each level to the power of its trust; levels below their limit by M3."""
    each = log_likelihood(concentration, population.level[:, None], population.is_below_lloq[:, None], error)
    return (each * (population.trust * population.is_sample)[:, None]).sum(-1)


def importance_sample(model: PKVAE, population: Population, *, draws: int, generator: torch.Generator) -> WeightedDraws:
    """Draws from the student, defended by one part in ten from the prior, weighed by prior times likelihood."""
    prior, posterior = model.prior(population.covariates), model.posterior(population)
    from_prior = round(DEFENCE * draws)
    z = torch.cat([draw(posterior, draws - from_prior, generator), draw(prior, from_prior, generator)], 1)
    log_prior = log_density(prior, z)
    log_proposal = torch.logaddexp(log_density(posterior, z) + math.log(1 - DEFENCE), log_prior + math.log(DEFENCE))
    return weigh(model, population, z, log_prior, log_proposal)


def sample_t(
    model: PKVAE, population: Population, centre: Float[Tensor, " latent"], scale: Float[Tensor, "latent latent"], *, draws: int, generator: torch.Generator
) -> WeightedDraws:
    """One patient's draws from a t distribution, defended by one part in ten from the prior, weighed."""
    prior, from_prior = model.prior(population.covariates), round(DEFENCE * draws)
    centre, scale = centre.float(), scale.float()
    z = torch.cat([draw_t(centre, scale, draws - from_prior, generator)[None], draw(prior, from_prior, generator)], 1)
    log_prior = log_density(prior, z)
    log_proposal = torch.logaddexp(log_t(z[0], centre, scale)[None] + math.log(1 - DEFENCE), log_prior + math.log(DEFENCE))
    return weigh(model, population, z, log_prior, log_proposal)


def weigh(model: PKVAE, population: Population, z: Tensor, log_prior: Tensor, log_proposal: Tensor) -> WeightedDraws:
    """Smoothed importance weights of draws whose proposal density is known."""
    joint = log_levels(model, population, z)
    log_weight = (joint.logsumexp(-1) + log_prior - log_proposal).nan_to_num(nan=-torch.inf, posinf=-torch.inf)
    smoothed, k_hat = smooth(log_weight)
    log_evidence = log_weight.logsumexp(-1) - math.log(log_weight.shape[1])
    return WeightedDraws(z, smoothed, effective_draws(log_weight), k_hat, joint.log_softmax(-1), log_evidence)


def unweighted(model: PKVAE, population: Population, mixture: MixtureSameFamily, *, draws: int, generator: torch.Generator) -> WeightedDraws:
    """Draws of a mixture as they come, all worth the same: the prior, or the encoder alone."""
    z = draw(mixture, draws, generator)
    even = torch.full(z.shape[:2], -torch.log(torch.tensor(float(draws))).item(), dtype=torch.float64)
    everyone = torch.full((z.shape[0],), float(draws))
    nothing = torch.zeros_like(everyone)
    return WeightedDraws(z, even, everyone, nothing, log_levels(model, population, z).log_softmax(-1), nothing)
