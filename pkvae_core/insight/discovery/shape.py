"""Which few numbers say an effect: so much for each step, one group against another, or highest in the middle?"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from pkvae_core.insight.discovery.regression import Fit, Vector, weighted
from pkvae_core.insight.discovery.terms import Terms

BETWEEN = (0.05, 0.95)  # quantiles of the covariate between which a turn counts
INSIDE = 0.15  # of that range, from either end: nearer to it, it is no turn
PLACES = 31


@dataclass(frozen=True)
class Contrast:
    """The ratio of a quantity between two values of a covariate, and its 95 % interval."""

    start: float
    end: float
    ratio: float
    low95: float
    high95: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 1 out."""
        return not self.low95 <= 1 <= self.high95


@dataclass(frozen=True)
class Shape:
    """`slope`: one contrast of a step; `groups`: the first against each other one; `valley` or `hill`: from the turn to either end."""

    kind: Literal["slope", "groups", "valley", "hill"]
    contrasts: tuple[Contrast, ...]


def shape_of(terms: Terms, i: int, y: Vector, whole: Fit) -> Shape:
    """Two or more groups are compared; a curve that turns in the middle and clearly leaves it on both sides has a turn; anything else is a slope."""
    column = terms.columns[i]
    if column.categories:
        groups = np.unique(column.values[column.is_known])
        return Shape("groups", tuple(_contrast(terms, i, whole, groups[0], other) for other in groups[1:]))
    low, high = np.quantile(column.values[column.is_known], BETWEEN)
    x = np.linspace(low, high, PLACES)
    curve = terms.at(i, x) @ whole.coefficient
    turns: tuple[tuple[Literal["valley", "hill"], float], ...] = ("valley", x[curve.argmin()]), ("hill", x[curve.argmax()])
    for kind, turn in turns:
        if low + INSIDE * (high - low) < turn < high - INSIDE * (high - low):
            ends = tuple(_contrast(terms, i, whole, float(turn), float(end)) for end in (low, high))
            if all(c.is_clear for c in ends):
                return Shape(kind, ends)
    return Shape("slope", (_slope(terms, i, y, whole),))


def _contrast(terms: Terms, i: int, whole: Fit, start: float, end: float) -> Contrast:
    rows = terms.at(i, np.array([start, end]))
    return _ratio(start, end, rows[1] - rows[0], whole.coefficient, whole.covariance)


def _ratio(start: float, end: float, row: Float[np.ndarray, " term"], coefficient: Float[np.ndarray, " term"], covariance: np.ndarray) -> Contrast:
    centre, half = float(row @ coefficient), 1.96 * float(np.sqrt(max(row @ covariance @ row, 0.0)))
    return Contrast(float(start), float(end), *(float(np.exp(v)) for v in (centre, centre - half, centre + half)))


def _slope(terms: Terms, i: int, y: Vector, whole: Fit) -> Contrast:
    """The average step: the covariate's terms replaced by a straight line, at the weights of the whole fit."""
    column = terms.columns[i]
    known = column.values[column.is_known]
    line = np.where(column.is_known, column.values - known.mean(), 0.0)
    design = np.column_stack([terms.others(i), line])
    step = round_step(float(np.subtract(*np.quantile(known, [0.75, 0.25]))) or float(np.ptp(known)))
    row = np.zeros(design.shape[1])
    row[-1] = step
    return _ratio(0.0, step, row, *weighted(design, y, whole.weight))


def round_step(spread: float) -> float:
    """1, 2 or 5 times a power of ten, the largest within half of a spread."""
    power = 10.0 ** np.floor(np.log10(spread / 2))
    return float(max(m * power for m in (1, 2, 5) if m * power <= spread / 2 * (1 + 1e-9)))
