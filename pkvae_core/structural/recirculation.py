"""What does a body do that swallows its drug again? Mycophenolate: its glucuronide gathers in the gallbladder, which meals empty into the gut (Jiao 2008).

    gut -> blood (and deep tissue) -> glucuronide -> urine, or bile;   at a meal a share of the bile is in the gut at once.
Between two events (a dose arrives, a meal, a change of the body) this is a cascade with constant rates, so that the amounts are sums of five exponentials, the
modes, each of which decays on its own: the state is carried in them, jumps at the events, and is exact at any time, however fast the gut empties. Identical
responses added up would be wrong: what a dose does depends on the meals after it.

Meals are counted from the body's `morning`, 08:00 on the patient's clock: the record's hour 0 unless the record says which hour that is.
"""

import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pkvae_core.structural.body import AnyBody
from pkvae_core.structural.exponentials import Doses

MORNING_CLOCK_H = 8.0  # o'clock: where a day begins, with its first dose in everybody that the models learned from
MEALS_H = (4.0, 10.0)  # hours after that: lunch at 12:00 and supper at 18:00
DAY_H = 24.0
APART = 1e-3  # two rates closer than this part of them would merge; moved apart by it the curve changes by less
GUT, FAST, SLOW, CONJUGATE, BILE = range(5)  # the modes
IN_BLOOD = slice(0, 3)  # those that are seen in the blood


@dataclass(frozen=True)
class Recirculating(AnyBody):
    """CL is what blood loses to the glucuronide (L/h), V1 and V2 are the volumes (L) and Q the exchange (L/h) of blood and deep tissue, ka is in 1/h, the
    lag in h. The glucuronide leaves its own volume at the rate `turnover` (1/h), `share` of it into the bile, of which a meal moves `emptied` to the gut.
    `morning` is the hour of the record from which the meals of a day are counted (0 where none is given), the same for all draws of a subject."""

    CL: Float[Tensor, "subject draw"]
    V1: Float[Tensor, "subject draw"]
    Q: Float[Tensor, "subject draw"]
    V2: Float[Tensor, "subject draw"]
    ka: Float[Tensor, "subject draw"]
    lag: Float[Tensor, "subject draw"]
    turnover: Float[Tensor, "subject draw"]
    share: Float[Tensor, "subject draw"]
    emptied: Float[Tensor, "subject draw"]
    morning: Float[Tensor, "subject draw"] | None = None
    scales: ClassVar[bool] = True
    rhythm_h: ClassVar[float] = DAY_H
    meals_h: ClassVar[tuple[float, ...]] = MEALS_H

    def __post_init__(self):
        if self.morning is None:
            object.__setattr__(self, "morning", torch.zeros_like(self.CL))

    def begun_at(self, morning: Float[Tensor, " subject"]) -> "Recirculating":
        """The same body, each subject's meals counted from this hour of the record."""
        return replace(self, morning=morning.to(self.CL.dtype)[:, None].expand_as(self.CL))

    def clearance(self, concentration_mg_per_L: float = 0.0) -> Float[Tensor, "subject draw"]:
        """What leaves for good: all that goes into the bile comes back sooner or later."""
        return self.CL * (1 - self.share)

    def disposition(self) -> dict[str, Float[Tensor, "subject draw"]]:
        """CL is what leaves for good; the half-life is the terminal one of blood and tissue, between meals."""
        return {"CL": self.clearance(), "V": self.V1 + self.V2, "half_life": math.log(2) / _Modes.of(self).rate[..., SLOW].to(self.CL.dtype)}


def _apart(rate: Tensor, *others: Tensor) -> Tensor:
    """The rate, moved a little where it meets one of the others."""
    for other in others:
        rate = torch.where((rate - other).abs() < APART * other, other * (1 + APART), rate)
    return rate


@dataclass(frozen=True)
class _Modes:
    """Rates (1/h), and what a unit of each mode stands for in blood, deep tissue, glucuronide and bile (mg; a unit of the first one is 1 mg in the gut)."""

    rate: Float[Tensor, "*batch mode"]
    blood: Float[Tensor, "*batch mode"]
    deep: Float[Tensor, "*batch mode"]
    conjugate: Float[Tensor, "*batch mode"]
    bile: Float[Tensor, "*batch mode"]

    @classmethod
    def of(cls, body: Recirculating) -> "_Modes":
        """In double: where rates are close, large terms cancel."""
        CL, V1, Q, V2, ka, turnover, share = (getattr(body, name).double() for name in ("CL", "V1", "Q", "V2", "ka", "turnover", "share"))
        k10, k12, k21 = CL / V1, Q / V1, Q / V2
        total = k10 + k12 + k21
        fast = (total + (total.square() - 4 * k10 * k21).sqrt()) / 2
        slow = k10 * k21 / fast
        gut = _apart(ka, fast, slow)
        turnover = _apart(turnover, fast, slow, gut)
        one, none, way = torch.ones_like(gut), torch.zeros_like(gut), gut / ((gut - fast) * (gut - slow))
        blood = torch.stack([-(gut - k21) * way, one, one, none, none], -1)
        deep = torch.stack([k12 * way, k12 / (k21 - fast), k12 / (k21 - slow), none, none], -1)
        rate = torch.stack([gut, fast, slow, turnover, none], -1)
        made = k10[..., None] * blood[..., :3] / (turnover[..., None] - rate[..., :3])
        conjugate = torch.cat([made, one[..., None], none[..., None]], -1)
        gathered = -(share * turnover)[..., None] * conjugate[..., :4] / rate[..., :4]
        return cls(rate, blood, deep, conjugate, torch.cat([gathered, one[..., None]], -1))

    def holding(self, gut: Tensor, blood: Tensor, deep: Tensor, conjugate: Tensor, bile: Tensor) -> Float[Tensor, "*batch mode"]:
        """The modes of a body that holds these amounts (mg)."""
        blood, deep = blood - gut * self.blood[..., GUT], deep - gut * self.deep[..., GUT]
        fast = (deep - self.deep[..., SLOW] * blood) / (self.deep[..., FAST] - self.deep[..., SLOW])
        seen = torch.stack([gut, fast, blood - fast], -1)
        made = conjugate - (self.conjugate[..., IN_BLOOD] * seen).sum(-1)
        known = torch.cat([seen, made[..., None]], -1)
        return torch.cat([known, (bile - (self.bile[..., :BILE] * known).sum(-1))[..., None]], -1)

    def held(self, state: Float[Tensor, "*batch mode"]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Amounts (mg) in gut, blood, deep tissue, glucuronide and bile."""
        blood, deep, conjugate, bile = ((table * state).sum(-1) for table in (self.blood, self.deep, self.conjugate, self.bile))
        return state[..., GUT], blood, deep, conjugate, bile


@dataclass(frozen=True)
class _Events:
    """What happens to each draw, sorted in time: mg that arrive in the gut, whether it is a meal, how often the body has changed so far (this included)."""

    time: Float[Tensor, "subject draw event"]
    arriving: Float[Tensor, "subject draw event"]
    is_meal: Float[Tensor, "subject draw event"]
    epoch: Int[Tensor, "subject draw event"]

    @classmethod
    def of(cls, body: Recirculating, doses: Doses, until: Float[Tensor, "subject change"], end: Float[Tensor, " subject"], eaten: Tensor | None) -> "_Events":
        """Whatever comes after the last hour asked for waits there, where nobody sees it. `eaten`: hours of the meals [subject, meal]; None for every day's."""
        given = torch.where(doses.amount > 0, doses.time.double(), torch.inf)
        meals = _meals(float(given.min()), float(end.max())).expand(len(end), -1) if eaten is None else eaten.double()
        wide, counts = (len(end), body.lag.shape[1], -1), (until.shape[1], meals.shape[1], given.shape[1])
        each = [until.double()[:, None].expand(*wide), meals[:, None].expand(*wide), given[:, None] + body.lag.double()[..., None]]
        time, order = torch.cat(each, -1).minimum(end[:, None, None]).sort(dim=-1, stable=True)
        kind = torch.arange(3).repeat_interleave(torch.tensor(counts))[order]
        amount = torch.nn.functional.pad(doses.amount.double(), (counts[0] + counts[1], 0))[:, None].expand(*wide).gather(-1, order)
        return cls(time, amount, (kind == 1).double(), (kind == 0).cumsum(-1))


def _meals(first_h: float, last_h: float) -> Float[Tensor, " meal"]:
    """Hours of the meals from the day of the first dose to the last hour asked for."""
    if not first_h < last_h:
        return torch.zeros(0, dtype=torch.float64)
    days = DAY_H * torch.arange(math.floor(first_h / DAY_H), math.floor(last_h / DAY_H) + 1, dtype=torch.float64)
    meals = (days[:, None] + torch.tensor(MEALS_H, dtype=torch.float64)).flatten()
    return meals[(meals > first_h) & (meals < last_h)]


def recirculate(
    body: Recirculating,
    doses: Doses,
    time: Float[Tensor, "subject time"],
    *,
    earlier: tuple[Recirculating, ...] = (),
    until: Float[Tensor, "subject change"] | None = None,
    meals: Float[Tensor, "subject meal"] | None = None,
) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
    """Concentration (mg/L) just before each time, and its integral from the first dose to each time (mg h/L), of swallowed doses.

    `earlier[i]` held until `until[:, i]`; amounts stay where they are when the body changes, and the lag is always that of now. `meals`: at these hours alone,
    where they are not those of every day.
    """
    assert not bool(((doses.route == 0) & (doses.amount > 0)).any()), "a recirculating body is known by swallowed doses alone"
    if not time.shape[1]:
        nothing = body.CL.new_zeros(*body.CL.shape, 0)
        return nothing, nothing
    assert body.morning is not None
    morning = body.morning[:, :1].detach().double() if meals is None else torch.zeros(len(time), 1, dtype=torch.float64)
    doses, until = replace(doses, time=doses.time.double() - morning), None if until is None else until.double() - morning
    epochs, clock = (*earlier, body), time.double() - morning
    events = _Events.of(body, doses, until if until is not None else clock[:, :0], clock.max(1).values, meals)
    life = _Life.of(epochs)
    states, areas = life.lived(events)
    wide = clock[:, None].expand(-1, body.CL.shape[1], -1)
    index = torch.searchsorted(events.time.detach().contiguous(), wide.contiguous())  # events strictly before each time; 0 = none yet
    before = (index - 1).clamp(min=0)
    since = torch.where(index > 0, wide - events.time.gather(-1, before), 0)[..., None]
    now = life.at(torch.where(index > 0, events.epoch.gather(-1, before), 0))
    rate = now.modes.rate[..., IN_BLOOD]
    seen, fallen = states.gather(2, index[..., None].expand(*index.shape, 3)) * now.per_mode, -torch.expm1(-rate * since)
    level, area = (seen * (1 - fallen)).sum(-1), areas.gather(2, index) + (seen * fallen / rate).sum(-1)
    return level.clamp(min=0).to(body.CL.dtype), area.to(body.CL.dtype)  # below zero only by round-off, where a rise begins


@dataclass(frozen=True)
class _Life:
    """The modes of each epoch, the concentration (mg/L) that a unit of each of the first three stands for, and the share of the bile that a meal moves."""

    modes: _Modes
    per_mode: Float[Tensor, "*batch 3"]
    emptied: Float[Tensor, "*batch"]

    @classmethod
    def of(cls, epochs: tuple[Recirculating, ...]) -> "_Life":
        each = [_Modes.of(body) for body in epochs]
        modes = _Modes(*(torch.stack([getattr(m, f.name) for m in each]) for f in fields(_Modes)))
        V1, emptied = (torch.stack([getattr(body, name).double() for body in epochs]) for name in ("V1", "emptied"))
        return cls(modes, modes.blood[..., IN_BLOOD] / V1[..., None], emptied)

    def at(self, epoch: Int[Tensor, "subject draw *time"]) -> "_Life":
        """What is in force in each draw's epoch."""

        def pick(table: Tensor) -> Tensor:
            if len(table) == 1:
                return table[0].view(*epoch.shape[:2], *[1] * (epoch.ndim - 2), *table.shape[3:]).expand(*epoch.shape, *table.shape[3:])
            subject, draw = (torch.arange(size).view(-1, *[1] * after) for size, after in zip(epoch.shape, (epoch.ndim - 1, epoch.ndim - 2), strict=False))
            return table[epoch, subject, draw]

        return _Life(_Modes(*(pick(getattr(self.modes, f.name)) for f in fields(_Modes))), pick(self.per_mode), pick(self.emptied))

    def lived(self, events: _Events) -> tuple[Float[Tensor, "subject draw event 3"], Float[Tensor, "subject draw event"]]:
        """The modes seen in the blood, and the area so far, before the first event and after each one."""
        epoch, changes = torch.zeros_like(events.epoch[..., 0]), len(self.emptied) > 1
        now, none = self.at(epoch), torch.zeros_like(events.time[..., 0])
        entry = now.modes.holding(none + 1, none, none, none, none)
        state, area, last = torch.zeros_like(entry), none, events.time[..., 0]
        states, areas = [state[..., IN_BLOOD]], [area]
        for i, at in enumerate(events.time.unbind(-1)):
            fallen = -torch.expm1(-now.modes.rate * (at - last)[..., None])
            area = area + (now.per_mode * state[..., IN_BLOOD] * fallen[..., IN_BLOOD] / now.modes.rate[..., IN_BLOOD]).sum(-1)
            state, last = state * (1 - fallen), at
            if changes and bool((events.epoch[..., i] != epoch).any()):
                epoch, held = events.epoch[..., i], now.modes.held(state)
                now = self.at(epoch)
                state, entry = now.modes.holding(*held), now.modes.holding(none + 1, none, none, none, none)
            returning = events.is_meal[..., i] * now.emptied * (now.modes.bile * state).sum(-1)
            state = state + entry * (events.arriving[..., i] + returning)[..., None]
            state = torch.cat([state[..., :BILE], state[..., BILE:] - returning[..., None]], -1)
            states.append(state[..., IN_BLOOD])
            areas.append(area)
        return torch.stack(states, 2), torch.stack(areas, 2)
