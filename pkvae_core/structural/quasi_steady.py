"""What does a body do whose target takes the drug with it? Drug and target in quasi-steady state (Gibiansky et al., J Pharmacokinet Pharmacodyn 2008;35:573).

Total drug L and total target R (mg of drug per litre) turn over while free drug C and complex R C/(KSS + C) are in balance:
    dL/dt = inflow/V - (CL/V) C - kint R C/(KSS + C),   dR/dt = kdeg (R0 - R) - (kint - kdeg) R C/(KSS + C),
    C = (L - R - KSS + sqrt((L - R - KSS)^2 + 4 KSS L))/2.
Before any drug the target stands at R0. Measured is the free drug.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.body import Body

State = Float[Tensor, "*node subject draw 2"]


@dataclass(frozen=True)
class QuasiSteady(Body):
    """CL of free drug (L/h), V (L), ka (1/h), R0 and KSS (mg of drug per L), kdeg of target and kint of complex (1/h). States: total drug and target (mg)."""

    CL: Float[Tensor, "subject draw"]
    V: Float[Tensor, "subject draw"]
    ka: Float[Tensor, "subject draw"]
    R0: Float[Tensor, "subject draw"]
    KSS: Float[Tensor, "subject draw"]
    kdeg: Float[Tensor, "subject draw"]
    kint: Float[Tensor, "subject draw"]

    @property
    def fastest(self) -> Float[Tensor, "subject draw"]:
        return torch.maximum(self.CL / self.V, torch.maximum(self.kint, self.kdeg))

    def start(self) -> Float[Tensor, "subject draw 2"]:
        return torch.stack([torch.zeros_like(self.V), self.R0 * self.V], -1)

    def _balance(self, state: State) -> tuple[Tensor, Tensor]:
        """L - R - KSS, and the square root in C."""
        drug, target = (state / self.V[..., None]).unbind(-1)
        gap = drug - target - self.KSS
        return gap, torch.sqrt(gap.square() + 4 * self.KSS * drug.clamp(min=0) + 1e-18)

    def slope(self, state: State) -> State:
        free = self.concentration(state)
        bound = state[..., 1] * free / (self.KSS + free)
        drug = -self.CL * free - self.kint * bound
        return torch.stack([drug, self.kdeg * (self.R0 * self.V - state[..., 1]) - (self.kint - self.kdeg) * bound], -1)

    def with_drug(self, state: State, amount_mg: Float[Tensor, "*node subject draw"]) -> State:
        return state + torch.stack([amount_mg, torch.zeros_like(amount_mg)], -1)

    def concentration(self, state: State) -> Float[Tensor, "*node subject draw"]:
        """Free drug, mg/L. Where the target outnumbers it, written so that nothing cancels."""
        gap, root = self._balance(state)
        scarce = 2 * self.KSS * (state[..., 0] / self.V).clamp(min=0) / (root - gap).clamp(min=1e-12)
        return torch.where(gap < 0, scarce, (gap + root) / 2)

    def rise(self, state: State, slope: State) -> Float[Tensor, "*node subject draw"]:
        gap, root = self._balance(state)
        drug, target = (slope / self.V[..., None]).unbind(-1)
        return (drug * (1 + (gap + 2 * self.KSS) / root) - target * (1 + gap / root)) / 2

    def clearance(self, concentration_mg_per_L: float) -> Float[Tensor, "subject draw"]:
        """CL and what the target carries away, at the target that this free concentration leaves."""
        occupied = concentration_mg_per_L / (self.KSS + concentration_mg_per_L)
        target = self.R0 * self.kdeg / (self.kdeg + (self.kint - self.kdeg) * occupied)
        return self.CL + self.V * self.kint * target / (self.KSS + concentration_mg_per_L)

    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        """CL (L/h), V (L) and half-life (h) where the drug outnumbers its target."""
        return {"CL": self.CL, "V": self.V, "half_life": math.log(2) * self.V / self.CL}
