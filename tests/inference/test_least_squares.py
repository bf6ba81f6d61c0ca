"""Textbook least squares: it finds the curve that made the levels, and says when it cannot."""

import numpy as np
import pytest

from pkvae_core.inference.least_squares import CompartmentFit, fit_compartments

TIME_H = np.array([0.5, 1, 2, 4, 6, 9, 14, 22.0])
NONE = np.zeros(len(TIME_H), dtype=bool)
TRUE = {  # logarithms of k, 1/V, ka, k12, k21
    (1, True): CompartmentFit(1, True, np.log([0.1, 1 / 35, 1.2]), 0.0),
    (1, False): CompartmentFit(1, False, np.log([0.1, 1 / 35]), 0.0),
    (2, True): CompartmentFit(2, True, np.log([0.25, 1 / 15, 2.5, 0.5, 0.2]), 0.0),
    (2, False): CompartmentFit(2, False, np.log([0.3, 1 / 10, 0.8, 0.15]), 0.0),
}


@pytest.mark.parametrize("kind", TRUE)
def test_levels_of_the_model_itself_are_met(kind):
    level = TRUE[kind].curve(300, TIME_H)
    found = fit_compartments(kind[0], 300, TIME_H, level, NONE, is_swallowed=kind[1], has_lag=False)
    assert np.allclose(found.curve(300, TIME_H), level, rtol=0.02)


def test_a_lag_is_found_between_the_levels_that_enclose_it():
    true = CompartmentFit(1, True, np.log([0.1, 1 / 35, 1.2]), 1.5)
    level = np.maximum(true.curve(300, TIME_H), 0.1)
    found = fit_compartments(1, 300, TIME_H, level, level <= 0.1, is_swallowed=True, has_lag=True)
    assert 1.0 < found.lag_h < 2.0


def test_the_curve_is_proportional_to_dose():
    fit = TRUE[2, True]
    assert np.allclose(fit.curve(600, TIME_H), 2 * fit.curve(300, TIME_H))


def test_fewer_than_three_levels_are_refused():
    with pytest.raises(ValueError, match="needs three"):
        fit_compartments(1, 300, TIME_H, np.ones(8), np.arange(8) > 1, is_swallowed=True, has_lag=False)
