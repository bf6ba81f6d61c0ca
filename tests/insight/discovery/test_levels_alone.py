"""Is what is regressed free of the prior: neither drawn towards it nor told by its covariates?"""

import numpy as np
import pytest

from pkvae_core.insight.discovery.levels_alone import Quantity, _moments, _told, exchanged

SUBJECTS, DRAWS = 300, 500


@pytest.fixture(scope="module")
def cohort():
    """True ln CL and ln V, each measured with error; posteriors under a prior that believes a covariate moves clearance, which it does not."""
    random = np.random.default_rng(8)
    truth = np.array([1.0, 3.5]) + 0.4 * random.standard_normal((SUBJECTS, 2))
    error = np.array([0.2, 0.25])
    measured = truth + error * random.standard_normal((SUBJECTS, 2))
    believed = np.where(np.arange(SUBJECTS)[:, None] % 2, [1.5, 3.5], [0.5, 3.5])
    spread = np.array([0.4, 0.4])
    precision = 1 / error**2 + 1 / spread**2
    mean = (measured / error**2 + believed / spread**2) / precision
    draws = mean[:, None] + random.standard_normal((SUBJECTS, DRAWS, 2)) / np.sqrt(precision)
    before = believed[:, None] + spread * random.standard_normal((SUBJECTS, DRAWS, 2))
    even = np.full((SUBJECTS, DRAWS), 1 / DRAWS)
    weight = exchanged(draws, even, _moments(before, even))
    return truth, measured, draws, weight


def mean_of(draws: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.einsum("sd,sdq->sq", weight, draws)


def test_a_belief_in_a_covariate_is_taken_out_again(cohort):
    truth, _, draws, weight = cohort
    believers, doubters = np.arange(SUBJECTS) % 2 == 1, np.arange(SUBJECTS) % 2 == 0
    error = mean_of(draws, weight)[:, 0] - truth[:, 0]
    before = draws.mean(1)[:, 0] - truth[:, 0]
    assert before[believers].mean() - before[doubters].mean() > 0.15
    assert error[believers].mean() - error[doubters].mean() == pytest.approx(0, abs=0.05)


def test_what_is_drawn_towards_the_cohort_is_set_back(cohort):
    """The slope on the truth is that of the measurements, 1, within 4 standard errors; that of the means is not."""
    truth, measured, draws, weight = cohort
    mean, covariance = _moments(draws, weight)
    variance = covariance[:, 0, 0]
    told = _told(Quantity("CL", "Clearance", "L/h"), mean[:, 0], variance, mean[:, 0].mean(), mean[:, 0].var() + variance.mean())
    slope = np.polyfit(truth[:, 0], told.log_value, 1)[0]
    assert np.polyfit(truth[:, 0], mean[:, 0], 1)[0] < 0.88
    assert slope == pytest.approx(1, abs=4 * 0.2 / (0.4 * np.sqrt(SUBJECTS)) + 0.02)
    assert np.sqrt(told.variance.mean()) == pytest.approx(0.2, rel=0.15)
    assert told.log_value - measured[:, 0] == pytest.approx(0, abs=0.35)


def test_who_is_left_as_uncertain_as_before_is_not_told():
    mean, variance = np.zeros(4), np.array([0.1, 0.49, 0.51, 1.2])
    assert _told(Quantity("V", "Volume", "L"), mean, variance, 0.0, 1.0).is_told.tolist() == [True, True, False, False]


def test_a_far_outlier_of_the_proposal_is_not_woken():
    draws = np.random.default_rng(0).normal(0, 0.3, (5, 200, 2))
    draws[:, 0] = 40.0
    weight = np.full((5, 200), 1 / 200)
    weight[:, 0] = 1e-12
    assert exchanged(draws, weight, (np.zeros((5, 2)), np.tile(0.1 * np.eye(2), (5, 1, 1))))[:, 0].max() == 0
