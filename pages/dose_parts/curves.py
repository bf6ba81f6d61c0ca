"""What the live chart shows: curves for every amount of the slider, levels, doses and the clock, ready for the browser."""

from dataclasses import replace
from datetime import UTC

import numpy as np

from pages import model, posterior_for
from pages.dose_parts.judgement import bands
from pages.dose_parts.shown import LEVELS, per_mg_per_L
from pkvae_core.case import Case
from pkvae_core.drugs.changes import marks
from pkvae_core.insight.meals import assumed_meals
from pkvae_core.patient import Dose, Regimen
from pkvae_core.report.curve import grid
from pkvae_core.report.words import bounds_words, unit_words

BEFORE_H, AFTER_H, AFTER_SHARE = 72.0, 48.0, 0.5
OVERLAYS = {"apriori": "A priori", "population": "Population"}


def scene(case: Case, regimens: tuple[Regimen, ...]) -> dict:
    """The chart without what depends on the amount; `curves` has that. `regimens` differ in the amount only."""
    from_h, to_h = window(case, regimens[0])
    past_h = past_times(case)
    past = rounded_lists(bands(case.digest, regimens[:1], past_h, "individual", case)[0] * per_mg_per_L(case)) if past_h else [[]] * 5
    overlays, ceiling = _overlays(case, regimens, past_h), max(past[4], default=0)
    levels = _levels(case, from_h)
    return {
        # the clock of now, counted backwards: where the clocks change in between, the future is right
        "origin_ms": (case.clock(case.now_h).replace(tzinfo=UTC).timestamp() - 3600 * case.now_h) * 1000,
        "from_h": from_h, "to_h": to_h, "now_h": case.now_h, "start_h": case.now_h, "now": f"{case.clock(case.now_h):%H:%M}",
        "unit": unit_words(case.unit), "axis": f"Concentration ({unit_words(case.unit)})",
        "ceiling": max([ceiling] + [level["value"] for level in levels] + [value for o in overlays if o["is_fixed"] for value in o["future"]]),
        "lowest": min([level["value"] for level in levels], default=None),
        "names": {"regimen": "This regimen"},
        "past": {"time_h": past_h, "band": past}, "future_h": future_times(case, regimens[0]),
        "given": [d.time_h for d in given(case)], "planned": [d.time_h for d in regimens[0].doses(to_h)],
        "changes": [{"time_h": c.time_h, "label": c.label} for c in marks(model(case.drug).card, posterior_for(case).patient) if c.time_h >= from_h],
        "levels": levels, "meals": assumed_meals(posterior_for(case).responses, from_h, to_h), "overlays": overlays, "target": _target(case),
    }  # fmt: skip


def curves(case: Case, regimens: tuple[Regimen, ...]) -> list[dict]:
    """What depends on the amount, one entry per regimen: the band from now on, and the medians that stand beside it."""
    times = future_times(case, regimens[0])
    own = [rounded_lists(quantiles * per_mg_per_L(case)) for quantiles in bands(case.digest, regimens, times, "individual", case)]
    beside = {name: bands(case.digest, regimens, times, name, case)[:, 0] * per_mg_per_L(case) for name in _beside(case)}
    return [{"band": band, "overlays": {name: rounded_lists(curve[i]) for name, curve in beside.items()}} for i, band in enumerate(own)]


def given(case: Case) -> tuple[Dose, ...]:
    """The doses before now."""
    return tuple(d for d in case.patient.doses if d.time_h < case.now_h)


def window(case: Case, regimen: Regimen) -> tuple[float, float]:
    """From three days before now, earlier where one of the last three levels is older, to two days or three intervals after it, or half as long as before."""
    first = min([d.time_h for d in given(case)] + [s.time_h for s in case.patient.samples] + [case.now_h])
    recent = [case.now_h - BEFORE_H] + [s.time_h - regimen.interval_h for s in case.patient.samples[-3:]]
    from_h = max(first, min(recent))
    return from_h, case.now_h + max(AFTER_H, 3 * regimen.interval_h, AFTER_SHARE * (case.now_h - from_h))


def past_times(case: Case) -> tuple[float, ...]:
    """Times to draw before now; none where nothing was given."""
    if not given(case):
        return ()
    from_h, _ = window(case, Regimen(1, 12, start_h=case.now_h))
    return tuple(np.round(grid(from_h, case.now_h, given(case)), 3).tolist())


def future_times(case: Case, regimen: Regimen) -> tuple[float, ...]:
    """Times to draw from now on."""
    _, to_h = window(case, regimen)
    planned = regimen.doses(to_h) + (continued(case).doses(to_h) if case.current else ())
    return tuple(np.round(grid(case.now_h, to_h, planned), 3).tolist())


def _beside(case: Case) -> tuple[str, ...]:
    """Without a level the patient's own curve is the a priori one."""
    return ("apriori", "population") if case.patient.samples else ("population",)


def continued(case: Case) -> Regimen:
    """The current regimen from now on."""
    assert case.current is not None
    return replace(case.current, start_h=max(case.current.start_h, case.now_h))


def _overlays(case: Case, regimens: tuple[Regimen, ...], past_h: tuple[float, ...]) -> list[dict]:
    """The curves that can be shown beside this regimen's: the current regimen going on, and what was expected before the levels."""
    found = []
    if case.current:
        goes_on = bands(case.digest, (continued(case),), future_times(case, regimens[0]), "individual", case)[0, 2] * per_mg_per_L(case)
        found.append({"name": "unchanged", "label": "If unchanged", "is_on": True, "is_fixed": True, "past": None, "future": rounded_lists(goes_on)})
    for name in _beside(case):
        past = rounded_lists(bands(case.digest, regimens[:1], past_h, name, case)[0, 0] * per_mg_per_L(case)) if past_h else None
        found.append({"name": name, "label": OVERLAYS[name], "is_on": False, "is_fixed": False, "past": past})
    return found


def _levels(case: Case, from_h: float) -> list[dict]:
    """The measured levels in sight; one that is left out is drawn hollow."""
    shown = [(s, (s.lloq_mg_per_L if s.is_below_lloq else s.concentration_mg_per_L) or 0.0) for s in case.patient.samples if s.time_h >= from_h]
    values = [(s, round(level * per_mg_per_L(case), 4)) for s, level in shown]
    return [{"time_h": s.time_h, "value": value, "is_below": s.is_below_lloq, "is_left_out": s.trust == 0, "label": f"< {value:g}"} for s, value in values]


def _target(case: Case) -> dict | None:
    """A band only where the target is a concentration."""
    if case.target.metric not in LEVELS:
        return None
    scale = per_mg_per_L(case) * case.target.divisor
    low, high = (None if bound is None else bound * scale for bound in (case.target.low, case.target.high))
    return {"low": low, "high": high, "label": f"{case.target.metric.capitalize()} target {bounds_words(low, high)} {unit_words(case.unit)}"}


def rounded_lists(values: np.ndarray) -> list:
    """To four significant digits of the highest: what a chart can show, and no more to send."""
    highest = float(np.max(values, initial=1e-9))
    return np.round(values.astype(float), max(0, 3 - int(np.floor(np.log10(max(highest, 1e-9)))))).tolist()
