"""Are the gallery's fresh patients those that a compartment fit can be asked about, and is a band that holds the truth said to hold it?"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.checks.shapes import LEAST_LEVELS, fresh_patients, share_held
from pkvae_core.insight.gallery import LEARNED, Fit, true_curve
from pkvae_core.structural.shapes import SHAPES
from pkvae_core.vae.shapes_training import load_shapes

FEW = 20


@pytest.mark.parametrize("shape", (SHAPES[0], SHAPES[5]), ids=lambda shape: shape.curve.__name__)
def test_every_fresh_patient_has_levels_enough_and_its_own_curve(shape):
    drawn = fresh_patients(shape, torch.Generator().manual_seed(1))
    for each in (next(drawn) for _ in range(FEW)):
        assert int((~each.levels.is_below).sum()) >= LEAST_LEVELS
        alone = true_curve(shape, each.parameters, each.dose_mg)  # steps of a simulation are common to all who are simulated together
        assert np.abs(each.truth - alone).max() < 0.005 * alone.max()


def test_a_band_around_the_truth_holds_all_of_it_and_one_beside_it_nothing():
    truth = np.linspace(1.0, 2.0, 97)
    fit = Fit(LEARNED, truth, (0.9 * truth, 1.1 * truth), 0.0, truth)
    assert share_held(fit, truth) == 1 and share_held(replace(fit, band=(1.1 * truth, 1.2 * truth)), truth) == 0


def test_the_recorded_bands_of_a_given_dose_are_nowhere_too_narrow():
    """Each shape's hold 87 % at least, and none so much more than 90 % that it would say little."""
    held = [each["held"][0] for each in load_shapes().provenance["held_out"]["shapes"].values()]
    assert len(held) == len(SHAPES) and all(0.87 < share < 0.97 for share in held)
    assert 0.87 < np.mean(held) < 0.93
