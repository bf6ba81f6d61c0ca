"""How much drug did the body see: AUC, peak, time above a level and half-life of any curve, and quantiles of weighted draws."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Curve = Float[np.ndarray, "draw time"]
PerDraw = Float[np.ndarray, " draw"]


def auc(time_h: Float[np.ndarray, " time"], concentration_mg_per_L: Curve) -> PerDraw:
    """Area under a sampled curve (mg h/L): trapezoids where it rises, logarithmic ones where it falls ("linear-up log-down", Gabrielsson & Weiner 2007)."""
    before, after = concentration_mg_per_L[..., :-1], concentration_mg_per_L[..., 1:]
    falls = (after < before) & (after > 0)
    ratio = np.where(falls, before / np.where(falls, after, 1), math.e)
    height = np.where(falls, (before - after) / np.log(ratio), (before + after) / 2)
    return (height * np.diff(time_h)).sum(-1)


def time_above(time_h: Float[np.ndarray, " time"], concentration_mg_per_L: Curve, level_mg_per_L: float) -> PerDraw:
    """Hours that a sampled curve spends above a level; straight lines between its points."""
    excess = concentration_mg_per_L - level_mg_per_L
    before, after = excess[..., :-1], excess[..., 1:]
    span = np.abs(before - after)
    crosses = (before > 0) != (after > 0)
    share = np.where(crosses, np.maximum(before, after) / np.where(crosses, span, 1), before > 0)
    return (share * np.diff(time_h)).sum(-1)


def half_life(time_h: Float[np.ndarray, " time"], concentration_mg_per_L: Curve) -> PerDraw:
    """Terminal half-life (h): ln 2 over the slope of ln C on time, of the points of the terminal phase (pass no others); infinite where they do not fall."""
    time = time_h - time_h.mean()
    slope = (np.log(concentration_mg_per_L) * time).sum(-1) / (time**2).sum()
    return np.where(slope < 0, math.log(2) / np.where(slope < 0, -slope, 1), math.inf)


def weighted_quantile(values: Float[np.ndarray, "draw ..."], weight: Float[np.ndarray, " draw"], probability: float) -> Float[np.ndarray, "..."]:
    """The value below which draws of total weight `probability` lie, column by column (linear between the middles of the weights; draws may be infinite).

    With equal weights this is Hazen's quantile. Shape: that of `values` without its first axis.
    """
    return np.asarray(weighted_quantiles(values, weight, (probability,))[0])


def weighted_quantiles(
    values: Float[np.ndarray, "draw ..."], weight: Float[np.ndarray, " draw"], probabilities: Sequence[float]
) -> Float[np.ndarray, "probability ..."]:
    """`weighted_quantile` at several probabilities, from one sorting."""
    rows = np.ascontiguousarray(np.moveaxis(values, 0, -1))  # sorting and adding up go along memory
    order = np.argsort(rows, axis=-1)
    ranked, share = np.take_along_axis(rows, order, -1), (weight / weight.sum())[order]
    middle = share.cumsum(-1) - share / 2
    return np.stack([_quantile(ranked, middle, probability) for probability in probabilities])


def _quantile(ranked: np.ndarray, middle: np.ndarray, probability: float) -> np.ndarray:
    """Between the last draw whose middle lies below `probability` and the next one; draws along the last axis."""
    upper = np.minimum((middle < probability).sum(-1, keepdims=True), ranked.shape[-1] - 1)
    lower = np.maximum(upper - 1, 0)
    (low, high), (low_at, high_at) = (tuple(np.take_along_axis(table, i, -1)[..., 0] for i in (lower, upper)) for table in (ranked, middle))
    part = np.clip((probability - low_at) / np.where(high_at > low_at, high_at - low_at, 1), 0, 1)
    with np.errstate(invalid="ignore"):
        return np.where((part == 0) | (low == high), low, np.where(part == 1, high, low + part * (high - low)))
