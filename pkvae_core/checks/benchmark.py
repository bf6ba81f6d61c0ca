"""How close is the model to the exact posterior, and where do classical answers stand? Fresh virtual patients, nothing left out.

The point estimate is the posterior median; errors are on the log scale; exposures are those of `beliefs`; the engines are those of `contenders`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pkvae_core.checks.beliefs import Beliefs, is_in_target
from pkvae_core.checks.contenders import beliefs_of, encoder_alone, measured, rivals, weighted
from pkvae_core.checks.falling import Falling, falling
from pkvae_core.checks.ratio import log_rmse, ratio_of_errors
from pkvae_core.checks.strata import strata_of
from pkvae_core.checks.timing import Times, milliseconds, search_milliseconds
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, VirtualPatients, rows, simulate
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.classical import opponent_of
from pkvae_core.patient import Covariate, Patient
from pkvae_core.vae.vae import PKVAE

LEVELS = (0, 1, 2, 4)
SEED_OFFSET = 2_000_000_011  # training seeds lie far below
CHUNK = 100

Progress = Callable[[str], None]
Key = tuple[str, str]
Ratio = tuple[float, float, float]


@dataclass(frozen=True)
class Cell:
    """One number of levels. Figures are keyed (engine, exposure) or engine; ratios, with their 95 % interval, are to the exact posterior's error.

    Coverage is that of all `coverage_patients` for the weighted engine, else that of the `patients` on whom the engines are compared. `in_target` is the share
    of patients whose true exposure lands in the target with the amount that the engine finds likeliest to; empty, like `lost_probability`, without a target.
    """

    levels: int
    patients: int
    coverage_patients: int
    unreliable_references: int
    error: dict[Key, float]
    bias: dict[Key, float]
    ratio: dict[Key, Ratio]
    coverage: dict[Key, float]
    lost_probability: dict[str, float]
    in_target: dict[str, float]
    rungs: dict[str, float]
    effective_share: tuple[float, float]
    milliseconds: tuple[float, float]
    engine_milliseconds: dict[str, tuple[float, float]]
    by_model: dict[str, dict[str, float | Ratio]]
    strata: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Benchmark:
    """One cell for each number of levels; what happens when kidney function falls (None where the card knows none); the time of a regimen search (None
    where the card gives no dose)."""

    cells: tuple[Cell, ...]
    falling: Falling | None
    search_milliseconds: float | None
    opponent: str


@dataclass
class Tally:
    """What has been counted so far in one cell: tensors of one value a patient, in order."""

    error: dict[Key, list[Tensor]] = field(default_factory=dict)
    covered: dict[Key, list[Tensor]] = field(default_factory=dict)
    lost: dict[str, list[Tensor]] = field(default_factory=dict)
    in_target: dict[str, list[Tensor]] = field(default_factory=dict)
    rungs: list[str] = field(default_factory=list)
    effective: list[Tensor] = field(default_factory=list)
    unreliable: int = 0

    def count(self, card: DrugCard, each: dict[str, Beliefs], true: Beliefs) -> None:
        """A batch: coverage of every engine; errors, doses and lost probability where the exact answer is among them."""
        truth = {metric: table[:, 0].double() for metric, table in true.exposures.items()}
        for engine, belief in each.items():
            for metric in measured(card):
                low, middle, high = belief.quantiles(metric, (0.05, 0.5, 0.95))
                self.covered.setdefault((engine, metric), []).append((low <= truth[metric]) & (truth[metric] <= high))
                if "exact" in each:
                    self.error.setdefault((engine, metric), []).append((middle / truth[metric]).log())
        if "exact" in each and card.targets:
            inside = each["exact"].probability_in(card)
            for engine, belief in each.items():
                chosen = belief.probability_in(card).argmax(1)
                self.lost.setdefault(engine, []).append(inside.max(1).values - inside.gather(1, chosen[:, None])[:, 0])
                self.in_target.setdefault(engine, []).append(is_in_target(card, true, chosen))


def run_cell(
    model: PKVAE, levels: int, opponent: PublishedModel | None, *, patients: int, coverage_patients: int, draws: int, seed: int, progress: Progress
) -> Cell:
    """All figures for one number of levels: all engines on the first `patients`, the coverage of the weighted one on everybody."""
    card, tally = model.card, Tally()
    virtual = simulate(card, coverage_patients, torch.Generator().manual_seed(SEED_OFFSET + 1000 * seed + levels), samples=levels)
    for index in (part for whole in _split(patients, coverage_patients) for part in whole):
        population = rows(virtual.population, index)
        drawn, rungs = weighted(model, population, draws=draws, seed=seed + int(index[0]))
        tally.rungs += rungs
        tally.effective.append(drawn.effective / draws)
        is_compared = int(index[0]) < patients
        each = {"weighted": beliefs_of(model, population, drawn, is_dosed=is_compared)}
        if is_compared:
            found = rivals(card, population, virtual.model[index], opponent, seed=seed + int(index[0]))
            tally.unreliable += found.unreliable
            each |= {"encoder": beliefs_of(model, population, encoder_alone(model, population, draws=draws, seed=seed + int(index[0])))} if levels else {}
            each |= found.beliefs
        truth = rows(virtual.responses, index).settled()
        tally.count(card, each, Beliefs.of(card, truth, torch.ones(len(index), 1).double(), metrics=measured(card), is_dosed=is_compared))
        progress(f"{card.drug}, {levels} levels: {int(index[-1]) + 1} of {coverage_patients} patients")
    return _cell(card, levels, tally, virtual, seed, milliseconds(model, virtual.population, draws, opponent))


def _split(patients: int, everybody: int) -> list[tuple[Tensor, ...]]:
    """Batches of subjects that do not straddle the first `patients`."""
    return [part.split(CHUNK) for part in torch.arange(everybody).split([min(patients, everybody), max(everybody - patients, 0)]) if len(part)]


def _cell(card: DrugCard, levels: int, tally: Tally, virtual: VirtualPatients, seed: int, times: Times) -> Cell:
    error = {key: torch.cat(each).numpy() for key, each in tally.error.items()}
    covered = {key: torch.cat(each).numpy() for key, each in tally.covered.items()}
    effective = torch.cat(tally.effective).double()
    generator = np.random.default_rng(seed)
    compared = len(next(iter(error.values())))
    return Cell(
        levels=levels,
        patients=compared,
        coverage_patients=len(effective),
        unreliable_references=tally.unreliable,
        error={key: log_rmse(value) for key, value in error.items()},
        bias={key: float(value.mean()) for key, value in error.items()},
        ratio={key: ratio_of_errors(value, error["exact", key[1]], generator) for key, value in error.items() if key[0] != "exact"},
        coverage={key: float(np.mean(value)) for key, value in covered.items()},
        lost_probability={engine: float(torch.cat(each).mean()) for engine, each in tally.lost.items() if engine != "exact"},
        in_target={engine: float(torch.cat(each).double().mean()) for engine, each in tally.in_target.items()},
        rungs={name: tally.rungs.count(name) / len(tally.rungs) for name in dict.fromkeys(tally.rungs)},
        effective_share=(float(effective.median()), float(effective.quantile(0.05))),
        milliseconds=times["weighted"],
        engine_milliseconds=times,
        by_model=_by_model(card, error, virtual.model[:compared].numpy(), generator),
        strata=_by_stratum(card, virtual.population, covered),
    )


def _by_model(card: DrugCard, error: dict[Key, np.ndarray], generating: np.ndarray, generator: np.random.Generator) -> dict[str, dict[str, float | Ratio]]:
    """For the patients that each published model made: how many, the exact posterior's error, and every engine's ratio to it."""
    found: dict[str, dict[str, float | Ratio]] = {}
    for i, published in enumerate(card.published_models):
        mine = generating == i
        if len(card.published_models) > 1 and mine.any():
            table: dict[str, float | Ratio] = {"patients": int(mine.sum())}
            for (engine, metric), value in error.items():
                exact = error["exact", metric][mine]
                table[f"{engine} {metric}"] = log_rmse(exact) if engine == "exact" else ratio_of_errors(value[mine], exact, generator)
            found[published.name] = table
    return found


def _by_stratum(card: DrugCard, population: Population, covered: dict[Key, np.ndarray]) -> dict[str, dict[str, float]]:
    """Coverage of the weighted engine in each group of patients, and how many they are."""
    names = [c.name for c in card.covariates]
    groups: dict[str, list[int]] = {}
    for i, values in enumerate(population.covariates.tolist()):
        for label in strata_of(card, Patient(str(i), covariates=tuple(Covariate(n, v) for n, v in zip(names, values, strict=True)))):
            groups.setdefault(label, []).append(i)
    ours = {metric: value for (engine, metric), value in covered.items() if engine == "weighted"}
    return {label: {"patients": len(index)} | {metric: float(value[index].mean()) for metric, value in ours.items()} for label, index in groups.items()}


@torch.no_grad()
def benchmark(
    model: PKVAE,
    *,
    levels: Sequence[int] = LEVELS,
    patients: int = 1000,
    coverage_patients: int = 4000,
    draws: int = 1000,
    seed: int = 0,
    progress: Progress = lambda line: None,
) -> Benchmark:
    """Every figure of one drug; `seed` redraws all patients, none of which training has seen."""
    progress(f"{model.card.drug}: the opponent")
    opponent = opponent_of(model.card, seed=seed) if len(model.card.published_models) == 1 else None
    cells = [run_cell(model, n, opponent, patients=patients, coverage_patients=coverage_patients, draws=draws, seed=seed, progress=progress) for n in levels]
    progress(f"{model.card.drug}: kidney function falls, and times")
    fall = falling(model, patients=patients // 2, draws=draws, seed=SEED_OFFSET + seed)
    words = opponent.population if opponent else "the next published model on the card"
    return Benchmark(tuple(cells), fall, search_milliseconds(model) if model.card.gives_dose else None, words)
