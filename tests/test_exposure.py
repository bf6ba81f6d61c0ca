"""Does a curve's exposure follow from its shape, and do weighted quantiles mean what they say?"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkvae_core.exposure import auc, half_life, time_above, weighted_quantile

TIME = np.linspace(0, 24, 49)
DECAY = 20 * np.exp(-0.1 * TIME)[None]


def test_the_area_under_an_exponential_is_exact():
    assert auc(TIME, DECAY) == pytest.approx((20 - DECAY[0, -1]) / 0.1)


def test_the_area_of_a_rising_line_is_a_triangle():
    assert auc(TIME, TIME[None]) == pytest.approx(24 * 24 / 2)


def test_a_curve_that_stays_at_zero_has_no_area():
    assert auc(TIME, np.zeros_like(DECAY)) == 0


def test_an_exponential_is_above_a_level_until_it_crosses_it():
    assert time_above(TIME, DECAY, 10) == pytest.approx(math.log(2) / 0.1, abs=0.01)


def test_a_constant_level_is_all_above_or_all_below():
    assert time_above(TIME, np.full_like(DECAY, 5.0), 4) == 24
    assert time_above(TIME, np.full_like(DECAY, 5.0), 5) == 0


def test_the_half_life_of_an_exponential_is_ln_2_over_its_rate():
    assert half_life(TIME[-3:], DECAY[:, -3:]) == pytest.approx(math.log(2) / 0.1)


def test_a_curve_that_does_not_fall_has_no_half_life():
    assert half_life(TIME[1:], TIME[None, 1:]) == math.inf


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0, 1))
def test_with_equal_weights_a_quantile_is_hazens(values, probability):
    expected = np.quantile(values, probability, method="hazen")
    assert weighted_quantile(np.array(values), np.full(len(values), 1 / len(values)), probability) == pytest.approx(expected, rel=1e-6, abs=1e-3)


def test_a_quantile_is_taken_column_by_column():
    values = np.array([[1.0, 30.0], [2.0, 20.0], [3.0, 10.0]])
    assert weighted_quantile(values, np.ones(3), 0.5).tolist() == [2, 20]


def test_a_draw_without_weight_changes_no_quantile():
    with_ghost = weighted_quantile(np.array([1.0, 2.0, 3.0, 1e9]), np.array([1, 1, 1, 0.0]), 0.6)
    assert with_ghost == pytest.approx(weighted_quantile(np.array([1.0, 2.0, 3.0]), np.ones(3), 0.6))


def test_infinite_draws_move_only_the_quantiles_they_reach():
    values, weight = np.array([1.0, 2.0, 3.0, np.inf]), np.ones(4)
    assert weighted_quantile(values, weight, 0.375) == 2
    assert weighted_quantile(values, weight, 0.95) == np.inf
