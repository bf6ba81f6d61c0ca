"""What is the concentration when the same dose has always been given at the same interval?

The doses of a regimen without beginning add up, for every exponential of the response, to a geometric series. With u in (0, tau] the time since the last dose
arrived, 1 mg at once gives
    amplitude exp(-rate u) / (1 - exp(-rate tau)),
and 1 mg over d <= tau hours, where v = u once the infusion has ended and v = u + tau while it runs,
    amplitude / (rate d) [ exp(-rate (v - d)) (1 - exp(-rate d)) / (1 - exp(-rate tau)) + (1 - exp(-rate u) while it runs) ].
"""

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.exponentials import Pulses


def periodic(pulses: Pulses, route: int, phase_h: Float[Tensor, " time"], *, interval_h: float, infusion_h: float) -> Float[Tensor, "subject draw time"]:
    """Concentration (mg/L) just before each phase, hours after a dose in (0, interval], of 1 mg every `interval_h` since ever."""
    rows = pulses.rows_of(route)
    amplitude, rate = pulses.amplitude[:, :, rows, None], pulses.rate[:, :, rows, None]  # subject draw row 1 term
    since = interval_h - torch.remainder(interval_h - (phase_h - pulses.lag[:, :, rows, None]), interval_h)
    lasting = -torch.expm1(-rate * interval_h)
    if infusion_h <= 0:
        return (amplitude / lasting * torch.exp(-rate * since[..., None])).sum((2, -1))
    runs = (since < infusion_h)[..., None]
    ended = since + interval_h * runs[..., 0] - infusion_h
    earlier = torch.exp(-rate * ended[..., None]) * (-torch.expm1(-rate * infusion_h) / lasting)
    running = torch.where(runs, -torch.expm1(-rate * since[..., None]), 0) if bool(runs.any()) else 0
    return (amplitude / (rate * infusion_h) * (earlier + running)).sum((2, -1))


def area_until(pulses: Pulses, route: int, time_h: Float[Tensor, " time"], *, infusion_h: float) -> Float[Tensor, "subject draw time"]:
    """Area (mg h/L) under the response to one dose of 1 mg at 0 until each time; a time before its infusion has arrived counts as its end."""
    rows = pulses.rows_of(route)
    amplitude, rate = pulses.amplitude[:, :, rows, None].double(), pulses.rate[:, :, rows, None].double()
    left = (time_h.double() - pulses.lag[:, :, rows, None] - infusion_h).clamp(min=0)[..., None]
    spread = -torch.expm1(-rate * infusion_h) / (rate * infusion_h) if infusion_h > 0 else torch.ones_like(rate)
    return (amplitude / rate * (1 - spread * torch.exp(-rate * left))).sum((2, -1))
