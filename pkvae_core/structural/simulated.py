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

AT_ONCE = 8000  # subjects times draws in one pass: about what a core's cache holds


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
    def scales(self) -> bool:
        return self.body.scales

    @property
    def pulses(self) -> Pulses:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise ValueError("this drug is not proportional to dose, so there is no response to 1 mg that could be scaled. Simulate the course itself.")

    def curves(self, doses: Doses, time: Float[Tensor, "subject time"]) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
        """A few subjects at a time, those with like numbers of doses together."""
        most = max(1, AT_ONCE // max(1, self.body.ka.shape[1]))
        if len(time) <= most:
            return self._curves(doses, time)
        order = (doses.amount > 0).sum(1).argsort(stable=True)
        parts = [self._of_subjects(some)._curves(*_used(doses, time, some)) for some in order.split(most)]
        back = order.argsort()
        concentration, area = (torch.cat(tables)[back] for tables in zip(*parts, strict=True))
        return concentration, area

    def _curves(self, doses: Doses, time: Float[Tensor, "subject time"]) -> tuple[Tensor, Tensor]:
        """By steps where the body changes smoothly; exactly where its rates are constant between doses and meals."""
        now, before = self.body, self.earlier
        if isinstance(now, Recirculating):
            return recirculate(now, doses, time, earlier=tuple(each for each in before if isinstance(each, Recirculating)), until=self.until)
        assert isinstance(now, Body)
        return integrate(now, doses, time, earlier=tuple(each for each in before if isinstance(each, Body)), until=self.until)

    def begun_at(self, morning: Float[Tensor, " subject"]) -> "Simulated":
        """The same bodies, whose days begin at this hour of each subject's record; nothing where no hour differs from any other."""
        if not isinstance(self.body, Recirculating):
            return self
        each = [body.begun_at(morning) for body in (*self.earlier, self.body) if isinstance(body, Recirculating)]
        return type(self)(each[-1], tuple(each[:-1]), self.until)

    def _of_subjects(self, some: Int[Tensor, " subject"]) -> "Simulated":
        assert self.until is not None
        part = self.map(lambda table: table[some])
        return type(self)(part.body, part.earlier, self.until[some])

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


def _used(doses: Doses, time: Float[Tensor, "subject time"], some: Int[Tensor, " chosen"]) -> tuple[Doses, Float[Tensor, "chosen time"]]:
    """Their doses, without the padding that none of them needs, and their times."""
    longest = max(1, int(((doses.amount[some] > 0) * torch.arange(1, doses.amount.shape[1] + 1)).max()))
    return Doses(*(getattr(doses, name)[some, :longest] for name in ("time", "amount", "duration", "route"))), time[some]


def side_by_side(parts: list[Simulated]) -> Simulated:
    """The draws of several answers of the same subjects and one kind of body, side by side; their changes must be at the same times."""
    first = parts[0]

    def beside(bodies: list[AnyBody]) -> AnyBody:
        assert len({type(body) for body in bodies}) == 1, "bodies of different kinds cannot be drawn side by side"
        return changed(bodies, lambda *tables: torch.cat(tables, 1))

    return Simulated(beside([part.body for part in parts]), tuple(beside([p.earlier[i] for p in parts]) for i in range(len(first.earlier))), first.until)
