"""Are the gallery's fresh patients those that a compartment fit can be asked about, and is a band that holds the truth said to hold it?"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.checks.shapes import LEAST_LEVELS, PATIENTS, fresh_patients, share_held
from pkvae_core.insight.gallery import LEARNED, Fit, true_curve
from pkvae_core.structural.shapes import SHAPES
from pkvae_core.vae.shapes_training import load_shapes

FEW = 20


@pytest.mark.parametrize("shape", (SHAPES[0], SHAPES[5]), ids=lambda shape: shape.curve.__name__)
def test_every_fresh_patient_has_levels_enough_and_its_own_curve(shape):
    drawn = fresh_patients(shape, torch.Generator().manual_seed(1))
    for each in (next(drawn) for _ in range(FEW)):
        assert int((~each.levels.is_below).sum()) >= LEAST_LEVELS
        assert np.allclose(each.truth, true_curve(shape, each.parameters, each.dose_mg), rtol=1e-4, atol=1e-6)


def test_a_band_around_the_truth_holds_all_of_it_and_one_beside_it_nothing():
    truth = np.linspace(1.0, 2.0, 97)
    fit = Fit(LEARNED, truth, (0.9 * truth, 1.1 * truth), 0.0, truth)
    assert share_held(fit, truth) == 1 and share_held(replace(fit, band=(1.1 * truth, 1.2 * truth)), truth) == 0


def test_the_recorded_bands_of_a_given_dose_hold_what_they_promise():
    """No shape's interval lies wholly outside 87 to 93 %, and all together are within."""
    held = [each["held"] for each in load_shapes().provenance["held_out"]["shapes"].values()]
    assert all(low < 0.93 and high > 0.87 for _, low, high in held)
    assert 0.87 < np.mean([middle for middle, _, _ in held]) < 0.93
    assert PATIENTS >= 1000
