"""What does a teacher see of a body that is not proportional to dose? The same courses given to everybody: one swallowed dose, and three infusions.

A single curve would not show where elimination saturates. Infusions at less than, about and more than what a typical patient can clear do, for weeks, and
their washout shows the bend again. Infusions are no regimen of the drug's: they cost two stretches of integration where weeks of doses cost a hundred.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.body import Body, changed
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.ode import integrate

RATES = (0.45, 0.85, 1.25)  # of the dose rate that keeps a typical patient at the level aimed for
POINTS = 18
COARSE = 0.15  # of the usual steps: truth and decoder are stepped alike, so what the steps miss is the same in both


@dataclass(frozen=True)
class Lesson:
    """`amount_mg` swallowed once; `rate_mg_per_h` for `infused_h`, watched for half as long again. The hours of the single dose end at `single_h`."""

    amount_mg: float
    rate_mg_per_h: float
    single_h: float = 96.0
    infused_h: float = 480.0
    courses: int = 1 + len(RATES)

    def curves(self, body: Body) -> Float[Tensor, "subject draw course point"]:
        """Concentrations (mg/L) of each body in each course."""
        subjects, infusions = len(body.ka), len(RATES)
        swallowed = torch.full((subjects, 1), self.amount_mg)
        single = integrate(body, self._doses(swallowed, 0.0), self._single_times().expand(subjects, -1), finer=4 * COARSE)[0]
        many = changed([body], lambda table: table.repeat_interleave(infusions, 0))
        amount = (self.rate_mg_per_h * self.infused_h * torch.tensor(RATES)[:, None]).repeat(subjects, 1)
        steady = integrate(many, self._doses(amount, self.infused_h), self._steady_times().expand(len(amount), -1), finer=COARSE)[0]
        return torch.cat([single[:, :, None], steady.unflatten(0, (subjects, infusions)).transpose(1, 2)], 2)

    def _doses(self, amount: Float[Tensor, "subject 1"], infused_h: float) -> Doses:
        """One dose at 0, swallowed or, where it takes time, into the vein."""
        return Doses(torch.zeros_like(amount), amount, torch.full_like(amount, infused_h), torch.full_like(amount, infused_h == 0, dtype=torch.long))

    def _single_times(self) -> Float[Tensor, " point"]:
        return torch.logspace(math.log10(0.5), math.log10(self.single_h), POINTS)

    def _steady_times(self) -> Float[Tensor, " point"]:
        rising = torch.logspace(math.log10(6.0), math.log10(self.infused_h), POINTS // 2 + 1)
        return torch.cat([rising, self.infused_h * torch.linspace(1, 1.5, POINTS - len(rising) + 1)[1:]])
