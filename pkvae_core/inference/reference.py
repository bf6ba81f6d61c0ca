"""What is the right answer for a virtual patient: the exact posterior of the published models that made it.

Importance sampling in the space of the models' standard normal etas: first from the prior; where too few draws count, from a t distribution around those that
do (defended by the prior), again and again. Nothing of our networks enters.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel, pulses
from pkvae_core.inference.adapt import draw_t, log_t, moments
from pkvae_core.residual_error import log_likelihood
from pkvae_core.structural.exponentials import Pulses, superpose

LEAST_EFFECTIVE = 400
ROUNDS = 4
DEFENCE = 0.1


@dataclass(frozen=True)
class Exact:
    """True responses drawn for one patient, with normalised weights; `effective` counts the draws that matter."""

    pulses: Pulses
    weight: Float[Tensor, " draw"]
    effective: float

    @property
    def is_reliable(self) -> bool:
        return self.effective >= LEAST_EFFECTIVE


@dataclass(frozen=True)
class _Draws:
    """One published model's standard normals, responses, log-likelihood times prior over proposal."""

    normal: Float[Tensor, "draw eta"]
    pulses: Pulses
    log_weight: Float[Tensor, " draw"]


def exact_posterior(card: DrugCard, population: Population, *, draws: int = 10_000, seed: int = 0) -> Exact:
    """Exact posterior of one patient whose covariates are all known, for the card's mixture of published models, with `draws` of each model."""
    generator = torch.Generator().manual_seed(seed)
    covariates = {c.name: population.covariates[:, i] for i, c in enumerate(card.covariates)}
    models = [MODELS[m.name] for m in card.published_models]
    prior = torch.tensor([m.weight for m in card.published_models]).double().log()
    each = [_weigh(model, covariates, population, *_from_prior(model, draws, generator)) for model in models]
    exact = _join(each, prior)
    for _ in range(ROUNDS):
        if exact.is_reliable:
            break
        each = [_weigh(model, covariates, population, *_around(found, draws, generator)) for model, found in zip(models, each, strict=True)]
        exact = _join(each, prior)
    return exact


def _join(each: list[_Draws], prior: Tensor) -> Exact:
    terms = max(d.pulses.amplitude.shape[-1] for d in each)
    padded = [_with_terms(d.pulses, terms) for d in each]
    joined = Pulses(*(torch.cat([getattr(p, field) for p in padded], 1) for field in ("amplitude", "rate", "lag")))
    weight = torch.cat([d.log_weight + p for d, p in zip(each, prior, strict=True)]).softmax(0)
    return Exact(joined, weight, float(1 / weight.square().sum()))


def _with_terms(one: Pulses, terms: int) -> Pulses:
    """The same responses with exponentials of amplitude 0 added up to `terms`."""
    more = terms - one.amplitude.shape[-1]
    return Pulses(torch.nn.functional.pad(one.amplitude, (0, more)), torch.nn.functional.pad(one.rate, (0, more), value=1.0), one.lag)


def _weigh(model: PublishedModel, covariates: dict[str, Tensor], population: Population, normal: Tensor, log_ratio: Tensor) -> _Draws:
    responses = pulses(model.at(covariates, normal[None]))
    concentration = superpose(responses, population.doses, population.sample_time)[0]
    each = log_likelihood(concentration, population.level[:, None], population.is_below_lloq[:, None], model.error)
    return _Draws(normal, responses, (each * population.is_sample[:, None]).sum(-1)[0].double() + log_ratio)


def _from_prior(model: PublishedModel, draws: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.randn(draws, len(model.variance), dtype=torch.float64, generator=generator), torch.zeros(draws, dtype=torch.float64)


def _around(found: _Draws, draws: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Normals from a widened t around the weighted ones (a tenth from the prior), and the log-ratio of prior to proposal."""
    centre, scale = moments(found.normal, found.log_weight)
    size, from_prior = len(centre), round(DEFENCE * draws)
    near = draw_t(centre, scale, draws - from_prior, generator)
    normal = torch.cat([near, torch.randn(from_prior, size, dtype=torch.float64, generator=generator)])
    log_prior = -0.5 * normal.square().sum(-1) - 0.5 * size * math.log(2 * math.pi)
    return normal, log_prior - torch.logaddexp(log_t(normal, centre, scale) + math.log(1 - DEFENCE), log_prior + math.log(DEFENCE))
