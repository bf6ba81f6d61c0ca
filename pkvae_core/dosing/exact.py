"""Which amount would hit the aim exactly, were every amount available?"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.optimize import root_scalar

from pkvae_core.dosing.span import SimulatedSpans, SpanOf
from pkvae_core.dosing.target import Target
from pkvae_core.exposure import weighted_quantile

LADDER = (0.25, 0.5, 0.8, 1.25, 2.0, 4.0)
CLOSE = 1.3  # neighbours no further apart need no amounts between them


def exact_amount(target: Target, span_of: SpanOf, weight: Float[np.ndarray, " draw"], *, near_mg: float) -> float | None:
    """The amount (mg) whose median exposure is what the target aims for: argmin over amounts of |aim - median|; None when no amount comes there.

    Searched from `near_mg` outwards, from a thousandth to a thousandfold of it; where amounts are simulated, among those known and from a quarter to
    four times `near_mg`. Never bound by what the card has.
    """
    aim = target.aim
    if aim is None:
        return None

    def excess(amount_mg: float) -> float:
        return min(float(weighted_quantile(target.exposure(span_of(amount_mg)), weight, 0.5)), 1e3 * aim) - aim

    if isinstance(span_of, SimulatedSpans):
        return _between(aim, span_of, excess, near_mg)
    proportional = near_mg * aim / max(excess(near_mg) + aim, 1e-3 * aim)
    if abs(excess(proportional)) < 1e-6 * aim:
        return proportional
    low = high = proportional
    while excess(low) > 0 and low > near_mg * 1e-3:
        low /= 2
    while excess(high) < 0 and high < near_mg * 1e3:
        high *= 2
    return float(root_scalar(excess, bracket=(low, high), xtol=1e-6 * near_mg).root) if excess(low) < 0 < excess(high) else None


def _between(aim: float, span_of: SimulatedSpans, excess: Callable[[float], float], near_mg: float) -> float | None:
    """Interpolated, on logarithms, between the two simulated amounts around the aim; others are simulated only where those known do not close in on it."""
    around = _bracket(span_of, excess)
    if around is None:
        span_of.prepare([near_mg * rung for rung in LADDER])
        around = _bracket(span_of, excess)
    if around is None:
        return None
    low, high = around
    if high / low > CLOSE:
        span_of.prepare([low * (high / low) ** (i / 4) for i in (1, 2, 3)])
        low, high = _bracket(span_of, excess) or around
    bottom, top = (math.log(max(excess(amount) + aim, 1e-9 * aim) / aim) for amount in (low, high))
    return low * (high / low) ** (-bottom / (top - bottom))


def _bracket(span_of: SimulatedSpans, excess: Callable[[float], float]) -> tuple[float, float] | None:
    """The known amounts that lie closest below and above the aim."""
    amounts = sorted(span_of.known)
    above = next((i for i, amount in enumerate(amounts) if excess(amount) > 0), 0)
    return (amounts[above - 1], amounts[above]) if above else None
