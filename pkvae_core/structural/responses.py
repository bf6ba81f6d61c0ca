"""How does a patient answer to doses over a whole course, when what is known about the patient changes on the way?"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.exponentials import Doses, Pulses, disposition, superpose, together
from pkvae_core.structural.intake import superpose_by_intake
from pkvae_core.structural.simulated import Simulated, side_by_side


@dataclass(frozen=True)
class Responses(AnyResponses):
    """Pulses in force now, and those before: `earlier[i]` held until `until[:, i]` hours (ascending; `NEVER` where a subject has fewer changes).

    Where the `onset_changes` with them, each swallowed dose keeps the lag, rate and shares of the hour at which it was swallowed.
    """

    pulses: Pulses
    earlier: tuple[Pulses, ...] = ()
    until: Float[Tensor, "subject change"] | None = None
    onset_changes: bool = False

    is_dose_proportional = True

    def __post_init__(self):
        if self.until is None or not self.earlier:
            object.__setattr__(self, "until", torch.zeros(len(self.pulses.lag), 0))

    @property
    def now(self) -> Pulses:
        """What is in force."""
        return self.pulses

    def curves(self, doses: Doses, time: Float[Tensor, "subject time"]) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
        """Concentration (mg/L) just before each time, and its integral from the first dose on (mg h/L)."""
        if not self.earlier:
            return superpose(self.pulses, doses, time)
        assert self.until is not None
        if self.onset_changes:
            return superpose_by_intake((*self.earlier, self.pulses), self.until, doses, time)
        return superpose(self.pulses, doses, time, earlier=self.earlier, until=self.until)

    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        """CL (L/h), V (L) and half-life (h) as they are now."""
        return disposition(self.pulses)

    def at(self, draws: Int[Tensor, " draw"]) -> "Responses":
        """Some of the draws."""
        return self.map(lambda table: table[:, draws])

    def repeated(self, count: int) -> "Responses":
        """One subject as `count` subjects, for as many courses side by side."""
        assert self.until is not None
        each = [p.map(lambda table: table.expand(count, *[-1] * (table.ndim - 1))) for p in (*self.earlier, self.pulses)]
        return type(self)(each[-1], tuple(each[:-1]), self.until.expand(count, -1), self.onset_changes)

    def settled(self) -> "Responses":
        """As if the present had always been: what a steady state is counted with."""
        return type(self)(self.pulses)

    def in_force(self, time_h: float) -> "Responses":
        """As if what held at that hour of the first subject's course had always been."""
        assert self.until is not None
        return type(self)(next((p for p, until_h in zip(self.earlier, self.until[0].tolist(), strict=False) if until_h > time_h), self.pulses))

    def scaled(self, factor: Float[Tensor, " draw"]) -> "Responses":
        """Every draw's concentrations times its factor."""
        each = [replace(p, amplitude=p.amplitude * factor[:, None, None]) for p in (*self.earlier, self.pulses)]
        return type(self)(each[-1], tuple(each[:-1]), self.until, self.onset_changes)

    def paced(self, factor: Float[Tensor, " draw"]) -> "Responses":
        """After a dose everything happens so many times as fast: what a bolus leaves at t is what it left at factor x t."""
        each = [replace(p, rate=p.rate * factor[:, None, None], lag=p.lag / factor[:, None]) for p in (*self.earlier, self.pulses)]
        return type(self)(each[-1], tuple(each[:-1]), self.until)

    def map(self, change: Callable[[Tensor], Tensor]) -> "Responses":
        """The same change made to every table [subject, draw, ...] of every pulse."""
        each = [p.map(change) for p in (*self.earlier, self.pulses)]
        return type(self)(each[-1], tuple(each[:-1]), self.until, self.onset_changes)


def joined(parts: list[AnyResponses]) -> AnyResponses:
    """The draws of several answers of the same subjects, side by side; their changes must be at the same times."""
    pulsed, simulated = [p for p in parts if isinstance(p, Responses)], [p for p in parts if isinstance(p, Simulated)]
    assert not (pulsed and simulated), "a drug's published models are all proportional to dose, or none is"
    if simulated:
        return side_by_side(simulated)
    earlier = tuple(together([part.earlier[i] for part in pulsed], 1) for i in range(len(pulsed[0].earlier)))
    return Responses(together([part.pulses for part in pulsed], 1), earlier, pulsed[0].until, any(part.onset_changes for part in pulsed))
