"""Is there a trend in this scatter: a running median and how sure of it we are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import binom

PLACES = 25
LEAST = 20


@dataclass(frozen=True)
class Trend:
    """Median of y among the points nearest to each x, and its 95 % interval (order statistics: no shape is assumed). Empty when there are too few points."""

    x: Float[np.ndarray, " place"]
    median: Float[np.ndarray, " place"]
    low95: Float[np.ndarray, " place"]
    high95: Float[np.ndarray, " place"]


def trend(x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"], *, share: float = 0.2) -> Trend:
    """The running median of y along x, each from the nearest `share` of the points by rank, at least 20; points that are not numbers are passed over."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known][order := np.argsort(x[known], kind="stable")], y[known][order]
    width = max(LEAST, round(share * len(x)))
    if len(x) < LEAST:
        return Trend(*(np.empty(0),) * 4)
    width = min(width, len(x))
    starts = np.unique(np.linspace(0, len(x) - width, PLACES).round().astype(int))
    windows = np.sort(np.stack([y[s : s + width] for s in starts]), axis=1)
    low = int(max(binom.ppf(0.025, width, 0.5) - 1, 0))
    middle = np.array([np.median(x[s : s + width]) for s in starts])
    return Trend(middle, np.median(windows, axis=1), windows[:, low], windows[:, width - 1 - low])
