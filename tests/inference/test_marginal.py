"""The marginal likelihood is that of the closed form where there is one, and its draws cover evenly."""

import math
import warnings

import numpy as np
import pytest
import torch

from pkvae_core.inference.marginal import climb, even_draws


def test_even_draws_have_the_moments_of_their_distributions_and_come_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        near, prior = even_draws(1152, 3, 0)
    assert near.shape == (1024, 3) and prior.shape == (128, 3)
    assert torch.allclose(prior.mean(0), torch.zeros(3).double(), atol=0.05) and torch.allclose(prior.var(0), torch.ones(3).double(), atol=0.15)
    assert torch.allclose(near.median(0).values, torch.zeros(3).double(), atol=0.03)
    inside = (near.abs() < 0.7267).double().mean(0)  # the quartile of t with 5 degrees of freedom
    assert torch.allclose(inside, torch.full((3,), 0.5).double(), atol=0.03)


def test_a_climb_finds_the_top_of_a_hill_and_stays_within_its_box():
    def heights(theta):
        yield -((theta - 3.0) ** 2).sum()

    top, gain = climb(heights, np.zeros(2), [(-5, 5), (-1, 1)], steps=20)
    assert top == pytest.approx([3, 1], abs=1e-4) and gain == pytest.approx(18 - 4, abs=1e-4)


def test_a_climb_turns_back_from_where_there_are_no_numbers():
    def heights(theta):
        yield (theta.log() - theta / 2).sum()

    top, _ = climb(heights, np.array([0.5]), [(-10.0, 10.0)], steps=30)
    assert math.isclose(top[0], 2.0, abs_tol=1e-2)


def test_a_climb_that_cannot_begin_says_so():
    def heights(theta):
        yield theta.log().sum()

    with pytest.raises(ValueError, match="nothing can be fitted to these patients"):
        climb(heights, np.array([-1.0]), [(-2.0, 2.0)], steps=5)
