"""Who is compared in the benchmark, and what does each believe about a batch of virtual patients?

weighted   the shipped model: the ladder's draws
encoder    its network alone
exact      the exact posterior of the card's published models (importance sampling in their etas)
right      MAP-Bayes with the published model that made the patient
wrong      MAP-Bayes with the next one on the card; where there is one only, with a model of another structure fitted to a cohort (`classical`)
average    MAP-Bayes averaged over the card's models: the exact posterior but for fewer draws
mode       MAP-Bayes with the right model by its mode and Laplace covariance alone, as the classical tools do
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from pkvae_core.checks.beliefs import Beliefs, joined, picked
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, published_responses
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.importance import WeightedDraws, unweighted
from pkvae_core.inference.ladder import climb
from pkvae_core.inference.mapbayes import Individual, find_modes, individual, map_batch
from pkvae_core.inference.mode import Mode, find_mode
from pkvae_core.inference.reference import LEAST_EFFECTIVE
from pkvae_core.vae.vae import PKVAE

ENGINES = {
    "exact": "exact posterior",
    "weighted": "VAE",
    "encoder": "encoder alone",
    "right": "MAP, right model",
    "wrong": "MAP, wrong model",
    "average": "MAP, averaged",
    "mode": "MAP, right model, mode and Laplace",
}
MAP_DRAWS, LAPLACE_DRAWS = 500, 300
EXACT_DRAWS = 2500  # in all, shared out evenly over the card's models


@dataclass(frozen=True)
class Rivals:
    """What everybody but the shipped model believes, and for how many subjects the exact answer has too few effective draws."""

    beliefs: dict[str, Beliefs]
    unreliable: int


def measured(card: DrugCard) -> tuple[str, ...]:
    """The exposures in the table: AUC24, trough, and the card's default target where it is the peak."""
    return ("auc24", "trough", "peak") if card.main_metric == "peak" else ("auc24", "trough")


def weighted(model: PKVAE, population: Population, *, draws: int, seed: int) -> tuple[WeightedDraws, list[str]]:
    """The shipped engine on a batch: the prior without levels, else the ladder."""
    generator = torch.Generator().manual_seed(seed)
    if bool(population.is_sample.any()):
        return climb(model, population, draws=draws, generator=generator)
    drawn = unweighted(model, population, model.prior(population.covariates), draws=draws, generator=generator)
    return drawn, ["prior"] * len(drawn.z)


def encoder_alone(model: PKVAE, population: Population, *, draws: int, seed: int) -> WeightedDraws:
    return unweighted(model, population, model.posterior(population), draws=draws, generator=torch.Generator().manual_seed(seed))


def beliefs_of(model: PKVAE, population: Population, drawn: WeightedDraws, *, is_dosed: bool = True) -> Beliefs:
    """What draws of z say about exposures."""
    weight, metrics = drawn.log_weight.double().softmax(-1), measured(model.card)
    return Beliefs.of(model.card, model.responses(drawn.z, population), weight, metrics=metrics, is_dosed=is_dosed)


def rivals(card: DrugCard, population: Population, generating: Int[Tensor, " subject"], opponent: PublishedModel | None, *, seed: int) -> Rivals:
    """All classical answers for virtual patients made by the card's models number `generating`; `opponent` is the wrong model of a card that has one only."""
    modes = find_modes(card, population)
    found = map_batch(card, population, draws=MAP_DRAWS, seed=seed, modes=modes)
    each = [_beliefs(card, one) for one in found.each]
    beliefs = {"right": picked(each, generating), "average": joined(each, found.weight)}
    if opponent is None:
        beliefs["wrong"] = picked(each, (generating + 1) % len(each))
    else:
        beliefs["wrong"] = _beliefs(card, wrong_model(card, population, opponent, seed=seed))
    beliefs["mode"] = picked([_by_mode(card, population, one, seed) for one in found.each], generating)
    beliefs["exact"], unreliable = _exact(card, population, modes, seed + 1)
    return Rivals(beliefs, unreliable)


def wrong_model(card: DrugCard, population: Population, opponent: PublishedModel, *, seed: int) -> Individual:
    """MAP-Bayes with a model that is not on the card."""
    generator = torch.Generator().manual_seed(seed)
    return individual(opponent, card, population, find_mode(opponent, card, population), draws=MAP_DRAWS, generator=generator)


def _exact(card: DrugCard, population: Population, modes: dict[str, Mode], seed: int) -> tuple[Beliefs, int]:
    """The mixture of all models, with draws of its own."""
    found = map_batch(card, population, draws=EXACT_DRAWS // len(card.published_models), seed=seed, modes=modes)
    effective = 1 / found.weight.square().sum(1)
    return joined([_beliefs(card, one) for one in found.each], found.weight), int((effective < LEAST_EFFECTIVE).sum())


def _beliefs(card: DrugCard, one: Individual) -> Beliefs:
    return Beliefs.of(card, one.responses, one.drawn.log_weight.exp(), metrics=measured(card))


def _by_mode(card: DrugCard, population: Population, one: Individual, seed: int) -> Beliefs:
    """Normal draws around the mode, all worth the same."""
    size = one.mode.normal.shape[1]
    normal = torch.randn(LAPLACE_DRAWS, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    place = one.mode.normal[:, None] + normal @ one.mode.scale.transpose(1, 2)
    responses = published_responses(MODELS[one.name], card, population, place)
    even = torch.full(place.shape[:2], 1 / LAPLACE_DRAWS, dtype=torch.float64)
    return Beliefs.of(card, responses, even, metrics=measured(card))
