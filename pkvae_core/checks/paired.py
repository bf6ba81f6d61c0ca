"""Which of two engines forecast the same levels better, and how sure is that?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from pkvae_core.checks.accuracy import Figure, figure, subject_weights, weighted_mean, weighted_median
from pkvae_core.checks.forecast import LevelForecast

View = Literal["a_priori", "a_posteriori"]


@dataclass(frozen=True)
class PairedRatio:
    """Our error over theirs on the `n` levels of `n_subjects` that both forecast; below 1 we are better. `unpaired` levels have a forecast of one of them only.

    RMSE, MAPE and MdAPE as in `Accuracy`; log_RMSE is the root mean square of ln(forecast/level), over levels that both forecast above 0;
    coverage_difference is our coverage minus theirs in percentage points. Each with its 95 % interval when whole subjects are drawn anew, the same ones for
    both engines. Levels below the limit of quantification count in the coverage only.
    """

    n: int
    n_subjects: int
    unpaired: int
    RMSE: Figure
    MAPE: Figure
    MdAPE: Figure
    log_RMSE: Figure
    coverage_difference: Figure


def paired_ratio(
    ours: Sequence[LevelForecast], theirs: Sequence[LevelForecast], *, view: View = "a_posteriori", replicates: int = 1000, seed: int = 0
) -> PairedRatio:
    """Errors of our forecasts over theirs on the same levels, matched by patient and time (and by order within one moment)."""
    first, second = _by_level(ours), _by_level(theirs)
    shared = [key for key in first if key in second]
    subjects = sorted({key[0] for key in shared})
    weight = subject_weights([subjects.index(key[0]) for key in shared], len(subjects), replicates=replicates, seed=seed)
    level = np.array([_level(first[key]) for key in shared], dtype=float)
    one, other = (np.array([getattr(side[key], view).median_mg_per_L for key in shared], dtype=float) for side in (first, second))
    covered = [100 * weighted_mean(np.array([getattr(side[key], view).coverage for key in shared], dtype=float), weight) for side in (first, second)]
    both_positive = ~np.isnan(level) & (one > 0) & (other > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = _errors(one, level, weight) / _errors(other, level, weight)
        log_error = [np.log(values[both_positive] / level[both_positive]) for values in (one, other)]
        top, bottom = (weighted_mean(values**2, weight[:, both_positive]) for values in log_error)
        log_ratio = np.sqrt(top / bottom)
    ratios, log_ratio = (np.where(np.isfinite(r), r, np.nan) for r in (ratios, log_ratio))  # no ratio where they err by nothing
    unpaired = len(first) + len(second) - 2 * len(shared)
    RMSE, MAPE, MdAPE, log_RMSE, difference = (figure(values) for values in (*ratios, log_ratio, covered[0] - covered[1]))
    return PairedRatio(len(shared), len(subjects), unpaired, RMSE, MAPE, MdAPE, log_RMSE, difference)


def _by_level(forecasts: Sequence[LevelForecast]) -> dict[tuple[str, float, int], LevelForecast]:
    """Forecasts by patient, time and rank among the patient's levels of that time."""
    found: dict[tuple[str, float, int], LevelForecast] = {}
    for forecast in forecasts:
        rank = 0
        while (key := (forecast.patient_id, forecast.sample.time_h, rank)) in found:
            rank += 1
        found[key] = forecast
    return found


def _level(forecast: LevelForecast) -> float:
    level = forecast.sample.concentration_mg_per_L
    return np.nan if level is None else level


def _errors(
    median: Float[np.ndarray, " level"], level: Float[np.ndarray, " level"], weight: Float[np.ndarray, "replicate level"]
) -> Float[np.ndarray, "figure replicate"]:
    """RMSE, MAPE and MdAPE of each replicate."""
    is_measured = ~np.isnan(level)
    error, counts = (median - level)[is_measured], weight[:, is_measured]
    percent = abs(error / level[is_measured])
    return np.stack([np.sqrt(weighted_mean(error**2, counts)), weighted_mean(percent, counts), weighted_median(percent, counts)])
