"""What concentration follows these doses, when every event makes the patient's state jump, and the state falls exponentially until the next one?

At an event, a dose or a meal, a gated unit moves the state, s <- s + u (s' - s) with u, s' and the rates until the next event networks of (s, z, amount,
whether it is a meal); between events s_i(tau) = s_i exp(-lambda_i tau). The level is a sum of squares, each of a few of the states together, so that it is
never negative, may rise and fall, and has a closed area. Where meals are events, a few states more are remembered and not seen, as the bile's content is.
(A lag of each patient's own before a dose's jump was tried: a level that has not begun pulls at no lag, and the flow fled to lags of an hour.)
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.recirculation import _meals as meals_until
from pkvae_core.vae.decoder import perceptron

TOGETHER, KNOWN = 3, 64
BOUND = 4.0  # of the logarithms of rates: a first run on mycophenolate, unbounded, ended in infinities


@dataclass(frozen=True)
class Flow:
    """How long the states of a group last untrained (h): one shapes the rise, the others what follows."""

    lasting_h: tuple[float, float, float]
    groups: int = 4
    unseen: int = 0
    has_meals: bool = False

    @property
    def states(self) -> int:
        return self.groups * TOGETHER + self.unseen


@dataclass(frozen=True)
class Events:
    """What happens to each draw, sorted in time; what nobody asks for any more waits at the last hour. `has_begun` says whether there was a dose."""

    time: Float[Tensor, "subject draw event"]
    size: Float[Tensor, "subject draw event"]
    is_meal: Float[Tensor, "subject draw event"]
    has_begun: Float[Tensor, "subject draw event"]


class StateJump(nn.Module):
    """Levels are counted in a typical one, `concentration` (mg/L), amounts in what brings it about in `volume` (L)."""

    is_dose_proportional = False
    fading: Tensor

    def __init__(self, latent: int, concentration: float, volume: float, flow: Flow, width: int = 128):
        super().__init__()
        self.flow = flow
        self.knowing = perceptron(latent, 96, KNOWN)
        self.jump = perceptron(flow.states + KNOWN + 1 + flow.has_meals, width, 3 * flow.states)
        self.concentration, self.usual_mg = concentration, concentration * volume
        seen = -torch.tensor(flow.lasting_h).log().repeat(flow.groups)
        self.register_buffer("fading", torch.cat([seen, torch.full((flow.unseen,), -torch.tensor(flow.lasting_h[-1]).log().item())]))

    def level(self, z: Float[Tensor, "subject draw latent"], doses: Doses, time: Float[Tensor, "subject time"]) -> Float[Tensor, "subject draw time"]:
        """Concentration (mg/L) just before each time."""
        events = self._events(z, doses, time)
        state, rate, since, seen = self._now(*self._lived(z, events), events, time)
        return self.concentration * self._grouped(state * torch.exp(-rate * since)).sum(-1).square().sum(-1) * seen

    def area(self, z: Float[Tensor, "subject draw latent"], doses: Doses, time: Float[Tensor, "subject time"]) -> Float[Tensor, "subject draw time"]:
        """Its integral from the first dose on (mg h/L): that of all intervals that are over, and of the present one so far."""
        events = self._events(z, doses, time)
        states, rates = self._lived(z, events)
        lasting = torch.diff(events.time, dim=2)[..., None]
        over = self._integral(states[:, :, :-1], rates[:, :, :-1], lasting).cumsum(2)
        over = torch.cat([torch.zeros_like(events.time[..., :1]), over], 2)
        before = _latest(events, time)
        *now, seen = self._now(states, rates, events, time)
        return self.concentration * (over.gather(2, before) + self._integral(*now)) * seen

    def _events(self, z: Tensor, doses: Doses, time: Float[Tensor, "subject time"]) -> Events:
        assert not bool(((doses.route == 0) & (doses.amount > 0)).any()), "this flow knows doses by the mouth or under the skin alone"
        end = time.max(1).values[:, None, None]
        start = torch.where(doses.amount > 0, doses.time, torch.inf)
        size = torch.where(doses.amount > 0, doses.amount / self.usual_mg, 1.0).log()
        meals = meals_until(float(start.min()), float(end.max())).to(start.dtype) if self.flow.has_meals else start.new_zeros(0)
        wide = (*z.shape[:2], -1)
        at = torch.cat([start[:, None].expand(*wide), meals.expand(*wide)], -1)
        at, order = torch.minimum(at, end).sort(dim=-1, stable=True)
        is_meal = (order >= start.shape[1]).to(at.dtype)
        sizes = nn.functional.pad(size, (0, len(meals)))[:, None].expand(*wide).gather(-1, order)
        return _trimmed(Events(at, sizes, is_meal, ((1 - is_meal).cumsum(-1) > 0).to(at.dtype)), end)

    def _lived(self, z: Tensor, events: Events) -> tuple[Float[Tensor, "subject draw event state"], Float[Tensor, "subject draw event state"]]:
        """The states just after each event, and their rates from then on."""
        known = self.knowing(z)
        state, rate = known.new_zeros(*known.shape[:2], self.flow.states), self.fading.exp()
        gap = torch.diff(events.time, dim=2, prepend=events.time[..., :1])[..., None]
        told = torch.stack([events.size, events.is_meal] if self.flow.has_meals else [events.size], -1)
        states, rates = [], []
        for i in range(gap.shape[2]):
            state = state * torch.exp(-rate * gap[:, :, i])
            gate, candidate, faster = self.jump(torch.cat([state, known, told[:, :, i]], -1)).chunk(3, -1)
            state, rate = state + events.has_begun[:, :, i, None] * gate.sigmoid() * (candidate - state), (self.fading + BOUND * (faster / BOUND).tanh()).exp()
            states.append(state)
            rates.append(rate)
        return torch.stack(states, 2), torch.stack(rates, 2)

    def _now(self, states: Tensor, rates: Tensor, events: Events, time: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """States and rates from the last event on, the hours since it [subject, draw, time, 1], and whether there was one [subject, draw, time]."""
        latest = _latest(events, time)
        index = latest[..., None].expand(-1, -1, -1, states.shape[-1])
        since = time[:, None] - events.time.gather(2, latest)
        return states.gather(2, index), rates.gather(2, index), since.clamp(min=0)[..., None], (since > 0).to(time.dtype)

    def _grouped(self, state: Float[Tensor, "*batch state"]) -> Float[Tensor, "*batch group together"]:
        return state[..., : self.flow.groups * TOGETHER].unflatten(-1, (self.flow.groups, TOGETHER))

    def _integral(self, state: Tensor, rate: Tensor, since: Tensor) -> Tensor:
        """Sum over groups of the integral of (sum_i s_i exp(-lambda_i t))^2 from 0 to `since`."""
        state, rate, found = self._grouped(state), self._grouped(rate), 0.0
        for i in range(TOGETHER):
            for j in range(i + 1):
                both = rate[..., i] + rate[..., j]
                found = found - (2 - (i == j)) * state[..., i] * state[..., j] * torch.expm1(-both * since) / both
        assert isinstance(found, Tensor)
        return found.sum(-1)


def _trimmed(events: Events, end: Float[Tensor, "subject 1 1"]) -> Events:
    """Without what nobody sees."""
    count = max(1, int((events.time < end).sum(-1).max()))
    return Events(*(table[..., :count] for table in (events.time, events.size, events.is_meal, events.has_begun)))


def _latest(events: Events, time: Float[Tensor, "subject time"]) -> Int[Tensor, "subject draw time"]:
    """Which event was the last before each time; the first one where there was none."""
    wide = time[:, None].expand(-1, events.time.shape[1], -1)
    return (torch.searchsorted(events.time.detach().contiguous(), wide.contiguous()) - 1).clamp(min=0)
