"""Where do patients lie in the latent space, and what do its axes measure?

The map shows virtual patients from the drug's published models: the teacher reads each one's whole true curve and says where it lies.
What an axis means is then measured, as its rank correlation with what is known of those patients; nothing is asserted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import VirtualPatients, course, simulate
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Dose, Regimen
from pkvae_core.structural.exponentials import Doses, Pulses, disposition, superpose
from pkvae_core.vae.vae import PKVAE


@dataclass(frozen=True)
class Property:
    """What is known of every virtual patient: a pharmacokinetic number, a covariate, or (with `categories`) the index of a group."""

    name: str
    label: str
    unit: str
    values: Float[np.ndarray, " subject"]
    categories: tuple[str, ...] = ()

    @property
    def is_pharmacokinetic(self) -> bool:
        return self.name in ("CL", "V", "half_life", "peak_time")


@dataclass(frozen=True)
class LatentMap:
    """A population in latent coordinates, with what is known of each patient."""

    z: Float[np.ndarray, "subject latent"]
    properties: tuple[Property, ...]

    def property(self, name: str) -> Property:
        return next(p for p in self.properties if p.name == name)


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of an axis with a property, and its 95 % interval (Bonett & Wright 2000)."""

    property: Property
    rho: float
    low95: float
    high95: float


@dataclass(frozen=True)
class Axis:
    """A direction in the latent space, and what it goes with."""

    name: str
    direction: Float[np.ndarray, " latent"]
    correlations: tuple[Correlation, ...]

    def coordinate(self, z: Float[np.ndarray, "subject latent"]) -> Float[np.ndarray, " subject"]:
        return z @ self.direction

    @property
    def meaning(self) -> Correlation:
        """The pharmacokinetic property this axis goes with most closely."""
        return max((c for c in self.correlations if c.property.is_pharmacokinetic), key=lambda c: abs(c.rho))


@dataclass(frozen=True)
class Region:
    """The smallest area that holds a given share of the draws: where `density` on the grid exceeds `level`."""

    x: Float[np.ndarray, " x"]
    y: Float[np.ndarray, " y"]
    density: Float[np.ndarray, "y x"]
    level: float

    @property
    def top(self) -> tuple[float, float]:
        """The highest point of the area, where a label can stand."""
        row, column = np.argwhere(self.density > self.level)[-1]
        return float(self.x[column]), float(self.y[row])

    @property
    def bottom(self) -> tuple[float, float]:
        """The lowest point of the area."""
        row, column = np.argwhere(self.density > self.level)[0]
        return float(self.x[column]), float(self.y[row])


@dataclass(frozen=True)
class Bundle:
    """The curves of several patients: median, middle 50 % and middle 90 % at each time (mg/L)."""

    time_h: Float[np.ndarray, " time"]
    median: Float[np.ndarray, " time"]
    low50: Float[np.ndarray, " time"]
    high50: Float[np.ndarray, " time"]
    low90: Float[np.ndarray, " time"]
    high90: Float[np.ndarray, " time"]

    @classmethod
    def of(cls, time_h: Float[np.ndarray, " time"], concentration: Float[np.ndarray, "subject time"]) -> "Bundle":
        low90, low50, median, high50, high90 = np.quantile(concentration, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
        return cls(time_h, median, low50, high50, low90, high90)


@dataclass(frozen=True)
class Placement:
    """Where one patient lies: the area that holds nine tenths of the draws, and their mean."""

    area: Region
    centre: tuple[float, float]


@torch.no_grad()
def map_population(model: PKVAE, count: int, generator: torch.Generator) -> LatentMap:
    """`count` fresh virtual patients of the model's drug, each one draw of the teacher's belief about its true curve, as in training."""
    patients = simulate(model.card, count, generator)
    teacher = model.teacher(model.curve(patients.pulses)[:, 0])
    z = teacher.mean + (teacher.scale_tril @ torch.randn(*teacher.mean.shape, 1, generator=generator))[..., 0]
    return LatentMap(z.numpy(), (*_pharmacokinetics(patients.pulses), *_covariates(model, patients), _published_model(model, patients)))


def _pharmacokinetics(pulses: Pulses) -> list[Property]:
    """From the true responses, as `parameters` does for draws."""
    known = disposition(pulses)
    labels = {"CL": ("Clearance", "L/h"), "V": ("Volume", "L"), "half_life": ("Half-life", "h")}
    found = [Property(name, label, unit, known[name][:, 0].float().numpy()) for name, (label, unit) in labels.items()]
    if pulses.amplitude.shape[2] > 1:
        time = torch.arange(1, 241) / 10
        since = (time - pulses.lag[:, 0, 1, None]).clamp(min=0)[..., None]
        curve = (pulses.amplitude[:, 0, 1, None] * torch.exp(-pulses.rate[:, 0, 1, None] * since)).sum(-1)
        found.append(Property("peak_time", "Time of the peak, swallowed", "h", time[curve.argmax(-1)].numpy()))
    return found


def _covariates(model: PKVAE, patients: VirtualPatients) -> list[Property]:
    known = [(spec, patients.population.covariates[:, i].numpy()) for i, spec in enumerate(model.card.covariates)]
    return [Property(s.name, s.label, "" if s.choices else s.unit, v, tuple(map(str.capitalize, s.choices))) for s, v in known if not np.isnan(v).any()]


def _published_model(model: PKVAE, patients: VirtualPatients) -> Property:
    return Property(
        "published_model",
        "Published model",
        "",
        patients.model.numpy().astype(np.float32),
        tuple(f"{m.name[:-4].capitalize()} {m.name[-4:]}" for m in model.card.published_models),
    )


def axes(latent_map: LatentMap) -> tuple[Axis, ...]:
    """The latent coordinates one by one, the directions of the pharmacokinetic properties, and the two principal components of the population."""
    covariance = np.cov(latent_map.z.T)
    vectors = np.linalg.eigh(covariance)[1]
    own = {f"z{i + 1}".translate(_SMALL): row for i, row in enumerate(np.eye(len(covariance)))}
    towards = {f"→{_SYMBOLS[p.name]}": _towards(latent_map.z, p) for p in latent_map.properties if p.is_pharmacokinetic}
    principal = {f"PC{k}".translate(_SMALL): vectors[:, -k] for k in (1, 2)}
    measured = [p for p in latent_map.properties if len(p.categories) in (0, 2)]  # more than two groups have no order
    return tuple(_axis(latent_map, name, direction.astype(np.float32), measured) for name, direction in {**own, **towards, **principal}.items())


def _towards(z: Float[np.ndarray, "subject latent"], known: Property) -> Float[np.ndarray, " latent"]:
    """The direction along which the logarithm of a property grows: least squares, length 1."""
    slope = np.linalg.lstsq(z - z.mean(0), np.log(known.values) - np.log(known.values).mean(), rcond=None)[0]
    return slope / np.linalg.norm(slope)


_SYMBOLS = {"CL": "CL", "V": "V", "half_life": "t½", "peak_time": "tmax"}
_SMALL = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def _axis(latent_map: LatentMap, name: str, direction: np.ndarray, measured: Sequence[Property]) -> Axis:
    coordinate = latent_map.z @ direction
    return Axis(name, direction, tuple(spearman(coordinate, p) for p in measured))


def spearman(coordinate: Float[np.ndarray, " subject"], known: Property) -> Correlation:
    rho = float(np.corrcoef(pd.Series(coordinate).rank(), pd.Series(known.values).rank())[0, 1])
    half = 1.96 * math.sqrt((1 + rho**2 / 2) / (len(coordinate) - 3))
    centre = math.atanh(np.clip(rho, -0.999999, 0.999999))
    return Correlation(known, rho, math.tanh(centre - half), math.tanh(centre + half))


def region(points: Float[np.ndarray, "draw 2"], probability: float, *, grid: int = 50) -> Region:
    """Where `probability` of the draws lie most densely (Gaussian kernel density; not an ellipse where they do not form one)."""
    at_draws = kernel_density(points, points)
    low, high = points.min(0), points.max(0)
    x, y = np.linspace(low - 0.3 * (high - low), high + 0.3 * (high - low), grid).T
    density = kernel_density(points, np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)).reshape(grid, grid)
    return Region(x, y, density, float(np.quantile(at_draws, 1 - probability)))


def kernel_density(points: Float[np.ndarray, "draw 2"], at: Float[np.ndarray, "place 2"]) -> Float[np.ndarray, " place"]:
    """Density of the draws at some places, up to a constant: a Gaussian around each, shaped as all of them, Scott's width n^(-1/6)."""
    width = np.linalg.cholesky(np.cov(points.T)) * len(points) ** (-1 / 6)
    own, there = np.linalg.solve(width, points.T), np.linalg.solve(width, at.T)
    squared = (there**2).sum(0)[:, None] + (own**2).sum(0) - 2 * there.T @ own
    return np.exp(-0.5 * squared).mean(1)


def place(posterior: Posterior, across: Axis, up: Axis, *, probability: float = 0.9) -> Placement:
    """Where this patient lies on the map of two axes, before or after levels."""
    some = posterior.resampled(400)
    assert posterior.z is not None and some.z is not None, "only the VAE's posterior has a place on the map"
    mean, z = posterior.weight.float().numpy() @ posterior.z.float().numpy(), some.z.float().numpy()
    points = np.stack([across.coordinate(z), up.coordinate(z)], 1)
    return Placement(region(points, probability), (float(mean @ across.direction), float(mean @ up.direction)))


def spread(known: Property, chosen: Sequence[int]) -> tuple[float, float, float]:
    """Median, 5th and 95th percentile of a property among the chosen patients."""
    low, median, high = np.quantile(known.values[list(chosen)], [0.05, 0.5, 0.95])
    return float(median), float(low), float(high)


def shares(known: Property, chosen: Sequence[int]) -> dict[str, float]:
    """Which part of the chosen patients belongs to each group."""
    values = known.values[list(chosen)]
    return {name: float((values == i).mean()) for i, name in enumerate(known.categories)}


def coordinates(latent_map: LatentMap, found: Sequence[Axis], chosen: Sequence[int]) -> pd.DataFrame:
    """One row for each chosen patient: its coordinates on every axis and what is known of it, units in the headings."""
    rows = list(chosen)
    columns: dict[str, Any] = {a.name.translate(_PLAIN): a.coordinate(latent_map.z[rows]) for a in found}
    for p in latent_map.properties:
        values = p.values[rows]
        columns[f"{p.label} ({p.unit})" if p.unit else p.label] = [p.categories[int(v)] for v in values] if p.categories else values
    return pd.DataFrame(columns, index=pd.Index([i + 1 for i in rows], name="Virtual patient"))


def typical_regimen(card: DrugCard) -> Regimen:
    """The regimen after which points of the map are drawn as curves."""
    usual = card.typical_regimen
    return Regimen(usual.amount_mg, usual.interval_h, usual.infusion_h, product=usual.product)


def course_times(doses: Sequence[Dose], end_h: float) -> Float[np.ndarray, " time"]:
    """Times (h) to draw a course at: every dose and every end of an infusion is among them, so that peaks are sharp."""
    corners = [t for d in doses for t in (d.time_h, d.time_h + 1e-3, d.time_h + d.infusion_h)]
    return np.union1d(np.linspace(0, end_h, 200), corners)


@torch.no_grad()
def decode(
    model: PKVAE, z: Float[np.ndarray, "subject latent"], doses: Sequence[Dose], time_h: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "subject time"]:
    """The concentrations (mg/L) that these latent points stand for after the same doses."""
    pulses = model.decoder(torch.as_tensor(z, dtype=torch.float32)[None])
    given: Doses = course(model.card, [doses])
    return superpose(pulses, given, torch.as_tensor(time_h, dtype=torch.float32)[None])[0][0].numpy()


def walk(axis: Axis, z: Float[np.ndarray, "subject latent"], *, steps: int = 7) -> tuple[Float[np.ndarray, " step"], Float[np.ndarray, "step latent"]]:
    """Positions from the 2nd to the 98th percentile of the population, and the latent points there: its centre, moved along the axis alone."""
    centre = z.mean(0)
    low, high = np.quantile(axis.coordinate(z), [0.02, 0.98])
    positions = np.linspace(low, high, steps)
    return positions, (centre + (positions[:, None] - centre @ axis.direction) * axis.direction).astype(np.float32)
