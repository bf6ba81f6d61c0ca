"""Do the axes say what they measure, and nothing else?"""

import math

import numpy as np
import pytest

from pkvae_core.insight.axes import Axis, axes, coordinates, spearman
from pkvae_core.insight.latent import LatentMap
from pkvae_core.insight.properties import Property

RANDOM = np.random.default_rng(5)


def known(values: np.ndarray, name: str = "CL") -> Property:
    return Property(name, "Clearance", "L/h", values.astype(np.float32))


def test_a_rank_correlation_sees_order_alone():
    x = RANDOM.normal(size=500).astype(np.float32)
    assert spearman(x, known(np.exp(3 * x))).rho == pytest.approx(1)
    assert spearman(x, known(-(x**3))).rho == pytest.approx(-1)


def test_the_interval_of_a_rank_correlation_covers_the_truth():
    """Bivariate normal with correlation r has Spearman's (6/pi) asin(r/2); 400 intervals of 95 % miss it 20 times, give or take 4.4."""
    truth, hits = 6 / math.pi * math.asin(0.6 / 2), 0
    for _ in range(400):
        x, noise = RANDOM.normal(size=(2, 100))
        found = spearman(x.astype(np.float32), known(0.6 * x + 0.8 * noise))
        hits += found.low95 <= truth <= found.high95
    assert 0.915 < hits / 400 < 0.985


def test_the_direction_of_a_property_is_found():
    z = RANDOM.normal(size=(2000, 4)).astype(np.float32)
    towards = np.array([0.0, 0.6, 0.0, -0.8])
    latent_map = LatentMap(z, (known(np.exp(z @ towards)),))
    found = next(a for a in axes(latent_map) if a.name == "→CL")
    assert found.direction == pytest.approx(towards, abs=1e-4)
    assert found.meaning.rho == pytest.approx(1)


def test_principal_components_come_in_order_of_variance():
    z = (RANDOM.normal(size=(3000, 3)) * [1, 5, 2]).astype(np.float32)
    found = {a.name: a for a in axes(LatentMap(z, (known(np.exp(z[:, 0])),)))}
    assert abs(found["PC₁"].direction[1]) > 0.99
    assert abs(found["PC₂"].direction[2]) > 0.99


def test_chosen_patients_are_exported(population):
    table = coordinates(population, axes(population), [3, 7, 11])
    assert list(table.index) == [4, 8, 12]
    assert {"z1", "→CL", "Clearance (L/h)", "Published model"} <= set(table.columns)


def test_groups_without_an_order_are_not_correlated():
    z = RANDOM.normal(size=(50, 2)).astype(np.float32)
    groups = Property("published_model", "Published model", "", RANDOM.integers(0, 3, 50).astype(np.float32), ("a", "b", "c"))
    found: tuple[Axis, ...] = axes(LatentMap(z, (known(np.exp(z[:, 0])), groups)))
    assert all([c.property.name for c in a.correlations] == ["CL"] for a in found)


def test_what_is_the_same_for_everybody_is_not_correlated():
    z = RANDOM.normal(size=(50, 2)).astype(np.float32)
    found = axes(LatentMap(z, (known(np.exp(z[:, 0])), known(np.ones(50), "lag"))))
    assert all([c.property.name for c in a.correlations] == ["CL"] for a in found)
