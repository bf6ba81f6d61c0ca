"""How do a body's states run between two events?

    d state / dt = slope(state) + inflow(t),   inflow = ka depot exp(-ka t) + running infusions (mg/h),
with what has come in known in closed form: it is the fast part, and no rounding of steps can lose drug (near saturation a lost milligram stays lost).
Two ways to step, both with the steps given:
- torchdiffeq's Runge-Kutta of 4th order, for bodies of several states;
- for bodies that know how their slope changes, the Rosenbrock method ROS3 of 3rd order (Sandu et al., Atmos Environ 1997;31:3459-3472): elimination that
  saturates, or a target, is stiff exactly where hardly any drug is left, and ROS3 is stable there with any step, so that one patient of small Km in
  thousands does not set the step for all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torchdiffeq import odeint

from pkvae_core.structural.body import Body
from pkvae_core.structural.two_states import TwoByTwo

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
    """The run at these shares of the stretch, from its first state on."""
    if not stretch.body.is_stiff:
        course = odeint(stretch, state, share, method="rk4")
        assert isinstance(course, Tensor)
        return course
    course = [state]
    for before, after in zip(share[:-1], share[1:], strict=True):
        course.append(_rosenbrock(stretch, course[-1], before, after - before))
    return torch.stack(course)


def _rosenbrock(stretch: Stretch, run: Float[Tensor, "subject draw state"], share: Tensor, step: Tensor) -> Float[Tensor, "subject draw state"]:
    """One step of ROS3: stages k with (1 - h G J) k = h G (f + ...), J the slope's own slope, h J inflow the share of time in it."""
    body, h = stretch.body, (stretch.length * step)[..., None]
    f, J = body.slope_and_slowing(stretch.states(share, run))
    inflow, solved = body.with_drug(torch.zeros_like(run), stretch.inflow(share)), _solver(J, G * h)
    drift, inverse = h * (J * inflow if isinstance(J, Tensor) else J.times(inflow)), 1 / h.clamp(min=1e-9)
    k1 = solved(f + G * drift)
    f2 = body.slope(stretch.states(share + G * step, run + k1))
    k2 = solved(f2 + C21 * inverse * k1 + G2 * drift)
    k3 = solved(f2 + inverse * (C31 * k1 + C32 * k2) + G3 * drift)
    return run + k1 + M2 * k2 + M3 * k3


def _solver(J: Tensor | TwoByTwo, step: Tensor) -> Callable[[Tensor], Tensor]:
    """Answers x with step (1 - step J)^-1 x."""
    if not isinstance(J, Tensor):
        return J.solver(step)
    share = step / (1 - step * J)
    return lambda x: share * x
