"""What can be asked of a patient's answers to doses, whatever makes them: closed-form pulses, or a simulated body."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor

from pkvae_core.structural.body import AnyBody
from pkvae_core.structural.exponentials import Doses, Pulses


class AnyResponses(ABC):
    """How each draw [subject, draw] of a patient answers to doses. Where the answer changed, `earlier` ones held until `until[:, i]` hours."""

    is_dose_proportional: bool  # a response to 1 mg that is the same whenever it is given, so that those of all doses add up
    pulses: Pulses  # the response to 1 mg; only of what is proportional to dose
    earlier: tuple[Pulses, ...] | tuple[AnyBody, ...]
    until: Float[Tensor, "subject change"] | None

    @property
    @abstractmethod
    def now(self) -> Pulses | AnyBody:
        """What is in force."""

    @property
    def scales(self) -> bool:
        """Whether twice the amount of every dose is twice every concentration."""
        return self.is_dose_proportional

    @abstractmethod
    def curves(self, doses: Doses, time: Float[Tensor, "subject time"]) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
        """Concentration (mg/L) just before each time, and its integral from the first dose on (mg h/L)."""

    @abstractmethod
    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        """CL (L/h), V (L) and half-life (h) as they are now."""

    @abstractmethod
    def at(self, draws: Int[Tensor, " draw"]) -> "AnyResponses":
        """Some of the draws."""

    @abstractmethod
    def repeated(self, count: int) -> "AnyResponses":
        """One subject as `count` subjects, for as many courses side by side."""

    @abstractmethod
    def settled(self) -> "AnyResponses":
        """As if the present had always been: what a steady state is counted with."""

    @abstractmethod
    def in_force(self, time_h: float) -> "AnyResponses":
        """As if what held at that hour of the first subject's course had always been."""

    @abstractmethod
    def map(self, change: Callable[[Tensor], Tensor]) -> "AnyResponses":
        """The same change made to every table [subject, draw, ...]."""
