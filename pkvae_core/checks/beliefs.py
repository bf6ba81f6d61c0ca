"""What does each engine believe about a virtual patient's exposure: the weighted ladder, the encoder alone, the exact posterior.

Exposures are those of the card's typical regimen: AUC24 at steady state, trough and peak of its fifth day, per mg of active substance.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.importance import WeightedDraws, unweighted
from pkvae_core.inference.ladder import climb
from pkvae_core.inference.reference import Exact
from pkvae_core.structural.exponentials import Doses, Pulses, superpose
from pkvae_core.vae.vae import PKVAE

DAYS = 5
EXPOSURES = ("auc24", "trough", "peak")


def unit_exposures(card: DrugCard, pulses: Pulses) -> dict[str, Tensor]:
    """Each of `EXPOSURES` [subject, draw] of these responses."""
    regimen = card.typical_regimen
    route = card.routes.index(card.product(regimen.product).route)
    count = pulses.lag.shape[0]
    start = torch.arange(0, 24 * DAYS, regimen.interval_h)[None].float().expand(count, -1)
    doses = Doses(start, torch.ones_like(start), torch.full_like(start, regimen.infusion_h), torch.full_like(start, route, dtype=torch.long))
    last = float(start[0, -1])
    after = torch.cat([torch.tensor([regimen.infusion_h]), torch.linspace(0.25, min(6.0, regimen.interval_h), 24)])
    times = torch.cat([torch.tensor([last + regimen.interval_h]), last + after])[None].expand(count, -1)
    concentration = superpose(pulses, doses, times)[0]
    return {"auc24": pulses.auc()[..., route] * 24 / regimen.interval_h, "trough": concentration[..., 0], "peak": concentration[..., 1:].max(-1).values}


@dataclass(frozen=True)
class Belief:
    """Draws of every exposure [draw] of one patient, and their weights."""

    exposures: dict[str, np.ndarray]
    weight: np.ndarray

    def quantile(self, metric: str, probability: float) -> float:
        return float(weighted_quantile(self.exposures[metric], self.weight, probability))

    def covers(self, metric: str, truth: float) -> bool:
        """Whether the central 90 % interval holds the truth."""
        return self.quantile(metric, 0.05) <= truth <= self.quantile(metric, 0.95)

    def log_error(self, metric: str, truth: float) -> float:
        """Error of the posterior median, on the log scale."""
        return math.log(self.quantile(metric, 0.5) / truth)

    def probability_in(self, card: DrugCard) -> np.ndarray:
        """Probability in the default target of each available amount [amount], every typical interval."""
        target, product = card.target(), card.product(card.typical_regimen.product)
        exposure = self.exposures[target.metric] * np.array([product.active_mg(a) for a in product.amounts_mg])[:, None]
        return ((exposure >= target.low) & (exposure <= target.high)) @ self.weight


def lost_probability(card: DrugCard, ours: Belief, exact: Belief) -> float:
    """Probability in target, by the exact posterior, that is lost by giving the amount likeliest in target to us instead of the one likeliest to it."""
    inside = exact.probability_in(card)
    return float(inside.max() - inside[ours.probability_in(card).argmax()])


def beliefs(model: PKVAE, drawn: WeightedDraws) -> list[Belief]:
    exposures = {k: v.numpy() for k, v in unit_exposures(model.card, model.decoder(drawn.z)).items()}
    weight = drawn.log_weight.double().softmax(-1).numpy()
    return [Belief({k: v[i] for k, v in exposures.items()}, weight[i]) for i in range(len(weight))]


def exact_belief(card: DrugCard, exact: Exact) -> Belief:
    return Belief({k: v[0].numpy() for k, v in unit_exposures(card, exact.pulses).items()}, exact.weight.numpy())


def weighted(model: PKVAE, population: Population, *, draws: int, seed: int) -> tuple[WeightedDraws, list[str]]:
    """The shipped engine on a batch: the prior without levels, else the ladder."""
    generator = torch.Generator().manual_seed(seed)
    if bool(population.is_sample.any()):
        return climb(model, population, draws=draws, generator=generator)
    drawn = unweighted(model, population, model.prior(population.covariates), draws=draws, generator=generator)
    return drawn, ["prior"] * len(drawn.z)


def encoder_alone(model: PKVAE, population: Population, *, draws: int, seed: int) -> WeightedDraws:
    return unweighted(model, population, model.posterior(population), draws=draws, generator=torch.Generator().manual_seed(seed))
