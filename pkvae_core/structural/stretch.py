"""How do a body's states run between two events?

    d state / dt = slope(state) + inflow(t),   inflow = ka depot exp(-ka t) + running infusions (mg/h),
with what has come in known in closed form: it is the fast part, and no rounding of steps can lose drug (near saturation a lost milligram stays lost).
Three ways to step, all with the steps given:
- torchdiffeq's Runge-Kutta of 4th order, for bodies of several states;
- for bodies that know how their slope changes, the Rosenbrock method ROS3 of 3rd order (Sandu et al., Atmos Environ 1997;31:3459-3472): elimination that
  saturates is stiff exactly where hardly any drug is left, and ROS3 is stable there with any step, so that one patient of small Km in thousands does not set
  the step for all of them;
- for bodies that know the rates at which their states leave, the exact answer to the rates in mid-step (exponential midpoint rule, 2nd order; Hochbruck &
  Ostermann, Acta Numerica 2010;19:209-286): a target that a dose outnumbers at once bends the slope within minutes, and any straight line through that
  bend makes negative target of a long step.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torchdiffeq import odeint

from pkvae_core.structural.body import Body

G = 0.43586652150845899941601945119356
C21, C31, C32 = -1.0156171083877702091975600115545, 4.0759956452537699824805835358067, 9.2076794298330791242156818474003
M2, M3 = 6.1697947043828245592553615689730, -0.42772256543218573326238373806514
G2, G3 = 0.24291996454816804366592249683314, 2.1851380027664058511513169485832


@dataclass(frozen=True)
class Stretch:
    """The body, the stretch's length (h), what lies in the depot at its beginning (mg), infusions running through it (mg/h). `share` is its clock, 0 to 1; a
    `run` is the states less what has come in since its beginning."""

    body: Body
    length: Float[Tensor, "subject 1"]
    depot: Float[Tensor, "subject draw"]
    running: Float[Tensor, "subject draw"]

    def states(self, share: Tensor, run: Float[Tensor, "*node subject draw state"]) -> Float[Tensor, "*node subject draw state"]:
        time = self.length * share
        return self.body.with_drug(run, -self.depot * torch.expm1(-self.body.ka * time) + self.running * time)

    def inflow(self, share: Tensor) -> Float[Tensor, "*node subject draw"]:
        """Drug coming into the blood, mg/h."""
        return self.body.ka * self.depot * torch.exp(-self.body.ka * self.length * share) + self.running

    def slope(self, share: Tensor, state: Float[Tensor, "*node subject draw state"]) -> Float[Tensor, "*node subject draw state"]:
        """Change of the states per hour, with what comes in."""
        return self.body.with_drug(self.body.slope(state), self.inflow(share))

    def __call__(self, share: Tensor, run: Float[Tensor, "subject draw state"]) -> Float[Tensor, "subject draw state"]:
        """Change of the run over the whole stretch's time."""
        return self.length[..., None] * self.body.slope(self.states(share, run))


def solve(stretch: Stretch, state: Float[Tensor, "subject draw state"], share: Float[Tensor, " node"]) -> Float[Tensor, "node subject draw state"]:
    """The states at these shares of the stretch, from its first state on."""
    body, course = stretch.body, [state]
    if body.relaxes:
        for before, after in zip(share[:-1], share[1:], strict=True):
            course.append(_relaxed(stretch, course[-1], before, after - before))
        return torch.stack(course)
    if body.is_stiff:
        for before, after in zip(share[:-1], share[1:], strict=True):
            course.append(_rosenbrock(stretch, course[-1], before, after - before))
        return stretch.states(share.view(-1, 1, 1), torch.stack(course))
    runs = odeint(stretch, state, share, method="rk4")
    assert isinstance(runs, Tensor)
    return stretch.states(share.view(-1, 1, 1), runs)


def _relaxed(stretch: Stretch, state: Float[Tensor, "subject draw state"], share: Tensor, step: Tensor) -> Float[Tensor, "subject draw state"]:
    """One step of the exponential midpoint rule: the rates of half a step at the first rates are those of the whole step."""
    body, made, lasting = stretch.body, stretch.body.made(), stretch.length * step
    depot = stretch.depot * torch.exp(-body.ka * stretch.length * share)

    def after(rates: Tensor, time: Tensor) -> Tensor:
        each, of_drug = time[..., None], rates[..., 0]
        inflow = depot * _absorbed(body.ka, of_drug, time) + stretch.running * time * _mean_fall(of_drug * time)
        return body.with_drug(state * torch.exp(-rates * each) + made * each * _mean_fall(rates * each), inflow)

    return after(body.rates(after(body.rates(state), lasting / 2)), lasting)


def _mean_fall(x: Tensor) -> Tensor:
    """(1 - exp(-x)) / x, the mean of an exponential that falls from 1 to exp(-x)."""
    small = x.abs() < 1e-6
    return torch.where(small, 1 - x / 2, -torch.expm1(-x) / torch.where(small, 1, x))


def _absorbed(ka: Tensor, rate: Tensor, time: Tensor) -> Tensor:
    """What is there, of 1 in the depot, after this time: ka (exp(-rate t) - exp(-ka t)) / (ka - rate), also where the two are alike."""
    return ka * time * torch.exp(-torch.minimum(ka, rate) * time) * _mean_fall((ka - rate).abs() * time)


def _rosenbrock(stretch: Stretch, run: Float[Tensor, "subject draw state"], share: Tensor, step: Tensor) -> Float[Tensor, "subject draw state"]:
    """One step of ROS3: stages k with (1 - h G J) k = h G (f + ...), J the slope's own slope, h J inflow the share of time in it."""
    body, h = stretch.body, (stretch.length * step)[..., None]
    f, J = body.slope_and_slowing(stretch.states(share, run))
    solved, inverse = G * h / (1 - G * h * J), 1 / h.clamp(min=1e-9)
    drift = h * J * body.with_drug(torch.zeros_like(run), stretch.inflow(share))
    k1 = solved * (f + G * drift)
    f2 = body.slope(stretch.states(share + G * step, run + k1))
    k2 = solved * (f2 + C21 * inverse * k1 + G2 * drift)
    k3 = solved * (f2 + inverse * (C31 * k1 + C32 * k2) + G3 * drift)
    return run + k1 + M2 * k2 + M3 * k3
