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

from pkvae_core.dosing.course import Span, SpanOf, area, concentration, past_doses, phases, split_course
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Dose, Regimen

SETTLED_CHANGE = 0.02
SETTLED_PART = 1 / 14  # of the horizon
RECENT = 10  # doses summed one by one
FOR_EVER_H = 1e6


def steady_spans(posterior: Posterior, regimens: Sequence[Regimen], points: int) -> dict[Regimen, SpanOf]:
    """For each regimen, one interval of it at its steady state, with any amount."""
    if not posterior.model.is_dose_proportional:
        return {regimen: _simulated(posterior, regimen, points) for regimen in regimens}

    @cache
    def carried(regimen: Regimen) -> Float[np.ndarray, "draw 2"]:
        """AUC that recorded doses and a loading dose add to the two intervals compared."""
        edges = comparison_edges(regimen, posterior.model.card.horizon_h)
        return np.diff(area(posterior, split_course(posterior, regimen, regimen.start_h + regimen.interval_h)[0], edges))[:, ::2]

    return {regimen: _exact(posterior, regimen, points, carried(replace(regimen, infusion_h=0.0))) for regimen in regimens}


def _exact(posterior: Posterior, regimen: Regimen, points: int, carried: Float[np.ndarray, "draw 2"]) -> SpanOf:
    """`carried` is compared together with what the regimen adds: to its k-th interval, the area under the response to its first dose over k intervals."""
    start, interval, horizon = regimen.start_h, regimen.interval_h, posterior.model.card.horizon_h
    time, edges = start + (RECENT - 1) * interval + phases(regimen.infusion_h, interval, points), comparison_edges(regimen, horizon)
    begin = start if regimen.loading_amount_mg is None else start + interval
    areas = area(
        posterior, (Dose(start, 1.0, regimen.infusion_h, regimen.product),), np.hstack([time + interval / 2, edges[1::2] - begin + start, start + FOR_EVER_H])
    )
    older, added, whole = areas[:, : len(time)], areas[:, len(time) : -1], areas[:, -1]
    recent = replace(regimen, amount_mg=1.0, loading_amount_mg=None).doses(start + RECENT * interval)
    curve = concentration(posterior, recent, time) + np.maximum(whole[:, None] - older, 0) / interval  # single precision may leave less than nothing

    def span(amount_mg: float) -> Span:
        then, now = (carried + amount_mg * added).T
        return Span(interval, time, len(time) - 1, amount_mg * whole, amount_mg * curve, has_settled(then, now, edges, horizon))

    return span


def _simulated(posterior: Posterior, regimen: Regimen, points: int) -> SpanOf:
    edges = comparison_edges(regimen, posterior.model.card.horizon_h)
    time = edges[2] + phases(regimen.infusion_h, regimen.interval_h, points)
    past = past_doses(posterior, regimen.start_h)

    @cache
    def span(amount_mg: float) -> Span:
        doses = (*past, *replace(regimen, amount_mg=amount_mg).doses(edges[-1]))
        then, _, now = np.diff(area(posterior, doses, edges)).T
        is_settled = has_settled(then, now, edges, posterior.model.card.horizon_h)
        return Span(regimen.interval_h, time, len(time) - 1, now, concentration(posterior, doses, time), is_settled)

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
