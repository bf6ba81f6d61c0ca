"""Are these ranks spread as evenly as they would be if the posterior were right?

Ranks of the truth among posterior draws are uniform when, and only when, posteriors are right on average over the prior (Talts, Betancourt, Simpson, Vehtari &
Gelman 2018). Their cumulative share is compared with the diagonal, inside a band that holds the whole of 95 out of 100 truly uniform curves (Saeilynoja,
Buerkner & Vehtari 2022).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import binom

CURVES = 4000
BARS = 20


@dataclass(frozen=True)
class Uniformity:
    """Cumulative share of the ranks minus that of uniform ones, at each position in (0, 1), and its simultaneous 95 % band."""

    cases: int
    position: Float[np.ndarray, " position"]
    difference: Float[np.ndarray, " position"]
    low95: Float[np.ndarray, " position"]
    high95: Float[np.ndarray, " position"]

    @property
    def is_uniform(self) -> bool:
        """Whether the whole curve lies in its band; of perfect models, one in twenty does not."""
        return bool(((self.difference >= self.low95 - 1e-12) & (self.difference <= self.high95 + 1e-12)).all())


@dataclass(frozen=True)
class Bars:
    """A histogram of ranks as shares of the cases, and the interval that holds a single bar of uniform ranks 99 times in 100."""

    low: Float[np.ndarray, " bar"]
    high: Float[np.ndarray, " bar"]
    share: Float[np.ndarray, " bar"]
    low99: float
    high99: float


def uniformity(ranks: Int[np.ndarray, " case"], most: int) -> Uniformity:
    """How uniform are ranks that may be 0 to `most`, seen at each of the `most` places between them?"""
    cases = len(ranks)
    reached = np.bincount(ranks, minlength=most + 1).cumsum()[:-1]
    position = np.arange(1, most + 1) / (most + 1)
    tail = band_tail(cases, most)
    low, high = (binom.ppf(q, cases, position) / cases - position for q in (tail, 1 - tail))
    return Uniformity(cases, position, reached / cases - position, low, high)


@lru_cache(maxsize=64)
def band_tail(cases: int, most: int, level: float = 0.95) -> float:
    """The share to cut off at either side of each position's binomial distribution so that `level` of whole uniform curves stay inside; by simulation.

    gamma/2 of Saeilynoja 2022, section 2.2: the (1 - level) quantile over curves of the smallest tail probability that each curve meets on its way.
    """
    uniform = np.random.default_rng(0).multinomial(cases, np.full(most + 1, 1 / (most + 1)), size=CURVES)
    reached = uniform.cumsum(1)[:, :-1]
    position = np.arange(1, most + 1) / (most + 1)
    values = np.arange(cases + 1)[:, None]
    below, above = binom.cdf(values, cases, position), binom.sf(values - 1, cases, position)
    smallest = np.minimum(below, above)[reached, np.arange(most)].min(1)
    return float(np.quantile(smallest, 1 - level))


def bars(ranks: Int[np.ndarray, " case"], most: int, count: int = BARS) -> Bars:
    """The ranks in `count` bars of equal width; `most` + 1 must be a multiple of `count`."""
    assert (most + 1) % count == 0
    edges = np.arange(count + 1) / count
    share = np.bincount(ranks * count // (most + 1), minlength=count) / len(ranks)
    low, high = (float(binom.ppf(q, len(ranks), 1 / count) / len(ranks)) for q in (0.005, 0.995))
    return Bars(edges[:-1], edges[1:], share, low, high)


def ranks_of(share_below: Float[np.ndarray, " case"], most: int, generator: np.random.Generator) -> Int[np.ndarray, " case"]:
    """Ranks of truths among `most` independent draws, given the posterior probability below each truth: Binomial(most, probability)."""
    return generator.binomial(most, np.clip(share_below, 0, 1))
