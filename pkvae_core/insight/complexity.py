"""How complex is a response: how far is it from what one compartment could give?

A one-compartment response is a straight line on a logarithmic scale. The best such line through the true response, each hour counted by the exposure that
falls into it, leaves a distance that is read like an assay's error: 15 % means that the best one-compartment model is typically off by 15 % from this
patient's true concentrations, however many levels it was fitted to.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.exponentials import Pulses

ROUND_OFF = 0.1  # per cent: a response this close to one compartment is one


def distance_from_one_compartment(pulses: Pulses, *, parts: int = 32) -> Float[Tensor, "subject draw"]:
    """How far each response into the vein is from the closest one-compartment response, in per cent.

    100 (exp(s) - 1), s^2 = min over (a, k) of the mean over t_i of (ln r(t_i) - a + k t_i)^2, t_i the middles of `parts` equal shares of the exposure, so
    that neither the dose nor the times of samples matter. Absorption does not count: the response into the vein is the disposition alone.
    """
    amplitude, rate = pulses.amplitude[:, :, 0].double(), pulses.rate[:, :, 0].double()
    time = exposure_times(amplitude, rate, parts)
    log_response = (amplitude[..., None, :] * torch.exp(-rate[..., None, :] * time[..., None])).sum(-1).log()
    x, y = (table - table.mean(-1, keepdim=True) for table in (time, log_response))
    slope = (x * y).sum(-1, keepdim=True) / (x * x).sum(-1, keepdim=True)
    return 100 * torch.expm1((y - slope * x).square().mean(-1).sqrt())


def exposure_times(amplitude: Float[Tensor, "subject draw term"], rate: Float[Tensor, "subject draw term"], parts: int) -> Float[Tensor, "subject draw part"]:
    """Hours after a bolus that lie in the middle of each of `parts` equal shares of its area under the curve (by bisection)."""
    area = (amplitude / rate)[..., None, :]
    to_come = 1 - (torch.arange(parts, dtype=torch.float64) + 0.5) / parts
    slowest = torch.where(amplitude > 0, rate, torch.inf).min(-1).values
    late = (-math.log(float(to_come[-1])) / slowest)[..., None].expand(*slowest.shape, parts)
    early = torch.zeros_like(late)
    for _ in range(40):
        middle = (early + late) / 2
        is_early = (area * torch.exp(-rate[..., None, :] * middle[..., None])).sum(-1) > to_come * area.sum(-1)
        early, late = torch.where(is_early, middle, early), torch.where(is_early, late, middle)
    return (early + late) / 2
