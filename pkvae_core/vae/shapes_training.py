"""How is the gallery's model taught? On virtual patients of all its shapes, each with the curves of two doses and a few noisy levels of the first."""

import json
import time as clock
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from pkvae_core.structural.shapes import SHAPES, TIMES_H, LARGEST_DOSE_mg, LEAST_DOSE_mg
from pkvae_core.vae.shape_prior import give_prior
from pkvae_core.vae.shapes import ERROR, LLOQ_mg_per_L, SCALE_mg_per_L, ShapeLevels, ShapeVAE, at, objective, squeezed

FOLDER = Path(__file__).parents[2] / "assets" / "gallery"
MOST_LEVELS, FIRST_LEVEL_H = 12, 0.25
ROUGH, PRIOR_OFFSET = 64, 8_000_000_009  # components of the prior in training


@dataclass(frozen=True)
class ShapeSchedule:
    """What a training takes: patients of each shape, steps, patients in a step, peak learning rate, how closely curves are to be met (asinh scale), and
    patients of each shape to whom the prior is fitted in the end."""

    patients: int = 12000
    steps: int = 12000
    batch: int = 256
    learning_rate: float = 1.5e-3
    curve_sd: float = 0.03
    average: float = 0.999
    seed: int = 1
    prior_patients: int = 8000


@dataclass(frozen=True)
class Bank:
    """Virtual patients: the shape's index, two doses (mg), the true curve after each (mg/L)."""

    shape: Float[Tensor, " patient"]
    dose_mg: Float[Tensor, "patient dose"]
    curves: Float[Tensor, "patient dose time"]


def draw_bank(patients: int, generator: torch.Generator) -> Bank:
    """`patients` of each shape."""
    each = []
    for shape in SHAPES:
        parameters = shape.draw(patients, generator)
        log_low, log_high = (torch.tensor(value).log() for value in (LEAST_DOSE_mg, LARGEST_DOSE_mg))
        doses = torch.exp(log_low + (log_high - log_low) * torch.rand(patients, 2, dtype=torch.float64, generator=generator))
        each.append((doses.float(), torch.stack([shape.curves(parameters, dose).float() for dose in doses.unbind(1)], 1)))
    index = torch.arange(len(SHAPES)).repeat_interleave(patients).float()
    return Bank(index, *(torch.cat(table) for table in zip(*each, strict=True)))


def measured(curve: Float[Tensor, "patient time"], dose_mg: Tensor, time_h: Float[Tensor, "patient level"], generator: torch.Generator) -> ShapeLevels:
    """Levels with the assay's error at these hours; those below the limit are known only to be."""
    true = squeezed(at(curve, TIMES_H.float(), time_h))
    level = SCALE_mg_per_L * torch.sinh(true + ERROR * torch.randn(true.shape, generator=generator))
    is_below = level < LLOQ_mg_per_L
    return ShapeLevels(dose_mg, time_h, torch.where(is_below, LLOQ_mg_per_L, level), is_below, torch.ones_like(is_below))


def _random_levels(curve: Tensor, dose_mg: Tensor, generator: torch.Generator) -> ShapeLevels:
    """1 to 12 levels at any hours, early ones likelier."""
    even = torch.rand(len(curve), MOST_LEVELS, generator=generator)
    time = FIRST_LEVEL_H + (float(TIMES_H[-1]) - FIRST_LEVEL_H) * even**1.5
    full = measured(curve, dose_mg, time, generator)
    number = torch.randint(1, MOST_LEVELS + 1, (len(curve), 1), generator=generator)
    return ShapeLevels(full.dose_mg, full.time_h, full.level, full.is_below, torch.arange(MOST_LEVELS) < number)


def train_shapes(schedule: ShapeSchedule, say: Callable[[str], None]) -> ShapeVAE:
    """A model taught from nothing; its weights are the running average of the last steps. The same seed gives the same model on the same machine."""
    generator = torch.Generator().manual_seed(schedule.seed)
    began = clock.process_time()
    bank = draw_bank(schedule.patients, generator)
    say(f"{len(bank.shape):,} virtual patients drawn in {clock.process_time() - began:.0f} s")
    with torch.random.fork_rng():
        torch.manual_seed(schedule.seed)
        model = ShapeVAE(prior_components=ROUGH)
        average = torch.optim.swa_utils.AveragedModel(model, avg_fn=partial(_averaged, most=schedule.average))
        optimiser = torch.optim.Adam(model.parameters(), lr=schedule.learning_rate)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, schedule.learning_rate, schedule.steps, pct_start=0.1)
        for step, (levels, some) in enumerate(_batches(bank, schedule, generator)):
            loss = objective(model, bank.curves[some], levels, bank.dose_mg[some], schedule.curve_sd)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimiser.step()
            rate.step()
            average.update_parameters(model)
            if step % 1000 == 0:
                say(f"step {step:,}: {loss.item():.2f} ({clock.process_time() - began:.0f} s)")
    learned = average.module
    assert isinstance(learned, ShapeVAE)
    return with_prior(learned, schedule, say).eval()


def with_prior(model: ShapeVAE, schedule: ShapeSchedule, say: Callable[[str], None]) -> ShapeVAE:
    """The same model, its prior fitted to other fresh patients."""
    began, generator = clock.process_time(), torch.Generator().manual_seed(PRIOR_OFFSET + schedule.seed)
    bank = draw_bank(schedule.prior_patients, generator)
    give_prior(model, bank.curves, bank.dose_mg, generator)
    say(f"prior of {len(model.prior_mean)} components fitted to {len(bank.shape):,} patients ({clock.process_time() - began:.0f} s)")
    return model


def _averaged(average: Tensor, now: Tensor, number: Tensor | int, *, most: float) -> Tensor:
    """The running average with these weights too; of few, mostly the last, so that the beginning is soon forgotten."""
    return average + (now - average) * max(1 - most, 10 / (int(number) + 10))


def _batches(bank: Bank, schedule: ShapeSchedule, generator: torch.Generator) -> Iterator[tuple[ShapeLevels, Tensor]]:
    for _ in range(schedule.steps):
        some = torch.randint(len(bank.shape), (schedule.batch,), generator=generator)
        yield _random_levels(bank.curves[some, 0], bank.dose_mg[some, 0], generator), some


def save_shapes(model: ShapeVAE, schedule: ShapeSchedule, *, trained: str, held_out: dict, folder: Path = FOLDER) -> None:
    """model.safetensors and model.json: weights, and where they come from."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: table.contiguous() for name, table in model.state_dict().items()}, folder / "model.safetensors")
    digest = sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    provenance = {
        "version": f"shapes-{trained.replace('-', '.')}-{digest[:6]}",
        "trained": trained,
        "sha256": digest,
        "synthetic": True,
        "shapes": [shape.name for shape in SHAPES],
        "training": asdict(schedule),
        "command": f"python -m pkvae_core shapes --seed {schedule.seed}",
        "held_out": held_out,
    }
    (folder / "model.json").write_text(json.dumps(provenance, indent=1) + "\n")


def write_held_out(held_out: dict, folder: Path = FOLDER) -> None:
    """What was measured of the model, into its model.json."""
    words = folder / "model.json"
    words.write_text(json.dumps(json.loads(words.read_text()) | {"held_out": held_out}, indent=1) + "\n")


def load_shapes(folder: Path = FOLDER) -> ShapeVAE:
    """The shipped model. Raises ValueError when it is missing or damaged."""
    weights, words = folder / "model.safetensors", folder / "model.json"
    if not (weights.exists() and words.exists()):
        raise ValueError(f"the gallery's model is missing in {folder}; train it: python -m pkvae_core shapes")
    provenance = json.loads(words.read_text())
    if sha256(weights.read_bytes()).hexdigest() != provenance["sha256"]:
        raise ValueError(f"{weights} is not the file that model.json describes; train it again: python -m pkvae_core shapes")
    model = ShapeVAE(provenance)
    model.load_state_dict(load_file(weights))
    return model.eval()
