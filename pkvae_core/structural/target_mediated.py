"""What does a body do in which the drug meets its target? Omalizumab and IgE in instantaneous equilibrium (Hayashi 2007).

Total drug X and total target E (nmol) turn over while the complex C forms at once:
    dX/dt = inflow - CL_X (X - C)/V - CL_C C/V_C,   dE/dt = P - CL_E (E - C)/V - CL_C C/V_C,   CL_C = CL_X + dCL,
    C^2 - (X + E + Kd V^2/V_C) C + X E = 0 (its smaller root),   Kd = Kd0 (X/E)^alpha.
Before any drug the target stands at its baseline. Clearances and volumes are apparent (over the bioavailability under the skin).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.body import Body
from pkvae_core.structural.two_states import TwoByTwo, pair

DRUG_KDA = 150.0  # nmol of drug = 1000 mg / 150; mg/L = nmol/L x 0.150
ALPHA = 0.157
TURNS = 6  # in which a steady state is found: each leaves less than a tenth of the error, six a millionth
LOOSER = 0.3  # how closely the target's amount is to be met: total drug shows it only in part


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
    is_stiff: ClassVar[bool] = True  # free target turns over in hours where hardly any drug is left

    @property
    def fastest(self) -> Float[Tensor, "subject draw"]:
        return torch.maximum(self.target_CL / self.V, (self.CL + self.excess_CL) / self.complex_V)

    def start(self) -> Float[Tensor, "subject draw 2"]:
        return pair(torch.zeros_like(self.V), self.baseline * self.V)

    def _loose(self, drug: Float[Tensor, "*node subject draw"], target: Float[Tensor, "*node subject draw"]) -> Float[Tensor, "*node subject draw"]:
        """Kd V^2/V_C, nmol: how loosely the two hold together at this ratio of drug to target."""
        return self.Kd0 * self.V.square() / self.complex_V * (drug / target).clamp(min=1e-12) ** ALPHA

    def _binding(self, state: Float[Tensor, "*node subject draw 2"]) -> tuple[Tensor, Tensor, Tensor]:
        """Complex (nmol), how loosely the two hold together, and the root of the quadratic's discriminant. Written so that nothing cancels when it is small."""
        drug, target = state.unbind(-1)
        loose = self._loose(drug, target)
        both, total = drug * target, drug + target + loose
        root = (total.square() - 4 * both).clamp(min=0).sqrt()
        return 2 * both / (total + root), loose, root

    def bound(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        """Complex, nmol."""
        return self._binding(state)[0]

    def cleared(self, free_drug: Float[Tensor, "*node subject draw"]) -> tuple[Tensor, Tensor]:
        """Free drug (nmol/L) that is eliminated, nmol/h, and how that grows with it, L/h."""
        return self.CL * free_drug, self.CL

    def slope(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw 2"]:
        return self._slope(state, self.bound(state))[0]

    def _slope(self, state: Float[Tensor, "*node subject draw 2"], bound: Float[Tensor, "*node subject draw"]) -> tuple[Tensor, Tensor]:
        drug, target = state.unbind(-1)
        cleared, growing = self.cleared((drug - bound) / self.V)
        leaving = (self.CL + self.excess_CL) / self.complex_V * bound
        return pair(-cleared - leaving, self.production - self.target_CL / self.V * (target - bound) - leaving), growing

    def slope_and_slowing(self, state: Float[Tensor, "*node subject draw 2"]) -> tuple[Float[Tensor, "*node subject draw 2"], TwoByTwo]:
        """With b(X, E) from the quadratic: (2b - X - E - loose) db = b d(X + E + loose) - E dX - X dE, and d loose = alpha loose (dX/X - dE/E)."""
        drug, target = state.clamp(min=1e-9).unbind(-1)
        bound, loose, root = self._binding(state)
        slope, growing = self._slope(state, bound)
        bend = ALPHA * loose * bound / root
        with_drug, with_target = (target - bound) / root - bend / drug, (drug - bound) / root + bend / target
        k, free, free_target = (self.CL + self.excess_CL) / self.complex_V, growing / self.V, self.target_CL / self.V
        return slope, TwoByTwo(
            (free - k) * with_drug - free, (free - k) * with_target, (free_target - k) * with_drug, (free_target - k) * with_target - free_target
        )

    def with_drug(self, state: Float[Tensor, "*node subject draw 2"], amount_mg: Float[Tensor, "*node subject draw"]) -> Float[Tensor, "*node subject draw 2"]:
        return pair(state[..., 0] + amount_mg * (1e3 / DRUG_KDA), state[..., 1])

    def concentration(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        """Total omalizumab, free and bound, mg/L."""
        bound = self.bound(state)
        return ((state[..., 0] - bound) / self.V + bound / self.complex_V) * DRUG_KDA / 1e3

    def rise(self, state: Float[Tensor, "*node subject draw 2"], slope: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        (bound, loose, root), (drug, target), (gained, target_gained) = self._binding(state), state.clamp(min=1e-9).unbind(-1), slope.unbind(-1)
        looser = ALPHA * loose * (gained / drug - target_gained / target)
        binding = (gained * (target - bound) + target_gained * (drug - bound) - looser * bound) / root
        return ((gained - binding) / self.V + binding / self.complex_V) * DRUG_KDA / 1e3

    def free_target(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        """Free IgE, nmol/L."""
        return (state[..., 1] - self.bound(state)) / self.V

    def _balance(self, level: Float[Tensor, "level 1 1"]) -> tuple[Tensor, Tensor, Tensor]:
        """Where total drug stays at these levels (nmol/L): complex (nmol/L), and the amounts of drug and target (nmol).

        The target's production equals its losses, P = CL_E E_free + CL_C C, and free drug times free target is Kd C: a quadratic in C, given Kd. Kd depends
        on the answer, but only by a small power: it is put in again, `TURNS` times.
        """
        complex_CL, Kd = self.CL + self.excess_CL, self.Kd0
        for _ in range(TURNS):
            both, total = complex_CL * level * self.production, complex_CL * level + self.production + Kd * self.target_CL
            bound = 2 * level * self.production / (total + (total.square() - 4 * both).clamp(min=0).sqrt())
            drug = self.V * (level - bound).clamp(min=0) + self.complex_V * bound
            target = self.V * ((self.production - complex_CL * bound) / self.target_CL).clamp(min=0) + self.complex_V * bound
            Kd = self.Kd0 * (drug / target) ** ALPHA
        return bound, drug, target

    def _steady(self, concentrations_mg_per_L: Sequence[float]) -> tuple[Tensor, Tensor, Tensor]:
        """At each of these concentrations of total drug [level, subject, draw]: its clearance (L/h), the volume it seems to fill (L), the target (nmol)."""
        level = torch.tensor(concentrations_mg_per_L, dtype=self.V.dtype).view(-1, 1, 1) * 1e3 / DRUG_KDA
        bound, drug, target = self._balance(level)
        return (self.cleared(level - bound)[0] + (self.CL + self.excess_CL) * bound) / level, drug / level, target

    def clearance(self, concentration_mg_per_L: float) -> Float[Tensor, "subject draw"]:
        """Dose rate over steady concentration; towards none at all, all of it is bound."""
        if concentration_mg_per_L == 0:
            return self.CL + self.excess_CL
        return self._steady([concentration_mg_per_L])[0][0]

    def traits(self, concentrations_mg_per_L: Sequence[float]) -> Float[Tensor, "subject draw point"]:
        """Logarithms of what total drug shows of such a body. At each steady concentration: how fast the drug leaves, how much of it is held, and (looser) how
        far the target has piled up; and the target before any drug, the turnover of its free form, and how fast a dose is absorbed."""
        clearance, volume, target = self._steady(concentrations_mg_per_L)
        at_levels = torch.cat([clearance.log(), volume.log(), LOOSER * target.log()])
        turnover = torch.stack([LOOSER * (self.target_CL / self.V).log(), (self.baseline * self.V).log(), self.ka.log()])
        return torch.cat([at_levels, turnover]).movedim(0, -1)

    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        """CL (L/h), V (L) and half-life (h) of the free drug: what is left where the drug outnumbers its target."""
        return {"CL": self.CL, "V": self.V, "half_life": math.log(2) * self.V / self.CL}
