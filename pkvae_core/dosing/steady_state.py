"""Where does a regimen settle, and which draws never do?

A draw has settled when, at the end of the card's horizon, its AUC changes by less than 2 % over a fourteenth of it (a day of two weeks). The two intervals
compared lie at least that far apart, because over short ones even a body that eliminates nothing changes by little; a longer distance counts in proportion.

When the model is proportional to dose the steady state itself is exact: the AUC of an interval is the whole area under the response to one dose (F/CL), and
the concentrations are those of `periodic`, with the covariates that hold now. Any other model is simulated to the horizon, and its last interval is the steady
state.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float

from pkvae_core.dosing.course import follow, follow_all, past_doses, phases, split_course
from pkvae_core.dosing.span import SimulatedSpans, Span, SpanOf
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Regimen
from pkvae_core.structural.periodic import area_until, periodic

HALF_LIVES_TO_STEADY = 5  # after so many 97 % of the way is gone
SETTLED_CHANGE = 0.02
SETTLED_PART = 1 / 14  # of the horizon


def steady_after_h(half_life_h: float) -> float:
    """Hours on one regimen until the levels are within 3 % of steady."""
    return HALF_LIVES_TO_STEADY * half_life_h


def steady_spans(posterior: Posterior, regimens: Sequence[Regimen], points: int) -> dict[Regimen, SpanOf]:
    """For each regimen, one interval of it at its steady state, with any amount; without any concentration where no points are asked for."""
    if not posterior.responses.is_dose_proportional:
        return {regimen: SimulatedSpans(partial(_simulated, posterior, regimen, points)) for regimen in regimens}
    carried = _carried(posterior, regimens)
    return {regimen: _exact(posterior, regimen, points, carried[_apart_from_infusion(regimen)]) for regimen in regimens}


def _apart_from_infusion(regimen: Regimen) -> Regimen:
    return replace(regimen, infusion_h=0.0)


def _carried(posterior: Posterior, regimens: Sequence[Regimen]) -> dict[Regimen, Float[np.ndarray, "draw 2"]]:
    """AUC that recorded doses and a loading dose add to the two intervals compared. Those of a course are looked up in one pass."""
    unlike = list(dict.fromkeys(map(_apart_from_infusion, regimens)))
    courses = {r: split_course(posterior, r, r.start_h + r.interval_h)[0] for r in unlike}
    edges = {r: comparison_edges(r, posterior.card.horizon_h) for r in unlike}
    found = {}
    for course in set(courses.values()):
        alike = [r for r in unlike if courses[r] == course]
        areas = follow(posterior, course, np.concatenate([edges[r] for r in alike]))[1].reshape(len(posterior.weight), len(alike), 4)
        found |= {r: np.diff(areas[:, i])[:, ::2] for i, r in enumerate(alike)}
    return found


def _exact(posterior: Posterior, regimen: Regimen, points: int, carried: Float[np.ndarray, "draw 2"]) -> SpanOf:
    """`carried` is compared together with what the regimen adds: to its k-th interval, the area under the response to its first dose over k intervals."""
    product, pulses = posterior.card.product(regimen.product), posterior.responses.pulses
    route, dose = posterior.card.routes.index(product.route), product.active_mg(1.0) * product.bioavailability
    start, interval, infusion = regimen.start_h, regimen.interval_h, regimen.infusion_h
    phase, edges = phases(infusion, interval, points) if points else np.empty(0), comparison_edges(regimen, posterior.card.horizon_h)
    begin = start if regimen.loading_amount_mg is None else start + interval
    with torch.no_grad():
        curve = np.empty((len(posterior.weight), 0))
        if points:
            curve = dose * periodic(pulses, route, torch.as_tensor(phase, dtype=torch.float32), interval_h=interval, infusion_h=infusion)[0].double().numpy()
        added = dose * area_until(pulses, route, torch.as_tensor(edges[1::2] - begin), infusion_h=infusion)[0].numpy()
        whole = dose * pulses.auc()[0, :, route].double().numpy()

    def span(amount_mg: float) -> Span:
        then, now = (carried + amount_mg * added).T
        settled = has_settled(then, now, edges, posterior.card.horizon_h)
        return Span(interval, edges[2] + phase, len(phase) - 1, amount_mg * whole, amount_mg * curve, settled)

    return span


def _simulated(posterior: Posterior, regimen: Regimen, points: int, amounts_mg: Sequence[float]) -> list[Span]:
    edges = comparison_edges(regimen, posterior.card.horizon_h)
    time = edges[2] + phases(regimen.infusion_h, regimen.interval_h, points)
    past = past_doses(posterior, regimen.start_h)
    courses = [(*past, *replace(regimen, amount_mg=amount_mg).doses(edges[-1])) for amount_mg in amounts_mg]
    found = []
    for level, auc in follow_all(posterior, courses, [np.append(edges, time)] * len(courses)):
        then, _, now = np.diff(auc[:, :4]).T
        found.append(Span(regimen.interval_h, time, len(time) - 1, now, level[:, 4:], has_settled(then, now, edges, posterior.card.horizon_h)))
    return found


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
