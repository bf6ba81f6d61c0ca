"""Which absorption does a dose have where absorption itself changes during a course? That of the hour at which it was swallowed.

A meal today changes today's capsule, not yesterday's that is still in the gut. The body is one: it eliminates what is left of every dose as it does now.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.exponentials import Doses, Pulses, superpose
from pkvae_core.structural.onset import with_onset_of


def superpose_by_intake(
    epochs: tuple[Pulses, ...], until: Float[Tensor, "subject change"], doses: Doses, time: Float[Tensor, "subject time"]
) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
    """Concentration (mg/L) just before each time and its integral (mg h/L): `epochs[i]` held until `until[:, i]`, each dose with the onset of its own epoch."""
    intake = (doses.time[:, :, None].double() >= until[:, None].double()).sum(-1)
    parts = []
    for i, onset in enumerate(epochs):
        mine = replace(doses, amount=torch.where(intake == i, doses.amount, 0))
        if i + 1 < len(epochs) and not bool((mine.amount > 0).any()):
            continue
        each = tuple(onset if later is onset else with_onset_of(later, onset) for later in epochs[i:])
        parts.append(superpose(each[-1], mine, time, earlier=each[:-1], until=until[:, i:]))
    return torch.stack([p[0] for p in parts]).sum(0), torch.stack([p[1] for p in parts]).sum(0)
