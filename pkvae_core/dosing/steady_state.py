"""Where does a regimen settle, and which draws never do?

A draw has settled when, at the end of the card's horizon, its AUC changes by less than 2 % over a fourteenth of it (a day of two weeks). The two intervals
compared lie at least that far apart, because over short ones even a body that eliminates nothing changes by little; a longer distance counts in proportion.

When the model is proportional to dose the steady state itself is exact. The doses of a regimen that has always been given add up to the response to one dose,
read at s, s + tau, s + 2 tau ...: the AUC of an interval is the whole area under that response (F/CL), the concentration at phase s is
    sum over j < N of r(s + j tau)  +  (1/tau) integral of r from s + (N - 1/2) tau on,
where the integral stands for the older doses (midpoint rule; with N = 10 its error is below 0.03 % for any half-life). Any other model is simulated to the
horizon, and its last interval is the steady state.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from jaxtyping import Bool, Float

from pkvae_core.dosing.course import Span, SpanOf, Times, follow, follow_all, past_doses, phases, split_course
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Dose, Regimen

SETTLED_CHANGE = 0.02
SETTLED_PART = 1 / 14  # of the horizon
RECENT = 10  # doses summed one by one
FOR_EVER_H = 1e6


def steady_spans(posterior: Posterior, regimens: Sequence[Regimen], points: int) -> dict[Regimen, SpanOf]:
    """For each regimen, one interval of it at its steady state, with any amount."""
    if not posterior.responses.is_dose_proportional:
        return {regimen: _simulated(posterior, regimen, points) for regimen in regimens}
    horizon_h, settled = posterior.card.horizon_h, posterior.settled()
    times = [r.start_h + (RECENT - 1) * r.interval_h + phases(r.infusion_h, r.interval_h, points) for r in regimens]
    one_dose = [(Dose(r.start_h, 1.0, r.infusion_h, r.product),) for r in regimens]
    areas = follow_all(settled, one_dose, [_looked_at(r, time, horizon_h) for r, time in zip(regimens, times, strict=True)])
    recent = [replace(r, amount_mg=1.0, loading_amount_mg=None).doses(r.start_h + RECENT * r.interval_h) for r in regimens]
    curves = follow_all(settled, recent, times)
    carried = _carried(posterior, {replace(r, infusion_h=0.0) for r in regimens})
    return {
        r: _exact(r, horizon_h, time, area, curve, carried[replace(r, infusion_h=0.0)])
        for r, time, (_, area), (curve, _) in zip(regimens, times, areas, curves, strict=True)
    }


def _looked_at(regimen: Regimen, time: Times, horizon_h: float) -> Float[np.ndarray, " looked"]:
    """When the area under the response to one dose is asked for: where the older doses begin, after the intervals compared, and at last."""
    begin = 0.0 if regimen.loading_amount_mg is None else regimen.interval_h
    return np.hstack([time + regimen.interval_h / 2, comparison_edges(regimen, horizon_h)[1::2] - begin, regimen.start_h + FOR_EVER_H])


def _carried(posterior: Posterior, regimens: set[Regimen]) -> dict[Regimen, Float[np.ndarray, "draw 2"]]:
    """AUC that recorded doses and a loading dose add to the two intervals compared."""
    edges = [comparison_edges(r, posterior.card.horizon_h) for r in regimens]
    fixed = [split_course(posterior, r, r.start_h + r.interval_h)[0] for r in regimens]
    return {r: np.diff(auc)[:, ::2] for r, (_, auc) in zip(regimens, follow_all(posterior, fixed, edges), strict=True)}


def _exact(
    regimen: Regimen, horizon_h: float, time: Times, areas: Float[np.ndarray, "draw looked"], recent: Float[np.ndarray, "draw time"], carried: np.ndarray
) -> SpanOf:
    """From what one dose (`areas`) and the last ten (`recent`) of 1 mg do.

    `carried` is compared together with what the regimen adds: to its k-th interval, the area under the response to its first dose over k intervals.
    """
    older, added, whole = areas[:, : len(time)], areas[:, len(time) : -1], areas[:, -1]
    curve = recent + np.maximum(whole[:, None] - older, 0) / regimen.interval_h  # single precision may leave less than nothing
    edges = comparison_edges(regimen, horizon_h)

    def span(amount_mg: float) -> Span:
        then, now = (carried + amount_mg * added).T
        return Span(regimen.interval_h, time, len(time) - 1, amount_mg * whole, amount_mg * curve, has_settled(then, now, edges, horizon_h))

    return span


def _simulated(posterior: Posterior, regimen: Regimen, points: int) -> SpanOf:
    edges = comparison_edges(regimen, posterior.card.horizon_h)
    time = edges[2] + phases(regimen.infusion_h, regimen.interval_h, points)
    past = past_doses(posterior, regimen.start_h)

    @cache
    def span(amount_mg: float) -> Span:
        level, auc = follow(posterior, (*past, *replace(regimen, amount_mg=amount_mg).doses(edges[-1])), np.append(edges, time))
        then, _, now = np.diff(auc[:, :4]).T
        return Span(regimen.interval_h, time, len(time) - 1, now, level[:, 4:], has_settled(then, now, edges, posterior.card.horizon_h))

    return span


def comparison_edges(regimen: Regimen, horizon_h: float) -> Float[np.ndarray, " 4"]:
    """Begin and end of the two intervals to compare: the last one before the horizon, and one at least a fourteenth of the horizon earlier."""
    apart = math.ceil(SETTLED_PART * horizon_h / regimen.interval_h - 1e-9)
    last = max(apart, math.floor(horizon_h / regimen.interval_h + 1e-9) - 1)
    return regimen.start_h + regimen.interval_h * np.array([last - apart, last - apart + 1, last, last + 1.0])


def has_settled(
    then: Float[np.ndarray, " draw"], now: Float[np.ndarray, " draw"], edges: Float[np.ndarray, " 4"], horizon_h: float
) -> Bool[np.ndarray, " draw"]:
    """Whether the AUC changes little enough between the two intervals that begin and end at `edges`."""
    return np.abs(now - then) * (SETTLED_PART * horizon_h) / (edges[2] - edges[0]) < SETTLED_CHANGE * now
