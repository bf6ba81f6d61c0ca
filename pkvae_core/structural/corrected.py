"""What does a body do whose elimination saturates in a way that was learned? Michaelis-Menten times a correction that is 1 until something is learned.

    V dC/dt = inflow - F(C) Vmax C / (Km + C),   ln F(C) = sum_k w_k cos(k pi u),   u = C / (C + C0).
The correction can bend the elimination anywhere between no drug (u = 0) and very much (u = 1), and stays finite beyond.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.polynomial.chebyshev import cheb2poly
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
    is_stiff: ClassVar[bool] = True
    saturates: ClassVar[bool] = True

    @property
    def fastest(self) -> Float[Tensor, "subject draw"]:
        return self.clearance(0.0) / self.V

    @property
    def half_full(self) -> Float[Tensor, "subject draw"]:
        return self.Km * self.V

    def start(self) -> Float[Tensor, "subject draw 1"]:
        return torch.zeros_like(self.V)[..., None]

    @cached_property
    def _powers(self) -> tuple[Tensor, ...]:
        """Coefficients of ln F as a polynomial in cos(pi u), lowest first: cos(k pi u) is the k-th Chebyshev polynomial of it."""
        bends = self.weight.shape[-1]
        each = np.stack([np.pad(cheb2poly(np.eye(bends + 1)[k]), (0, bends - k)) for k in range(1, bends + 1)])
        return (self.weight @ torch.as_tensor(each, dtype=self.weight.dtype)).unbind(-1)

    def _factor(self, amount: Float[Tensor, "*node subject draw"]) -> tuple[Tensor, Tensor, Tensor]:
        """F, the angle pi u, and its cosine."""
        held = amount.clamp(min=0)
        angle = math.pi * held / (self.C0 * self.V + held)
        cosine = angle.cos()
        return _polynomial(self._powers, cosine).exp(), angle, cosine

    def slope(self, state: Float[Tensor, "*node subject draw 1"]) -> Float[Tensor, "*node subject draw 1"]:
        amount = state[..., 0]
        return -(self._factor(amount)[0] * self.Vmax * amount / (self.Km * self.V + amount))[..., None]

    def slope_and_slowing(
        self, state: Float[Tensor, "*node subject draw 1"]
    ) -> tuple[Float[Tensor, "*node subject draw 1"], Float[Tensor, "*node subject draw 1"]]:
        """The slowing is never above 0, so that a step is stable also where the learned elimination falls with the concentration."""
        amount, half, scale = state[..., 0], self.Km * self.V, self.C0 * self.V
        factor, angle, cosine = self._factor(amount)
        turn = math.pi * scale / (scale + amount.clamp(min=0)).square()  # of the angle, with the amount
        bend = -_polynomial([k * power for k, power in enumerate(self._powers)][1:], cosine) * angle.sin() * turn  # slope of ln F in the amount
        share = factor * self.Vmax / (half + amount)
        return -(share * amount)[..., None], -(share * (half / (half + amount) + amount * bend)).clamp(min=0)[..., None]

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


def _polynomial(powers: Sequence[Tensor], x: Float[Tensor, "*node subject draw"]) -> Float[Tensor, "*node subject draw"]:
    """Its value at x (Horner)."""
    found = powers[-1]
    for power in reversed(powers[:-1]):
        found = torch.addcmul(power, found, x)
    return found
