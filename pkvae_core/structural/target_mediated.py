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

DRUG_KDA = 150.0  # nmol of drug = 1000 mg / 150; mg/L = nmol/L x 0.150
ALPHA = 0.157
TURNS = 6  # in which a steady state is found: each leaves less than a tenth of the error, six a millionth
LOOSER = 0.3  # how closely the target's amount is to be met: total drug shows it only in part


def pair(first: Float[Tensor, "*batch"], second: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch 2"]:
    """Two states as one tensor; each stays together in memory."""
    return torch.stack(torch.broadcast_tensors(first, second)).movedim(0, -1)


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
    relaxes: ClassVar[bool] = True

    @property
    def fastest(self) -> Float[Tensor, "subject draw"]:
        return torch.maximum(self.target_CL / self.V, (self.CL + self.excess_CL) / self.complex_V)

    def start(self) -> Float[Tensor, "subject draw 2"]:
        return pair(torch.zeros_like(self.V), self.baseline * self.V)

    def _binding(self, state: Float[Tensor, "*node subject draw 2"]) -> tuple[Tensor, Tensor, Tensor]:
        """The share of the drug and of the target that is bound, and Kd V^2/V_C (nmol): how loosely the two hold together. Nothing cancels in small shares."""
        drug, target = state[..., 0], state[..., 1].clamp(min=1e-9)
        loose = self.Kd0 * self.V.square() / self.complex_V * (drug / target).clamp(min=1e-12) ** ALPHA
        total = drug + target + loose
        share = 2 / (total + (total.square() - 4 * drug * target).clamp(min=0).sqrt())
        return share * target, share * drug, loose

    def bound(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        """Complex, nmol."""
        return self._binding(state)[0] * state[..., 0]

    def free_CL(self, free_drug: Float[Tensor, "*node subject draw"]) -> Float[Tensor, "*any subject draw"]:
        """Clearance of free drug (L/h) at this free concentration (nmol/L)."""
        return self.CL

    def rates(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw 2"]:
        """Between those of the free and of the bound: what changes is only how much is which."""
        of_drug, of_target, _ = self._binding(state)
        free_drug = (1 - of_drug) * state[..., 0] / self.V
        free, bound = self.free_CL(free_drug) / self.V, (self.CL + self.excess_CL) / self.complex_V
        free_target = self.target_CL / self.V
        return pair(free + of_drug * (bound - free), free_target + of_target * (bound - free_target))

    def made(self) -> Float[Tensor, "subject draw 2"]:
        return pair(torch.zeros_like(self.production), self.production)

    def slope(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw 2"]:
        return self.made() - self.rates(state) * state

    def with_drug(self, state: Float[Tensor, "*node subject draw 2"], amount_mg: Float[Tensor, "*node subject draw"]) -> Float[Tensor, "*node subject draw 2"]:
        return pair(state[..., 0] + amount_mg * (1e3 / DRUG_KDA), state[..., 1])

    def concentration(self, state: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        """Total omalizumab, free and bound, mg/L."""
        bound = self.bound(state)
        return ((state[..., 0] - bound) / self.V + bound / self.complex_V) * DRUG_KDA / 1e3

    def rise(self, state: Float[Tensor, "*node subject draw 2"], slope: Float[Tensor, "*node subject draw 2"]) -> Float[Tensor, "*node subject draw"]:
        """With b(X, E) from the quadratic: root db = (E - b) dX + (X - b) dE - b d loose, and d loose = alpha loose (dX/X - dE/E)."""
        (of_drug, of_target, loose), (drug, target), (gained, target_gained) = self._binding(state), state.unbind(-1), slope.unbind(-1)
        bound = of_drug * drug
        root = drug + target + loose - 2 * bound
        looser = ALPHA * loose * (of_drug * gained - of_target * target_gained)  # times what is bound
        binding = (gained * (target - bound) + target_gained * (drug - bound) - looser) / root
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
        return (self.free_CL(level - bound) * (level - bound) + (self.CL + self.excess_CL) * bound) / level, drug / level, target

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
