"""How far off are textbook fits and the learned one on fresh patients of the gallery's shapes, and do its bands hold the truth?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from pkvae_core.inference.shape_posterior import ShapeBelief, believe_shape
from pkvae_core.insight.gallery import Exhibit, Fit, exhibit_of, learned_fit, levels_of, true_curve
from pkvae_core.structural.shape_curves import Parameters
from pkvae_core.structural.shapes import DOSE, SHAPES, Shape, USUAL_DOSE_mg
from pkvae_core.vae.shapes import ShapeVAE

COMPARED, PATIENTS, LEVELS, MULTIPLE, OFFSET = 200, 1000, 8, 2.0, 7_000_000_001
LEAST_LEVELS = 3  # above their limit, for a compartment fit


@dataclass(frozen=True)
class _Fresh:
    """A virtual patient of a shape, the dose, and the seed of the assay's errors."""

    shape: Shape
    parameters: Parameters
    dose_mg: float
    seed: int


@dataclass(frozen=True)
class _Learned:
    """What the model believes of one patient, and its fits at the given dose and at the other."""

    belief: ShapeBelief
    given: tuple[Fit, Float[np.ndarray, " time"]]
    asked: tuple[Fit, Float[np.ndarray, " time"]]


def measure_shapes(model: ShapeVAE, *, patients: int = PATIENTS, compared: int = COMPARED, seed: int = 0, say: Callable[[str], None] = print) -> dict:
    """For each shape, on fresh patients (knobs anywhere in their ranges) with eight levels: the share of true concentrations in the learned fit's 90 % bands,
    at the given dose and foretold for twice it, on all; the median error of each fit on the first `compared`, for least squares takes its time."""
    found = {}
    for i, shape in enumerate(SHAPES):
        drawn = _fresh(shape, torch.Generator().manual_seed(OFFSET + 1000 * seed + i))
        everyone = [next(drawn) for _ in range(patients)]
        exhibits = [
            exhibit_of(model, shape, each.parameters, each.dose_mg, count=LEVELS, multiple=MULTIPLE, seed=each.seed) for each in everyone[:compared]
        ]  # fmt: skip
        found[shape.name] = _errors(exhibits) | _held([_learned(model, each) for each in everyone])
        say(f"{shape.name}: {found[shape.name]}")
    return {"patients": patients, "compared": compared, "levels": LEVELS, "multiple": MULTIPLE, "seed": seed, "shapes": found}


def _fresh(shape: Shape, generator: torch.Generator) -> Iterator[_Fresh]:
    """Patients of any dose that the page offers; those with too few levels above the limit for a compartment fit are left out."""
    seed = 0
    while True:
        parameters = shape.draw(1, generator)
        even = float(torch.rand(1, generator=generator))
        dose_mg = USUAL_DOSE_mg if shape.is_proportional else DOSE.low * (DOSE.high / DOSE.low) ** even
        if int((~levels_of(shape, parameters, dose_mg, count=LEVELS, seed=seed).is_below).sum()) >= LEAST_LEVELS:
            yield _Fresh(shape, parameters, dose_mg, seed)
            seed += 1


def _learned(model: ShapeVAE, fresh: _Fresh) -> _Learned:
    belief = believe_shape(model, levels_of(fresh.shape, fresh.parameters, fresh.dose_mg, count=LEVELS, seed=fresh.seed))
    truths = {mg: true_curve(fresh.shape, fresh.parameters, mg) for mg in (fresh.dose_mg, MULTIPLE * fresh.dose_mg)}
    given, asked = ((learned_fit(model, belief, mg, truth), truth) for mg, truth in truths.items())
    return _Learned(belief, given, asked)


def _errors(exhibits: list[Exhibit]) -> dict:
    names = [fit.name for fit in exhibits[0].given.fits]
    given, asked = (np.array([[fit.error_percent for fit in getattr(e, which).fits] for e in exhibits]) for which in ("given", "asked"))
    return {
        "given": dict(zip(names, np.median(given, 0).tolist(), strict=True)),
        "asked": dict(zip(names, np.median(asked, 0).tolist(), strict=True)),
        "quartiles": np.quantile(given[:, -1], (0.25, 0.75)).tolist(),
        "closest": float((given[:, -1] < given[:, :-1].min(1)).mean()),
    }


def _held(learned: list[_Learned]) -> dict:
    """Coverage with its 95 % interval (patients are independent, hours of one are not), and how the draws fared."""
    given, asked = (np.array([share_held(*getattr(each, which)) for each in learned]) for which in ("given", "asked"))
    wide = 1.96 * given.std(ddof=1) / np.sqrt(len(given))
    return {
        "coverage": float(given.mean()),
        "coverage95": [float(given.mean() - wide), float(given.mean() + wide)],
        "asked_coverage": float(asked.mean()),
        "distinct": float(np.median([each.belief.distinct for each in learned])),
        "failed": sum(each.belief.rung == "failed" for each in learned),
    }


def share_held(fit: Fit, truth: Float[np.ndarray, " time"]) -> float:
    """Share of the hours at which the fit's band holds the true concentration."""
    assert fit.band is not None
    low, high = fit.band
    return float(((low <= truth) & (truth <= high)).mean())
