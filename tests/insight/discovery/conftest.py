"""Small cohorts whose truth is written down, without any model: values of patients with their own uncertainty, and what is known of them."""

import numpy as np
import pytest

from pkvae_core.insight.discovery.columns import Column
from pkvae_core.insight.discovery.levels_alone import CLEARANCE, Told

COUNT = 300


@pytest.fixture(scope="session")
def columns() -> dict[str, Column]:
    """A weight, a number that goes with it, one with a valley, two groups that act only together, and a null."""
    random = np.random.default_rng(11)
    normal = random.standard_normal((4, COUNT))
    groups = (random.random((2, COUNT)) < 0.5).astype(float)
    values = {
        "WT": 70 * np.exp(0.2 * normal[0]),
        "FOLLOWER": 5 + 0.7 * normal[0] + np.sqrt(0.51) * normal[1],
        "VALLEY": 50 + 20 * normal[2],
        "NULL": normal[3],
    }
    found = {name: Column(name, name.capitalize(), "kg" if name == "WT" else "", x) for name, x in values.items()}
    return found | {name: Column(name, name.capitalize(), "", x, ("no", "yes")) for name, x in zip(("LEFT", "RIGHT"), groups, strict=True)}


@pytest.fixture(scope="session")
def told(columns) -> Told:
    """ln CL = ln 4 + 0.75 ln(WT/70) + 0.1 ((VALLEY - 50)/20)^2 + 0.2 if exactly one of the groups, else -0.2, + eta + error."""
    random = np.random.default_rng(2)
    value = {name: column.values for name, column in columns.items()}
    together = np.where(value["LEFT"] != value["RIGHT"], 0.2, -0.2)
    variance = random.uniform(0.005, 0.04, COUNT)
    effect = 0.75 * np.log(value["WT"] / 70) + 0.1 * ((value["VALLEY"] - 50) / 20) ** 2 + together
    noise = 0.2 * random.standard_normal(COUNT) + np.sqrt(variance) * random.standard_normal(COUNT)
    return Told(CLEARANCE, np.log(4.0) + effect + noise, variance)
