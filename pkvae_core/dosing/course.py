"""What does a course of doses do to this patient, draw by draw? The only module of the decision that asks the posterior."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float

from pkvae_core.dosing.span import SimulatedSpans, Span, SpanOf
from pkvae_core.drugs.population import course
from pkvae_core.inference.posterior import Posterior, curves
from pkvae_core.patient import Dose, Regimen
from pkvae_core.structural.body import AnyBody, Body
from pkvae_core.structural.ode import Held

JUST_AFTER_H = 1e-3  # a concentration at the time of a dose is the one before it; a bolus peaks this much later
COARSE, FINE = 8, 32  # times looked at within an interval
AT_ONCE = 8000  # courses times draws followed in one pass: about what a core's cache holds

Times = Float[np.ndarray, " time"]


def concentration(posterior: Posterior, doses: Sequence[Dose], time_h: Times) -> Float[np.ndarray, "draw time"]:
    """Concentration just before each time, mg/L; zero without doses."""
    return follow(posterior, doses, time_h)[0]


def area(posterior: Posterior, doses: Sequence[Dose], time_h: Times) -> Float[np.ndarray, "draw time"]:
    """AUC from the first dose to each time, mg h/L; zero without doses."""
    return follow(posterior, doses, time_h)[1]


def follow(posterior: Posterior, doses: Sequence[Dose], time_h: Times) -> tuple[Float[np.ndarray, "draw time"], Float[np.ndarray, "draw time"]]:
    """Both of these, in one pass."""
    if not doses:
        level = auc = np.zeros((len(posterior.weight), len(time_h)))
        return level, auc
    level, auc = curves(posterior, doses, time_h)
    return np.asarray(level, dtype=float), np.asarray(auc, dtype=float)


def follow_all(posterior: Posterior, courses: Sequence[Sequence[Dose]], time_h: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """`follow` of many courses, each at its own times: as many at once as fit into the cache, those of like length together."""
    found: list = [None] * len(courses)
    order = sorted(range(len(courses)), key=lambda i: (len(courses[i]), len(time_h[i])))
    step = max(1, AT_ONCE // len(posterior.weight))
    for some in (order[i : i + step] for i in range(0, len(order), step)):
        levels, aucs = _in_one_pass(posterior, [courses[i] for i in some], [time_h[i] for i in some])
        for i, level, auc in zip(some, levels, aucs, strict=True):
            found[i] = level[:, : len(time_h[i])], auc[:, : len(time_h[i])]
    return found


def _in_one_pass(
    posterior: Posterior, courses: Sequence[Sequence[Dose]], time_h: Sequence[np.ndarray]
) -> tuple[Float[np.ndarray, "course draw time"], Float[np.ndarray, "course draw time"]]:
    """Concentration and AUC of courses of any length; times that are fewer than the longest row's are filled up with the last one."""
    longest = max(len(times) for times in time_h)
    time = torch.as_tensor(np.stack([np.pad(times, (0, longest - len(times)), mode="edge") for times in time_h]), dtype=torch.float32)
    with torch.no_grad():
        level, auc = posterior.responses.repeated(len(courses)).curves(course(posterior.card, courses), time)
    return level.double().numpy(), auc.double().numpy()


def past_doses(posterior: Posterior, start_h: float) -> tuple[Dose, ...]:
    """The recorded doses that the new regimen cannot change."""
    return tuple(d for d in posterior.patient.doses if d.time_h < start_h)


def held_at(posterior: Posterior, start_h: float) -> Held | None:
    """What the body of each draw of a simulated model holds when a new regimen starts; None where its states are more than the amount of drug, where
    something is known to change later, or where an infusion still runs."""
    answers, past = posterior.responses, past_doses(posterior, start_h)
    body = answers.now
    assert isinstance(body, AnyBody)
    changes = [] if answers.until is None else answers.until.flatten().tolist()
    if (
        not isinstance(body, Body)
        or not body.saturates
        or any(until_h > start_h for until_h in changes)
        or any(d.time_h + d.infusion_h > start_h for d in past)
    ):
        return None
    nothing = Held(body.start(), torch.zeros_like(body.ka))
    if not past:
        return nothing
    with torch.no_grad():
        given, whole = course(posterior.card, [past]), torch.ones_like(nothing.state)
        level = answers.curves(given, torch.tensor([[start_h]], dtype=torch.float32))[0]
        swallowed = torch.where(given.route > 0, given.amount, 0)[:, None] * torch.exp(-body.ka[..., None] * (start_h - given.time)[:, None])
        return Held(level / body.concentration(whole)[..., None], swallowed.sum(-1))


def phases(infusion_h: float, interval_h: float, points: int) -> Float[np.ndarray, " time"]:
    """Hours after a dose at which its curve is looked at: from just after it to the next dose, closer together at first, the end of the infusion included.

    An infusion peaks at its end, so that few `points` will do unless the whole shape is asked for; a swallowed dose always gets the fine grid.
    """
    even = interval_h * np.linspace(0, 1, points if infusion_h > 0 else FINE) ** 2
    return np.unique(np.concatenate([[JUST_AFTER_H], even[1:], [infusion_h] if infusion_h > 0 else []]))


def window_grid(doses: Sequence[Dose], regimen: Regimen, window_h: tuple[float, float], points: int) -> tuple[Float[np.ndarray, " time"], int]:
    """Times to look at between two hours of the patient's clock, and the column of the trough: just before the last dose due in the window, else its end."""
    low, high = window_h
    due = regimen.start_h + regimen.interval_h * np.floor((high - regimen.start_h) / regimen.interval_h + 1e-9)
    trough_h = min(due, high) if due > low else high
    curves = [d.time_h + phases(d.infusion_h, max(regimen.interval_h, d.infusion_h), points) for d in (*doses, *regimen.doses(high))]
    time = np.unique(np.concatenate([[float(low), trough_h, high], *curves]))
    time = time[(time >= low) & (time <= high)]
    return time, int(np.searchsorted(time, trough_h))


def window_span(posterior: Posterior, doses: Sequence[Dose], regimen: Regimen, window_h: tuple[float, float], points: int) -> Span:
    """What these doses do between two hours of the patient's clock; `regimen` says when doses fall due."""
    time, trough = window_grid(doses, regimen, window_h, points)
    return _lived(window_h, time, trough, *follow(posterior, doses, np.append(time, window_h)))


def window_spans(posterior: Posterior, regimens: Sequence[Regimen], window_h: tuple[float, float], points: int) -> dict[Regimen, SpanOf]:
    """For each regimen, these hours counted from its start, with any amount, the recorded doses before it included."""
    windows = {r: (r.start_h + window_h[0], r.start_h + window_h[1]) for r in regimens}
    if not posterior.responses.scales:
        return {r: SimulatedSpans(partial(_simulated, posterior, r, window, points)) for r, window in windows.items()}
    split = {r: split_course(posterior, r, window[1]) for r, window in windows.items()}
    grids = {r: window_grid((*fixed, *one_mg), r, windows[r], points) for r, (fixed, one_mg) in split.items()}
    courses = [doses for parts in split.values() for doses in parts]
    lived = follow_all(posterior, courses, [np.append(time, windows[r]) for r, (time, _) in grids.items() for _ in range(2)])
    return {r: _scaled(window_h[1] - window_h[0], *grids[r], fixed, one_mg) for r, fixed, one_mg in zip(windows, lived[::2], lived[1::2], strict=True)}


def _simulated(posterior: Posterior, regimen: Regimen, window_h: tuple[float, float], points: int, amounts_mg: Sequence[float]) -> list[Span]:
    past = past_doses(posterior, regimen.start_h)
    courses = [(*past, *replace(regimen, amount_mg=amount_mg).doses(window_h[1])) for amount_mg in amounts_mg]
    grids = [window_grid(doses, regimen, window_h, points) for doses in courses]
    lived = follow_all(posterior, courses, [np.append(time, window_h) for time, _ in grids])
    return [_lived(window_h, *grid, *curves) for grid, curves in zip(grids, lived, strict=True)]


def _lived(window_h: tuple[float, float], time: Times, trough: int, level: np.ndarray, auc: np.ndarray) -> Span:
    """A window as it was lived; its ends are the last two columns."""
    return Span(window_h[1] - window_h[0], time, trough, auc[:, -1] - auc[:, -2], level[:, :-2], np.ones(len(auc), dtype=bool))


def _scaled(length_h: float, time: Times, trough: int, fixed: tuple[np.ndarray, np.ndarray], one_mg: tuple[np.ndarray, np.ndarray]) -> SpanOf:
    """What the fixed doses do, plus the amount times what 1 mg does; each as concentration and AUC, the window's ends in the last two columns."""
    (curve0, area0), (curve1, area1) = ((level[:, :-2], auc[:, -1] - auc[:, -2]) for level, auc in (fixed, one_mg))
    settled = np.ones(len(area0), dtype=bool)
    return lambda amount_mg: Span(length_h, time, trough, area0 + amount_mg * area1, curve0 + amount_mg * curve1, settled)


def split_course(posterior: Posterior, regimen: Regimen, until_h: float) -> tuple[tuple[Dose, ...], tuple[Dose, ...]]:
    """The doses that do not scale with the amount (recorded ones, the loading dose), and the others at 1 mg."""
    planned = replace(regimen, amount_mg=1.0).doses(until_h)
    loading = planned[:1] if regimen.loading_amount_mg is not None else ()
    return past_doses(posterior, regimen.start_h) + loading, planned[len(loading) :]
