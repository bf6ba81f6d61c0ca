"""How far off are textbook fits and the learned one on fresh patients of the gallery's shapes, and do its bands hold the truth?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from pkvae_core.inference.shape_posterior import ShapeBelief, believe_shape
from pkvae_core.insight.gallery import Exhibit, Fit, exhibit_of, learned_fit, levels_of
from pkvae_core.structural.shape_curves import Parameters
from pkvae_core.structural.shapes import DOSE, SHAPES, Shape, USUAL_DOSE_mg
from pkvae_core.vae.shapes import ShapeLevels, ShapeVAE

COMPARED, PATIENTS, LEVELS, MULTIPLE, OFFSET = 100, 1000, 8, 2.0, 7_000_000_001
LEAST_LEVELS, AT_ONCE = 3, 100  # levels above their limit, for a compartment fit; patients simulated together


@dataclass(frozen=True)
class Fresh:
    """A virtual patient of a shape, the dose, the true curve after it, the seed of the assay's errors, and the levels."""

    shape: Shape
    parameters: Parameters
    dose_mg: float
    truth: Float[np.ndarray, " time"]
    seed: int
    levels: ShapeLevels


def measure_shapes(model: ShapeVAE, *, patients: int = PATIENTS, compared: int = COMPARED, seed: int = 0, say: Callable[[str], None] = print) -> dict:
    """For each shape, on fresh patients (knobs anywhere in their ranges) with eight levels: the share of true concentrations in the learned fit's 90 % band at
    the given dose, on all; the median error of each fit, and the share held at twice the dose, on the first `compared`, for least squares takes its time."""
    found = {}
    for i, shape in enumerate(SHAPES):
        drawn = fresh_patients(shape, torch.Generator().manual_seed(OFFSET + 1000 * seed + i))
        everyone = [next(drawn) for _ in range(patients)]
        found[shape.name] = compared_figures([shown(model, each) for each in everyone[:compared]]) | held_figures([learned(model, each) for each in everyone])
        say(f"{shape.name}: {found[shape.name]}")
    return {"patients": patients, "compared": compared, "levels": LEVELS, "multiple": MULTIPLE, "seed": seed, "shapes": found}


def fresh_patients(shape: Shape, generator: torch.Generator) -> Iterator[Fresh]:
    """Patients of any dose that the page offers; those with too few levels above the limit for a compartment fit are left out."""
    seed = 0
    while True:
        drawn = [(shape.draw(1, generator), _dose_mg(shape, float(torch.rand(1, generator=generator)))) for _ in range(AT_ONCE)]
        together = {name: torch.cat([parameters[name] for parameters, _ in drawn]) for name in drawn[0][0]}
        truths = shape.curves(together, torch.tensor([dose_mg for _, dose_mg in drawn])).numpy()
        for (parameters, dose_mg), truth in zip(drawn, truths, strict=True):
            levels = levels_of(truth, dose_mg, count=LEVELS, seed=seed)
            if int((~levels.is_below).sum()) >= LEAST_LEVELS:
                yield Fresh(shape, parameters, dose_mg, truth, seed, levels)
                seed += 1


def _dose_mg(shape: Shape, even: float) -> float:
    return USUAL_DOSE_mg if shape.is_proportional else DOSE.low * (DOSE.high / DOSE.low) ** even


def shown(model: ShapeVAE, fresh: Fresh) -> Exhibit:
    """The patient as the page shows it: all fits, at both doses."""
    return exhibit_of(model, fresh.shape, fresh.parameters, fresh.dose_mg, count=LEVELS, multiple=MULTIPLE, seed=fresh.seed)


def learned(model: ShapeVAE, fresh: Fresh) -> tuple[ShapeBelief, float]:
    """What the model believes of the patient, and the share of the hours at which its band holds the truth."""
    belief = believe_shape(model, fresh.levels)
    return belief, share_held(learned_fit(model, belief, fresh.dose_mg, fresh.truth), fresh.truth)


def compared_figures(exhibits: list[Exhibit]) -> dict:
    """Medians over patients of each fit's error (%), and how the learned one stands."""
    names = [fit.name for fit in exhibits[0].given.fits]
    given, asked = (np.array([[fit.error_percent for fit in getattr(e, which).fits] for e in exhibits]) for which in ("given", "asked"))
    return {
        "given": dict(zip(names, np.median(given, 0).tolist(), strict=True)),
        "asked": dict(zip(names, np.median(asked, 0).tolist(), strict=True)),
        "quartiles": np.quantile(given[:, -1], (0.25, 0.75)).tolist(),
        "closest": float((given[:, -1] < given[:, :-1].min(1)).mean()),
        "asked_held": _share([share_held(e.asked.fits[-1], e.asked.truth) for e in exhibits]),
    }


def held_figures(found: list[tuple[ShapeBelief, float]]) -> dict:
    """Coverage, and how the draws fared."""
    beliefs = [belief for belief, _ in found]
    return {
        "held": _share([share for _, share in found]),
        "distinct": float(np.median([belief.distinct for belief in beliefs])),
        "failed": sum(belief.rung == "failed" for belief in beliefs),
    }


def _share(each: list[float]) -> list[float]:
    """Mean over patients with its 95 % interval: patients are independent, the hours of one are not."""
    wide = 1.96 * np.std(each, ddof=1) / np.sqrt(len(each))
    return [float(np.mean(each)), float(np.mean(each) - wide), float(np.mean(each) + wide)]


def share_held(fit: Fit, truth: Float[np.ndarray, " time"]) -> float:
    """Share of the hours at which the fit's band holds the true concentration."""
    assert fit.band is not None
    low, high = fit.band
    return float(((low <= truth) & (truth <= high)).mean())
