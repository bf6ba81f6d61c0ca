"""Formulas for kidneys and body size: published values, and the same answer for numbers, arrays and tensors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pkvae_core.records import physiology
from pkvae_core.records.physiology import (
    adjusted_weight,
    bedside_schwartz,
    body_surface_dubois,
    body_surface_mosteller,
    ckd_epi_2021,
    cockcroft_gault,
    creatinine_clearance,
    fat_free_mass,
    ideal_weight,
    renal_weight,
)

weights, heights, sexes = st.floats(30, 250), st.floats(140, 210), st.sampled_from([0, 1])


def test_formulas_give_their_papers_values_by_hand():
    assert cockcroft_gault(40, 72, 1.0, 1) == pytest.approx(100)  # (140 - 40) 72 / 72
    assert cockcroft_gault(40, 72, 1.0, 0) == pytest.approx(85)
    assert ideal_weight(177.8, 1) == pytest.approx(73)  # 70 inches: 50 + 23
    assert ideal_weight(152.4, 0) == pytest.approx(45.5)
    assert adjusted_weight(123, 177.8, 1) == pytest.approx(73 + 0.4 * 50)
    assert fat_free_mass(70, 175, 1) == pytest.approx(9270 * 70 / (6680 + 216 * 70 / 1.75**2))
    assert fat_free_mass(70, 175, 0) == pytest.approx(9270 * 70 / (8780 + 244 * 70 / 1.75**2))
    assert body_surface_mosteller(70, 170) == pytest.approx(1.818, abs=1e-3)
    assert body_surface_dubois(70, 170) == pytest.approx(1.810, abs=1e-3)
    assert bedside_schwartz(120, 0.5) == pytest.approx(99.1, abs=0.1)
    # A woman of 55 with 0.9 mg/dL: 142 x (0.9/0.7)^-1.2 x 0.9938^55 x 1.012 = 75.5; a man of 40 with 0.7 is on the other branch.
    assert ckd_epi_2021(55, 0.9, 0) == pytest.approx(142 * (0.9 / 0.7) ** -1.2 * 0.9938**55 * 1.012)
    assert ckd_epi_2021(40, 0.7, 1) == pytest.approx(142 * (0.7 / 0.9) ** -0.302 * 0.9938**40)


@given(weights, heights, sexes)
def test_the_renal_weight_is_the_actual_one_below_bmi_30_and_adjusted_from_there(weight, height, is_male):
    is_obese = weight / (height / 100) ** 2 >= 30
    expected = adjusted_weight(weight, height, is_male) if is_obese else weight
    assert renal_weight(weight, height, is_male) == pytest.approx(expected)
    assert is_obese or renal_weight(weight, height, is_male) == weight


@given(st.floats(18, 100), st.floats(5, 200), weights, sexes)
def test_cockcroft_gault_is_its_own_inverse_in_creatinine_and_clearance(age, clearance, weight, is_male):
    creatinine = cockcroft_gault(age, weight, clearance, is_male)
    assert cockcroft_gault(age, weight, creatinine, is_male) == pytest.approx(clearance)


@pytest.mark.parametrize(
    ("formula", "arguments"),
    [
        ("cockcroft_gault", (50.0, 80.0, 1.2, 1.0)),
        ("ckd_epi_2021", (50.0, 0.6, 0.0)),
        ("renal_weight", (120.0, 165.0, 1.0)),
        ("fat_free_mass", (80.0, 170.0, 0.0)),
        ("body_surface_dubois", (80.0, 170.0)),
    ],
)
def test_arrays_and_tensors_give_the_number_that_floats_give(formula, arguments):
    function = getattr(physiology, formula)
    expected = function(*arguments)
    array = function(*(np.full(3, value) for value in arguments))
    tensor = function(*(torch.full((3,), value, dtype=torch.float64) for value in arguments))
    assert array == pytest.approx(np.full(3, expected))
    assert tensor.numpy() == pytest.approx(np.full(3, expected))


def test_a_boolean_tensor_may_say_who_is_male():
    both = renal_weight(torch.tensor([120.0, 120.0]), torch.tensor([165.0, 165.0]), torch.tensor([True, False]))
    assert both[0] > both[1]


def test_the_clearance_says_which_weight_it_used():
    assert "actual weight: 70 kg" in str(creatinine_clearance(50, 70, 1.0, 1, 175))
    assert "adjusted weight" in str(creatinine_clearance(50, 130, 1.0, 1, 175))
    assert "height is not known" in str(creatinine_clearance(50, 130, 1.0, True))
    assert "extrapolated" in str(creatinine_clearance(50, 100, 1.0, 0, 145))
    assert creatinine_clearance(50, 130, 1.0, 1, 175).weight_kg < 130
