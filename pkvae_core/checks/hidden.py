"""Which bodies does no compartment model of one or two compartments describe? Three of them, written down, to learn from without being told.

Each is one swallowed (or subcutaneous) dose of 300 mg at 0 and another at 24 h. Parameters are log-normal between patients (median, coefficient of variation)
unless said otherwise; levels carry 10 % and 0.05 mg/L of error. Nothing depends on the body weight that is on record.

The second interval is asked for where levels of the first alone are known, so a structure must have done its work by the end of the first: bile leaks away
overnight and the target is there again. What is still left of it (a few per cent of the concentration) no superposition can know.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.residual_error import ResidualError

AMOUNT_MG, INTERVAL_H, STEP_H = 300.0, 24.0, 0.1
SUB_STEPS = 2  # of the fixed-step Runge-Kutta scheme in each STEP_H
ERROR = ResidualError(0.10, 0.05)
TIMES_H = torch.arange(0, round(2 * INTERVAL_H / STEP_H) + 1) * STEP_H
Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class Hidden:
    """A structure that is hidden from the learner: `typical` holds medians and coefficients of variation, `curves` the concentrations at TIMES_H."""

    name: str
    words: str
    typical: dict[str, tuple[float, float]]
    curves: Callable[[Parameters], Float[Tensor, "patient time"]]

    def draw(self, count: int, generator: torch.Generator) -> Float[Tensor, "patient time"]:
        """Curves of `count` fresh patients."""
        return self.curves_of(self.draw_eta(count, generator))

    def draw_eta(self, count: int, generator: torch.Generator) -> Float[Tensor, "patient parameter"]:
        """Who `count` fresh patients are: standard normals, one for each parameter."""
        return torch.stack([torch.randn(count, dtype=torch.float64, generator=generator) for _ in self.typical], 1)

    def curves_of(self, eta: Float[Tensor, "patient parameter"]) -> Float[Tensor, "patient time"]:
        """Their curves."""
        each = zip(self.typical.items(), eta.unbind(1), strict=True)
        return self.curves({name: median * torch.exp(math.sqrt(math.log(1 + cv**2)) * one) for (name, (median, cv)), one in each}).float()


def _absorbed(p: Parameters, ka: Tensor, lag: Tensor) -> Float[Tensor, "patient time"]:
    """One compartment, first-order absorption from a lag on, of both doses (Gibaldi & Perrier 1982), mg/L."""
    k = p["CL"] / p["V"]
    ka = torch.where((ka - k).abs() < 1e-3 * k, k * (1 + 1e-3), ka)
    total = torch.zeros(len(k), len(TIMES_H), dtype=torch.float64)
    for start in (0.0, INTERVAL_H):
        since = (TIMES_H.double() - start - lag[:, None]).clamp(min=0)
        rise = torch.exp(-k[:, None] * since) - torch.exp(-ka[:, None] * since)
        total += (AMOUNT_MG / p["V"] * ka / (ka - k))[:, None] * rise
    return total


def _two_sites(p: Parameters) -> Float[Tensor, "patient time"]:
    """A share odds/(1 + odds) is absorbed high up, the rest hours later from a second site."""
    first = (p["odds"] / (1 + p["odds"]))[:, None]
    return first * _absorbed(p, p["ka1"], p["lag1"]) + (1 - first) * _absorbed(p, p["ka2"], p["lag2"])


def _runge_kutta(slope: Callable[[float, Tensor], Tensor], state: Float[Tensor, "patient part"]) -> Float[Tensor, "time patient part"]:
    """Fourth-order Runge-Kutta with a fixed step; part 0 is the depot, which receives the doses. Each time is just before a dose given at that time."""
    h, states = STEP_H / SUB_STEPS, []
    for i in range(len(TIMES_H)):
        states.append(state)
        if round(i * STEP_H, 6) in (0.0, INTERVAL_H):
            state = state + torch.tensor([AMOUNT_MG] + [0.0] * (state.shape[1] - 1), dtype=state.dtype)
        for j in range(SUB_STEPS):
            t = i * STEP_H + j * h
            a = slope(t, state)
            b = slope(t + h / 2, state + h / 2 * a)
            c = slope(t + h / 2, state + h / 2 * b)
            d = slope(t + h, state + h * c)
            state = state + h / 6 * (a + 2 * b + 2 * c + d)
    return torch.stack(states)


def _recirculation(p: Parameters) -> Float[Tensor, "patient time"]:
    """Depot, central, gallbladder. Bile takes up CLb and leaks into the gut; two meals empty it within the hour, and what was in it is absorbed again."""
    ka, k, kb = p["ka"], p["CL"] / p["V"], p["CLb"] / p["V"]

    def slope(t: float, s: Tensor) -> Tensor:
        day = t % INTERVAL_H
        meal = ((day - p["meal"]).abs() < 0.5) | ((day - p["meal"] - 6).abs() < 0.5)
        emptied = (p["leak"] + p["emptying"] * meal) * s[:, 2]
        return torch.stack([emptied - ka * s[:, 0], ka * s[:, 0] - (k + kb) * s[:, 1], kb * s[:, 1] - emptied], 1)

    return (_runge_kutta(slope, torch.zeros(len(k), 3, dtype=torch.float64))[..., 1] / p["V"]).T


def _target_mediated(p: Parameters) -> Float[Tensor, "patient time"]:
    """Drug and target in quasi-steady state (Gibiansky et al. 2008): depot (mg), total drug and total target (mg of drug, per L). Measured: free drug."""
    k = p["CL"] / p["V"]

    def free(s: Tensor) -> Tensor:
        gap = s[:, 1] - s[:, 2] - p["KSS"]
        return 0.5 * (gap + torch.sqrt(gap**2 + 4 * p["KSS"] * s[:, 1].clamp(min=0)))

    def slope(t: float, s: Tensor) -> Tensor:
        c = free(s)
        bound = s[:, 2] * c / (p["KSS"] + c)
        drug = p["ka"] * s[:, 0] / p["V"] - k * c - p["kint"] * bound
        target = p["kdeg"] * (p["R0"] - s[:, 2]) - (p["kint"] - p["kdeg"]) * bound
        return torch.stack([-p["ka"] * s[:, 0], drug, target], 1)

    still = torch.zeros(len(k), dtype=torch.float64)
    states = _runge_kutta(slope, torch.stack([still, still, p["R0"]], 1))
    return torch.stack([free(s) for s in states], 1)


HIDDEN = (
    Hidden(
        "two sites",
        "two absorption sites, the second hours later",
        {"CL": (3.0, 0.3), "V": (35.0, 0.2), "odds": (1.0, 0.8), "ka1": (1.5, 0.4), "lag1": (0.25, 0.3), "ka2": (1.0, 0.4), "lag2": (5.0, 0.25)},
        _two_sites,
    ),
    Hidden(
        "recirculation",
        "bile that is emptied and absorbed again at two meals a day",
        {"CL": (3.0, 0.3), "V": (30.0, 0.2), "ka": (1.2, 0.4), "CLb": (4.0, 0.4), "meal": (4.0, 0.15), "emptying": (3.0, 0.3), "leak": (0.3, 0.3)},
        _recirculation,
    ),
    Hidden(
        "target-mediated",
        "binding to a target that takes the drug with it, and that is there again by the next dose",
        {"CL": (1.5, 0.3), "V": (30.0, 0.2), "ka": (0.7, 0.4), "R0": (1.5, 0.4), "kdeg": (0.3, 0.3), "kint": (0.4, 0.3), "KSS": (0.3, 0.4)},
        _target_mediated,
    ),
)
