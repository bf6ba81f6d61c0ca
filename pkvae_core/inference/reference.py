"""What is the right answer for a virtual patient: the exact posterior of the published models that made it, by importance sampling with many prior draws."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, draw_pulses
from pkvae_core.drugs.published import MODELS
from pkvae_core.residual_error import log_likelihood
from pkvae_core.structural.exponentials import Pulses, superpose

LEAST_EFFECTIVE = 400


@dataclass(frozen=True)
class Exact:
    """True responses drawn from the prior of one patient's covariates, with normalised weights; `effective` counts the draws that matter."""

    pulses: Pulses
    weight: Float[Tensor, " draw"]
    effective: float

    @property
    def is_reliable(self) -> bool:
        return self.effective >= LEAST_EFFECTIVE


def exact_posterior(card: DrugCard, population: Population, *, draws: int = 20_000, most: int = 500_000, seed: int = 0) -> Exact:
    """Exact posterior of one patient whose covariates are all known, for the card's mixture of published models.

    `draws` of each model, grown fivefold until 400 are effective or `most` is reached.
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        exact = _sample(card, population, draws, generator)
        if exact.is_reliable or draws >= most:
            return exact
        draws = min(5 * draws, most)


def _sample(card: DrugCard, population: Population, draws: int, generator: torch.Generator) -> Exact:
    covariates = {c.name: population.covariates[:, i] for i, c in enumerate(card.covariates)}
    total = sum(m.weight for m in card.published_models)
    responses, log_weights = [], []
    for i, m in enumerate(card.published_models):
        mine = draw_pulses(card, covariates, torch.tensor([i]), draws=draws, generator=generator)
        concentration = superpose(mine, population.doses, population.sample_time)[0]
        each = log_likelihood(concentration, population.level[:, None], population.is_below_lloq[:, None], MODELS[m.name].error)
        responses.append(mine)
        log_weights.append((each * population.is_sample[:, None]).sum(-1)[0].double() + math.log(m.weight / total))
    joined = Pulses(*(torch.cat([getattr(r, field) for r in responses], 1) for field in ("amplitude", "rate", "lag")))
    weight = torch.cat(log_weights).softmax(0)
    return Exact(joined, weight, float(1 / weight.square().sum()))
