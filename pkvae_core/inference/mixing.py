"""What do several models of one drug believe together about one patient?

The posterior under an ensemble is the mixture of its members' posteriors, each with the weight p(member | levels), proportional to p(levels | member): members
that one cohort made equally likely are told apart by the new patient's own levels. One member alone keeps its answer, draw by draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.population import rows
from pkvae_core.inference.importance import WeightedDraws
from pkvae_core.inference.ladder import RUNGS
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.responses import joined

LEAST_DRAWS = 200  # of each member: the weights of fewer could not be judged
COUNTS_FROM = 0.05  # probability from which a member's diagnostics matter to the mixture


@dataclass(frozen=True)
class Belief:
    """One model's weighted draws for a batch of subjects, the rung of the ladder they come from, and how the subjects answer to doses."""

    drawn: WeightedDraws
    rungs: tuple[str, ...]
    responses: AnyResponses

    def of_subject(self, subject: int) -> "Belief":
        one = slice(subject, subject + 1)
        return Belief(rows(self.drawn, one), self.rungs[one], rows(self.responses, one))


@dataclass(frozen=True)
class Mixed:
    """What is believed of one subject: draws with weights that sum to 1. `z` is None where the members have each their own latent space."""

    responses: AnyResponses
    weight: Float[Tensor, " draw"]
    member: Float[Tensor, "draw model"]
    z: Float[Tensor, "draw latent"] | None
    rung: str
    effective: float
    k_hat: float


def share_of(draws: int, members: int) -> int:
    """How many draws each member makes of those asked for."""
    return draws if members == 1 else max(LEAST_DRAWS, draws // members)


def mixed(beliefs: Sequence[Belief]) -> Mixed:
    """The mixture of one subject's beliefs; of the members that matter, the worst rung and k-hat are told."""
    probability = torch.cat([belief.drawn.log_evidence for belief in beliefs]).double().softmax(0)
    matter = [belief for belief, p in zip(beliefs, probability.tolist(), strict=True) if p >= COUNTS_FROM / len(beliefs)]
    weights = [p * belief.drawn.log_weight[0].double().softmax(0) for belief, p in zip(beliefs, probability, strict=True)]
    return Mixed(
        responses=beliefs[0].responses if len(beliefs) == 1 else joined([belief.responses for belief in beliefs]),
        weight=torch.cat(weights),
        member=torch.cat([belief.drawn.log_member[0].double().exp() for belief in beliefs]),
        z=beliefs[0].drawn.z[0] if len(beliefs) == 1 else None,
        rung=max((belief.rungs[0] for belief in matter), key=RUNGS.index),
        effective=float(1 / sum(p**2 / float(b.drawn.effective[0]) for b, p in zip(beliefs, probability.tolist(), strict=True))),
        k_hat=max(float(belief.drawn.k_hat[0]) for belief in matter),
    )
