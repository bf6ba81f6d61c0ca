"""What must be known of a body to follow a drug through it: states, how they change, and what a laboratory would measure."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

SHARPER = 5.0  # how much closer clearance is to be met than volume: near saturation a level multiplies what clearance misses


class AnyBody(ABC):
    """One kind of body: a frozen dataclass of parameters [subject, draw]. `ka` (1/h) is how fast a depot empties: the gut, or the skin of an injected dose."""

    ka: Float[Tensor, "subject draw"]
    is_stiff: ClassVar[bool] = False  # it says how its slope changes with its state, and is stepped with that: fast relaxation does not shorten the steps
    relaxes: ClassVar[bool] = False  # it says at which rates its states leave, and is stepped with those: no step, however long, can make a state negative
    saturates: ClassVar[bool] = False  # one state, the drug's amount, whose elimination is the slower per mg the more there is
    scales: ClassVar[bool] = False  # whether twice the amount of every dose is twice every concentration
    rhythm_h: ClassVar[float] = 0.0  # after so many hours the same happens again to whoever does the same again; 0 where no hour differs from any other
    meals_h: ClassVar[tuple[float, ...]] = ()  # at these hours of each day of the record a meal is assumed; none where meals do nothing

    def period_h(self, interval_h: float) -> float:
        """After so many hours the same happens again under a regimen of this interval: one of them, or as many as a day has."""
        return interval_h * max(1, math.ceil(self.rhythm_h / interval_h - 1e-9))

    @abstractmethod
    def clearance(self, concentration_mg_per_L: float) -> Float[Tensor, "subject draw"]:
        """Dose rate over steady concentration (L/h), at this steady concentration."""

    @abstractmethod
    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        """CL (L/h), V (L) and half-life (h), where the drug's own concentration does not slow it down."""


class Body(AnyBody):
    """A body whose states change smoothly between doses: what an integration has to know."""

    @property
    @abstractmethod
    def fastest(self) -> Float[Tensor, "subject draw"]:
        """The fastest rate (1/h) at which a state relaxes: what the steps have to follow."""

    @property
    def half_full(self) -> Float[Tensor, "subject draw"]:
        """The amount (mg) from which on saturation shows; of a body that `saturates`."""
        raise NotImplementedError

    @abstractmethod
    def start(self) -> Float[Tensor, "subject draw state"]:
        """The states before any drug."""

    @abstractmethod
    def slope(self, state: Float[Tensor, "*node subject draw state"]) -> Float[Tensor, "*node subject draw state"]:
        """Change of the states per hour while no drug comes in."""

    def slope_and_slowing(
        self, state: Float[Tensor, "*node subject draw 1"]
    ) -> tuple[Float[Tensor, "*node subject draw 1"], Float[Tensor, "*node subject draw 1"]]:
        """The slope and its own slope (1/h), in one pass; of a body of one state that `is_stiff`."""
        raise NotImplementedError

    def rates(self, state: Float[Tensor, "*node subject draw state"]) -> Float[Tensor, "*node subject draw state"]:
        """The share of each state that leaves per hour; of a body that `relaxes`, where it stays between bounds whatever the states are."""
        raise NotImplementedError

    def made(self) -> Float[Tensor, "subject draw state"]:
        """What the body itself makes of each state per hour; of a body that `relaxes`."""
        raise NotImplementedError

    @abstractmethod
    def with_drug(
        self, state: Float[Tensor, "*node subject draw state"], amount_mg: Float[Tensor, "*node subject draw"]
    ) -> Float[Tensor, "*node subject draw state"]:
        """The states with this amount more of drug in the blood."""

    @abstractmethod
    def concentration(self, state: Float[Tensor, "*node subject draw state"]) -> Float[Tensor, "*node subject draw"]:
        """Total drug in the blood, mg/L."""

    @abstractmethod
    def rise(self, state: Float[Tensor, "*node subject draw state"], slope: Float[Tensor, "*node subject draw state"]) -> Float[Tensor, "*node subject draw"]:
        """Change of the concentration per hour (mg/L/h) while the states change by `slope`."""

    def traits(self, concentrations_mg_per_L: Sequence[float]) -> Float[Tensor, "subject draw point"]:
        """Logarithms of what tells such a body from another, where no single response tells enough: its clearance over the steady concentration, which shows
        where it saturates, its volume, and how fast a dose is absorbed."""
        clearance = torch.stack([self.clearance(level) for level in concentrations_mg_per_L], -1)
        return torch.cat([SHARPER * clearance.log(), self.disposition()["V"].log()[..., None], self.ka.log()[..., None]], -1)


SomeBody = TypeVar("SomeBody", bound=AnyBody)
SmoothBody = TypeVar("SmoothBody", bound=Body)


def changed(bodies: Sequence[SomeBody], change: Callable[..., Tensor]) -> SomeBody:
    """The body whose every parameter is made from that parameter of these bodies, which are of one kind."""
    return type(bodies[0])(*(change(*(getattr(body, f.name) for body in bodies)) for f in fields(bodies[0])))  # pyright: ignore[reportArgumentType]
