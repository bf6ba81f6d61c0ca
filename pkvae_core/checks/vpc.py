"""Would the model's own patients show such levels: visual predictive check, plain and prediction-corrected.

In each bin of time the 5th, 50th and 95th percentile of the measured levels are compared with those of simulated cohorts with the same doses and sampling times
(Holford 2005). The prediction-corrected check multiplies every level, measured or simulated, by the bin's median prediction over its own (Bergstrand, Hooker,
Wallin & Karlsson 2011), so that differences of dose and covariates do not blur the bin. Where doses were adjusted to levels, both are optimistic or biased.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from pkvae_core.checks.engines import Engine
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.checks.replicates import Replicates, replicate
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.patient import Patient

PERCENTS = (5, 50, 95)
LEAST_IN_BIN = 10
LEAST_AT_RISK = 5  # levels that a measured one must be the highest of; the estimate is wild where fewer are left
Axis = Literal["time_after_dose_h", "time_h"]


@dataclass(frozen=True)
class Percentile:
    """One percentile of one bin (mg/L; corrected where the check is): measured (NaN where it lies below the limits of quantification), and its 95 % band."""

    percent: int
    low_h: float
    high_h: float
    middle_h: float
    levels: int
    observed: float
    low95: float
    median: float
    high95: float

    @property
    def is_inside(self) -> bool:
        return self.low95 <= self.observed <= self.high95


@dataclass(frozen=True)
class BelowLimit:
    """Share (0 to 1) of a bin's levels below `limit_mg_per_L`, the highest limit of quantification reported in it: measured, and its 95 % band."""

    low_h: float
    high_h: float
    middle_h: float
    levels: int
    limit_mg_per_L: float
    observed: float
    low95: float
    median: float
    high95: float


@dataclass(frozen=True)
class VPC:
    """A visual predictive check; `points` of the scatter are the measured levels, at their limit where `is_below`."""

    engine: str
    axis: Axis
    is_corrected: bool
    replicates: int
    percentiles: tuple[Percentile, ...]
    below: tuple[BelowLimit, ...]
    patient: tuple[str, ...]
    point_h: Float[np.ndarray, " level"]
    point: Float[np.ndarray, " level"]
    is_below: Bool[np.ndarray, " level"]
    left_out: tuple[str, ...]

    def line(self, percent: int) -> tuple[Percentile, ...]:
        """One percentile through the bins."""
        return tuple(p for p in self.percentiles if p.percent == percent)

    def rows(self) -> tuple[dict[str, object], ...]:
        return tuple(asdict(p) for p in self.percentiles)

    @property
    def sentence(self) -> str:
        known = [p for p in self.percentiles if not np.isnan(p.observed)]
        inside = sum(p.is_inside for p in known)
        return (
            f"{inside} of {len(known)} measured percentiles lie in the 95 % bands of {self.replicates:,} simulated cohorts "
            f"({len(self.point)} levels, {int(self.is_below.sum())} of them below their limit of quantification)."
        )


def vpc(
    engine: Engine,
    patients: Sequence[Patient],
    *,
    axis: Axis = "time_after_dose_h",
    is_corrected: bool = False,
    bins: int = 8,
    replicates: int = 500,
    seed: int = 0,
    progress: Progress = silent,
) -> VPC:
    """The check of these patients' levels, in about `bins` bins of equally many levels. Raises ValueError when there are too few levels for two bins."""
    return compared(
        engine.name, replicate(engine, patients, replicates=replicates, seed=seed, progress=progress), axis=axis, is_corrected=is_corrected, bins=bins
    )


def compared(engine: str, found: Replicates, *, axis: Axis, is_corrected: bool, bins: int) -> VPC:
    """Measured and simulated percentiles, bin by bin."""
    levels = found.levels
    x = getattr(levels, axis)
    bin_of = _bins(x, bins)
    factor = _correction(found.PRED, bin_of) if is_corrected else np.ones(len(x))
    is_used = np.isfinite(factor)
    left_out = list(found.left_out)
    if not is_used.all():
        left_out.append(f"{int((~is_used).sum())} levels where the model predicts no drug yet: a prediction of 0 cannot be corrected for")
    measured, simulated = levels.measured * factor, found.simulated * factor
    percentiles, below = [], []
    for number in range(bin_of.max() + 1):
        mine = (bin_of == number) & is_used
        if not mine.any():
            continue
        place = (float(x[mine].min()), float(x[mine].max()), float(np.median(x[mine])), int(mine.sum()))
        percentiles += _percentiles(place, measured[mine], levels.is_below[mine], simulated[:, mine])
        if not is_corrected:  # a corrected limit is nobody's
            below += _below(place, measured[mine], levels.is_below[mine], simulated[:, mine])
    patient = tuple(p for p, used in zip(levels.patient, is_used, strict=True) if used)
    points = (x[is_used], measured[is_used], levels.is_below[is_used])
    return VPC(engine, axis, is_corrected, len(simulated), tuple(percentiles), tuple(below), patient, *points, tuple(left_out))


def _bins(x: Float[np.ndarray, " level"], bins: int) -> np.ndarray:
    """The bin of each level: quantiles of `x`, as many of them as leave ten levels in each; equal times stay together."""
    count = min(bins, len(x) // LEAST_IN_BIN)
    if count < 2:
        raise ValueError(f"{len(x)} levels are too few for a visual predictive check; {2 * LEAST_IN_BIN} are needed.")
    edges = np.unique(np.quantile(x, np.arange(1, count) / count))
    return np.unique(np.searchsorted(edges, x), return_inverse=True)[1]


def _correction(PRED: Float[np.ndarray, " level"], bin_of: np.ndarray) -> Float[np.ndarray, " level"]:
    """Median prediction of the bin over the level's own; NaN where the own one is nought."""
    middle = np.array([np.median(PRED[bin_of == number]) for number in range(bin_of.max() + 1)])[bin_of]
    return np.where(PRED > 1e-6 * middle, middle / np.where(PRED > 0, PRED, 1), np.nan)


def _percentiles(place: tuple[float, float, float, int], measured: np.ndarray, is_below: np.ndarray, simulated: np.ndarray) -> list[Percentile]:
    """No laboratory reports less than nothing: simulated percentiles below 0 are 0."""
    expected = np.maximum(np.quantile(simulated, np.array(PERCENTS) / 100, axis=1, method="hazen"), 0)
    bands = np.quantile(expected, (0.025, 0.5, 0.975), axis=1)
    low, high, middle, count = place
    observed = censored_quantiles(measured, is_below, np.array(PERCENTS) / 100)
    return [Percentile(p, low, high, middle, count, float(observed[i]), *map(float, bands[:, i])) for i, p in enumerate(PERCENTS)]


def _below(place: tuple[float, float, float, int], measured: np.ndarray, is_below: np.ndarray, simulated: np.ndarray) -> list[BelowLimit]:
    if not is_below.any():
        return []
    limit = float(measured[is_below].max())
    expected = np.quantile((simulated < limit).mean(1), (0.025, 0.5, 0.975))
    return [BelowLimit(*place, limit, float((is_below | (measured < limit)).mean()), *map(float, expected))]


def censored_quantiles(
    measured: Float[np.ndarray, " level"], is_below: Bool[np.ndarray, " level"], probabilities: Float[np.ndarray, " probability"]
) -> Float[np.ndarray, " probability"]:
    """Quantiles of levels some of which are known only to lie below their limits (Kaplan & Meier's estimate, from the top down; Gillespie 2010).

    Without such levels they are Hazen's quantiles; NaN for what lies below every measured level, or so low that hardly any level there could be measured.
    """
    values = np.unique(measured[~is_below])[::-1]
    mass, left = [], 1.0
    for value in values:
        at_risk, here = (measured <= value).sum(), ((measured == value) & ~is_below).sum()
        if is_below.any() and at_risk < LEAST_AT_RISK:
            values = values[values > value]
            break
        mass.append(left * here / at_risk)
        left -= mass[-1]
    atoms, weight = np.append(values, -np.inf), np.append(mass, max(left, 0.0))
    kept = weight > 1e-12
    if not (kept & np.isfinite(atoms)).any():
        return np.full(len(probabilities), np.nan)
    with np.errstate(invalid="ignore"):
        found = weighted_quantiles(atoms[kept], weight[kept], tuple(probabilities))
    return np.where(np.isfinite(found), found, np.nan)
