"""What does a body do that swallows its drug again? Mycophenolate: its glucuronide gathers in the gallbladder, which meals empty into the gut (Jiao 2008).

gut -> MPA (two compartments) -> glucuronide -> urine or gallbladder -> (while a meal empties it) gut. The rates are constant between meals, so that every
stretch is one matrix exponential: exact however fast the bile flows or the drug is absorbed. Identical responses added up would be wrong: what a dose does
depends on the meals after it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pkvae_core.structural.exponentials import Doses

EMPTYING_H = 0.01
GUT, BLOOD, DEEP, CONJUGATE, BILE, AREA = range(6)


@dataclass(frozen=True)
class Recirculating:
    """Apparent CL, Q and conjugate_CL (L/h), V2, V3 and V4 (L) of MPA's blood and tissue and of its glucuronide, as published; `share` of the glucuronide goes
    into the bile; `emptying` is the gallbladder's rate during a meal (1/h), ka in 1/h, the lag in h."""

    CL: Float[Tensor, "subject draw"]
    V2: Float[Tensor, "subject draw"]
    Q: Float[Tensor, "subject draw"]
    V3: Float[Tensor, "subject draw"]
    conjugate_CL: Float[Tensor, "subject draw"]
    V4: Float[Tensor, "subject draw"]
    share: Float[Tensor, "subject draw"]
    emptying: Float[Tensor, "subject draw"]
    ka: Float[Tensor, "subject draw"]
    lag: Float[Tensor, "subject draw"]

    def rates(self, is_meal: Bool[Tensor, "subject draw"]) -> Float[Tensor, "subject draw 6 6"]:
        """d state / dt = rates @ state; the last state is the area under MPA's concentration."""
        table = torch.zeros(*self.CL.shape, 6, 6, dtype=self.CL.dtype)
        renal = self.conjugate_CL / self.V4
        flows = (
            (GUT, BLOOD, self.ka),
            (BLOOD, DEEP, self.Q / self.V2),
            (DEEP, BLOOD, self.Q / self.V3),
            (BLOOD, CONJUGATE, self.CL / self.V2),
            (CONJUGATE, BILE, renal * self.share / (1 - self.share)),
            (BILE, GUT, torch.where(is_meal, self.emptying, 0)),
        )
        for source, sink, rate in flows:
            table[..., sink, source] += rate
            table[..., source, source] -= rate
        table[..., CONJUGATE, CONJUGATE] -= renal
        table[..., AREA, BLOOD] = 1 / self.V2
        return table


def recirculate(
    body: Recirculating, doses: Doses, meals: Float[Tensor, "subject meal"], time: Float[Tensor, "subject time"]
) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
    """Concentration of MPA (mg/L) at each time and its integral from the first dose on, for swallowed doses and meals at these hours."""
    draws, dtype = body.CL.shape[1], body.CL.dtype
    start = torch.where(doses.amount > 0, doses.time, torch.inf)[:, None] + body.lag[..., None]
    others = torch.cat([meals, meals + EMPTYING_H, time], 1)[:, None].expand(-1, draws, -1)
    moment, order = torch.cat([start, others], 2).double().sort(dim=-1, stable=True)
    kinds = torch.zeros(4, order.shape[-1], dtype=dtype)  # which dose, meal begins, meal ends, which time asked for
    edges = [0, doses.time.shape[1], *(doses.time.shape[1] + i * meals.shape[1] for i in (1, 2)), order.shape[-1]]
    for i in range(4):
        kinds[i, edges[i] : edges[i + 1]] = 1
    state = torch.zeros(*body.CL.shape, 6, dtype=dtype)
    last, is_meal = moment[..., 0], torch.zeros(body.CL.shape, dtype=torch.bool)
    rates = {eats: body.rates(torch.full_like(is_meal, eats)) for eats in (False, True)}
    found = torch.zeros(2, *order.shape, dtype=dtype)
    for i in range(order.shape[-1]):
        now, which = moment[..., i], order[..., i]
        elapsed = torch.where(now.isinf(), 0, now - last).to(dtype)[..., None, None]
        flow = torch.where(is_meal[..., None, None], rates[True], rates[False])
        state = (torch.linalg.matrix_exp(flow * elapsed) @ state[..., None])[..., 0]
        last = torch.where(now.isinf(), last, now)
        found[0].scatter_(2, which[..., None], (state[..., BLOOD] / body.V2)[..., None])
        found[1].scatter_(2, which[..., None], state[..., AREA][..., None])
        dose = doses.amount.gather(1, which.clamp(max=edges[1] - 1)).to(dtype) * kinds[0][which]
        state = torch.cat([(state[..., GUT] + torch.where(now.isinf(), 0, dose))[..., None], state[..., 1:]], -1)
        is_meal = (is_meal | (kinds[1][which] > 0)) & ~(kinds[2][which] > 0)
    return found[0, ..., edges[3] :], found[1, ..., edges[3] :]
