"""What is the right answer for a virtual patient: the exact posterior of the published models that made it.

Importance sampling in the space of the models' standard normal etas: first from the prior; where too few draws count, from a t distribution around those that
do (defended by the prior), again and again. Nothing of our networks enters.
"""

import math
import time as clock
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import Population, published_responses
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.adapt import draw_t, log_t, moments
from pkvae_core.inference.importance import log_likelihood_of
from pkvae_core.inference.mapbayes import known_names
from pkvae_core.inference.posterior import Diagnostics, Posterior, cautions_of
from pkvae_core.patient import Patient
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.responses import joined

LEAST_EFFECTIVE = 400
ROUNDS = 4
DEFENCE = 0.1
KEPT = 2000  # draws of equal weight that stand for the tens of thousands of weighed ones


@dataclass(frozen=True)
class Exact:
    """True responses drawn for one patient, with normalised weights; `effective` counts the draws that matter."""

    responses: AnyResponses
    weight: Float[Tensor, " draw"]
    effective: float
    model_probability: Float[Tensor, " model"]

    @property
    def pulses(self) -> Pulses:
        """The responses as they are now."""
        return self.responses.pulses

    @property
    def is_reliable(self) -> bool:
        return self.effective >= LEAST_EFFECTIVE


@dataclass(frozen=True)
class _Draws:
    """One published model's standard normals, responses, log-likelihood times prior over proposal."""

    normal: Float[Tensor, "draw eta"]
    responses: AnyResponses
    log_weight: Float[Tensor, " draw"]


def exact_individual(card: DrugCard, patient: Patient, *, draws: int = 10_000, seed: int = 0) -> Posterior:
    """The exact posterior of one patient, in the form of every engine's. Raises ValueError where a covariate that the published models use is unknown."""
    started = clock.perf_counter()
    patient = complete(card, patient)
    names = list(known_names(card, None))
    unknown = [c.label.lower() for c in card.covariates if patient.covariate(c.name) is None and any(c.name in MODELS[n].covariates for n in names)]
    if unknown:
        raise ValueError(f"the exact posterior needs every covariate that the published models use; unknown here: {', '.join(unknown)}.")
    with torch.no_grad():
        exact = exact_posterior(card, Population.of(card, [patient]), draws=draws, seed=seed)
    rung = "prior" if not any(s.trust > 0 for s in patient.samples) else "weighted" if exact.is_reliable else "failed"
    posterior = Posterior(
        card=card,
        engine="exact",
        version=f"Exact posterior of {' + '.join(names)}, card {card.version}",
        provenance={"drug": card.drug, "version": f"exact posterior, card {card.version}", "card_version": card.version},
        patient=patient,
        responses=exact.responses,
        weight=exact.weight,
        model_probability=dict(zip(names, exact.model_probability.tolist(), strict=True)),
        diagnostics=Diagnostics(rung, exact.effective, len(exact.weight), None, 1e3 * (clock.perf_counter() - started)),
        revise=partial(exact_individual, card, draws=draws, seed=seed),
        cautions=cautions_of(card, patient, rung),
        seed=seed,
        member=torch.eye(len(names), dtype=torch.float64).repeat_interleave(draws, 0),
    )
    return posterior.resampled(KEPT)


def exact_posterior(card: DrugCard, population: Population, *, draws: int = 10_000, seed: int = 0) -> Exact:
    """Exact posterior of one patient whose covariates are all known, for the card's mixture of published models, with `draws` of each model."""
    generator = torch.Generator().manual_seed(seed)
    models = [MODELS[m.name] for m in card.published_models]
    prior = torch.tensor([m.weight for m in card.published_models]).double().log()
    each = [_weigh(model, card, population, *_from_prior(model.normals(population.occasions.shape[1]), draws, generator)) for model in models]
    exact = _join(each, prior)
    for _ in range(ROUNDS):
        if exact.is_reliable:
            break
        each = [_weigh(model, card, population, *_around(found, draws, generator)) for model, found in zip(models, each, strict=True)]
        exact = _join(each, prior)
    return exact


def _join(each: list[_Draws], prior: Tensor) -> Exact:
    log_weight = torch.cat([d.log_weight + p for d, p in zip(each, prior, strict=True)])
    weight = log_weight.softmax(0)
    member = torch.stack([part.sum() for part in weight.split([len(d.log_weight) for d in each])])
    return Exact(joined([d.responses for d in each]), weight, float(1 / weight.square().sum()), member)


def _weigh(model: PublishedModel, card: DrugCard, population: Population, normal: Tensor, log_ratio: Tensor) -> _Draws:
    responses = published_responses(model, card, population, normal[None])
    concentration = responses.curves(population.doses, population.sample_time)[0]
    log_weight = log_likelihood_of(population, concentration, model.error)[0].double() + log_ratio
    return _Draws(normal, responses, torch.where(log_weight.isnan(), -torch.inf, log_weight))  # a body too extreme for a number explains no level


def _from_prior(normals: int, draws: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.randn(draws, normals, dtype=torch.float64, generator=generator), torch.zeros(draws, dtype=torch.float64)


def _around(found: _Draws, draws: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Normals from a widened t around the weighted ones (a tenth from the prior), and the log-ratio of prior to proposal."""
    centre, scale = moments(found.normal, found.log_weight)
    size, from_prior = len(centre), round(DEFENCE * draws)
    near = draw_t(centre, scale, draws - from_prior, generator)
    normal = torch.cat([near, torch.randn(from_prior, size, dtype=torch.float64, generator=generator)])
    log_prior = -0.5 * normal.square().sum(-1) - 0.5 * size * math.log(2 * math.pi)
    return normal, log_prior - torch.logaddexp(log_t(normal, centre, scale) + math.log(1 - DEFENCE), log_prior + math.log(DEFENCE))
