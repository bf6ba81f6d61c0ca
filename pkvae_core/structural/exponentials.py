"""What is the concentration after any course of doses, when one dose answers with a sum of exponentials?

The response to 1 mg at time 0 by route r is, from its lag on,
    r(tau) = sum_k amplitude_k exp(-rate_k tau),   tau = t - lag >= 0.
Between two events (a dose starts, an infusion ends) every term is a linear state with constant input R (mg/h),
    state' = -rate state + amplitude R,
so one pass over the events gives every concentration and every integral in closed form: bolus, infusion of any length,
overlapping infusions and any number of doses cost one exponential per event and term. Where the response itself changes (kidney function), that moment is
an event too: the compartments keep their amounts (see `chain`) and the new exponentials take over.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pkvae_core.structural.chain import transfer

NEVER = -1e9  # hours: a change that never came (the padding of subjects with fewer changes)


@dataclass(frozen=True)
class Doses:
    """The courses of a batch of subjects, padded with amounts of 0: hours, mg of active substance, hours, index of the route."""

    time: Float[Tensor, "subject dose"]
    amount: Float[Tensor, "subject dose"]
    duration: Float[Tensor, "subject dose"]
    route: Int[Tensor, "subject dose"]

    def of_route(self, route: int) -> "Doses":
        return Doses(self.time, self.amount * (self.route == route), self.duration, self.route)


@dataclass(frozen=True)
class Pulses:
    """The response to 1 mg: rows of exponentials, each with its lag (h); amplitudes in 1/L (negative ones draw the rise), rates in 1/h.

    Row 0 is the vein. All others belong to the mouth and add up: usually one, more where a swallowed dose arrives in several waves. Where there is a mouth,
    the terms stand in blocks of equal size: those of the disposition, then those of each of the onset's `stages`.
    """

    amplitude: Float[Tensor, "subject draw row term"]
    rate: Float[Tensor, "subject draw row term"]
    lag: Float[Tensor, "subject draw row"]
    stages: int = 1

    @property
    def blocks(self) -> int:
        return 1 if self.amplitude.shape[2] == 1 else 1 + self.stages

    def rows_of(self, route: int) -> slice:
        """The rows that answer to a dose by this route."""
        return slice(route, None if route else 1)

    def map(self, change: Callable[[Tensor], Tensor]) -> "Pulses":
        """The same change made to each of the tables."""
        return Pulses(change(self.amplitude), change(self.rate), change(self.lag), self.stages)

    def auc(self) -> Float[Tensor, "subject draw route"]:
        """Area under the response to 1 mg, to infinity: F/CL in h/L."""
        area = (self.amplitude / self.rate).sum(-1)
        return area if area.shape[-1] < 3 else torch.stack([area[..., 0], area[..., 1:].sum(-1)], -1)


def disposition(pulses: Pulses) -> dict[str, Float[Tensor, "subject draw"]]:
    """Clearance CL (L/h), volume at steady state V (L) and terminal half-life (h), measured on the response into the vein.

    CL = 1/AUC of 1 mg; V = CL x mean residence time; the half-life is that of the tail, from where a tenth of the AUC is still to come.
    """
    amplitude, rate = pulses.amplitude[:, :, 0].double(), pulses.rate[:, :, 0].double()
    area = amplitude / rate
    clearance = 1 / area.sum(-1)
    return {"CL": clearance, "V": clearance**2 * (area / rate).sum(-1), "half_life": _tail_half_life(amplitude, rate)}


def _tail_half_life(
    amplitude: Float[Tensor, "subject draw term"], rate: Float[Tensor, "subject draw term"], share: float = 0.1
) -> Float[Tensor, "subject draw"]:
    """ln 2 x AUC(T, inf)/C(T) where `share` of the AUC lies beyond T: ln 2/beta of a textbook curve, and right where several terms make up one slope.

    The rate of the slowest term is not: three terms fitted to two exponentials straddle the terminal slope.
    """
    area = amplitude / rate
    early, late = torch.zeros_like(area[..., 0]), -math.log(share) / rate.min(-1).values
    for _ in range(40):
        middle = (early + late) / 2
        is_early = (area * torch.exp(-rate * middle[..., None])).sum(-1) > share * area.sum(-1)
        early, late = torch.where(is_early, middle, early), torch.where(is_early, late, middle)
    left = torch.exp(-rate * late[..., None])
    return math.log(2) * (area * left).sum(-1) / (amplitude * left).sum(-1)


def with_terms(pulses: Pulses, terms: int, stages: int | None = None) -> Pulses:
    """The same responses with exponentials of amplitude 0 added: blocks up to `stages` of the onset, and to each block up to `terms` in all."""
    stages = stages or pulses.stages
    blocks = pulses.blocks + stages - pulses.stages if pulses.blocks > 1 else 1
    more, spare = terms // blocks - pulses.amplitude.shape[-1] // pulses.blocks, blocks - pulses.blocks

    def padded(table: Tensor, value: float) -> Tensor:
        return torch.nn.functional.pad(table.unflatten(-1, (pulses.blocks, -1)), (0, more, 0, spare), value=value).flatten(-2)

    return Pulses(padded(pulses.amplitude, 0.0), padded(pulses.rate, 1.0), pulses.lag, stages)


def together(each: Sequence[Pulses], axis: int) -> Pulses:
    """Pulses of other subjects (axis 0) or other draws (axis 1) in one table; the shorter ones are filled up."""
    stages = max(p.stages for p in each)
    size = max(p.amplitude.shape[-1] // p.blocks for p in each)
    filled = [with_terms(p, size * (p.blocks + stages - p.stages if p.blocks > 1 else 1), stages) for p in each]
    amplitude, rate, lag = (torch.cat([getattr(p, name) for p in filled], axis) for name in ("amplitude", "rate", "lag"))
    return Pulses(amplitude, rate, lag, stages)


@dataclass(frozen=True)
class _Events:
    """Everything that happens, sorted: at `time` the state jumps by amplitude x `jump` mg, and `inflow` mg/h run until the next event.

    `epoch` counts the changes of the response so far, this event included.
    """

    time: Float[Tensor, "subject event"]
    jump: Float[Tensor, "subject event"]
    inflow: Float[Tensor, "subject event"]
    epoch: Int[Tensor, "subject event"]


def _events(doses: Doses, until: Float[Tensor, "subject change"]) -> _Events:
    """Times and inflows in double: late in a long course a float would change the length of a short infusion, and leave inflow after the last one."""
    start, duration = doses.time.double(), doses.duration.double()
    is_bolus = duration <= 0
    jump, inflow = torch.where(is_bolus, doses.amount, 0), torch.where(is_bolus, 0, doses.amount.double() / torch.where(is_bolus, 1, duration))
    still = torch.zeros_like(until.double())
    times, jumps, inflows = [until.double(), start], [still.to(jump.dtype), jump], [still, inflow]
    if not bool(is_bolus.all()):
        times, jumps, inflows = [*times, start + duration], [*jumps, torch.zeros_like(jump)], [*inflows, -inflow]
    time, order = torch.cat(times, 1).sort(dim=1, stable=True)
    running = torch.cat(inflows, 1).gather(1, order).cumsum(1).clamp(min=0)
    return _Events(time, torch.cat(jumps, 1).gather(1, order), running.to(jump.dtype), (order < until.shape[1]).cumsum(1))


def _advance(state: Tensor, inflow: Tensor, rate: Tensor, elapsed: Tensor) -> tuple[Tensor, Tensor]:
    """State after `elapsed` hours of constant inflow (already times amplitude), and its integral over them."""
    gain = -torch.expm1(-rate * elapsed) / rate
    return state + gain * (inflow - rate * state), state * gain + inflow * (elapsed - gain) / rate


def superpose(
    pulses: Pulses,
    doses: Doses,
    time: Float[Tensor, "subject time"],
    *,
    earlier: tuple[Pulses, ...] = (),
    until: Float[Tensor, "subject change"] | None = None,
) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
    """Concentration (mg/L) just before each time, and its integral from the first dose to each time (mg h/L), summed over routes.

    Where the response changed, `earlier[i]` held until `until[:, i]` (ascending, `NEVER` where a subject has fewer changes) and `pulses` holds after the last
    change. What is swallowed feels a change one lag later: its clock is that of arrival.
    """
    epochs = (*earlier, pulses)
    changes = until if until is not None else torch.zeros(time.shape[0], 0)
    routes = range(min(2, pulses.amplitude.shape[2]))
    used = [r for r in routes if bool(((doses.route == r) & (doses.amount > 0)).any())] or [0]
    arrival = time.double()[:, None, None] - pulses.lag[..., None]  # subject draw row time
    parts = []
    for route in used:
        rows = pulses.rows_of(route)
        every = _superpose_route(_Route.of(epochs, rows), arrival[:, :, rows].flatten(1, 2), _events(doses.of_route(route), changes))
        parts.append([table.unflatten(1, (pulses.lag.shape[1], -1)).sum(2) for table in every])
    return torch.stack([p[0] for p in parts]).sum(0), torch.stack([p[1] for p in parts]).sum(0)


@dataclass(frozen=True)
class _Route:
    """One route's amplitudes and rates in every epoch, each row as a draw of its own, and the matrices that take the terms' concentrations over each change."""

    amplitude: Float[Tensor, "subject epoch draw term"]
    rate: Float[Tensor, "subject epoch draw term"]
    transfer: Float[Tensor, "subject change draw term term"]

    @classmethod
    def of(cls, epochs: tuple[Pulses, ...], rows: slice) -> "_Route":
        each = range(*rows.indices(epochs[-1].amplitude.shape[2]))
        matrices = [torch.stack([_transfer(before, after, r) for r in each], 2).flatten(1, 2) for before, after in zip(epochs[:-1], epochs[1:], strict=True)]
        amplitude, rate = (torch.stack([getattr(p, field)[:, :, rows].flatten(1, 2) for p in epochs], 1) for field in ("amplitude", "rate"))
        return cls(amplitude, rate, torch.stack(matrices, 1) if matrices else amplitude.new_zeros(len(amplitude), 0, *amplitude.shape[2:], amplitude.shape[-1]))

    def of_epoch(self, epoch: Int[Tensor, " subject"]) -> tuple[Tensor, Tensor]:
        if self.rate.shape[1] == 1:
            return self.amplitude[:, 0], self.rate[:, 0]
        rows = torch.arange(len(epoch))
        return self.amplitude[rows, epoch], self.rate[rows, epoch]


def _transfer(before: Pulses, after: Pulses, row: int) -> Float[Tensor, "subject draw term term"]:
    """Into the vein, the chain's matrix. Swallowed: the terms of the onset keep the amount in the gut, each sum (disposition + onset) goes by the chain."""
    terms = before.amplitude.shape[-1] // before.blocks
    vein = [(p.amplitude[:, :, 0, :terms], p.rate[:, :, 0, :terms]) for p in (before, after)]
    chain = transfer(vein[0], vein[1])
    whole = torch.zeros(*chain.shape[:2], before.amplitude.shape[-1], before.amplitude.shape[-1], dtype=chain.dtype)
    whole[..., :terms, :terms] = chain
    for block in range(1, before.blocks) if row else ():
        mine = slice(block * terms, (block + 1) * terms)
        was, now = before.amplitude[:, :, row, mine], after.amplitude[:, :, row, mine]
        kept = torch.diag_embed(torch.where(was == 0, 0, now / torch.where(was == 0, 1, was)))
        whole[..., mine, mine] = kept
        whole[..., :terms, mine] = chain - kept
    return whole


def _superpose_route(route: _Route, time: Float[Tensor, "subject draw time"], events: _Events) -> tuple[Tensor, Tensor]:
    """One route, at times on the clock of arrival (lag subtracted)."""
    first, count = torch.zeros(len(time), dtype=torch.long), events.time.shape[1]
    amplitude, rate = route.of_epoch(first)
    state, area = torch.zeros_like(amplitude), torch.zeros_like(amplitude)
    states, areas = [state], [area]
    for i in range(count):
        if i:
            elapsed = (events.time[:, i] - events.time[:, i - 1]).to(rate.dtype)[:, None, None]
            state, added = _advance(state, amplitude * events.inflow[:, i - 1, None, None], rate, elapsed)
            area = area + added
        state = _change(route, events, i, state)
        amplitude, rate = route.of_epoch(events.epoch[:, i])
        state = state + amplitude * events.jump[:, i, None, None]
        states.append(state)
        areas.append(area)
    index = torch.searchsorted(events.time, time.flatten(1).contiguous()).view_as(time)  # events strictly before each time; 0 = none yet

    def seen(table: Tensor) -> Tensor:
        return table.gather(1, (index - 1).clamp(min=0).flatten(1)).view_as(time)

    since = torch.where(index > 0, time - seen(events.time), 0).to(rate.dtype)[..., None]
    inflow = torch.where(index > 0, seen(events.inflow), 0)[..., None]
    pick = index[..., None].expand(*time.shape, amplitude.shape[-1])
    state, area = torch.stack(states, 2).gather(2, pick), torch.stack(areas, 2).gather(2, pick)
    if route.rate.shape[1] == 1:
        amplitude, rate = amplitude[:, :, None], rate[:, :, None]
    else:
        now = torch.where(index > 0, seen(events.epoch), 0)[..., None].expand_as(pick)
        amplitude, rate = (table.transpose(1, 2).gather(2, now) for table in (route.amplitude, route.rate))
    end, added = _advance(state, amplitude * inflow, rate, since)
    return end.sum(-1).clamp(min=0), (area + added).sum(-1)  # below zero only by round-off, where a rise begins


def _change(route: _Route, events: _Events, i: int, state: Tensor) -> Tensor:
    """The state after event i, where that is a change of the response."""
    epoch = events.epoch[:, i]
    is_change = epoch > (events.epoch[:, i - 1] if i else 0)
    if not bool(is_change.any()):
        return state
    matrix = route.transfer[torch.arange(len(epoch)), (epoch - 1).clamp(min=0)]
    return torch.where(is_change[:, None, None], (matrix @ state[..., None])[..., 0], state)
