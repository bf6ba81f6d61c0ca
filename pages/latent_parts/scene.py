"""The map as the component `map` is told it: dots with their colours, axes, and the open patient's outlines and path."""

from collections.abc import Sequence

import numpy as np
from plotly.colors import sample_colorscale

from pages.dose_parts.component import component
from pkvae_core.insight.axes import Axis
from pkvae_core.insight.latent import LatentMap
from pkvae_core.insight.placement import Placement
from pkvae_core.insight.properties import Property
from pkvae_core.plots import latent as plots
from pkvae_core.plots.theme import PALETTES, SEQUENTIAL, Theme
from pkvae_core.wording import rounded

MAP = component("map", "svg.js", "map_dots.js", "map_frame.js", "map.js")
SHADES = 64
TOOLS = {
    "lasso": ("Lasso", "Draw around the patients whose curves you want"),
    "move": ("Move", "Drag the map"),
    "closer": ("+", "Closer"),
    "wider": ("\u2212", "Wider"),
    "whole": ("Whole map", "Show every patient"),
    "clear": ("Clear choice", "Choose nobody (double-click, Escape)"),
}

Point = tuple[float, float]


def scene(theme: Theme, population: LatentMap, across: Axis, up: Axis, colour: Property) -> dict:
    """Every virtual patient as a dot; no patient open."""
    x, y = across.coordinate(population.z), up.coordinate(population.z)
    words = {"value": colour.label, "unit": colour.unit, "chosen": "virtual patients chosen", "none": "Nobody chosen", "tools": TOOLS}
    found = {
        "x": _short(x),
        "y": _short(y),
        "range": [plots.axis_range(x), plots.axis_range(y)],
        "titles": [plots.axis_title(across), plots.axis_title(up)],
        "words": words,
        **{name: [] for name in ("outlines", "path", "labels", "chosen")},
    }
    return found | (_grouped(theme, colour) if colour.categories else _shaded(colour))


def _short(values: np.ndarray) -> list[float]:
    """Four decimals of a standard deviation: less than a pixel."""
    return np.round(values.astype(float), 4).tolist()


def _shaded(colour: Property) -> dict:
    scale = plots.shading(colour)
    share = np.clip((scale.shade - scale.low) / (scale.high - scale.low), 0, 1)  # of the colours alone: the value under the pointer is the patient's own
    ticks = [{"at": (at - scale.low) / (scale.high - scale.low), "words": words} for at, words in scale.ticks]
    return {
        "colours": sample_colorscale(SEQUENTIAL, SHADES),
        "symbols": ["circle"],
        "shade": np.minimum(share * SHADES, SHADES - 1).astype(int).tolist(),
        "values": [rounded(float(v)) for v in colour.values],
        "groups": [],
        "bar": {"title": [colour.label, f"({colour.unit})"] if colour.unit else [colour.label], "ticks": ticks},
    }


def _grouped(theme: Theme, colour: Property) -> dict:
    count = len(colour.categories)
    return {
        "colours": list(plots.hues(PALETTES[theme])[:count]),
        "symbols": list(plots.SYMBOLS[:count]),
        "shade": colour.values.astype(int).tolist(),
        "values": None,
        "groups": list(colour.categories),
        "bar": None,
    }


def add_patient(found: dict, label: str, before: Placement, now: Placement | None, steps: Sequence[Point]) -> None:
    """The open patient: dashed before any level, solid with them; the means after 0, 1, 2 ... levels as numbered marks on a path. The axes make room."""
    placements = {"before": before} | ({"now": now} if now else {})
    for k, (low, high) in enumerate(found["range"]):
        extents = [p.area.extent[k] for p in placements.values()]
        found["range"][k] = [min(low, *(e[0] for e in extents)), max(high, *(e[1] for e in extents))]
    found["outlines"] = [{"cls": name, "lines": [_short(line) for line in p.area.edge]} for name, p in placements.items()]
    found["path"] = [list(step) for step in steps]
    bottom, top = before.area.bottom, (now or before).area.top
    found["labels"] = [
        {"x": bottom[0], "y": bottom[1], "words": "before any level", "cls": "", "shift": 17},
        {"x": top[0], "y": top[1], "words": label, "cls": "name", "shift": -9},
    ]
