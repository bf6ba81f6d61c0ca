"""How do draws get from where a proposal put them to where they belong, when weights alone would leave a handful? In steps that leave many of them each.

Sequential Monte Carlo (Del Moral, Doucet & Jasra, J R Stat Soc B 2006;68:411) along    log p_b = (1 - b) log proposal + b log target,    b from 0 to 1.
Each step goes as far as leaves half of the draws effective. They are then resampled, and moved by differences between pairs of them (differential evolution:
ter Braak, Stat Comput 2006;16:239): these know the local shape of the target without being told, and lead from one mode into another.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

KEEP, MOVES, MOST_STEPS, HALVINGS = 0.5, 2, 40, 25
REACHES = (0.3, 0.6, 1.0)  # of the reach that is best for a Gaussian, 1.68/sqrt(axes) times a difference
JITTER = 1e-3

Draws = Float[Tensor, "draw axis"]
Scores = tuple[Float[Tensor, " draw"], Float[Tensor, " draw"]]
Score = Callable[[Draws], Scores]


@dataclass(frozen=True)
class Tempered:
    """Equally weighted draws of the target; `distinct` of them differ, after so many `steps`. Draws that did not arrive leave `is_there` false."""

    z: Draws
    distinct: int
    steps: int
    is_there: bool


def temper(z: Draws, score: Score, generator: torch.Generator) -> Tempered:
    """Draws of the target from draws of the proposal; `score` gives both log-densities, up to constants."""
    scores, reached, steps = score(z), 0.0, 0
    while reached < 1 and steps < MOST_STEPS:
        step = _step(scores[1] - scores[0], 1 - reached)
        chosen = _resampled((step * (scores[1] - scores[0])).softmax(0), generator)
        z, scores = z[chosen], (scores[0][chosen], scores[1][chosen])
        reached, steps = reached + step, steps + 1
        for _ in range(MOVES):
            z, scores = _moved(z, scores, score, reached, generator)
    return Tempered(z, len(z[:, 0].unique()), steps, reached >= 1)


def _step(gain: Float[Tensor, " draw"], left: float) -> float:
    """The longest step that leaves enough effective draws, by bisection."""

    def is_short(step: float) -> bool:
        return float(1 / (step * gain).softmax(0).square().sum()) >= KEEP * len(gain)

    if is_short(left):
        return left
    low, high = 0.0, left
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_short(middle) else (low, middle)
    return low


def _resampled(weight: Float[Tensor, " draw"], generator: torch.Generator) -> Int[Tensor, " draw"]:
    """Which draws live on, each as often as it weighs (systematic)."""
    position = (torch.arange(len(weight)) + torch.rand(1, generator=generator)) / len(weight)
    return torch.searchsorted(weight.double().cumsum(0), position.double()).clamp(max=len(weight) - 1)


def _moved(z: Draws, scores: Scores, score: Score, reached: float, generator: torch.Generator) -> tuple[Draws, Scores]:
    """Every draw after one Metropolis step: along the difference between two others, a little jittered."""
    count, axes = z.shape
    first, second = torch.randint(count, (2, count), generator=generator)
    reach = torch.tensor(REACHES)[torch.randint(len(REACHES), (count, 1), generator=generator)] * 1.68 / math.sqrt(axes)
    there = z + reach * (z[first] - z[second]) + JITTER * torch.randn(z.shape, generator=generator)
    others = score(there)
    now, then = ((1 - reached) * start + reached * end for start, end in (scores, others))
    goes = torch.rand(count, generator=generator).log() < then - now
    kept = (torch.where(goes, other, own) for own, other in zip(scores, others, strict=True))
    return torch.where(goes[:, None], there, z), (next(kept), next(kept))
