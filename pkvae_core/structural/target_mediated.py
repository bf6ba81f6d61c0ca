"""What does a body do in which the drug meets its target? Omalizumab and IgE in instantaneous equilibrium (Hayashi 2007).

Total drug X and total target E (nmol) turn over while the complex C forms at once:
    dX/dt = inflow - CL_X (X - C)/V - CL_C C/V_C,   dE/dt = P - CL_E (E - C)/V - CL_C C/V_C,   CL_C = CL_X + dCL,
    C^2 - (X + E + Kd V^2/V_C) C + X E = 0 (its smaller root),   Kd = Kd0 (X/E)^alpha.
Before any drug the target stands at its baseline. Clearances and volumes are apparent (over the bioavailability under the skin).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.body import Body

DRUG_KDA = 150.0  # nmol of drug = 1000 mg / 150; mg/L = nmol/L x 0.150
ALPHA = 0.157


@dataclass(frozen=True)
class TargetMediated(Body):
    """CL of free drug, its excess in the complex, and CL of free target (L/h); V of drug and target, V of the complex (L); production of target (nmol/h),
    its baseline (nmol/L), Kd0 (nmol/L), ka (1/h). The states are total drug and total target (nmol)."""

    CL: Float[Tensor, "subject draw"]
    excess_CL: Float[Tensor, "subject draw"]
    target_CL: Float[Tensor, "subject draw"]
    V: Float[Tensor, "subject draw"]
    complex_V: Float[Tensor, "subject draw"]
    production: Float[Tensor, "subject draw"]
    baseline: Float[Tensor, "subject draw"]
    Kd0: Float[Tensor, "subject draw"]
    ka: Float[Tensor, "subject draw"]

    @property
    def fastest(self) -> Float[Tensor, "subject draw"]:
        return torch.maximum(self.target_CL / self.V, (self.CL + self.excess_CL) / self.complex_V)

    def start(self) -> Float[Tensor, "subject draw 2"]:
        return torch.stack([torch.zeros_like(self.V), self.baseline * self.V], -1)

    def _loose(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        """Kd V^2/V_C, nmol: how loosely the two hold together at this ratio of drug to target."""
        return self.Kd0 * (state[..., 0] / state[..., 1]).clamp(min=1e-12) ** ALPHA * self.V.square() / self.complex_V

    def bound(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        """Complex, nmol. Written so that nothing cancels when it is small."""
        both, total = state.prod(-1), state.sum(-1) + self._loose(state)
        return 2 * both / (total + (total.square() - 4 * both).clamp(min=0).sqrt())

    def slope(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw 2"]:
        bound = self.bound(state)
        free_drug, free_target = ((amount - bound) / self.V for amount in state.unbind(-1))
        leaving = (self.CL + self.excess_CL) * bound / self.complex_V
        return torch.stack([-self.CL * free_drug - leaving, self.production - self.target_CL * free_target - leaving], -1)

    def with_drug(self, state: Float[Tensor, "*node subject draw 2"], amount_mg: Float[Tensor, "*node subject draw"]) -> Float[Tensor, "*node subject draw 2"]:
        return state + torch.stack([amount_mg * 1e3 / DRUG_KDA, torch.zeros_like(amount_mg)], -1)

    def concentration(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        """Total omalizumab, free and bound, mg/L."""
        bound = self.bound(state)
        return ((state[..., 0] - bound) / self.V + bound / self.complex_V) * DRUG_KDA / 1e3

    def rise(self, state: Float[Tensor, "*node subject draw 2"], slope: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        bound, loose = self.bound(state), self._loose(state)
        drug, target = state.clamp(min=1e-9).unbind(-1)
        looser = ALPHA * loose * (slope[..., 0] / drug - slope[..., 1] / target)
        binding = ((slope.sum(-1) + looser) * bound - (slope * state.flip(-1)).sum(-1)) / (2 * bound - drug - target - loose)
        return ((slope[..., 0] - binding) / self.V + binding / self.complex_V) * DRUG_KDA / 1e3

    def free_target(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        """Free IgE, nmol/L."""
        return (state[..., 1] - self.bound(state)) / self.V

    def clearance(self, concentration_mg_per_L: float) -> Float[Tensor, "subject draw"]:
        """The complex (nmol) at which the target's production and losses balance and the binding is in equilibrium, found by halving."""
        level, complex_CL = concentration_mg_per_L * 1e3 / DRUG_KDA, self.CL + self.excess_CL
        low, high = torch.zeros_like(self.V), torch.minimum(level * self.complex_V, self.production * self.complex_V / complex_CL)
        for _ in range(50):
            middle = (low + high) / 2
            drug = self.V * (level - middle / self.complex_V) + middle
            target = self.V * (self.production - complex_CL * middle / self.complex_V) / self.target_CL + middle
            is_low = self.bound(torch.stack([drug, target], -1)) > middle
            low, high = torch.where(is_low, middle, low), torch.where(is_low, high, middle)
        bound = low / self.complex_V
        return (self.CL * (level - bound) + complex_CL * bound) / level

    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        """CL (L/h), V (L) and half-life (h) of the free drug: what is left where the drug outnumbers its target."""
        return {"CL": self.CL, "V": self.V, "half_life": math.log(2) * self.V / self.CL}
