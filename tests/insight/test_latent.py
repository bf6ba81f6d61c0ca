"""Does the map say where patients lie, and do its points stand for the right curves?"""

import numpy as np
import pytest
import torch

from pkvae_core.insight.latent import Bundle, decode, map_population, shares, spread
from pkvae_core.patient import Dose

RANDOM = np.random.default_rng(5)


def test_the_same_generator_draws_the_same_map(vancomycin, population):
    again = map_population(vancomycin, 400, torch.Generator().manual_seed(3))
    assert np.array_equal(again.z, population.z)


def test_twice_the_dose_is_decoded_to_twice_the_curve(vancomycin, population):
    time_h = np.array([1.0, 5.0, 11.0])
    once, twice = (decode(vancomycin, population.z[:5], [Dose(0, amount, 1)], time_h) for amount in (500, 1000))
    assert twice == pytest.approx(2 * once, rel=1e-5)


def test_a_decoded_patient_has_the_clearance_that_the_map_says(vancomycin, population):
    """Decoder against truth: a continuous infusion of 60 mg/h settles at 60/CL. The teacher's draw and the fit of the decoder leave a few per cent."""
    clearance = population.property("CL").values
    level = decode(vancomycin, population.z, [Dose(0, 60 * 5000, 5000)], np.array([4999.0]))[:, 0]
    assert np.median(np.abs(np.log(60 / level / clearance))) < 0.1


def test_a_bundle_of_curves_is_ordered():
    bundle = Bundle.of(np.arange(3.0), RANDOM.exponential(size=(200, 3)))
    edges = np.stack([bundle.low90, bundle.low50, bundle.median, bundle.high50, bundle.high90])
    assert (np.diff(edges, axis=0) > 0).all()


def test_chosen_patients_are_summarised(population):
    chosen = [3, 7, 11]
    median, low, high = spread(population.property("CL"), chosen)
    assert low <= median == np.median(population.property("CL").values[chosen]) <= high
    assert sum(shares(population.property("published_model"), chosen).values()) == pytest.approx(1)
