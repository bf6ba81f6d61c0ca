"""What do the directions of the latent space measure? Nothing is asserted: it is measured, as rank correlations with what is known of virtual patients."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from pkvae_core.insight.latent import LatentMap, Points
from pkvae_core.insight.properties import Property


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

    def coordinate(self, z: Points) -> Float[np.ndarray, " subject"]:
        return z @ self.direction

    @property
    def meaning(self) -> Correlation:
        """The pharmacokinetic property this axis goes with most closely."""
        return max((c for c in self.correlations if c.property.is_pharmacokinetic), key=lambda c: abs(c.rho))

    @property
    def is_latent(self) -> bool:
        """Whether this is one of the model's own coordinates."""
        return self.name.startswith("z")

    @property
    def is_towards(self) -> bool:
        """Whether this is the direction in which a property grows."""
        return self.name.startswith("→")

    @property
    def is_principal(self) -> bool:
        """Whether this is a direction in which the population spreads most."""
        return self.name.startswith("PC")


SYMBOLS = {
    "CL": "CL",
    "target": "target",
    "V": "V",
    "half_life": "t½",
    "ka": "ka",
    "lag": "lag",
    "peak_time": "tmax",
    "share": "share",
    "ka2": "ka2",
    "lag2": "lag2",
}
_SMALL = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def axes(latent_map: LatentMap) -> tuple[Axis, ...]:
    """The latent coordinates one by one, the directions of the pharmacokinetic properties, and the two principal components of the population."""
    covariance = np.cov(latent_map.z.T)
    vectors = np.linalg.eigh(covariance)[1]
    own = {latent_name(i): row for i, row in enumerate(np.eye(len(covariance)))}
    towards = {f"→{SYMBOLS[p.name]}": _towards(latent_map.z, p) for p in latent_map.varying if p.is_pharmacokinetic}
    principal = {f"PC{k}".translate(_SMALL): vectors[:, -k] for k in (1, 2)}
    measured = [p for p in latent_map.varying if p.is_ordered]
    return tuple(_axis(latent_map, name, direction.astype(np.float32), measured) for name, direction in {**own, **towards, **principal}.items())


def latent_name(index: int) -> str:
    """The name of a latent coordinate, counted from 0: z₁, z₂ ..."""
    return f"z{index + 1}".translate(_SMALL)


def _towards(z: Points, known: Property) -> Float[np.ndarray, " latent"]:
    """The direction along which the logarithm of a property grows: least squares, length 1."""
    slope = np.linalg.lstsq(z - z.mean(0), np.log(known.values) - np.log(known.values).mean(), rcond=None)[0]
    return slope / np.linalg.norm(slope)


def _axis(latent_map: LatentMap, name: str, direction: np.ndarray, measured: Sequence[Property]) -> Axis:
    coordinate = latent_map.z @ direction
    return Axis(name, direction, tuple(spearman(coordinate, p) for p in measured))


def spearman(coordinate: Float[np.ndarray, " subject"], known: Property) -> Correlation:
    rho = float(np.corrcoef(pd.Series(coordinate).rank(), pd.Series(known.values).rank())[0, 1])
    half = 1.96 * math.sqrt((1 + rho**2 / 2) / (len(coordinate) - 3))
    centre = math.atanh(np.clip(rho, -0.999999, 0.999999))
    return Correlation(known, rho, math.tanh(centre - half), math.tanh(centre + half))


def coordinates(latent_map: LatentMap, found: Sequence[Axis], chosen: Sequence[int]) -> pd.DataFrame:
    """One row for each chosen patient: its coordinates on every axis and what is known of it, units in the headings."""
    rows = list(chosen)
    columns: dict[str, Any] = {a.name.translate(_PLAIN): a.coordinate(latent_map.z[rows]) for a in found}
    for p in latent_map.properties:
        values = p.values[rows]
        columns[f"{p.label} ({p.unit})" if p.unit else p.label] = [p.categories[int(v)] for v in values] if p.categories else values
    return pd.DataFrame(columns, index=pd.Index([i + 1 for i in rows], name="Virtual patient"))
