"""Moving draws to where they count."""

import pytest
import torch
from scipy.stats import multivariate_t

from pkvae_core.inference.adapt import FREEDOM, draw_t, log_t, moments, tempered


def test_the_density_is_that_of_the_multivariate_t():
    scale = torch.tensor([[1.5, 0.0], [0.7, 0.4]], dtype=torch.float64)
    centre = torch.tensor([0.3, -1.0], dtype=torch.float64)
    points = draw_t(centre, scale, 50, torch.Generator().manual_seed(0))
    expected = multivariate_t(centre.numpy(), (scale @ scale.T).numpy(), df=FREEDOM).logpdf(points.numpy())
    torch.testing.assert_close(log_t(points, centre, scale), torch.tensor(expected))


def test_tempering_keeps_weights_that_are_even_enough_and_flattens_the_others():
    even = torch.zeros(200)
    torch.testing.assert_close(tempered(even, least=50), torch.full((200,), 1 / 200, dtype=torch.float64))
    spike = torch.cat([torch.tensor([60.0]), torch.randn(999, generator=torch.Generator().manual_seed(0))])
    assert 1 / float(tempered(spike, least=100).square().sum()) >= 100


def test_moments_of_weighted_draws_are_those_of_their_target():
    draws = 2 * torch.randn(50_000, 1, generator=torch.Generator().manual_seed(1))
    log_weight = -0.5 * (draws[:, 0] - 1) ** 2 / 0.25 + 0.5 * draws[:, 0] ** 2 / 4
    centre, scale = moments(draws, log_weight)
    assert float(centre) == pytest.approx(1, abs=0.02)
    assert float(scale) ** 2 / 1.5 == pytest.approx(0.25, rel=0.05)
