"""What does a body hold after the same dose again and again, weeks of it?

The states of a body that saturates come down to one number, the amount A in it when a dose falls due, and an interval changes it by g(A). So one interval is
simulated from a few amounts (Chebyshev nodes in ln(1 + A / half), from nothing up to all that was ever given), and g is read off between them: 120 doses cost
about as much as ten. What the depot holds when a dose falls due is the same every time; before the first dose it may hold something else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.polynomial.chebyshev import chebpts1, chebvander
from torch import Tensor

from pkvae_core.structural.body import Body, changed
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.ode import Held, resume

NODES = 24
FORGOTTEN = 1e-3  # of a swallowed dose that may lie in the depot when the next one falls due: this share of a share is overlooked


@dataclass(frozen=True)
class Repeated:
    """A body, and the dose that it gets every `interval_h`: `dose` holds one for each subject, at 0 h."""

    body: Body
    dose: Doses
    interval_h: float

    @property
    def is_possible(self) -> bool:
        """Whether the amount tells everything; courses of any other body are simulated dose after dose."""
        return self.body.saturates and float(torch.exp(-self.body.ka * self.interval_h).max()) < FORGOTTEN and not bool((self.dose.duration > 0).any())

    @property
    def depot(self) -> Float[Tensor, "subject draw"]:
        """What the depot holds when a dose falls due (mg), from the second one on."""
        swallowed = torch.where(self.dose.route > 0, self.dose.amount, 0).to(self.body.ka.dtype)
        return swallowed / torch.expm1(self.body.ka * self.interval_h)

    def interval(
        self, amount: Float[Tensor, "subject draw"], time_h: Float[Tensor, " time"]
    ) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
        """Concentration (mg/L) and area (mg h/L) since its dose, in an interval that begins with this amount."""
        return resume(self.body, Held(amount[..., None], self.depot), self.dose, time_h.expand(len(amount), -1))

    def amounts(self, first: Held, counts: Sequence[int], *, opening: Doses | None = None) -> list[Float[Tensor, "subject draw"]]:
        """The amount (mg) after each of so many intervals (ascending, from 1 on), the first of which began with what was held then, and with `opening` where
        that is another dose."""
        end = torch.full((len(self.dose.amount), 1), float(self.interval_h))
        now, found = self._left(self.body, first, opening or self.dose, end), []
        change = self._change(now, counts[-1])
        for number in range(1, counts[-1] + 1):
            found += [now] * counts.count(number)
            now = (now + change(now)).clamp(min=0)
        return found

    @staticmethod
    def _left(body: Body, held: Held, dose: Doses, end: Tensor) -> Float[Tensor, "subject draw"]:
        """The amount at the end of an interval."""
        return resume(body, held, dose, end)[0][..., 0] * body.concentration(torch.ones_like(held.state)).reciprocal()

    def _change(self, now: Float[Tensor, "subject draw"], count: int) -> "_Interpolated":
        half, subjects, dtype = self.body.half_full, len(now), now.dtype
        top = (now + count * (self.dose.amount + self.depot)).div(half).log1p()
        share = torch.as_tensor((chebpts1(NODES) + 1) / 2, dtype=dtype)
        amount = (torch.expm1(share.view(-1, 1, 1) * top) * half).flatten(0, 1)

        def wide(table: Tensor) -> Tensor:
            return table.expand(NODES, *table.shape).flatten(0, 1)

        held = Held(amount[..., None], wide(self.depot.expand_as(now)))
        dose = Doses(*(wide(getattr(self.dose, name)) for name in ("time", "amount", "duration", "route")))
        end = torch.full((NODES * subjects, 1), float(self.interval_h))
        gained = self._left(changed([self.body], lambda table: wide(table)), held, dose, end) - amount
        return _Interpolated(torch.einsum("cn,nsd->csd", _to_coefficients().to(dtype), gained.unflatten(0, (NODES, subjects))), top, half)


@dataclass(frozen=True)
class _Interpolated:
    """The change of the amount in an interval: its Chebyshev coefficients over 0 to `top` of ln(1 + A / half)."""

    coefficients: Float[Tensor, "node subject draw"]
    top: Float[Tensor, "subject draw"]
    half: Float[Tensor, "subject draw"]

    def __call__(self, amount: Float[Tensor, "subject draw"]) -> Float[Tensor, "subject draw"]:
        """By Clenshaw's recurrence."""
        twice = 4 * (amount / self.half).log1p() / self.top - 2
        later = last = torch.zeros_like(amount)
        for coefficient in self.coefficients[1:].flip(0).unbind(0):
            later, last = torch.addcmul(coefficient - last, twice, later), later
        return torch.addcmul(self.coefficients[0] - last, twice, later, value=0.5)


def _to_coefficients() -> Float[Tensor, "coefficient node"]:
    """From values at the Chebyshev nodes to coefficients."""
    return torch.as_tensor(np.linalg.inv(chebvander(chebpts1(NODES), NODES - 1)))
