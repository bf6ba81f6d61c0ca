"""How far does a measured level lie from the true concentration, and how likely is that?"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ResidualError:
    """Combined error of assay and model misfit: y ~ Normal(C, additive^2 + (proportional C)^2)."""

    proportional: float
    additive_mg_per_L: float

    def sd(self, concentration: Tensor) -> Tensor:
        """Standard deviation (mg/L) at each concentration; never quite 0, so that a curve that has not risen yet keeps a likelihood."""
        return torch.sqrt(self.additive_mg_per_L**2 + (self.proportional * concentration) ** 2).clamp(min=1e-6)


def log_likelihood(concentration: Tensor, observed: Tensor, is_below_lloq: Tensor, error: ResidualError) -> Tensor:
    """Log-likelihood of each level given the true concentration (mg/L); a level below its limit counts with its probability (M3, Beal 2001).

    `observed` holds the LLOQ where `is_below_lloq`. All tensors broadcast; the result has their common shape.
    """
    sd = error.sd(concentration)
    deviation = (observed - concentration) / sd
    density = -0.5 * deviation**2 - sd.log() - 0.5 * math.log(2 * math.pi)
    return torch.where(is_below_lloq, torch.special.log_ndtr(deviation), density)
