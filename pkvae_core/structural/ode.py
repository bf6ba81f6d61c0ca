"""What is the concentration after any course of doses, when the body does not answer in proportion to them?

Between two events (a dose starts, an infusion ends, a covariate changes) nothing jumps, so that stretch is one smooth problem (`stretch`). Doses come at other
times in every subject, yet all subjects are integrated in one batch: each stretch is run on its own clock, from 0 to 1, with fixed steps that are short after
the event and long before the next one. An adaptive solver would take, for all of them, the step that its worst subject needs.
Between the nodes each state is the cubic through values and slopes (Hermite), and the concentration is that of these states: it may bend within minutes where
the states do not, as when a dose outnumbers its target. The area is that under the cubics through the concentrations at the nodes.
"""

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pkvae_core.structural.body import Body, SmoothBody, changed
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.stretch import Stretch, solve

STEPS_PER_ROOT = 2.2  # nodes in a stretch, per square root of its length in absorption times: 13 in a day at 1.5/h
COARSER = 0.85  # steps where nobody looks: what they miss is mostly forgotten before somebody does, but near saturation only slowly
LONGEST_STEP = 1.0  # in times of the body's fastest elimination; Runge-Kutta is stable to 2.8
MOST_STEPS = 1000.0  # of a stretch, for bodies that no patient has: a search for the likeliest one may look at them


@dataclass(frozen=True)
class _Stretches:
    """What begins each stretch, sorted in time: a bolus (mg), a swallowed or injected amount (mg), infusions running from then on (mg/h), the epoch."""

    time: Float[Tensor, "subject event"]
    bolus: Float[Tensor, "subject event"]
    deposited: Float[Tensor, "subject event"]
    running: Float[Tensor, "subject event"]
    epoch: Int[Tensor, "subject event"]

    @classmethod
    def of(cls, doses: Doses, until: Float[Tensor, "subject change"], end: Float[Tensor, " subject"]) -> "_Stretches":
        """Padding (amounts of 0) and changes that never came wait at the end of the course, where they split nothing."""
        is_dose, amount = doses.amount > 0, doses.amount.double()
        start, first = torch.where(is_dose, doses.time.double(), torch.inf), _first(doses)
        is_infused = doses.duration > 0
        rate = torch.where(is_infused, amount / torch.where(is_infused, doses.duration.double(), 1), 0)
        stop = torch.where(is_infused & is_dose, start + doses.duration, torch.inf)
        still, never = torch.zeros_like(amount), torch.zeros_like(until.double())
        change = torch.where(until > first[:, None], until.double(), torch.where(until > end[:, None], torch.inf, first[:, None]))
        time, order = torch.cat([change, start, stop], 1).minimum(end[:, None]).sort(dim=1, stable=True)
        is_vein = doses.route == 0
        tables = ([never, torch.where(is_infused | ~is_vein, 0, amount), still], [never, torch.where(is_vein, 0, amount), still], [never, rate, -rate])
        bolus, deposited, rates = (torch.cat(table, 1).gather(1, order) for table in tables)
        return cls(time, bolus, deposited, rates.cumsum(1).clamp(min=0), (order < until.shape[1]).cumsum(1))


def _first(doses: Doses) -> Float[Tensor, " subject"]:
    """When each subject's first dose is given; 0 where there is none."""
    first = torch.where(doses.amount > 0, doses.time.double(), torch.inf).min(1).values
    return torch.where(first.isinf(), 0, first)


@dataclass
class _Nodes:
    """The stretches that are asked for, at their nodes."""

    time: list[Float[Tensor, "node subject"]] = field(default_factory=list)
    epoch: list[Int[Tensor, "node subject"]] = field(default_factory=list)
    state: list[Float[Tensor, "node subject draw state"]] = field(default_factory=list)
    slope: list[Float[Tensor, "node subject draw state"]] = field(default_factory=list)
    level: list[Float[Tensor, "node subject draw"]] = field(default_factory=list)
    area: list[Float[Tensor, "node subject draw"]] = field(default_factory=list)


def integrate(
    body: SmoothBody,
    doses: Doses,
    time: Float[Tensor, "subject time"],
    *,
    earlier: tuple[SmoothBody, ...] = (),
    until: Float[Tensor, "subject change"] | None = None,
    finer: float = 1.0,
) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
    """Concentration (mg/L) just before each time, and its integral from the first dose to each time (mg h/L).

    `earlier[i]` held until `until[:, i]`; amounts in the body stay where they are when its parameters change. `finer` multiplies the number of steps.
    """
    if not time.shape[1]:
        return torch.zeros(*body.ka.shape, 0), torch.zeros(*body.ka.shape, 0)
    epochs = (*earlier, body)
    changes = until if until is not None else torch.zeros(len(time), 0)
    end = torch.maximum(time.double().max(1).values, _first(doses))
    stretches = _Stretches.of(doses, changes, end)
    nothing = _of_epoch(epochs, stretches.epoch[:, 0]).start()
    nodes = _run(epochs, stretches, _asked(stretches, end, time), finer, Held(nothing, torch.zeros_like(nothing[..., 0])))
    return _read(epochs, nodes, time.double(), _first(doses))


@dataclass(frozen=True)
class Held:
    """What a body holds at some hour: its states, and what lies in the depot (mg)."""

    state: Float[Tensor, "subject draw state"]
    depot: Float[Tensor, "subject draw"]


def resume(
    body: Body, held: Held, doses: Doses, time: Float[Tensor, "subject time"], *, finer: float = 1.0
) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
    """`integrate` from what a body holds at 0 h on: doses at 0 h or later (the first at 0 h), times after it; the integral is that from 0 h on."""
    end = time.double().max(1).values
    stretches = _Stretches.of(doses, torch.zeros(len(time), 0), end)
    nodes = _run((body,), stretches, _asked(stretches, end, time), finer, held)
    return _read((body,), nodes, time.double(), torch.full_like(end, -torch.inf))


@dataclass(frozen=True)
class _Asked:
    """How long each stretch lasts, and which of them somebody looks at."""

    lasting: Float[Tensor, "subject event"]
    is_asked: Bool[Tensor, " event"]


def _asked(stretches: _Stretches, end: Float[Tensor, " subject"], time: Float[Tensor, "subject time"]) -> _Asked:
    lasting = (torch.cat([stretches.time[:, 1:], end[:, None]], 1) - stretches.time).clamp(min=0)
    time = time.double()
    is_inside = (time[:, None] > stretches.time[..., None]) & (time[:, None] <= (stretches.time + lasting)[..., None])
    return _Asked(lasting, is_inside.any(-1).any(0))


def _run(epochs: tuple[SmoothBody, ...], stretches: _Stretches, asked: _Asked, finer: float, held: Held) -> _Nodes:
    state, depot = held.state, held.depot
    area, nodes, dtype = torch.zeros_like(state[None, ..., 0]), _Nodes(), state.dtype
    for i, length in enumerate(asked.lasting.unbind(1)):
        body = _of_epoch(epochs, stretches.epoch[:, i])
        bolus, deposited, running = (table[:, i, None].to(dtype).expand_as(depot) for table in (stretches.bolus, stretches.deposited, stretches.running))
        depot, state = depot + deposited, body.with_drug(state, bolus)
        if not bool((length > 0).any()):
            continue
        stretch = Stretch(body, length.to(dtype)[:, None], depot, running)
        share = _grid(body, float(length.max()), finer if bool(asked.is_asked[i]) else COARSER * finer).to(dtype)
        states = solve(stretch, state, share)
        slope, level = stretch.slope(share.view(-1, 1, 1), states), body.concentration(states).clamp(min=0)
        areas = torch.cat([area, area + _areas(share, stretch.length, level, body.rise(states, slope)).cumsum(0)])
        if bool(asked.is_asked[i]):
            at = stretches.time[:, i] + length * share.double()[:, None]
            nodes.time.append(at)
            nodes.epoch.append(stretches.epoch[:, i].expand_as(at))
            for kept, table in zip((nodes.state, nodes.slope, nodes.level, nodes.area), (states, slope, level, areas), strict=True):
                kept.append(table)
        depot, state, area = depot * torch.exp(-body.ka * stretch.length), states[-1], areas[-1:]
    return nodes


def _areas(share: Float[Tensor, " node"], length: Float[Tensor, "subject 1"], level: Tensor, rise: Tensor) -> Float[Tensor, "step subject draw"]:
    """Areas under the cubics between the nodes: trapezoids, and what the slopes add, at most half of them; between nodes that are too far apart for a body
    which has nearly nothing left, the slopes would say anything."""
    step = share.diff().view(-1, 1, 1) * length
    trapezoid, bend = step / 2 * (level[1:] + level[:-1]), step.square() / 12 * (rise[:-1] - rise[1:])
    return trapezoid + torch.maximum(torch.minimum(bend, trapezoid / 2), -trapezoid / 2)


def _grid(body: Body, longest_h: float, finer: float) -> Float[Tensor, " node"]:
    """Shares of a stretch at which it is stopped: squares of an even grid."""
    after_dose = STEPS_PER_ROOT * math.sqrt(longest_h * float(body.ka.detach().max()))
    before_next = 0.0 if body.is_stiff or body.relaxes else 2 * longest_h * float(body.fastest.detach().max()) / LONGEST_STEP
    steps = finer * min(max(12.0 if body.relaxes else 8.0, after_dose, before_next), MOST_STEPS)
    return torch.linspace(0, 1, 1 + math.ceil(steps), dtype=torch.float64).square()


def _read(
    epochs: tuple[SmoothBody, ...], nodes: _Nodes, time: Float[Tensor, "subject time"], first: Float[Tensor, " subject"]
) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
    """The cubics through the nodes, at each subject's own times; 0 until the first dose."""
    if not nodes.time:
        nothing = torch.zeros(*epochs[0].ka.shape, time.shape[1])
        return nothing, nothing
    at, state, slope, level, area = (torch.cat(each) for each in (nodes.time, nodes.state, nodes.slope, nodes.level, nodes.area))
    after = torch.searchsorted(at.T.contiguous(), time.contiguous()).clamp(min=1, max=len(at) - 1).T
    subject = torch.arange(len(time)).expand_as(after)

    def ends(table: Tensor) -> tuple[Tensor, Tensor]:
        return table[after - 1, subject], table[after, subject]

    begin, end = ends(at)
    length, share = (
        (end - begin).to(state.dtype)[..., None],
        ((time.T - begin) / torch.where(end > begin, end - begin, 1)).clamp(0, 1).to(state.dtype)[..., None],
    )
    states = _cubic(share[..., None], length[..., None], ends(state), ends(slope)).clamp(min=0)  # rounding can leave less than nothing of a last drop
    curve = _concentration(epochs, torch.cat(nodes.epoch)[after, subject], states)
    is_late = (time.T > first)[..., None]
    found = curve, _cubic(share, length, ends(area), ends(level))
    concentration, integral = (torch.where(is_late, each, 0).permute(1, 2, 0) for each in found)
    return concentration, integral


def _concentration(
    epochs: tuple[SmoothBody, ...], epoch: Int[Tensor, "time subject"], states: Float[Tensor, "time subject draw state"]
) -> Float[Tensor, "time subject draw"]:
    """Each time's by the body of its epoch."""
    found = epochs[0].concentration(states)
    for i, body in enumerate(epochs[1:], start=1):
        found = torch.where((epoch == i)[..., None], body.concentration(states), found)
    return found


def _cubic(share: Tensor, length: Tensor, value: tuple[Tensor, Tensor], slope: tuple[Tensor, Tensor]) -> Tensor:
    """The cubic with these values and slopes at both ends (Hermite)."""
    rest = 1 - share
    bend = share * rest * length * (rest * slope[0] - share * slope[1])
    return rest.square() * (1 + 2 * share) * value[0] + share.square() * (1 + 2 * rest) * value[1] + bend


def _of_epoch(epochs: tuple[SmoothBody, ...], epoch: Int[Tensor, " subject"]) -> SmoothBody:
    """Each subject's body in its own epoch."""
    if len(epochs) == 1:
        return epochs[0]
    rows = torch.arange(len(epoch))
    return changed(epochs, lambda *tables: torch.stack(tables)[epoch, rows])
