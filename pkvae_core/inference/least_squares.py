"""Which one- or two-compartment curve lies closest to these levels? Textbook least squares on the logarithm, no population behind it.

    min over theta of  sum_j (ln y_j - ln C(t_j; theta))^2,   a level below its limit counting only where the curve lies above that limit,
plus a weak pull of each logarithm towards its start, so that few levels have one answer (0.05 theta: a standard deviation of 2 where levels err by 10 %).
Closed forms (Gibaldi & Perrier 1982), one dose, several starts.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import least_squares

Curve = Float[np.ndarray, " time"]
PULL, LEAST, WORST = 0.05, 1e-6, 1e6
SHORT, LONG = 10, 60  # evaluations for each parameter: from every start, and then from the best
START_SPREADS = ((0.0, 0.0), (-1.2, 0.8), (1.0, -1.2))  # of the logarithms of elimination and absorption, about a guess


@dataclass(frozen=True)
class CompartmentFit:
    """One or two compartments; what is swallowed is absorbed at first order, from `lag_h` on. `theta`: logarithms of k, 1/V, ka (if swallowed), k12, k21."""

    compartments: int
    is_swallowed: bool
    theta: Float[np.ndarray, " parameter"]
    lag_h: float

    def curve(self, dose_mg: float, time_h: Curve) -> Curve:
        """Concentrations (mg/L)."""
        return dose_mg * _unit(self.theta, np.maximum(time_h - self.lag_h, 0.0), self.compartments, self.is_swallowed) * (time_h >= self.lag_h)


def _unit(theta: Float[np.ndarray, " parameter"], since: Curve, compartments: int, is_swallowed: bool) -> Curve:
    """Response to 1 mg (1/L), F = 1."""
    k, size = np.exp(theta[:2])
    if compartments == 1:
        amplitude, rate = np.array([size]), np.array([k])
    else:
        k12, k21 = np.exp(theta[-2:])
        total = k + k12 + k21
        alpha = (total + np.sqrt(total**2 - 4 * k * k21)) / 2
        beta = k * k21 / alpha
        amplitude, rate = size * np.array([alpha - k21, k21 - beta]) / (alpha - beta), np.array([alpha, beta])
    decay = np.exp(-np.outer(since, rate))
    if not is_swallowed:
        return decay @ amplitude
    ka = np.exp(theta[2])
    ka = np.where(np.abs(ka - rate) < 1e-3 * rate, rate * 1.001, ka)
    return (ka / (ka - rate) * (decay - np.exp(-np.outer(since, ka)))) @ amplitude


def fit_compartments(
    compartments: int, dose_mg: float, time_h: Curve, level: Curve, is_below: Bool[np.ndarray, " time"], *, is_swallowed: bool, has_lag: bool
) -> CompartmentFit:
    """The closest curve. `level` holds the limit where `is_below`. Raises ValueError with fewer than three levels above their limit."""
    if (~is_below).sum() < 3:
        raise ValueError(f"only {(~is_below).sum()} levels lie above their limit; a compartment fit needs three. Take more levels, or give more drug.")
    problem = _Problem(compartments, is_swallowed, dose_mg, time_h, level, is_below, float(time_h[~is_below][0]) if has_lag and is_swallowed else 0.0)
    short = [problem.minimise(start, evaluations=SHORT) for start in _starts(problem)]
    return problem.fit(problem.minimise(min(short, key=lambda pair: pair[0])[1], evaluations=LONG)[1])


@dataclass(frozen=True)
class _Problem:
    """The levels to be met; a lag lies before `latest_lag_h`, the first level that shows drug, and there is none where that is 0."""

    compartments: int
    is_swallowed: bool
    dose_mg: float
    time_h: Curve
    level: Curve
    is_below: Bool[np.ndarray, " time"]
    latest_lag_h: float

    def fit(self, theta: Float[np.ndarray, " free"]) -> CompartmentFit:
        """The model at these free parameters: the lag, where there is one, comes last, as log-odds of its share of `latest_lag_h`."""
        if not self.latest_lag_h:
            return CompartmentFit(self.compartments, self.is_swallowed, theta, 0.0)
        return CompartmentFit(self.compartments, self.is_swallowed, theta[:-1], float(self.latest_lag_h / (1 + np.exp(-theta[-1]))))

    def minimise(self, start: Float[np.ndarray, " free"], *, evaluations: int) -> tuple[float, Float[np.ndarray, " free"]]:
        """Cost and parameters after Levenberg-Marquardt from here."""
        log_level = np.log(self.level)

        def misses(theta: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                curve = self.fit(theta).curve(self.dose_mg, self.time_h)
            gap = np.log(np.clip(np.nan_to_num(curve, nan=WORST, posinf=WORST), LEAST, WORST)) - log_level
            return np.concatenate([np.where(self.is_below, np.maximum(gap, 0.0), gap), PULL * (theta - start)])

        ended = least_squares(misses, start, method="lm", max_nfev=evaluations * len(start))
        return float(ended.cost), ended.x


def _starts(problem: _Problem) -> list[Float[np.ndarray, " free"]]:
    """Guesses: the slope of the last levels and the largest level, faster and slower; with a lag, an early and a late one."""
    time_h, level, shown = problem.time_h, problem.level, np.flatnonzero(~problem.is_below)
    late = shown[-3:]
    slope = max(-np.polyfit(time_h[late], np.log(level[late]), 1)[0], 0.01)
    absorption = [np.log(max(3 * slope, 0.5))] if problem.is_swallowed else []
    base = np.array([np.log(slope), np.log(level.max() / problem.dose_mg), *absorption, *([-1.0, -1.5] if problem.compartments == 2 else [])])
    found = []
    for share in (0.1, 0.8) if problem.latest_lag_h else (None,):
        for of_rate, of_ka in START_SPREADS:
            moved = base.copy()
            moved[0] += of_rate
            if problem.is_swallowed:
                moved[2] += of_ka
            found.append(moved if share is None else np.append(moved, np.log(share / (1 - share))))
    return found
