"""What is believed about the exposure of a batch of patients, whoever believes it, and which dose would that belief give?

Exposures are those of the card's typical regimen: AUC24 at steady state, trough and peak of its fifth day, per mg of active substance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.structural.exponentials import Doses, Pulses, superpose

DAYS = 5
EXPOSURES = ("auc24", "trough", "peak")


def unit_exposures(card: DrugCard, pulses: Pulses, metrics: Sequence[str] = EXPOSURES) -> dict[str, Tensor]:
    """Each of these exposures [subject, draw] of these responses."""
    regimen = card.typical_regimen
    route = card.routes.index(card.product(regimen.product).route)
    count = pulses.lag.shape[0]
    start = torch.arange(0, 24 * DAYS, regimen.interval_h)[None].float().expand(count, -1)
    doses = Doses(start, torch.ones_like(start), torch.full_like(start, regimen.infusion_h), torch.full_like(start, route, dtype=torch.long))
    last = float(start[0, -1])
    after = torch.cat([torch.tensor([regimen.infusion_h]), torch.linspace(0.25, min(6.0, regimen.interval_h), 24)])
    times = torch.cat([torch.tensor([last + regimen.interval_h]), last + after[: None if "peak" in metrics else 0]])[None].expand(count, -1)
    concentration = superpose(pulses, doses, times)[0]
    found = {"auc24": pulses.auc()[..., route] * 24 / regimen.interval_h, "trough": concentration[..., 0]}
    return {name: found[name] if name != "peak" else concentration[..., 1:].max(-1).values for name in metrics}


@dataclass(frozen=True)
class Beliefs:
    """Draws of every exposure [subject, draw], and their weights; those of a subject sum to 1."""

    exposures: dict[str, Tensor]
    weight: Float[Tensor, "subject draw"]

    def quantiles(self, metric: str, probabilities: Sequence[float]) -> Float[Tensor, "probability subject"]:
        """The values below which draws of these total weights lie (linear between the middles of the weights, as in `exposure.weighted_quantile`)."""
        ranked, order = self.exposures[metric].double().sort(1)
        share = self.weight.double().gather(1, order)
        middle = share.cumsum(1) - share / 2
        wanted = torch.tensor(list(probabilities), dtype=torch.float64).expand(len(ranked), -1).contiguous()
        upper = torch.searchsorted(middle, wanted).clamp(max=ranked.shape[1] - 1)
        lower = (upper - 1).clamp(min=0)
        low, high, low_at, high_at = (table.gather(1, i) for table in (ranked, middle) for i in (lower, upper))
        part = ((wanted - low_at) / (high_at - low_at).clamp(min=1e-12)).clamp(0, 1)
        return (low + part * (high - low)).T

    def probability_in(self, card: DrugCard) -> Float[Tensor, "subject amount"]:
        """Probability in the default target of each available amount, every typical interval."""
        target, exposure = card.target(), self.exposures[card.target().metric].double()
        inside = [(exposure * amount >= target.low) & (exposure * amount <= target.high) for amount in amounts_mg(card)]
        return torch.stack([(each * self.weight).sum(1) for each in inside], 1)


def amounts_mg(card: DrugCard) -> list[float]:
    """Active substance in each available amount of the product of the typical regimen."""
    product = card.product(card.typical_regimen.product)
    return [product.active_mg(amount) for amount in product.amounts_mg]


def is_in_target(card: DrugCard, truth: Float[Tensor, " subject"], chosen: Int[Tensor, " subject"]) -> Tensor:
    """Whether the true exposure (per mg, of the default target's kind) lands in the target with the chosen amounts."""
    exposure = truth.double() * torch.tensor(amounts_mg(card), dtype=torch.float64)[chosen]
    return (exposure >= card.target().low) & (exposure <= card.target().high)


def joined(each: Sequence[Beliefs], weight: Float[Tensor, "subject draw"]) -> Beliefs:
    """The draws of several beliefs about the same subjects side by side, weighed anew."""
    return Beliefs({name: torch.cat([b.exposures[name] for b in each], 1) for name in each[0].exposures}, weight)


def picked(each: Sequence[Beliefs], index: Int[Tensor, " subject"]) -> Beliefs:
    """Of several beliefs with equally many draws, the one that `index` names for each subject."""
    subject = torch.arange(len(index))
    return Beliefs({name: torch.stack([b.exposures[name] for b in each])[index, subject] for name in each[0].exposures}, _picked_weight(each, index))


def _picked_weight(each: Sequence[Beliefs], index: Tensor) -> Tensor:
    return torch.stack([b.weight for b in each])[index, torch.arange(len(index))]
