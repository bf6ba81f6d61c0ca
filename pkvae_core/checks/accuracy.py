"""How far were the forecasts from the measured levels, and how sure are we of that?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pkvae_core.checks.forecast import LevelForecast, Outlook
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.regimens import average_concentration

GROUPS: dict[str, Callable[[int], bool]] = {
    "0": lambda n: n == 0,
    "1": lambda n: n == 1,
    "2": lambda n: n == 2,
    "3": lambda n: n == 3,
    "4+": lambda n: n >= 4,
    "1+": lambda n: n >= 1,
}


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval when whole subjects are drawn anew with replacement; None where there is nothing to compute it from."""

    value: float | None
    low95: float | None
    high95: float | None


@dataclass(frozen=True)
class Margin:
    """How far a forecast may lie from its level and still count as accurate: nearer than the absolute margin, or nearer than the relative one (mipdeval)."""

    absolute_mg_per_L: float
    relative_percent: float

    def __post_init__(self):
        if not (self.absolute_mg_per_L >= 0 and self.relative_percent >= 0):
            raise ValueError(f"a margin cannot be negative: {self.absolute_mg_per_L:g} mg/L, {self.relative_percent:g} %. Give 0 to leave one of the two out.")


def usual_margin(card: DrugCard) -> Margin:
    """25 %, or a twentieth of the average concentration that the drug's target stands for: a choice of ours, where percentages of low levels mean little.

    Where the card has no target, the percentage alone.
    """
    return Margin(0.05 * average_concentration(card) if card.targets else 0.0, 25.0)


@dataclass(frozen=True)
class Accuracy:
    """Prediction error (forecast - level) / level in per cent: its mean (MPE), its mean and median size (MAPE, MdAPE), the share of levels within 20 and 30 %
    (F20, F30) and within the margin asked for (none without one); RMSE in the unit of the levels; the share inside the 90 % interval, in per cent.
    A level below the limit of quantification has no error but a coverage."""

    MPE: Figure
    MAPE: Figure
    MdAPE: Figure
    RMSE: Figure
    within_20: Figure
    within_30: Figure
    coverage_90: Figure
    within_margin: Figure


@dataclass(frozen=True)
class Gain:
    """What earlier levels brought on the same levels: RMSE of IPRED over that of PRED (below 1 is better), the same as Bayesian impact, 100 (1 - ratio) in per
    cent (above 0); MAPE and MdAPE of IPRED minus PRED's (below 0)."""

    RMSE_ratio: Figure
    bayesian_impact: Figure
    MAPE_difference: Figure
    MdAPE_difference: Figure


@dataclass(frozen=True)
class Summary:
    """`n` levels of `n_subjects`, `n_blq` of them below the limit of quantification, and how both predictions did."""

    n: int
    n_subjects: int
    n_blq: int
    PRED: Accuracy
    IPRED: Accuracy
    IPRED_against_PRED: Gain


def summarise(
    forecasts: Sequence[LevelForecast], *, unit_mg_per_L: float = 1.0, margin: Margin | None = None, replicates: int = 1000, seed: int = 0
) -> dict[str, Summary]:
    """Summaries of all levels ("all") and by the number of earlier levels (the keys of GROUPS); RMSE in a unit of `unit_mg_per_L`."""
    members = {"all": list(forecasts)} | {group: [f for f in forecasts if belongs(f.n_earlier)] for group, belongs in GROUPS.items()}
    return {group: _summary(found, unit_mg_per_L, margin, replicates, seed) for group, found in members.items()}


def _summary(forecasts: Sequence[LevelForecast], unit: float, margin: Margin | None, replicates: int, seed: int) -> Summary:
    subjects = sorted({f.patient_id for f in forecasts})
    is_blq = [f.sample.is_below_lloq for f in forecasts]
    weight = subject_weights([subjects.index(f.patient_id) for f in forecasts], len(subjects), replicates=replicates, seed=seed)
    level = np.array([np.nan if f.sample.concentration_mg_per_L is None else f.sample.concentration_mg_per_L for f in forecasts], dtype=float)
    prior = _statistics([f.a_priori for f in forecasts], level, weight, unit, margin)
    posterior = _statistics([f.a_posteriori for f in forecasts], level, weight, unit, margin)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = posterior["RMSE"] / prior["RMSE"]
    gain = Gain(figure(ratio), figure(100 * (1 - ratio)), *(figure(posterior[name] - prior[name]) for name in ("MAPE", "MdAPE")))
    PRED, IPRED = (Accuracy(**{name: figure(values) for name, values in found.items()}) for found in (prior, posterior))
    return Summary(len(forecasts), len(subjects), sum(is_blq), PRED, IPRED, gain)


def subject_weights(subject_of_level: Sequence[int], subjects: int, *, replicates: int, seed: int) -> Float[np.ndarray, "replicate level"]:
    """How often each level counts: once in row 0 (the data), then as often as its subject was drawn in each replicate. One subject alone has no replicates."""
    drawn = np.random.default_rng(seed).multinomial(subjects, np.full(subjects, 1 / subjects), size=replicates) if subjects > 1 else np.empty((0, subjects))
    return np.vstack([np.ones(subjects), drawn])[:, list(subject_of_level)]


def _statistics(
    outlooks: Sequence[Outlook], level: Float[np.ndarray, " level"], weight: Float[np.ndarray, "replicate level"], unit: float, margin: Margin | None
) -> dict[str, np.ndarray]:
    """Each figure of Accuracy [replicate]."""
    is_measured = ~np.isnan(level)
    measured, counts = level[is_measured], weight[:, is_measured]
    error = np.array([o.median_mg_per_L for o in outlooks], dtype=float)[is_measured] - measured
    percent = 100 * error / measured
    accurate = np.full(len(measured), np.nan) if margin is None else is_accurate(error, percent, margin)
    return {
        "MPE": weighted_mean(percent, counts),
        "MAPE": weighted_mean(abs(percent), counts),
        "MdAPE": weighted_median(abs(percent), counts),
        "RMSE": np.sqrt(weighted_mean(error**2, counts)) / unit,
        "within_20": weighted_mean(100.0 * (abs(percent) <= 20), counts),
        "within_30": weighted_mean(100.0 * (abs(percent) <= 30), counts),
        "coverage_90": weighted_mean(100 * np.array([o.coverage for o in outlooks], dtype=float), weight),
        "within_margin": weighted_mean(100.0 * accurate, counts),
    }


def is_accurate(error_mg_per_L: Float[np.ndarray, " level"], percent: Float[np.ndarray, " level"], margin: Margin) -> Float[np.ndarray, " level"]:
    """1 for each forecast within the margin, whose edge does not count, else 0."""
    return ((abs(error_mg_per_L) < margin.absolute_mg_per_L) | (abs(percent) < margin.relative_percent)).astype(float)


def weighted_mean(values: Float[np.ndarray, " level"], weight: Float[np.ndarray, "replicate level"]) -> Float[np.ndarray, " replicate"]:
    """NaN for a replicate that drew no level."""
    total = weight.sum(1)
    return np.where(total > 0, weight @ values / np.where(total > 0, total, 1), np.nan)


def weighted_median(values: Float[np.ndarray, " level"], weight: Float[np.ndarray, "replicate level"]) -> Float[np.ndarray, " replicate"]:
    """Median of values repeated `weight` times (whole numbers): the mean of the two middle ones when their count is even."""
    if not len(values):
        return np.full(len(weight), np.nan)
    order = np.argsort(values)
    reached = weight[:, order].cumsum(1)
    half = reached[:, -1:] / 2
    lower, upper = (reached >= half).argmax(1), (reached > half).argmax(1)
    return np.where(half[:, 0] > 0, (values[order][lower] + values[order][upper]) / 2, np.nan)


def figure(values: Float[np.ndarray, " replicate"]) -> Figure:
    """The value of the data (row 0) with the central 95 % of the replicates that could be computed."""
    low, high = np.nanpercentile(values[1:], [2.5, 97.5]) if not np.isnan(values[1:]).all() else (np.nan, np.nan)
    return Figure(*(None if np.isnan(v) else float(v) for v in (values[0], low, high)))
