"""What does a body do whose elimination saturates in a way that was learned? Michaelis-Menten times a correction that is 1 until something is learned.

    V dC/dt = inflow - F(C) Vmax C / (Km + C),   ln F(C) = sum_k w_k cos(k pi u),   u = C / (C + C0).
The correction can bend the elimination anywhere between no drug (u = 0) and very much (u = 1), and stays finite beyond.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.body import Body


@dataclass(frozen=True)
class Corrected(Body):
    """Vmax in mg/h, Km and C0 in mg/L, V in L, ka in 1/h, the weights w of the correction; the state is the amount in the body (mg)."""

    Vmax: Float[Tensor, "subject draw"]
    Km: Float[Tensor, "subject draw"]
    V: Float[Tensor, "subject draw"]
    ka: Float[Tensor, "subject draw"]
    C0: Float[Tensor, "subject draw"]
    weight: Float[Tensor, "subject draw bend"]

    @property
    def fastest(self) -> Float[Tensor, "subject draw"]:
        return self.clearance(0.0) / self.V

    def start(self) -> Float[Tensor, "subject draw 1"]:
        return torch.zeros_like(self.V)[..., None]

    def _factor(self, amount: Float[Tensor, "*node subject draw"]) -> tuple[Tensor, Tensor]:
        """F, and the slope of ln F in the amount."""
        scale = self.C0 * self.V
        below = scale / (scale + amount.clamp(min=0))
        angle = math.pi * torch.arange(1, self.weight.shape[-1] + 1) * (1 - below)[..., None]
        k = math.pi * torch.arange(1, self.weight.shape[-1] + 1)
        return (self.weight * angle.cos()).sum(-1).exp(), -(self.weight * k * angle.sin()).sum(-1) * below.square() / scale

    def slope(self, state: Float[Tensor, "*node subject draw 1"]) -> Float[Tensor, "*node subject draw 1"]:
        amount = state[..., 0]
        return -(self._factor(amount)[0] * self.Vmax * amount / (self.Km * self.V + amount))[..., None]

    def slowing(self, state: Float[Tensor, "*node subject draw 1"]) -> Float[Tensor, "*node subject draw 1"]:
        """Never above 0, so that a step is stable also where the learned elimination falls with the concentration."""
        amount, half = state[..., 0], self.Km * self.V
        factor, bend = self._factor(amount)
        return -(factor * self.Vmax * (half / (half + amount) + amount * bend) / (half + amount)).clamp(min=0)[..., None]

    def with_drug(self, state: Float[Tensor, "*node subject draw 1"], amount_mg: Float[Tensor, "*node subject draw"]) -> Float[Tensor, "*node subject draw 1"]:
        return state + amount_mg[..., None]

    def concentration(self, state: Float[Tensor, "*node subject draw 1"]) -> Float[Tensor, "*node subject draw"]:
        return state[..., 0] / self.V

    def rise(self, state: Float[Tensor, "*node subject draw 1"], slope: Float[Tensor, "*node subject draw 1"]) -> Float[Tensor, "*node subject draw"]:
        return slope[..., 0] / self.V

    def clearance(self, concentration_mg_per_L: float) -> Float[Tensor, "subject draw"]:
        """CL (L/h) at a steady concentration: it falls as the concentration rises."""
        return self._factor(concentration_mg_per_L * self.V)[0] * self.Vmax / (self.Km + concentration_mg_per_L)

    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        """CL (L/h) and half-life (h) as the concentration goes to 0, where both are quickest, and V (L)."""
        CL = self.clearance(0.0)
        return {"CL": CL, "V": self.V, "half_life": math.log(2) * self.V / CL}
