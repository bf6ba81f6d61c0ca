"""How does a decoder that follows whole courses, instead of describing a body, take its place in the model?"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pkvae_core.drugs.population import Population
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.exponentials import Doses, Pulses
from pkvae_core.vae.state_jump import StateJump
from pkvae_core.vae.vae import PKVAE

AT_ONCE = 8000  # subjects times draws in one pass


@dataclass(frozen=True)
class Followed(AnyResponses):
    """Answers to doses that only their course tells. Covariates that change are not foreseen: the screen has none."""

    decoder: StateJump
    z: Float[Tensor, "subject draw latent"]

    is_dose_proportional = False
    earlier = ()
    until = None

    @property
    def now(self):
        raise ValueError("this decoder follows whole courses and has no body to look at. Ask for a course with `curves`.")

    @property
    def pulses(self) -> Pulses:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise ValueError("this drug is not proportional to dose, so there is no response to 1 mg that could be scaled. Follow the course itself.")

    def curves(self, doses: Doses, time: Float[Tensor, "subject time"]) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
        parts = []
        for some in torch.arange(len(time)).split(max(1, AT_ONCE // self.z.shape[1])):
            asked = (self.z[some], Doses(*(getattr(doses, name)[some] for name in ("time", "amount", "duration", "route"))), time[some])
            parts.append((self.decoder.level(*asked), self.decoder.area(*asked)))
        level, area = (torch.cat(tables) for tables in zip(*parts, strict=True))
        return level, area

    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        raise ValueError("this decoder knows no clearance and no volume. Ask for a course with `curves`.")

    def at(self, draws: Int[Tensor, " draw"]) -> "Followed":
        return self.map(lambda table: table[:, draws])

    def repeated(self, count: int) -> "Followed":
        return self.map(lambda table: table.expand(count, -1, -1))

    def settled(self) -> "Followed":
        return self

    def in_force(self, time_h: float) -> "Followed":
        return self

    def map(self, change: Callable[[Tensor], Tensor]) -> "Followed":
        return Followed(self.decoder, change(self.z))


class Challenger(PKVAE):
    """The same networks around another decoder; encoder and teacher start from where those of `like` are."""

    def __init__(self, like: PKVAE, decoder: StateJump):
        super().__init__(like.configuration, like.card)
        self.load_state_dict(like.state_dict())
        self.challenger = self.decoder = decoder

    def responses(self, z: Float[Tensor, "subject draw latent"], population: Population) -> Followed:
        if population.history.until.shape[1]:
            raise ValueError("this decoder was screened on patients whose covariates stay the same. Leave their earlier values out.")
        return Followed(self.challenger, z)
