"""Does the map say where patients lie, and what its axes measure, and nothing else?"""

import math

import numpy as np
import pytest
import torch

from pkvae_core.insight.latent import (
    Axis,
    Bundle,
    LatentMap,
    Property,
    axes,
    coordinates,
    decode,
    map_population,
    place,
    region,
    shares,
    spearman,
    spread,
    walk,
)
from pkvae_core.patient import Dose
from pkvae_core.structural.compartments import one_compartment
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.vae.checkpoint import load_model

RANDOM = np.random.default_rng(5)


@pytest.fixture(scope="module")
def vancomycin():
    return load_model("vancomycin")


@pytest.fixture(scope="module")
def population(vancomycin) -> LatentMap:
    return map_population(vancomycin, 400, torch.Generator().manual_seed(3))


def known(values: np.ndarray, name: str = "CL") -> Property:
    return Property(name, "Clearance", "L/h", values.astype(np.float32))


def test_the_same_generator_draws_the_same_map(vancomycin, population):
    again = map_population(vancomycin, 400, torch.Generator().manual_seed(3))
    assert np.array_equal(again.z, population.z)


def test_the_properties_of_a_one_compartment_patient_are_its_parameters():
    from pkvae_core.insight.latent import _pharmacokinetics

    clearance, volume = torch.tensor([[4.0]]), torch.tensor([[50.0]])
    amplitude, rate = one_compartment(clearance, volume)
    found = {p.name: float(p.values[0]) for p in _pharmacokinetics(Pulses(amplitude[:, :, None], rate[:, :, None], torch.zeros(1, 1, 1)))}
    assert found == pytest.approx({"CL": 4.0, "V": 50.0, "half_life": math.log(2) * 50 / 4}, rel=1e-5)


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


@pytest.mark.parametrize("probability", [0.5, 0.9])
def test_a_region_holds_its_share_of_the_draws(probability):
    angle = RANDOM.uniform(0, math.pi, size=800)  # a banana
    points = np.stack([np.cos(angle), np.sin(angle)], 1) * 5 + RANDOM.normal(size=(800, 2)) * 0.3
    area = region(points, probability, grid=80)
    column = np.abs(area.x[None] - points[:, :1]).argmin(1)
    row = np.abs(area.y[None] - points[:, 1:]).argmin(1)
    assert (area.density[row, column] > area.level).mean() == pytest.approx(probability, abs=0.04)
    centre = area.density[np.abs(area.y).argmin(), np.abs(area.x).argmin()]
    assert centre < area.level, "the hollow of the banana lies outside"


def test_a_walk_moves_along_its_axis_alone(population):
    axis = axes(population)[-1]
    positions, points = walk(axis, population.z)
    assert axis.coordinate(points) == pytest.approx(positions, abs=1e-4)
    across = points - np.outer(points @ axis.direction, axis.direction)
    assert across == pytest.approx(np.tile(across[0], (len(points), 1)), abs=1e-5)


def test_twice_the_dose_is_decoded_to_twice_the_curve(vancomycin, population):
    time_h = np.array([1.0, 5.0, 11.0])
    once, twice = (decode(vancomycin, population.z[:5], [Dose(0, amount, 1)], time_h) for amount in (500, 1000))
    assert twice == pytest.approx(2 * once, rel=1e-5)


def test_a_decoded_patient_has_the_clearance_that_the_map_says(vancomycin, population):
    """Decoder against truth: a continuous infusion of 60 mg/h settles at 60/CL. The teacher's draw and the fit of the decoder leave a few per cent."""
    clearance = population.property("CL").values
    level = decode(vancomycin, population.z, [Dose(0, 60 * 5000, 5000)], np.array([4999.0]))[:, 0]
    assert np.median(np.abs(np.log(60 / level / clearance))) < 0.1


def test_levels_shrink_the_area_of_a_patient(vancomycin, population):
    from pkvae_core.inference.posterior import individualise
    from pkvae_core.patient import Covariate, Patient, Sample

    covariates = tuple(Covariate(n, v) for n, v in {"AGE": 64, "SEX": 0, "WT": 72, "HT": 165, "SCR": 1.3}.items())
    patient = Patient("1", tuple(Dose(12 * i, 1000, 1) for i in range(3)), (Sample(26, 30.2), Sample(35.5, 16.4)), covariates)
    posterior = individualise(vancomycin, patient)
    across, up = (next(a for a in axes(population) if a.name == name) for name in ("→CL", "→V"))

    def size(which) -> float:
        area = place(which, across, up).area
        return float((area.density > area.level).sum() * (area.x[1] - area.x[0]) * (area.y[1] - area.y[0]))

    assert size(posterior) < 0.8 * size(posterior.prior())


def test_a_bundle_of_curves_is_ordered():
    bundle = Bundle.of(np.arange(3.0), RANDOM.exponential(size=(200, 3)))
    edges = np.stack([bundle.low90, bundle.low50, bundle.median, bundle.high50, bundle.high90])
    assert (np.diff(edges, axis=0) > 0).all()


def test_chosen_patients_are_summarised_and_exported(population):
    chosen = [3, 7, 11]
    median, low, high = spread(population.property("CL"), chosen)
    assert low <= median == np.median(population.property("CL").values[chosen]) <= high
    assert sum(shares(population.property("published_model"), chosen).values()) == pytest.approx(1)
    table = coordinates(population, axes(population), chosen)
    assert list(table.index) == [4, 8, 12]
    assert {"z1", "→CL", "Clearance (L/h)", "Published model"} <= set(table.columns)


def test_groups_without_an_order_are_not_correlated():
    z = RANDOM.normal(size=(50, 2)).astype(np.float32)
    groups = Property("published_model", "Published model", "", RANDOM.integers(0, 3, 50).astype(np.float32), ("a", "b", "c"))
    found: tuple[Axis, ...] = axes(LatentMap(z, (known(np.exp(z[:, 0])), groups)))
    assert all([c.property.name for c in a.correlations] == ["CL"] for a in found)
