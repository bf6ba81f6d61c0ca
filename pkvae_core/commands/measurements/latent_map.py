"""How long does the latent page take for what a reader waits for: another view of the map, and a step of a walk?"""

import time
from collections.abc import Callable
from statistics import median

import torch

from pkvae_core.drugs.card import CARDS, available_drugs
from pkvae_core.insight.axes import Axis, axes
from pkvae_core.insight.dimensions import dimensions
from pkvae_core.insight.latent import LatentMap, course_times, map_population, typical_regimen
from pkvae_core.insight.walk import Course, walk
from pkvae_core.plots.latent import map_figure
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.vae import PKVAE

TITLE = "the latent page: 5,000 patients drawn anew, a step of a walk, dimensions in use"
PATIENTS, ROUNDS = 5000, 15


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """By drug: milliseconds on the server (median and slowest of 15), the size of what goes to the browser, dimensions in use and their bits."""
    found = {}
    for drug in (d for d in available_drugs() if (CARDS / d / "model.safetensors").exists()):
        say(f"{drug}: drawing {PATIENTS:,} virtual patients")
        found[drug] = _measure_one(load_model(drug), seed)
    return {"patients": PATIENTS, "rounds": ROUNDS, "seed": seed, "drugs": found}


def _measure_one(model: PKVAE, seed: int) -> dict:
    started = time.perf_counter()
    population = map_population(model, PATIENTS, torch.Generator().manual_seed(seed))
    found = axes(population)
    first = 1e3 * (time.perf_counter() - started)
    views = [(a, b) for a in found for b in found if a.name != b.name]
    drawn = [_clock(lambda pair=pair: len(_view(population, *pair))) for pair in views[:ROUNDS]]
    along = [a for a in found if a.is_latent]
    steps = [_clock(lambda k=k: _step(model, population, along, k / ROUNDS)) for k in range(ROUNDS)]
    use = dimensions(model, torch.Generator().manual_seed(seed))
    return {
        "first_ms": first,
        "map_ms": _summary(drawn),
        "map_kB": len(_view(population, *views[0])) / 1e3,
        "walk_ms": _summary(steps),
        "frames": _step(model, population, along, 0.0),
        "dimensions": len(use.dimensions),
        "in_use": use.in_use,
        "levels": use.levels,
        "bits": use.bits,
        "bits_by_dimension": [d.bits for d in use.dimensions],
    }


def _view(population: LatentMap, across: Axis, up: Axis) -> str:
    """The figure as the browser gets it."""
    return str(map_figure("light", population, across, up, population.property("half_life")).to_json())


def _step(model: PKVAE, population: LatentMap, along: list[Axis], shift: float) -> int:
    """Every step of every slider around another point, as the page asks for them on release; returns how many."""
    regimen = typical_regimen(model.card)
    end_h = 2 * regimen.interval_h
    doses = regimen.doses(end_h)
    slides = walk(model, population, along, population.centre, {along[0].name: shift}, Course(doses, course_times(doses, end_h, points=100)))
    return sum(len(s.shift) for s in slides)


def _clock(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return 1e3 * (time.perf_counter() - started)


def _summary(times: list[float]) -> dict:
    return {"median": median(times), "slowest": max(times)}


def markdown(found: dict) -> str:
    """One row for each drug."""
    lines = [
        f"On the server, median (slowest) of {found['rounds']}; {found['patients']:,} patients, seed {found['seed']}.",
        "",
        "| drug | first visit | another view of the map | sent | a step of a walk | curves decoded | dimensions in use | bits taught by 4 levels |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for drug, row in found["drugs"].items():
        view, step = (f"{row[k]['median']:.0f} ({row[k]['slowest']:.0f}) ms" for k in ("map_ms", "walk_ms"))
        size, use = f"{row['map_kB']:.0f} kB", f"{row['in_use']} of {row['dimensions']}"
        lines.append(f"| {drug} | {row['first_ms']:.0f} ms | {view} | {size} | {step} | {row['frames']} | {use} | {row['bits']:.2f} |")
    return "\n".join(lines)
