"""What does a body do whose elimination saturates? Michaelis-Menten: one compartment, first-order absorption.

V dC/dt = inflow - Vmax C / (Km + C). At a dose rate R below Vmax the steady concentration is near Km R / (Vmax - R); at or above Vmax there is none.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.body import Body


@dataclass(frozen=True)
class Saturable(Body):
    """Vmax in mg/h, Km in mg/L, V in L, ka in 1/h; the state is the amount in the body (mg)."""

    Vmax: Float[Tensor, "subject draw"]
    Km: Float[Tensor, "subject draw"]
    V: Float[Tensor, "subject draw"]
    ka: Float[Tensor, "subject draw"]
    is_stiff: ClassVar[bool] = True
    saturates: ClassVar[bool] = True

    @property
    def fastest(self) -> Float[Tensor, "subject draw"]:
        return self.Vmax / (self.Km * self.V)

    @property
    def half_full(self) -> Float[Tensor, "subject draw"]:
        return self.Km * self.V

    def start(self) -> Float[Tensor, "subject draw 1"]:
        return torch.zeros_like(self.V)[..., None]

    def slope(self, state: Float[Tensor, "*node subject draw 1"]) -> Float[Tensor, "*node subject draw 1"]:
        return -(self.Vmax * state[..., 0] / (self.Km * self.V + state[..., 0]))[..., None]

    def slope_and_slowing(
        self, state: Float[Tensor, "*node subject draw 1"]
    ) -> tuple[Float[Tensor, "*node subject draw 1"], Float[Tensor, "*node subject draw 1"]]:
        half, amount = self.Km * self.V, state[..., 0]
        share = self.Vmax / (half + amount)
        return -(share * amount)[..., None], -(share * half / (half + amount))[..., None]

    def with_drug(self, state: Float[Tensor, "*node subject draw 1"], amount_mg: Float[Tensor, "*node subject draw"]) -> Float[Tensor, "*node subject draw 1"]:
        return state + amount_mg[..., None]

    def concentration(self, state: Float[Tensor, "*node subject draw 1"]) -> Float[Tensor, "*node subject draw"]:
        return state[..., 0] / self.V

    def rise(self, state: Float[Tensor, "*node subject draw 1"], slope: Float[Tensor, "*node subject draw 1"]) -> Float[Tensor, "*node subject draw"]:
        return slope[..., 0] / self.V

    def clearance(self, concentration_mg_per_L: float) -> Float[Tensor, "subject draw"]:
        """CL (L/h) at a steady concentration: it falls as the concentration rises."""
        return self.Vmax / (self.Km + concentration_mg_per_L)

    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        """CL (L/h) and half-life (h) as the concentration goes to 0, where both are quickest, and V (L)."""
        CL = self.clearance(0.0)
        return {"CL": CL, "V": self.V, "half_life": math.log(2) * self.V / CL}
