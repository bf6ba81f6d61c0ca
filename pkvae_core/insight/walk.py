"""What changes when a patient moves through the latent space: along each axis, or straight from one patient to another?

Every step is decoded beforehand, so that whoever drags along them sees the curve follow at once, whichever decoder the drug has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from pkvae_core.drugs.population import course
from pkvae_core.inference.posterior import parameters_of
from pkvae_core.insight.axes import Axis
from pkvae_core.insight.latent import LatentMap, Points, responses
from pkvae_core.patient import Dose
from pkvae_core.vae.vae import PKVAE

STEPS = 41


@dataclass(frozen=True)
class Course:
    """What is given, and the hours at which curves are drawn."""

    doses: tuple[Dose, ...]
    time_h: Float[np.ndarray, " time"]


@dataclass(frozen=True)
class Frames:
    """Some points, decoded: their curves (mg/L), clearance (L/h), volume (L), half-life (h), and the share of the population that lies further out."""

    concentration: Float[np.ndarray, "step time"]
    parameters: dict[str, Float[np.ndarray, " step"]]
    further_out: Float[np.ndarray, " step"]

    def part(self, rows: slice) -> "Frames":
        return Frames(self.concentration[rows], {name: values[rows] for name, values in self.parameters.items()}, self.further_out[rows])


@dataclass(frozen=True)
class Slide:
    """One axis of a walk: shifts from the start (in standard deviations of the population along it), which of them holds now, and every step decoded."""

    axis: Axis
    shift: Float[np.ndarray, " step"]
    now: int
    frames: Frames


def walk(model: PKVAE, latent_map: LatentMap, along: Sequence[Axis], start: np.ndarray, shifts: Mapping[str, float], given: Course) -> tuple[Slide, ...]:
    """The steps along each axis around the point start + sum of shift x sd x direction, from the population's 0.5th to its 99.5th percentile.

    The start and the present shift are among the steps, wherever they lie: a walk can always go back.
    """
    widths = [float(axis.coordinate(latent_map.z).std()) for axis in along]
    point = start + sum(shifts.get(a.name, 0.0) * w * a.direction for a, w in zip(along, widths, strict=True))
    grids = [_grid(axis, latent_map, start, shifts.get(axis.name, 0.0), width) for axis, width in zip(along, widths, strict=True)]
    points = [point + ((g - shifts.get(a.name, 0.0)) * w)[:, None] * a.direction for a, w, g in zip(along, widths, grids, strict=True)]
    everything, ends = decoded(model, latent_map, np.concatenate(points), given), np.cumsum([len(g) for g in grids])
    return tuple(
        Slide(axis, grid, int(np.abs(grid - shifts.get(axis.name, 0.0)).argmin()), everything.part(slice(end - len(grid), end)))
        for axis, grid, end in zip(along, grids, ends, strict=True)
    )


def _grid(axis: Axis, latent_map: LatentMap, start: np.ndarray, shift: float, width: float) -> Float[np.ndarray, " step"]:
    low, high = (np.quantile(axis.coordinate(latent_map.z), [0.005, 0.995]) - start @ axis.direction) / width
    return np.union1d(np.linspace(low, high, STEPS), [0.0, shift])


def straight(model: PKVAE, latent_map: LatentMap, ends: tuple[np.ndarray, np.ndarray], given: Course) -> tuple[Float[np.ndarray, " step"], Frames]:
    """Positions from 0 (the first patient) to 1 (the second), and the points of the straight line between them, decoded."""
    position = np.linspace(0, 1, STEPS)
    return position, decoded(model, latent_map, ends[0] + position[:, None] * (ends[1] - ends[0]), given)


@torch.no_grad()
def decoded(model: PKVAE, latent_map: LatentMap, z: Points, given: Course) -> Frames:
    """Every point as a curve, with its parameters."""
    answers = responses(model, z)
    concentration = answers.curves(course(model.card, [given.doses]), torch.as_tensor(given.time_h, dtype=torch.float32)[None])[0][0].numpy()
    parameters = parameters_of(model.card, answers)
    return Frames(concentration, parameters, further_out(latent_map, z))


def further_out(latent_map: LatentMap, z: Points) -> Float[np.ndarray, " subject"]:
    """Share of the population that lies further from its centre than each point, in Mahalanobis distance: 0 where nobody does."""
    whitener = np.linalg.inv(np.linalg.cholesky(np.cov(latent_map.z.T)))
    everybody, these = (np.square((some - latent_map.centre) @ whitener.T).sum(1) for some in (latent_map.z, z))
    return 1 - np.searchsorted(np.sort(everybody), these) / len(everybody)
