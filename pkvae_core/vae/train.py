"""How is a model made: fresh virtual patients at every step, one plain loop, a curve of every part of the loss, resumable."""

import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.drugs.population import Population, VirtualPatients, is_dose_proportional, rows, simulate
from pkvae_core.vae.checkpoint import save_model
from pkvae_core.vae.hiding import hide
from pkvae_core.vae.untrained import untrained
from pkvae_core.vae.vae import PKVAE, Parts, objective

POOL = 8192
SAVE_EVERY = 1000
CLIP = 50.0


@dataclass(frozen=True)
class Schedule:
    """How long and how hard: AdamW with a cosine, the reconstruction sharpened from loose to `curve_sd`, an exponential average of the weights kept."""

    steps: int = 10_000
    batch: int = 512
    learning_rate: float = 1.5e-3
    curve_sd: float = 0.05
    warm_up: float = 0.15
    average: float = 0.999
    passes: int = 1
    seed: int = 1

    @classmethod
    def of(cls, card: DrugCard) -> "Schedule":
        """The schedule of a drug: where patients have to be simulated dose after dose, each is shown twice, with other gaps."""
        return cls() if is_dose_proportional(card) else cls(passes=2)

    @classmethod
    def fast(cls) -> "Schedule":
        return cls(steps=60, batch=128)

    def learning_rate_at(self, step: int) -> float:
        return self.learning_rate * min(1.0, (step + 1) / 200) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / self.steps)))

    def curve_sd_at(self, step: int) -> float:
        """Geometric from 0.5 down to `curve_sd` over the first `warm_up` of the steps."""
        progress = min(1.0, step / (self.warm_up * self.steps))
        return 0.5 * (self.curve_sd / 0.5) ** progress


def batches(card: DrugCard, schedule: Schedule, first: int) -> Iterator[tuple[int, VirtualPatients, Population]]:
    """Fresh virtual patients from step `first` on: (step, patients, what the student sees). Each pool has its own seed, so resuming sees the same ones."""
    names = tuple(c.name for c in card.covariates)
    each = POOL // schedule.batch
    for pool in range(first // (each * schedule.passes), -(-schedule.steps // (each * schedule.passes))):
        generator = torch.Generator().manual_seed(schedule.seed * 1_000_003 + pool)
        patients = simulate(card, POOL, generator)
        for shown in range(each * schedule.passes):
            i, step = shown % each, pool * each * schedule.passes + shown
            if i == 0:
                seen = hide(patients.population, generator, names)
            if first <= step < schedule.steps:
                mine = slice(i * schedule.batch, (i + 1) * schedule.batch)
                yield step, rows(patients, mine), rows(seen, mine)


def train(drug: str, out: Path, *, schedule: Schedule | None = None, latent: int | None = None, resume: bool = False, log=sys.stderr) -> PKVAE:
    """Train one drug's model and write `model.safetensors`, `model.json` and `training.csv` into `out`; `resume` goes on from the last state saved there.

    `latent` is how many dimensions z has; without it as many as the drug is known to need.
    """
    card = load_card(drug)
    schedule = schedule or Schedule.of(card)
    out.mkdir(parents=True, exist_ok=True)
    model, average = (untrained(card, seed=schedule.seed, latent=latent) for _ in range(2))
    optimiser = torch.optim.AdamW(model.parameters(), lr=schedule.learning_rate, weight_decay=1e-4)
    first, curve = _restore(out, model, average, optimiser) if resume else (0, [])
    started, running = time.monotonic(), []
    for step, patients, seen in batches(card, schedule, first):
        torch.manual_seed(schedule.seed * 7919 + step)
        for group in optimiser.param_groups:
            group["lr"] = schedule.learning_rate_at(step)
        parts = objective(model, patients, seen, curve_sd=schedule.curve_sd_at(step))
        optimiser.zero_grad(set_to_none=True)
        parts.total(beta=1.0).backward()
        _clip(model)
        optimiser.step()
        _average(average, model, min(schedule.average, (step + 1) / (step + 10)))
        running.append([float(getattr(parts, f.name).detach()) for f in fields(Parts)])
        if (step + 1) % 50 == 0 or step + 1 == schedule.steps:
            curve.append([step + 1, *(sum(column) / len(column) for column in zip(*running, strict=True))])
            running = []
            _progress(step + 1, first, schedule.steps, started, curve[-1], log)
        if (step + 1) % SAVE_EVERY == 0 and step + 1 < schedule.steps:
            _save_state(out, model, average, optimiser, step + 1, curve)
    return _finish(average, out, schedule, curve)


def _clip(model: PKVAE) -> None:
    """Encoder, links between occasions and all else apart, so that a steep curve's gradient through the decoder does not set how far the others go."""
    apart = [list(part.parameters()) for part in (model.encoder, model.occasions) if part is not None]
    theirs = {id(p) for group in apart for p in group}
    for group in (*apart, [p for p in model.parameters() if id(p) not in theirs]):
        torch.nn.utils.clip_grad_norm_(group, CLIP)


def _average(average: PKVAE, model: PKVAE, decay: float) -> None:
    with torch.no_grad():
        for a, b in zip(average.parameters(), model.parameters(), strict=True):
            a.lerp_(b, 1 - decay)


def _progress(step: int, first: int, steps: int, started: float, row: list[float], log) -> None:
    left = (time.monotonic() - started) / max(1, step - first) * (steps - step)
    bar = "#" * (30 * step // steps)
    end = "\r" if log.isatty() and step < steps else "\n"
    parts = " ".join(f"{f.name} {v:.2f}" for f, v in zip(fields(Parts), row[1:], strict=True))
    print(f"[{bar:<30}] {step}/{steps}, {left / 60:.1f} min left, {parts}", end=end, file=log, flush=True)


def _write_curve(out: Path, curve: list[list[float]]) -> None:
    header = ",".join(["step", *(f.name for f in fields(Parts))])
    (out / "training.csv").write_text("\n".join([header, *(",".join(f"{v:.5g}" if i else f"{int(v)}" for i, v in enumerate(row)) for row in curve)]) + "\n")


def _save_state(out: Path, model: PKVAE, average: PKVAE, optimiser, step: int, curve: list[list[float]]) -> None:
    """The unfinished state, never a pickle: weights, their average and the optimiser's moments as safetensors, the rest as JSON."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()} | {f"average.{k}": v for k, v in average.state_dict().items()}
    for i, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{k}": v for k, v in moments.items()}
    save_file({k: v.contiguous().clone() for k, v in tensors.items()}, out / "unfinished.safetensors")
    (out / "unfinished.json").write_text(json.dumps({"step": step, "curve": curve}))
    _write_curve(out, curve)


def _restore(out: Path, model: PKVAE, average: PKVAE, optimiser) -> tuple[int, list]:
    if not (out / "unfinished.json").exists():
        raise ValueError(f"{out}: nothing to resume there; start without --resume, or name the folder of an interrupted training.")
    state, tensors = json.loads((out / "unfinished.json").read_text()), load_file(out / "unfinished.safetensors")
    model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
    average.load_state_dict({k[8:]: v for k, v in tensors.items() if k.startswith("average.")})
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, i, name = key.split(".")
            moments.setdefault(int(i), {})[name] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})
    return state["step"], state["curve"]


def _finish(average: PKVAE, out: Path, schedule: Schedule, curve: list[list[float]]) -> PKVAE:
    average.eval()
    _write_curve(out, curve)
    save_model(
        average,
        out,
        training={**{f.name: getattr(schedule, f.name) for f in fields(Schedule)}, "virtual_patients": schedule.steps * schedule.batch // schedule.passes},
    )
    for name in ("unfinished.safetensors", "unfinished.json"):
        (out / name).unlink(missing_ok=True)
    return average
