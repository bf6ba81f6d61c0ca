"""What does a body do in which the drug meets its target, and whose elimination of free drug was learned?

The target-mediated body (`target_mediated`), where free drug at the concentration f leaves as
    F(f) CL f,   ln F = sum_k w_k u^k,   u = f / (f + f0),
so that F is 1 where there is no drug, and everywhere until something is learned; u stays below 1, and F finite.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.target_mediated import TargetMediated


@dataclass(frozen=True)
class CorrectedTarget(TargetMediated):
    """As the textbook's, with f0 (nmol/L) and the weights w of the correction."""

    f0: Float[Tensor, "subject draw"]
    weight: Float[Tensor, "subject draw bend"]

    def _factor(self, share: Float[Tensor, "*node subject draw"]) -> Float[Tensor, "*node subject draw"]:
        """F at this u (Horner)."""
        found = torch.zeros_like(share)
        for weight in self.weight.flip(-1).unbind(-1):
            found = share * (weight + found)
        return found.exp()

    def free_CL(self, free_drug: Float[Tensor, "*node subject draw"]) -> Float[Tensor, "*any subject draw"]:
        free = free_drug.clamp(min=0)
        return self.CL * self._factor(free / (free + self.f0))

    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        """CL (L/h), V (L) and half-life (h) of the free drug where it outnumbers its target by far."""
        CL = self.CL * self._factor(torch.ones_like(self.CL))
        return {"CL": CL, "V": self.V, "half_life": math.log(2) * self.V / CL}
