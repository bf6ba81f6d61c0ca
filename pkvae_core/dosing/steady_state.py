"""Where does a regimen settle, and which draws never do?

A draw has settled when, at the end of the card's horizon, its AUC changes by less than 2 % over a fourteenth of it (a day of two weeks). The two intervals
compared lie at least that far apart, because over short ones even a body that eliminates nothing changes by little; a longer distance counts in proportion.

When the model is proportional to dose the steady state itself is exact: the AUC of an interval is the whole area under the response to one dose (F/CL), and
the concentrations are those of `periodic`, with the covariates that hold now. Any other model is simulated to the horizon, and its last interval is the steady
state; of a body whose amount tells everything one interval is simulated for all of them (`structural.repeated`). Where the hours of a day differ, because
meals bring the drug back, it is the last day.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float

from pkvae_core.dosing.course import follow, follow_all, held_at, past_doses, phases, split_course
from pkvae_core.dosing.span import SimulatedSpans, Span, SpanOf
from pkvae_core.drugs.population import course
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Dose, Regimen
from pkvae_core.structural.body import AnyBody, Body
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.ode import Held
from pkvae_core.structural.periodic import area_until, periodic
from pkvae_core.structural.repeated import Repeated
from pkvae_core.structural.simulated import Simulated

HALF_LIVES_TO_STEADY = 5  # after so many 97 % of the way is gone
SETTLED_CHANGE = 0.02
SETTLED_PART = 1 / 14  # of the horizon


def steady_after_h(half_life_h: float) -> float:
    """Hours on one regimen until the levels are within 3 % of steady."""
    return HALF_LIVES_TO_STEADY * half_life_h


def steady_spans(posterior: Posterior, regimens: Sequence[Regimen], points: int) -> dict[Regimen, SpanOf]:
    """For each regimen, one interval of it at its steady state, with any amount; without any concentration where no points are asked for."""
    if posterior.responses.scales and not posterior.responses.is_dose_proportional:
        return _days(posterior, regimens, points)
    if isinstance(posterior.responses, Simulated):
        held = {start_h: held_at(posterior, start_h) for start_h in dict.fromkeys(r.start_h for r in regimens)}
        return {r: SimulatedSpans(partial(_simulated, posterior, r, held[r.start_h], points)) for r in regimens}
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
    for fixed in set(courses.values()):
        alike = [r for r in unlike if courses[r] == fixed]
        areas = follow(posterior, fixed, np.concatenate([edges[r] for r in alike]))[1].reshape(len(posterior.weight), len(alike), 4)
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


def _days(posterior: Posterior, regimens: Sequence[Regimen], points: int) -> dict[Regimen, SpanOf]:
    """Where the hours of a day differ, its whole last day stands for the steady state: what is fixed, and 1 mg, simulated to the horizon."""
    body = posterior.responses.now
    assert isinstance(body, AnyBody)
    edges = {r: comparison_edges(r, posterior.card.horizon_h, body.period_h(r.interval_h)) for r in regimens}
    split = {r: split_course(posterior, r, float(edges[r][-1])) for r in regimens}
    times = {r: _through_the_day(r, edges[r], points) for r in regimens}
    courses = [doses for parts in split.values() for doses in parts]
    lived = follow_all(posterior, courses, [np.append(edges[r], times[r]) for r in regimens for _ in range(2)])
    horizon_h = posterior.card.horizon_h
    return {r: _scaled(edges[r], times[r], horizon_h, fixed, one_mg) for r, fixed, one_mg in zip(regimens, lived[::2], lived[1::2], strict=True)}


def _through_the_day(regimen: Regimen, edges: Float[np.ndarray, " 4"], points: int) -> Float[np.ndarray, " time"]:
    """Times to look at between the last two edges, after each of the doses there."""
    count = round((edges[3] - edges[2]) / regimen.interval_h)
    each = phases(regimen.infusion_h, regimen.interval_h, points) if points else np.empty(0)
    return np.concatenate([edges[2] + i * regimen.interval_h + each for i in range(count)])


def _scaled(
    edges: Float[np.ndarray, " 4"],
    time: Float[np.ndarray, " time"],
    horizon_h: float,
    fixed: tuple[np.ndarray, np.ndarray],
    one_mg: tuple[np.ndarray, np.ndarray],
) -> SpanOf:
    """What the fixed doses do, plus the amount times what 1 mg does; each as concentration and AUC, at the edges and then at the times."""
    (curve0, area0), (curve1, area1) = ((level[:, 4:], np.diff(auc[:, :4])[:, ::2]) for level, auc in (fixed, one_mg))

    def span(amount_mg: float) -> Span:
        then, now = (area0 + amount_mg * area1).T
        return Span(edges[3] - edges[2], time, len(time) - 1, now, curve0 + amount_mg * curve1, has_settled(then, now, edges, horizon_h))

    return span


def _simulated(posterior: Posterior, regimen: Regimen, held: Held | None, points: int, amounts_mg: Sequence[float]) -> list[Span]:
    """`held` is what the patient holds when the regimen starts: known, one interval stands for all of them where it can; else every dose is simulated."""
    edges = comparison_edges(regimen, posterior.card.horizon_h)
    if held is not None and (found := _repeated(posterior, regimen, held, edges, points, amounts_mg)):
        return found
    time = edges[2] + phases(regimen.infusion_h, regimen.interval_h, points)
    past = past_doses(posterior, regimen.start_h)
    courses = [(*past, *replace(regimen, amount_mg=amount_mg).doses(edges[-1])) for amount_mg in amounts_mg]
    found = []
    for level, auc in follow_all(posterior, courses, [np.append(edges, time)] * len(courses)):
        then, _, now = np.diff(auc[:, :4]).T
        found.append(Span(regimen.interval_h, time, len(time) - 1, now, level[:, 4:], has_settled(then, now, edges, posterior.card.horizon_h)))
    return found


def _repeated(
    posterior: Posterior, regimen: Regimen, held: Held, edges: Float[np.ndarray, " 4"], points: int, amounts_mg: Sequence[float]
) -> list[Span] | None:
    """Nothing where one interval does not tell all (see `Repeated`)."""
    body, count = posterior.responses.repeated(len(amounts_mg)).now, len(amounts_mg)
    assert isinstance(body, Body)

    def doses(amounts: Sequence[float]) -> Doses:
        return course(posterior.card, [(Dose(0.0, amount, regimen.infusion_h, regimen.product),) for amount in amounts])

    opening = None if regimen.loading_amount_mg is None else doses([regimen.loading_amount_mg] * count)
    repeated = Repeated(body, doses(amounts_mg), regimen.interval_h)
    then, now = (round((edge - regimen.start_h) / regimen.interval_h) for edge in edges[[0, 2]])
    if not repeated.is_possible or then < 1:
        return None
    phase = phases(regimen.infusion_h, regimen.interval_h, points)
    with torch.no_grad():
        first = Held(held.state.expand(count, -1, -1), held.depot.expand(count, -1))
        before, last = repeated.amounts(first, (then, now), opening=opening)
        whole = torch.tensor([float(regimen.interval_h)])
        area_then = repeated.interval(before, whole)[1][..., 0].double().numpy()
        level, area = (table.double().numpy() for table in repeated.interval(last, torch.cat([torch.as_tensor(phase), whole])))
    settled = [has_settled(was, held, edges, posterior.card.horizon_h) for was, held in zip(area_then, area[..., -1], strict=True)]
    return [Span(regimen.interval_h, edges[2] + phase, len(phase) - 1, area[i, :, -1], level[i, :, :-1], settled[i]) for i in range(count)]


def comparison_edges(regimen: Regimen, horizon_h: float, period_h: float | None = None) -> Float[np.ndarray, " 4"]:
    """Begin and end of the two intervals (or longer periods) to compare: the last one before the horizon, and one at least a fourteenth of the horizon
    earlier."""
    period_h = period_h or regimen.interval_h
    apart = math.ceil(SETTLED_PART * horizon_h / period_h - 1e-9)
    last = max(apart, math.floor(horizon_h / period_h + 1e-9) - 1)
    return regimen.start_h + period_h * np.array([last - apart, last - apart + 1, last, last + 1.0])


def has_settled(
    then: Float[np.ndarray, " draw"], now: Float[np.ndarray, " draw"], edges: Float[np.ndarray, " 4"], horizon_h: float
) -> Bool[np.ndarray, " draw"]:
    """Whether the AUC changes little enough between the two intervals that begin and end at `edges`."""
    return np.abs(now - then) * (SETTLED_PART * horizon_h) / (edges[2] - edges[0]) < SETTLED_CHANGE * now
