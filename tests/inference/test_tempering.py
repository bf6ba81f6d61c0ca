"""Do draws that start in the wrong place arrive in the right one, in the right numbers?"""

import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from pkvae_core.inference.tempering import Tempered, temper

DRAWS, AXES = 2000, 4


def gaussian(mean: float, sd: float) -> Independent:
    return Independent(Normal(torch.full((AXES,), mean), sd), 1)


def led(proposal, target, *, seed: int = 0) -> Tempered:
    generator = torch.Generator().manual_seed(seed)
    z = proposal.base_dist.mean + proposal.base_dist.stddev * torch.randn(DRAWS, AXES, generator=generator)
    return temper(z, lambda there: (proposal.log_prob(there), target.log_prob(there)), generator)


def test_a_narrow_gaussian_far_off_is_found_with_its_mean_and_spread():
    found = led(gaussian(0.0, 2.0), gaussian(3.0, 0.2))
    assert found.is_there and found.steps > 1
    assert torch.allclose(found.z.mean(0), torch.tensor(3.0), atol=0.04)
    assert torch.allclose(found.z.std(0), torch.tensor(0.2), rtol=0.15)


def test_two_modes_keep_their_shares():
    parts = Independent(Normal(torch.tensor([[-2.0] * AXES, [2.0] * AXES]), 0.4), 1)
    found = led(gaussian(0.0, 2.5), MixtureSameFamily(Categorical(torch.tensor([0.3, 0.7])), parts))
    assert abs(float((found.z[:, 0] > 0).double().mean()) - 0.7) < 0.08


def test_a_proposal_that_is_right_takes_one_step_and_nearly_all_draws_differ():
    found = led(gaussian(1.0, 1.0), gaussian(1.0, 1.0))
    assert found.steps == 1 and found.distinct > 0.9 * DRAWS


def test_the_same_seed_leads_to_the_same_draws():
    first, same, other = (led(gaussian(0.0, 1.0), gaussian(1.0, 0.5), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.z, same.z) and not torch.equal(first.z, other.z)


def test_draws_that_cannot_arrive_say_so():
    """A target that is nowhere: its density differs from the proposal's by more than forty steps can bridge."""
    proposal = gaussian(0.0, 1.0)
    generator = torch.Generator().manual_seed(0)
    found = temper(torch.randn(50, AXES, generator=generator), lambda z: (proposal.log_prob(z), 1e30 * z[:, 0]), generator)
    assert not found.is_there
