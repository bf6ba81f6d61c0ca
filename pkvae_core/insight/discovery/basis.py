"""Which shapes may an effect have? A few columns for each covariate: a natural cubic spline, or one for each group.

Numbers above 0 whose logarithms are the more symmetric are taken by their logarithms, in which a power is a straight line.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.stats import skew

KNOTS = {3: (0.05, 0.35, 0.65, 0.95), 2: (0.1, 0.5, 0.9), 1: (0.1, 0.9)}  # quantiles, by degrees of freedom (Harrell, Regression Modeling Strategies, 2015)
FEW_VALUES = 5  # distinct ones; up to here a parabola is all they can tell


@dataclass(frozen=True)
class Basis:
    """The columns of one covariate: splines between `knots`, or, where there are none, one for each group but the first; `centre` is taken off each."""

    knots: tuple[float, ...]
    groups: tuple[float, ...]
    is_log: bool = False
    centre: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: Float[np.ndarray, " subject"], is_grouped: bool, *, freedom: int = 3) -> "Basis":
        """What fits these values (NaN = unknown), with at most `freedom` columns where they are numbers."""
        known = values[~np.isnan(values)]
        distinct = np.unique(known)
        if is_grouped:
            bare = cls((), tuple(distinct[1:].tolist()))
        else:
            freedom = min(freedom, 2 if len(distinct) <= FEW_VALUES else 3)
            knots = np.unique(np.quantile(known, KNOTS[freedom]))
            bare = cls(tuple((knots if len(knots) > 1 else distinct[[0, -1]]).tolist()), (), is_log(known))
        return replace(bare, centre=tuple(bare._raw(known).mean(0).tolist()))

    def design(self, values: Float[np.ndarray, " subject"]) -> Float[np.ndarray, "subject term"]:
        """The columns at these values, 0 on average over the known ones; all 0 where unknown."""
        return np.where(
            np.isnan(values)[:, None], 0.0, self._raw(np.where(np.isnan(values), self.knots[0] if self.knots else 0.0, values)) - np.array(self.centre)
        )

    def _raw(self, values: Float[np.ndarray, " subject"]) -> Float[np.ndarray, "subject term"]:
        """x, and for every knot but the last two its natural cubic (Hastie, Tibshirani & Friedman 2009, 5.2.1), with the outer knots at 0 and 1."""
        if not self.knots:
            return (values[:, None] == np.array(self.groups)).astype(float)
        scale = np.log if self.is_log else np.asarray
        knots = scale(np.array(self.knots))
        x, knots = (scale(values) - knots[0]) / (knots[-1] - knots[0]), (knots - knots[0]) / (knots[-1] - knots[0])
        cubes = np.maximum(x[:, None] - knots, 0) ** 3
        slopes = (cubes[:, :-1] - cubes[:, -1:]) / (1 - knots[:-1])
        return np.column_stack([x, slopes[:, :-1] - slopes[:, -1:]])


def is_log(known: Float[np.ndarray, " subject"]) -> bool:
    """Whether the logarithms of these numbers are the more symmetric."""
    return bool(known.min() > 0 and np.ptp(known) > 0 and abs(skew(np.log(known))) < abs(skew(known)))
