"""How does a patient answer to doses when one cannot be scaled to another? By simulating the body, dose after dose."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.body import AnyBody, Body, changed
from pkvae_core.structural.exponentials import Doses, Pulses
from pkvae_core.structural.ode import integrate
from pkvae_core.structural.recirculation import Recirculating, recirculate


@dataclass(frozen=True)
class Simulated(AnyResponses):
    """The body in force now, and those before: `earlier[i]` held until `until[:, i]` hours (ascending; `NEVER` where a subject has fewer changes)."""

    body: AnyBody
    earlier: tuple[AnyBody, ...] = ()
    until: Float[Tensor, "subject change"] | None = None

    is_dose_proportional = False

    def __post_init__(self):
        if self.until is None or not self.earlier:
            object.__setattr__(self, "until", torch.zeros(len(self.body.ka), 0))

    @property
    def now(self) -> AnyBody:
        return self.body

    @property
    def pulses(self) -> Pulses:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise ValueError("this drug is not proportional to dose, so there is no response to 1 mg that could be scaled. Simulate the course itself.")

    def curves(self, doses: Doses, time: Float[Tensor, "subject time"]) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
        """By steps where the body changes smoothly; exactly where its rates are constant between doses and meals."""
        now, before = self.body, self.earlier
        if isinstance(now, Recirculating):
            return recirculate(now, doses, time, earlier=tuple(each for each in before if isinstance(each, Recirculating)), until=self.until)
        assert isinstance(now, Body)
        return integrate(now, doses, time, earlier=tuple(each for each in before if isinstance(each, Body)), until=self.until)

    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        """CL (L/h), V (L) and half-life (h) where the drug's own concentration does not slow it down."""
        return self.body.disposition()

    def at(self, draws: Int[Tensor, " draw"]) -> "Simulated":
        return self.map(lambda table: table[:, draws])

    def repeated(self, count: int) -> "Simulated":
        assert self.until is not None
        wide = self.map(lambda table: table.expand(count, *[-1] * (table.ndim - 1)))
        return type(self)(wide.body, wide.earlier, self.until.expand(count, -1))

    def settled(self) -> "Simulated":
        return type(self)(self.body)

    def in_force(self, time_h: float) -> "Simulated":
        assert self.until is not None
        return type(self)(next((b for b, until_h in zip(self.earlier, self.until[0].tolist(), strict=False) if until_h > time_h), self.body))

    def map(self, change: Callable[[Tensor], Tensor]) -> "Simulated":
        each = [changed([body], change) for body in (*self.earlier, self.body)]
        return type(self)(each[-1], tuple(each[:-1]), self.until)


def side_by_side(parts: list[Simulated]) -> Simulated:
    """The draws of several answers of the same subjects and one kind of body, side by side; their changes must be at the same times."""
    first = parts[0]

    def beside(bodies: list[AnyBody]) -> AnyBody:
        assert len({type(body) for body in bodies}) == 1, "bodies of different kinds cannot be drawn side by side"
        return changed(bodies, lambda *tables: torch.cat(tables, 1))

    return Simulated(beside([part.body for part in parts]), tuple(beside([p.earlier[i] for p in parts]) for i in range(len(first.earlier))), first.until)
