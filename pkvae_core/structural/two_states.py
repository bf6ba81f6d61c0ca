"""How do two states that depend on each other relax together: the slopes of their slopes, and a step that is damped by them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


def pair(first: Float[Tensor, "*batch"], second: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch 2"]:
    """Two states as one tensor; each stays together in memory."""
    return torch.stack(torch.broadcast_tensors(first, second)).movedim(0, -1)


@dataclass(frozen=True)
class TwoByTwo:
    """How the slope of the first state changes with the first and the second, and that of the second (1/h)."""

    first_first: Float[Tensor, "*batch"]
    first_second: Float[Tensor, "*batch"]
    second_first: Float[Tensor, "*batch"]
    second_second: Float[Tensor, "*batch"]

    def times(self, states: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        one, two = states.unbind(-1)
        return pair(self.first_first * one + self.first_second * two, self.second_first * one + self.second_second * two)

    def solver(self, step: Float[Tensor, "*batch 1"]) -> Callable[[Float[Tensor, "*batch 2"]], Float[Tensor, "*batch 2"]]:
        """Answers x with step (1 - step J)^-1 x."""
        h = step[..., 0]
        a, d = 1 - h * self.first_first, 1 - h * self.second_second
        b, c = h * self.first_second, h * self.second_first
        share = h / (a * d - b * c)

        def solve(x: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
            one, two = x.unbind(-1)
            return pair(share * (d * one + b * two), share * (c * one + a * two))

        return solve
