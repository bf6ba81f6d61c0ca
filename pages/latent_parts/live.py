"""Curves that follow a slider: what the component `walk` is told, for a walk along the axes and for a path between two patients."""

import numpy as np

from pages.dose_parts.component import component
from pages.dose_parts.curves import rounded_lists
from pkvae_core.drugs.card import DrugCard
from pkvae_core.inference.posterior import parameter_names
from pkvae_core.insight.latent import Bundle
from pkvae_core.insight.walk import Course, Frames
from pkvae_core.plots.elapsed import elapsed
from pkvae_core.wording import rounded, slow_unit

LIVE = component("walk", "svg.js", "walk.js")
UNITS = {"CL": "L/h", "V": "L", "half_life": "h"}
POINTS = 100
TICKS = {"hours": (3, 6, 12, 24, 48, 96, 192), "days": (1, 2, 4, 7, 14), "weeks": (1, 2, 4, 8, 13, 26)}


def scene(given: Course, population: Bundle, *, now: str, alt: str, key: str) -> dict:
    """What does not move: the axes, the population's band, the words."""
    clock = elapsed(float(given.time_h[-1]))
    words = {
        "hours": f"{clock.title} since the first dose",
        "concentration": "Concentration (mg/L)",
        "now": now,
        "alt": alt,
        "key": key,
        "reset": "Back to the start",
    }
    band = rounded_lists(np.stack([population.low90, population.high90]))
    still = {"words": words, "unit_h": clock.hours, "ticks_h": [step * clock.hours for step in TICKS[clock.unit]], "fixed": [], "between": []}
    return {"time_h": given.time_h.tolist(), "population": band, "ceiling": float(population.high90.max()), **still}


def steps(frames: Frames) -> dict:
    """Every step, ready to be shown: its curve, its figures, and how far out it lies."""
    known = [[_figure(name, value) for name, value in zip(UNITS, row, strict=True)] for row in zip(*(frames.parameters[n] for n in UNITS), strict=True)]
    return {"curves": rounded_lists(frames.concentration), "facts": known, "where": [_where(share) for share in frames.further_out.tolist()]}


def facts(card: DrugCard, start: Frames, row: int, name: str) -> list[dict]:
    """The figures' labels, each with its value where the walk starts."""
    names = parameter_names(card)
    return [{"label": names[key][0], "from": f"{name}: {_figure(key, start.parameters[key][row])}"} for key in UNITS]


def _figure(name: str, value: float) -> str:
    hours, said = slow_unit(float(value)) if name == "half_life" else (1.0, UNITS[name])
    return f"{rounded(float(value) / hours)} {said}"


def _where(share: float) -> str:
    """How unusual a point is, in words."""
    if share == 0:
        return "Further from the centre than any virtual patient: this curve is the decoder's guess."
    if share < 0.01:
        return "Fewer than 1 of 100 virtual patients lie further from the centre."
    return f"{round(100 * share)} of 100 virtual patients lie further from the centre."
