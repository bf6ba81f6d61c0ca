"""How close is the model to the exact posterior of the published models it was trained on? Fresh virtual patients, nothing left out.

The point estimate is the posterior median; errors are on the log scale; exposures are those of `beliefs`.
"""

import math
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from pkvae_core.checks.beliefs import Belief, beliefs, encoder_alone, exact_belief, lost_probability, unit_exposures, weighted
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, rows, simulate
from pkvae_core.inference.reference import exact_posterior
from pkvae_core.vae.vae import PKVAE

LEVELS = (0, 1, 2, 4)
SEED_OFFSET = 2_000_000_011  # training seeds lie far below
CHUNK = 100

Progress = Callable[[str], None]
Key = tuple[str, str]


@dataclass(frozen=True)
class Cell:
    """One number of levels. `error`, `ratio` (with its 95 % interval) and `coverage` are keyed (engine, exposure)."""

    levels: int
    patients: int
    coverage_patients: int
    unreliable_references: int
    error: dict[Key, float]
    ratio: dict[Key, tuple[float, float, float]]
    coverage: dict[Key, float]
    lost_probability: dict[str, float]
    rungs: dict[str, float]
    effective_share: tuple[float, float]
    milliseconds: tuple[float, float]


@dataclass
class Tally:
    """What has been counted so far in one cell."""

    error: dict[Key, list[float]] = field(default_factory=dict)
    covered: dict[Key, list[bool]] = field(default_factory=dict)
    lost: dict[str, list[float]] = field(default_factory=dict)
    rungs: list[str] = field(default_factory=list)
    effective: list[float] = field(default_factory=list)
    unreliable: int = 0

    def count(self, card: DrugCard, each: dict[str, Belief], truth: dict[str, float]) -> None:
        """One patient: coverage of every engine, and errors and lost probability where the exact answer is among them."""
        for engine, belief in each.items():
            for metric in measured(card):
                self.covered.setdefault((engine, metric), []).append(belief.covers(metric, truth[metric]))
                if "exact" in each:
                    self.error.setdefault((engine, metric), []).append(belief.log_error(metric, truth[metric]))
            if "exact" in each and engine != "exact":
                self.lost.setdefault(engine, []).append(lost_probability(card, belief, each["exact"]))


def measured(card: DrugCard) -> tuple[str, ...]:
    """The exposures in the table: AUC24, trough, and the card's default target where it is the peak."""
    return ("auc24", "trough", "peak") if card.target().metric == "peak" else ("auc24", "trough")


def run_cell(model: PKVAE, levels: int, *, patients: int, coverage_patients: int, draws: int, seed: int, progress: Progress) -> Cell:
    """All figures for one number of levels: errors on the first `patients`, coverage on all."""
    card, tally = model.card, Tally()
    virtual = simulate(card, coverage_patients, torch.Generator().manual_seed(SEED_OFFSET + 1000 * seed + levels), samples=levels)
    truth = {k: v[:, 0].tolist() for k, v in unit_exposures(card, virtual.pulses).items()}
    for index in torch.arange(coverage_patients).split(CHUNK):
        population = rows(virtual.population, index)
        drawn, rungs = weighted(model, population, draws=draws, seed=seed)
        tally.rungs += rungs
        tally.effective += (drawn.effective / draws).tolist()
        engines = {"weighted": beliefs(model, drawn)} | (
            {"encoder": beliefs(model, encoder_alone(model, population, draws=draws, seed=seed))} if levels else {}
        )
        for i, subject in enumerate(index.tolist()):
            each = {engine: column[i] for engine, column in engines.items()}
            if subject < patients:
                exact = exact_posterior(card, rows(population, torch.tensor([i])), seed=seed)
                tally.unreliable += not exact.is_reliable
                each["exact"] = exact_belief(card, exact)
            tally.count(card, each, {k: v[subject] for k, v in truth.items()})
        progress(f"{card.drug}, {levels} levels: {int(index[-1]) + 1} of {coverage_patients} patients")
    return _cell(levels, patients, coverage_patients, tally, seed, _milliseconds(model, virtual.population, draws))


def _cell(levels: int, patients: int, coverage_patients: int, tally: Tally, seed: int, milliseconds: tuple[float, float]) -> Cell:
    error = {key: np.array(value) for key, value in tally.error.items()}
    generator = np.random.default_rng(seed)
    return Cell(
        levels=levels,
        patients=patients,
        coverage_patients=coverage_patients,
        unreliable_references=tally.unreliable,
        error={key: math.sqrt((value**2).mean()) for key, value in error.items()},
        ratio={key: _ratio(value, error["exact", key[1]], generator) for key, value in error.items() if key[0] != "exact"},
        coverage={key: float(np.mean(value)) for key, value in tally.covered.items()},
        lost_probability={engine: float(np.mean(value)) for engine, value in tally.lost.items()},
        rungs={name: tally.rungs.count(name) / len(tally.rungs) for name in dict.fromkeys(tally.rungs)},
        effective_share=(float(np.median(tally.effective)), float(np.quantile(tally.effective, 0.05))),
        milliseconds=milliseconds,
    )


def _ratio(ours: np.ndarray, exact: np.ndarray, generator: np.random.Generator) -> tuple[float, float, float]:
    """Ratio of root mean squares with its 95 % interval over a paired bootstrap of patients."""
    index = generator.integers(len(ours), size=(2000, len(ours)))
    low, high = np.quantile(np.sqrt((ours[index] ** 2).mean(1) / (exact[index] ** 2).mean(1)), (0.025, 0.975))
    return math.sqrt((ours**2).mean() / (exact**2).mean()), float(low), float(high)


def _milliseconds(model: PKVAE, population: Population, draws: int) -> tuple[float, float]:
    """Wall time of one patient alone (median of 15), and a patient's share of a batch of up to 100."""

    def clock(index: torch.Tensor) -> float:
        started = time.perf_counter()
        weighted(model, rows(population, index), draws=draws, seed=0)
        return 1e3 * (time.perf_counter() - started)

    batch = torch.arange(min(CHUNK, len(population.covariates)))
    return float(np.median([clock(batch[i : i + 1]) for i in range(min(15, len(batch)))])), clock(batch) / len(batch)


@torch.no_grad()
def benchmark(
    model: PKVAE,
    *,
    levels: tuple[int, ...] = LEVELS,
    patients: int = 500,
    coverage_patients: int = 4000,
    draws: int = 1000,
    seed: int = 0,
    progress: Progress = lambda line: None,
) -> tuple[Cell, ...]:
    """One cell for each number of levels; `seed` redraws all patients, none of which training has seen."""
    return tuple(run_cell(model, n, patients=patients, coverage_patients=coverage_patients, draws=draws, seed=seed, progress=progress) for n in levels)


COLUMNS = (
    "levels",
    "engine",
    "exposure",
    "log-RMSE",
    "exact",
    "ratio (95 % interval)",
    "90 % coverage",
    "lost probability in target",
    "effective draws (median, 5th percentile)",
    "rungs",
    "ms (alone, in batch)",
)


def table(cells: tuple[Cell, ...]) -> str:
    """The cells as a Markdown table, a row for each number of levels, engine and exposure."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(_row(cell, key) for cell in cells for key in cell.ratio)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _row(cell: Cell, key: Key) -> tuple[str, ...]:
    engine, metric = key
    ratio, low, high = cell.ratio[key]
    median, least = cell.effective_share
    is_ladder = engine == "weighted"
    return (
        str(cell.levels),
        engine,
        metric,
        f"{cell.error[key]:.4f}",
        f"{cell.error['exact', metric]:.4f}",
        f"{ratio:.3f} ({low:.3f} to {high:.3f})",
        f"{100 * cell.coverage[key]:.1f} %",
        f"{100 * cell.lost_probability[engine]:.2f} points",
        f"{100 * median:.0f} %, {100 * least:.0f} %" if is_ladder and cell.levels else "",
        ", ".join(f"{name} {100 * share:.1f} %" for name, share in cell.rungs.items()) if is_ladder else "",
        f"{cell.milliseconds[0]:.0f}, {cell.milliseconds[1]:.1f}" if is_ladder else "",
    )


def summary(cells: tuple[Cell, ...], *, seed: int) -> dict:
    """The same figures for the provenance, with the seed that redraws them and the peak memory of this process."""
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seed": seed, "peak_memory_MB": round(peak_mb), "cells": [_plain(cell) for cell in cells]}


def _plain(cell: Cell) -> dict:
    def named(values: dict) -> dict:
        return {" ".join(key) if isinstance(key, tuple) else key: value for key, value in values.items()}

    return {name: named(value) if isinstance(value, dict) else value for name, value in vars(cell).items()}
