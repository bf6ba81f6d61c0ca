"""How does a swallowed dose reach the body: a lag, then one compartment or a chain of them?"""

import torch
from torch import Tensor

from pkvae_core.structural.compartments import chained_absorption
from pkvae_core.structural.exponentials import Pulses


def swallowed(amplitude: Tensor, rate: Tensor, per_h: Tensor, lag: Tensor, *, stages: int = 1) -> Pulses:
    """Responses to 1 mg by two routes: row 0 into the vein, row 1 swallowed, absorbed completely at the rate `per_h` through `stages`, `lag` hours later.

    `amplitude` and `rate` [subject, draw, term] are those of the disposition, `per_h` and `lag` [subject, draw].
    """
    oral_amplitude, oral_rate = chained_absorption(amplitude, rate, per_h, torch.ones_like(per_h), stages=stages)
    vein_amplitude, vein_rate = torch.cat([amplitude, *[torch.zeros_like(amplitude)] * stages], -1), torch.cat([rate] * (1 + stages), -1)
    lags = torch.stack([torch.zeros_like(lag), lag], -1)
    return Pulses(torch.stack([vein_amplitude, oral_amplitude], 2), torch.stack([vein_rate, oral_rate], 2), lags, stages)
