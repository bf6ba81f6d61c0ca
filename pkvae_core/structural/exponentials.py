"""What is the concentration after any course of doses, when one dose answers with a sum of exponentials?

The response to 1 mg at time 0 by route r is, from its lag on,
    r(tau) = sum_k amplitude_k exp(-rate_k tau),   tau = t - lag >= 0.
Between two events (a dose starts, an infusion ends) every term is a linear state with constant input R (mg/h),
    state' = -rate state + amplitude R,
so one pass over the events gives every concentration and every integral in closed form: bolus, infusion of any length,
overlapping infusions and any number of doses cost one exponential per event and term. A change of the rates at an event
(kidney function) fits into the same pass.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


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
    """The response to 1 mg: one row of exponentials and one lag (h) for each route; amplitudes in 1/L (negative ones draw the rise), rates in 1/h."""

    amplitude: Float[Tensor, "subject draw route term"]
    rate: Float[Tensor, "subject draw route term"]
    lag: Float[Tensor, "subject draw route"]

    def auc(self) -> Float[Tensor, "subject draw route"]:
        """Area under the response to 1 mg, to infinity: F/CL in h/L."""
        return (self.amplitude / self.rate).sum(-1)


def disposition(pulses: Pulses) -> dict[str, Float[Tensor, "subject draw"]]:
    """Clearance CL (L/h), volume at steady state V (L) and terminal half-life (h), measured on the response into the vein.

    CL = 1/AUC of 1 mg; V = CL x mean residence time; the half-life is that of the slowest term that holds at least 5 % of the AUC.
    """
    amplitude, rate = pulses.amplitude[:, :, 0].double(), pulses.rate[:, :, 0].double()
    area = amplitude / rate
    clearance = 1 / area.sum(-1)
    slowest = torch.where(area * clearance[..., None] >= 0.05, rate, torch.inf).min(-1).values
    return {"CL": clearance, "V": clearance**2 * (area / rate).sum(-1), "half_life": math.log(2) / slowest}


@dataclass(frozen=True)
class _Events:
    """Everything that happens, sorted: at `time` the state jumps by amplitude x `jump` mg, and `inflow` mg/h run until the next event."""

    time: Float[Tensor, "subject event"]
    jump: Float[Tensor, "subject event"]
    inflow: Float[Tensor, "subject event"]


def _events(doses: Doses) -> _Events:
    """Times and inflows in double: late in a long course a float would change the length of a short infusion, and leave inflow after the last one."""
    start, duration = doses.time.double(), doses.duration.double()
    is_bolus = duration <= 0
    jump = torch.where(is_bolus, doses.amount, 0)
    if bool(is_bolus.all()):
        time, order = start.sort(dim=1, stable=True)
        return _Events(time, jump.gather(1, order), torch.zeros_like(jump))
    inflow = torch.where(is_bolus, 0, doses.amount.double() / torch.where(is_bolus, 1, duration))
    time, order = torch.cat([start, start + duration], 1).sort(dim=1, stable=True)
    jump = torch.cat([jump, torch.zeros_like(jump)], 1).gather(1, order)
    running = torch.cat([inflow, -inflow], 1).gather(1, order).cumsum(1).clamp(min=0)
    return _Events(time, jump, running.to(jump.dtype))


def _advance(state: Tensor, inflow: Tensor, rate: Tensor, elapsed: Tensor) -> tuple[Tensor, Tensor]:
    """State after `elapsed` hours of constant inflow (already times amplitude), and its integral over them."""
    gain = -torch.expm1(-rate * elapsed) / rate
    return state + gain * (inflow - rate * state), state * gain + inflow * (elapsed - gain) / rate


def superpose(
    pulses: Pulses, doses: Doses, time: Float[Tensor, "subject time"]
) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
    """Concentration (mg/L) just before each time, and its integral from the first dose to each time (mg h/L), summed over routes."""
    routes = range(pulses.amplitude.shape[2])
    used = [r for r in routes if bool(((doses.route == r) & (doses.amount > 0)).any())] or [0]
    arrival = time.double()[:, None, :, None] - pulses.lag[:, :, None]  # subject draw time route
    parts = [_superpose_route(pulses.amplitude[:, :, r], pulses.rate[:, :, r], arrival[..., r], _events(doses.of_route(r))) for r in used]
    return torch.stack([p[0] for p in parts]).sum(0), torch.stack([p[1] for p in parts]).sum(0)


def _superpose_route(amplitude: Tensor, rate: Tensor, time: Tensor, events: _Events) -> tuple[Tensor, Tensor]:
    """One route: amplitude, rate [subject draw term], time [subject draw time] measured on the clock of arrival (lag subtracted)."""
    state, area = torch.zeros_like(amplitude), torch.zeros_like(amplitude)
    states, areas = [state], [area]
    for i in range(events.time.shape[1]):
        if i:
            elapsed = (events.time[:, i] - events.time[:, i - 1]).to(rate.dtype)[:, None, None]
            state, added = _advance(state, amplitude * events.inflow[:, i - 1, None, None], rate, elapsed)
            area = area + added
        state = state + amplitude * events.jump[:, i, None, None]
        states.append(state)
        areas.append(area)
    index = torch.searchsorted(events.time, time.flatten(1).contiguous()).view_as(time)  # events strictly before each time; 0 = none yet
    since = time - events.time.gather(1, (index - 1).clamp(min=0).flatten(1)).view_as(time)
    inflow = torch.cat([torch.zeros_like(events.inflow[:, :1]), events.inflow], 1).gather(1, index.flatten(1)).view_as(time)
    pick = index[..., None].expand(*time.shape, amplitude.shape[-1])
    state, area = torch.stack(states, 2).gather(2, pick), torch.stack(areas, 2).gather(2, pick)
    since = torch.where(index > 0, since, 0).to(rate.dtype)[..., None]
    end, added = _advance(state, amplitude[:, :, None] * inflow[..., None], rate[:, :, None], since)
    return end.sum(-1).clamp(min=0), (area + added).sum(-1)  # below zero only by round-off, where a rise begins
