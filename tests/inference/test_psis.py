"""Pareto smoothing against distributions whose tail is known."""

import pytest
import torch
from scipy.stats import genpareto

from pkvae_core.inference.psis import effective_draws, fit_pareto, smooth


@pytest.mark.parametrize("shape", [-0.2, 0.3, 0.9])
def test_the_shape_of_a_pareto_tail_is_found(shape):
    sample = torch.tensor(genpareto(shape, scale=2.0).rvs((20, 2000), random_state=1)).sort(-1).values
    k, scale = fit_pareto(sample)
    assert float(k.mean()) == pytest.approx(shape, abs=0.05)
    assert float(scale.mean()) == pytest.approx(2.0, rel=0.1)


def test_even_weights_are_all_effective():
    assert float(effective_draws(torch.zeros(1, 500))) == pytest.approx(500)


def test_one_heavy_weight_is_one_draw():
    log_weight = torch.zeros(1, 500)
    log_weight[0, 3] = 50
    assert float(effective_draws(log_weight)) == pytest.approx(1, abs=1e-6)


def test_light_tails_pass_and_heavy_tails_do_not():
    normal = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))
    _, light = smooth(0.3 * normal)
    _, heavy = smooth(4.0 * normal.square())
    assert float(light) < 0.5 < 0.7 < float(heavy)


def test_smoothed_weights_sum_to_one_and_keep_their_order():
    log_weight = 2 * torch.randn(3, 1000, generator=torch.Generator().manual_seed(1))
    smoothed, _ = smooth(log_weight)
    torch.testing.assert_close(smoothed.exp().sum(-1), torch.ones(3, dtype=torch.float64))
    assert torch.equal(smoothed.argsort(-1), log_weight.double().argsort(-1))
