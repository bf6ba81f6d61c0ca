"""How well does a model explain observed levels, and how is it made to explain them better?

Of an observed patient there is no whole curve, only levels y. With K draws z from a proposal r, the encoder defended by a part of the prior,
    log p(y | c) >= E log 1/K sum_k p(y | z_k) p(z_k | c) / r(z_k)
(importance-weighted bound, Burda et al. 2016). Its gradient, the draws held still, teaches decoder, prior and residual error. The encoder learns by forward
KL, which covers the posterior's mass where the bound alone would shrink it: from the same weighted draws ("wake"), and from levels that the model itself
dreams at the patients' own times, some of them hidden ("sleep"; reweighted wake-sleep, Bornschein & Bengio 2015). A model without an encoder as yet is taught
with another proposal (see `proposals`), and its encoder by dreams alone, once it has settled.
"""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import MixtureSameFamily

from pkvae_core.drugs.population import Population
from pkvae_core.residual_error import ResidualError, log_likelihood
from pkvae_core.vae.vae import PKVAE

DEFENCE = 0.2


@dataclass(frozen=True)
class _Known(ResidualError):
    """A residual error whose standard deviations are known already."""

    deviation: Tensor

    def sd(self, concentration: Tensor) -> Tensor:
        return self.deviation


class Learner(nn.Module):
    """A model with the logarithms of what multiplies its residual error (proportional, additive)."""

    def __init__(self, model: PKVAE):
        super().__init__()
        self.model = model
        self.log_factor = nn.Parameter(torch.zeros(2))

    def typical(self) -> list[nn.Parameter]:
        """What moves everybody alike, residual error included: a few numbers that a small cohort can tell."""
        return [*self.model.decoder.typical(), self.log_factor]

    def bends(self) -> list[nn.Parameter]:
        """What a small network adds to what is straight in z, and in the covariates."""
        return [p for name, p in self.model.named_parameters() if ".bent." in name]

    def errors(self) -> tuple[tuple[float, float], ...]:
        proportional, additive = self.log_factor.detach().double().exp().tolist()
        return tuple((e.proportional * proportional, e.additive_mg_per_L * additive) for e in self.model.errors)

    def sds(self, concentration: Tensor) -> list[Tensor]:
        """Standard deviation of the measurement (mg/L) under the error of each of the model's names."""
        proportional, additive = self.log_factor.exp()
        each = self.model.errors
        variances = [(e.additive_mg_per_L * additive) ** 2 + (e.proportional * proportional * concentration) ** 2 for e in each]
        return [variance.clamp(min=1e-12).sqrt() for variance in variances]

    def log_levels(self, population: Population, concentration: Float[Tensor, "subject draw sample"], z: Tensor) -> Float[Tensor, "subject draw"]:
        """log p(levels | z), summed over whose error it may be."""
        level, is_below = population.level[:, None], population.is_below_lloq[:, None]
        counts = (population.trust * population.is_sample)[:, None]
        each = [(log_likelihood(concentration, level, is_below, _Known(0, 0, sd)) * counts).sum(-1) for sd in self.sds(concentration)]
        return (self.model.membership(z, population.covariates) + torch.stack(each, -1)).logsumexp(-1)


@dataclass(frozen=True)
class Bound:
    """The bound of each subject (nats), and minus the encoder's weighted log-density of the draws ("wake")."""

    bound: Float[Tensor, " subject"]
    wake: Float[Tensor, " subject"]


def log_density(mixture: MixtureSameFamily, z: Float[Tensor, "subject draw latent"]) -> Float[Tensor, "subject draw"]:
    return mixture.log_prob(z.transpose(0, 1)).T


def drawn(mixture: MixtureSameFamily, draws: int) -> Float[Tensor, "subject draw latent"]:
    with torch.no_grad():
        return mixture.sample(torch.Size((draws,))).transpose(0, 1)


def bound(learner: Learner, population: Population, draws: int, proposal: MixtureSameFamily | None = None) -> Bound:
    """The importance-weighted bound with `draws` draws a subject, of torch's own generator; they come from the encoder unless another proposal is given."""
    model, from_prior = learner.model, max(1, round(DEFENCE * draws))
    prior, encoder = model.prior(population.covariates), model.posterior(population) if proposal is None else proposal
    z = torch.cat([drawn(encoder, draws - from_prior), drawn(prior, from_prior)], 1)
    log_prior, log_encoder = log_density(prior, z), log_density(encoder, z)
    share = from_prior / draws
    log_proposal = torch.logaddexp(log_encoder + math.log(1 - share), log_prior + math.log(share)).detach()
    concentration = model.responses(z, population).curves(population.doses, population.sample_time)[0]
    log_weight = learner.log_levels(population, concentration, z) + log_prior - log_proposal
    weight = log_weight.detach().softmax(1)
    return Bound(log_weight.logsumexp(1) - math.log(draws), -(weight * log_encoder).sum(1))


def dream(learner: Learner, population: Population, least: float) -> tuple[Population, Float[Tensor, "subject latent"]]:
    """Patients whom the model makes up in the place of these, with levels at some of the same times; what falls below `least` (mg/L) is reported so."""
    model = learner.model
    with torch.no_grad():
        z = drawn(model.prior(population.covariates), 1)
        concentration = model.responses(z, population).curves(population.doses, population.sample_time)[0]
        member = model.membership(z, population.covariates)[:, 0].exp()
        sd = torch.stack(learner.sds(concentration[:, 0]), -1)
        own = sd.gather(-1, torch.multinomial(member, 1)[:, None].expand(-1, sd.shape[1], -1))[..., 0]
        level = concentration[:, 0] + own * torch.randn(own.shape)
        is_below = level < least
        is_kept = torch.rand(level.shape) < 0.3 + torch.rand(len(level), 1)  # all of them in seven patients of ten
        is_sample = population.is_sample & is_kept & level.isfinite()  # a far dream can be too steep for single precision
        level = torch.where(is_sample, level, least).clamp(min=least)
        seen = replace(population, level=level, is_below_lloq=is_below & population.is_sample, is_sample=is_sample)
    return seen, z[:, 0]


def sleep(learner: Learner, population: Population, least: float) -> Float[Tensor, " subject"]:
    """Minus the encoder's log-density of the z that made up the levels it sees."""
    seen, z = dream(learner, population, least)
    return -learner.model.posterior(seen).log_prob(z)
