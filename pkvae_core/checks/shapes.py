"""How far off are textbook fits and the learned one on fresh patients of the gallery's shapes, and do its bands hold the truth?"""

import numpy as np
import torch
from jaxtyping import Float

from pkvae_core.insight.gallery import Exhibit, exhibit_of
from pkvae_core.structural.shapes import DOSE, SHAPES, Shape, USUAL_DOSE_mg
from pkvae_core.vae.shapes import ShapeVAE

PATIENTS, LEVELS, MULTIPLE, OFFSET = 100, 8, 2.0, 7_000_000_001


def measure_shapes(model: ShapeVAE, *, patients: int = PATIENTS, seed: int = 0) -> dict:
    """For each shape, on `patients` fresh ones (knobs anywhere in their ranges) with eight levels: median error of each fit, at the given dose and foretold for
    twice it, the quartiles of the learned one's, and the share of true concentrations in its 90 % bands."""
    found = {}
    for i, shape in enumerate(SHAPES):
        exhibits = _exhibits(model, shape, patients, torch.Generator().manual_seed(OFFSET + 1000 * seed + i))
        found[shape.name] = _figures(exhibits)
    return {"patients": patients, "levels": LEVELS, "multiple": MULTIPLE, "seed": seed, "shapes": found}


def _exhibits(model: ShapeVAE, shape: Shape, patients: int, generator: torch.Generator) -> list[Exhibit]:
    """Patients of any dose that the page offers; those with too few levels above the limit for a compartment fit are drawn again."""
    found: list[Exhibit] = []
    while len(found) < patients:
        parameters = shape.draw(1, generator)
        even = float(torch.rand(1, generator=generator))
        dose = USUAL_DOSE_mg if shape.is_proportional else DOSE.low * (DOSE.high / DOSE.low) ** even
        try:
            found.append(exhibit_of(model, shape, parameters, dose, count=LEVELS, multiple=MULTIPLE, seed=len(found)))
        except ValueError:
            continue
    return found


def _figures(exhibits: list[Exhibit]) -> dict:
    names = [fit.name for fit in exhibits[0].given.fits]
    given, asked = (np.array([[fit.error_percent for fit in getattr(e, which).fits] for e in exhibits]) for which in ("given", "asked"))
    return {
        "given": dict(zip(names, np.median(given, 0).tolist(), strict=True)),
        "asked": dict(zip(names, np.median(asked, 0).tolist(), strict=True)),
        "quartiles": np.quantile(given[:, -1], (0.25, 0.75)).tolist(),
        "closest": float((given[:, -1] < given[:, :-1].min(1)).mean()),
        "coverage": float(np.mean([_held(e) for e in exhibits])),
        "effective": float(np.median([e.effective for e in exhibits])),
        "failed": sum(e.rung == "failed" for e in exhibits),
    }


def _held(found: Exhibit) -> float:
    """Share of the hours at which the learned fit's band holds the true concentration."""
    band = found.given.fits[-1].band
    assert band is not None
    held: Float[np.ndarray, " time"] = (band[0] <= found.given.truth) & (found.given.truth <= band[1])
    return float(held.mean())
