"""Is the information of each dimension right where it is known in closed form, and is an idle dimension called idle?"""

import pytest
import torch

from pkvae_core.insight.dimensions import IN_USE, Dimension, dimensions, marginal_divergence
from pkvae_core.vae.encoder import mixture


def gaussian(mean: list[float], sd: list[float]):
    """One subject, two components of half the weight that are one and the same Gaussian."""
    means = torch.tensor([[mean, mean]])
    return mixture(torch.zeros(1, 2), means, torch.diag_embed(torch.tensor([[sd, sd]])))


def test_the_divergence_of_two_gaussians_is_the_closed_form():
    """KL(N(m, s) || N(0, 1)) = (s^2 + m^2 - 1)/2 - ln s."""
    q, p = gaussian([0.7, 0.0], [0.5, 1.0]), gaussian([0.0, 0.0], [1.0, 1.0])
    expected = 0.5 * (0.25 + 0.49 - 1) + 0.693147
    assert marginal_divergence(q, p)[0].tolist() == pytest.approx([expected, 0.0], abs=1e-4)


def test_the_divergence_of_a_mixture_sees_both_its_parts():
    """Two far halves against each one alone: ln 2 nats to say which."""
    apart = mixture(torch.zeros(1, 2), torch.tensor([[[-20.0], [20.0]]]), torch.ones(1, 2, 1, 1))
    left = mixture(torch.tensor([[0.0, -60.0]]), torch.tensor([[[-20.0], [20.0]]]), torch.ones(1, 2, 1, 1))
    assert float(marginal_divergence(left, apart)[0, 0]) == pytest.approx(0.693147, abs=1e-4)


def test_more_levels_teach_more(vancomycin):
    few, many = (dimensions(vancomycin, torch.Generator().manual_seed(2), patients=300, levels=n) for n in (1, 6))
    assert many.nats > few.nats > 0
    assert many.bits == pytest.approx(many.nats / 0.693147, rel=1e-4)


def test_every_dimension_of_the_shipped_model_is_in_use(vancomycin):
    use = dimensions(vancomycin, torch.Generator().manual_seed(2), patients=300)
    assert use.in_use == len(use.dimensions) == vancomycin.configuration.latent


def test_a_dimension_in_which_patients_do_not_differ_is_not_in_use():
    assert not Dimension("z₁", IN_USE / 2, 0.0, 0.0).is_in_use
    assert Dimension("z₁", 2 * IN_USE, 0.0, 0.0).is_in_use
