"""One patient of a shape that compartment models miss: the true curve, two textbook fits and the learned one, and how far each is off. All synthetic."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from pkvae_core.inference.least_squares import CompartmentFit, fit_compartments
from pkvae_core.inference.shape_posterior import ShapeBelief, believe_shape, shape_curves
from pkvae_core.structural.shape_curves import Parameters
from pkvae_core.structural.shapes import END_H, TIMES_H, Shape, USUAL_DOSE_mg
from pkvae_core.vae.shapes import ShapeLevels, ShapeVAE
from pkvae_core.vae.shapes_training import FIRST_LEVEL_H, measured

ONE, TWO, LEARNED = "one compartment", "two compartments", "VAE"
FITTED = (ONE, TWO, LEARNED)
COUNTS = (5, 8, 12)
SEEN = 0.01  # of the peak: below, a relative error says nothing
Curve = Float[np.ndarray, " time"]


@dataclass(frozen=True)
class Fit:
    """One fitted curve (mg/L) with its 90 % band where it has one, and its error against the truth: root mean square over time, % of the mean truth."""

    name: str
    curve: Curve
    band: tuple[Curve, Curve] | None
    error_percent: float
    relative_percent: Curve  # fit over truth less 1; NaN where the truth is below a hundredth of its peak


@dataclass(frozen=True)
class Answer:
    """The truth after one dose, and the three fits to it or foretold by it."""

    dose_mg: float
    truth: Curve
    fits: tuple[Fit, ...]


@dataclass(frozen=True)
class Exhibit:
    """A patient with the levels that the fits were given, what they make of that dose, and what they foretell of another. `distinct` VAE draws differ."""

    shape: Shape
    time_h: Curve
    level_time_h: Float[np.ndarray, " level"]
    level: Float[np.ndarray, " level"]
    is_below: Bool[np.ndarray, " level"]
    given: Answer
    asked: Answer
    distinct: int
    rung: str


def level_hours(count: int) -> Float[np.ndarray, " level"]:
    """When levels are drawn: `count` times over the 36 hours, early ones closer together."""
    return FIRST_LEVEL_H + (END_H - 6 - FIRST_LEVEL_H) * np.linspace(0.02, 1, count) ** 1.5


def exhibit(
    model: ShapeVAE, shape: Shape, turned: Mapping[str, float], *, count: int = 8, multiple: float = 2.0, has_lag: bool = True, seed: int = 0
) -> Exhibit:
    """The patient with these knobs, in all else typical; `seed` draws the assay's errors; `multiple` of the dose is asked for afterwards."""
    return exhibit_of(model, shape, shape.of(turned), turned.get("dose", USUAL_DOSE_mg), count=count, multiple=multiple, has_lag=has_lag, seed=seed)


def exhibit_of(
    model: ShapeVAE, shape: Shape, parameters: Parameters, dose_mg: float, *, count: int, multiple: float, has_lag: bool = True, seed: int
) -> Exhibit:  # fmt: skip
    """The same of any patient of this shape. Raises ValueError where too few levels lie above their limit for a compartment fit."""
    truths = {mg: true_curve(shape, parameters, mg) for mg in (dose_mg, multiple * dose_mg)}
    levels = levels_of(truths[dose_mg], dose_mg, count=count, seed=seed)
    belief, classical = believe_shape(model, levels), _classical(shape, levels, has_lag)
    answers = [_answer(model, belief, classical, mg, truth) for mg, truth in truths.items()]
    time_h, level, is_below = (table[0].numpy() for table in (levels.time_h, levels.level, levels.is_below))
    return Exhibit(shape, TIMES_H.numpy(), time_h, level, is_below, answers[0], answers[1], belief.distinct, belief.rung)


def true_curve(shape: Shape, parameters: Parameters, dose_mg: float) -> Curve:
    """Of one patient, mg/L."""
    return shape.curves(parameters, torch.tensor([dose_mg]))[0].numpy()


def levels_of(truth: Curve, dose_mg: float, *, count: int, seed: int) -> ShapeLevels:
    """What the fits of this patient are given."""
    hours = torch.as_tensor(level_hours(count), dtype=torch.float32)[None]
    curve = torch.as_tensor(truth, dtype=torch.float32)[None]
    return measured(curve, torch.tensor([dose_mg]), hours, torch.Generator().manual_seed(seed))


def _classical(shape: Shape, levels: ShapeLevels, has_lag: bool) -> dict[str, CompartmentFit]:
    time_h, level, is_below = (table[0].double().numpy() for table in (levels.time_h, levels.level, levels.is_below))
    return {
        name: fit_compartments(
            number, float(levels.dose_mg), time_h, level, is_below.astype(bool), is_swallowed=shape.is_swallowed, has_lag=has_lag
        )
        for name, number in ((ONE, 1), (TWO, 2))
    }  # fmt: skip


def _answer(model: ShapeVAE, belief: ShapeBelief, classical: Mapping[str, CompartmentFit], dose_mg: float, truth: Curve) -> Answer:
    fits = [_fit(name, each.curve(dose_mg, TIMES_H.numpy()), None, truth) for name, each in classical.items()]
    return Answer(dose_mg, truth, (*fits, learned_fit(model, belief, dose_mg, truth)))


def learned_fit(model: ShapeVAE, belief: ShapeBelief, dose_mg: float, truth: Curve) -> Fit:
    """The median and the 90 % band of what the model believes."""
    low, middle, high = np.quantile(shape_curves(model, belief, dose_mg).double().numpy(), (0.05, 0.5, 0.95), axis=0)
    return _fit(LEARNED, middle, (low, high), truth)


def _fit(name: str, curve: Curve, band: tuple[Curve, Curve] | None, truth: Curve) -> Fit:
    relative = np.full_like(truth, np.nan)
    shown = truth > SEEN * truth.max()
    relative[shown] = 100 * (curve[shown] / truth[shown] - 1)
    return Fit(name, curve, band, profile_error(curve, truth), relative)


def profile_error(curve: Curve, truth: Curve) -> float:
    """Root mean square of curve minus truth over the 36 hours, in per cent of the mean true concentration."""
    time_h = TIMES_H.numpy()
    mean_square, mean = (np.trapezoid(table, time_h) / (time_h[-1] - time_h[0]) for table in ((curve - truth) ** 2, truth))
    return float(100 * np.sqrt(mean_square) / mean)
