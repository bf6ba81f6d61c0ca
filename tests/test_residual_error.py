"""The likelihood of a level, measured or below its limit."""

import torch
from scipy.stats import norm

from pkvae_core.residual_error import ResidualError, log_likelihood

ERROR = ResidualError(0.2, 1.0)


def test_a_level_follows_the_combined_error():
    sd = (1 + (0.2 * 10) ** 2) ** 0.5
    found = log_likelihood(torch.tensor(10.0), torch.tensor(12.0), torch.tensor(False), ERROR)
    assert abs(float(found) - norm(10, sd).logpdf(12)) < 1e-5


def test_a_level_below_its_limit_counts_with_its_probability():
    sd = (1 + (0.2 * 3) ** 2) ** 0.5
    found = log_likelihood(torch.tensor(3.0), torch.tensor(2.0), torch.tensor(True), ERROR)
    assert abs(float(found) - norm(3, sd).logcdf(2)) < 1e-5


def test_a_level_far_below_its_limit_stays_finite():
    assert torch.isfinite(log_likelihood(torch.tensor(500.0), torch.tensor(0.1), torch.tensor(True), ResidualError(0.02, 0.0)))


def test_before_the_drug_arrives_a_level_is_impossible_but_not_undefined():
    found = log_likelihood(torch.tensor(0.0), torch.tensor(2.0), torch.tensor(False), ResidualError(0.1, 0.0))
    assert torch.isfinite(found) and found < -1e6
