"""What is believed about the exposure of a batch of patients, whoever believes it, and which dose would that belief give?

Exposures are those of the card's typical regimen (see `typical`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pkvae_core.checks.typical import EXPOSURES, amounts_mg, by_amount, exposures
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import is_dose_proportional
from pkvae_core.structural.any_responses import AnyResponses


@dataclass(frozen=True)
class Beliefs:
    """Draws of every exposure [subject, draw], and their weights; those of a subject sum to 1. `dosed` holds the exposure of the default target's kind with
    each available amount, where it does not follow from that of 1 mg."""

    exposures: dict[str, Tensor]
    weight: Float[Tensor, "subject draw"]
    dosed: Float[Tensor, "subject draw amount"] | None = None

    @classmethod
    def of(
        cls, card: DrugCard, responses: AnyResponses, weight: Float[Tensor, "subject draw"], *, metrics: Sequence[str] = EXPOSURES, is_dosed: bool = True
    ) -> "Beliefs":
        """What these draws say; `is_dosed`: with every available amount too."""
        is_asked = is_dosed and bool(card.targets) and not is_dose_proportional(card)
        dosed = by_amount(card, responses, amounts_mg(card), (card.main_metric,))[card.main_metric] if is_asked else None
        return cls(exposures(card, responses, metrics), weight, dosed)

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
        if self.dosed is not None:
            return (_is_inside(card, self.dosed.double()) * self.weight[..., None]).sum(1)
        exposure = self.exposures[card.target().metric].double()
        return torch.stack([(_is_inside(card, exposure * amount) * self.weight).sum(1) for amount in amounts_mg(card)], 1)


def _is_inside(card: DrugCard, exposure: Tensor) -> Tensor:
    return (exposure >= card.target().low) & (exposure <= card.target().high)


def is_in_target(card: DrugCard, truth: Beliefs, chosen: Int[Tensor, " subject"]) -> Tensor:
    """Whether the true exposure, of which there is one draw, lands in the default target with the chosen amounts."""
    return truth.probability_in(card).gather(1, chosen[:, None])[:, 0] > 0.5


def joined(each: Sequence[Beliefs], weight: Float[Tensor, "subject draw"]) -> Beliefs:
    """The draws of several beliefs about the same subjects side by side, weighed anew."""
    return Beliefs({name: torch.cat([b.exposures[name] for b in each], 1) for name in each[0].exposures}, weight, _together(each, torch.cat))


def picked(each: Sequence[Beliefs], index: Int[Tensor, " subject"]) -> Beliefs:
    """Of several beliefs with equally many draws, the one that `index` names for each subject."""

    def chosen(tables: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(tables))[index, torch.arange(len(index))]

    exposed = {name: chosen([b.exposures[name] for b in each]) for name in each[0].exposures}
    return Beliefs(exposed, chosen([b.weight for b in each]), _together(each, lambda tables, _: chosen(tables)))


def _together(each: Sequence[Beliefs], join: Callable[[list[Tensor], int], Tensor]) -> Tensor | None:
    """What is known with every amount; nothing where one of them does not say it."""
    known = [b.dosed for b in each if b.dosed is not None]
    return join(known, 1) if len(known) == len(each) else None
