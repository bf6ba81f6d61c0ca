"""How does a swallowed dose reach the body: a lag, then one compartment or a chain of them, or in several waves?"""

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


def in_waves(amplitude: Tensor, rate: Tensor, per_h: Tensor, lag: Tensor, share: Tensor, *, stages: int = 1) -> Pulses:
    """Responses to 1 mg: row 0 into the vein, then one row for each wave in which a swallowed dose arrives, `share` of it from its `lag` on at its rate through
    `stages`.

    `amplitude` and `rate` [subject, draw, term] are those of the disposition; `per_h`, `lag` (h) and `share` [subject, draw, wave], the shares adding up to 1.
    """
    of_each, at_each = (table[:, :, None].expand(-1, -1, per_h.shape[-1], -1) for table in (amplitude, rate))
    oral_amplitude, oral_rate = chained_absorption(of_each, at_each, per_h, share, stages=stages)
    vein_amplitude, vein_rate = torch.cat([amplitude, *[torch.zeros_like(amplitude)] * stages], -1), torch.cat([rate] * (1 + stages), -1)
    lags = torch.nn.functional.pad(lag, (1, 0))
    return Pulses(torch.cat([vein_amplitude[:, :, None], oral_amplitude], 2), torch.cat([vein_rate[:, :, None], oral_rate], 2), lags, stages)


def with_onset_of(disposition: Pulses, onset: Pulses) -> Pulses:
    """The disposition of the one with the absorption of the other: shares, rates and lags of each wave. Of absorption through one stage."""
    assert disposition.stages == onset.stages == 1, "an onset of several stages does not change"
    terms = onset.amplitude.shape[-1] // 2
    area = (onset.amplitude / onset.rate).sum(-1)
    amplitude, rate = (table[:, :, 0, : table.shape[-1] // 2] for table in (disposition.amplitude, disposition.rate))
    return in_waves(amplitude, rate, onset.rate[:, :, 1:, terms], onset.lag[:, :, 1:], area[:, :, 1:] / area[:, :, :1])
