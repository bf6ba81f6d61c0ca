"""Proposals that follow a model: they climb to each patient's mode, and lie where the posterior does."""

import pytest
import torch

from pkvae_core.drugs.population import Population
from pkvae_core.vae.bound import Learner, bound
from pkvae_core.vae.observed_start import blank
from pkvae_core.vae.proposals import Proposals, root_of_inverse
from tests.vae.test_observed import CARD, cohort

LATENT = 3


@pytest.fixture(scope="module")
def population() -> Population:
    return Population.of(CARD, cohort(12))


@pytest.fixture(scope="module")
def learner(population) -> Learner:
    torch.manual_seed(3)
    model = blank(CARD.model_copy(update={"published_models": ()}), population, latent=LATENT, arrivals=2, terms=1, stages=2, width=16)
    return Learner(model).requires_grad_(False)


def height(learner: Learner, population: Population, z: torch.Tensor) -> torch.Tensor:
    """log p(levels | z) p(z | c) of each patient at each z, up to a constant."""
    concentration = learner.model.responses(z, population).curves(population.doses, population.sample_time)[0]
    prior = learner.model.prior(population.covariates).mean
    return learner.log_levels(population, concentration, z) - 0.5 * (z - prior[:, None]).square().sum(-1)


def test_no_step_leads_down_and_many_lead_to_the_highest_point(learner, population):
    torch.manual_seed(0)
    proposals, everybody = Proposals.of(12, LATENT), torch.arange(12)
    heights = [height(learner, population, proposals.mode[:, None])[:, 0]]
    for _ in range(40):
        proposals.follow(learner, population, everybody)
        heights.append(height(learner, population, proposals.mode[:, None])[:, 0])
    assert bool((torch.stack(heights).diff(dim=0) > -1e-3).all())
    tried = height(learner, population, 2 * torch.randn(12, 4000, LATENT))
    assert bool((heights[-1] > tried.max(1).values - 0.05).all())


def test_the_proposals_bound_is_the_evidence(learner, population):
    """Eight draws from the proposals tell log p(levels) about as well as thousands from the prior."""
    torch.manual_seed(1)
    proposals = Proposals.of(12, LATENT)
    for _ in range(40):
        near = proposals.follow(learner, population, torch.arange(12))
    few = torch.stack([bound(learner, population, 8, near).bound for _ in range(8)]).mean(0)
    z = torch.randn(12, 40_000, LATENT)
    concentration = learner.model.responses(z, population).curves(population.doses, population.sample_time)[0]
    exact = learner.log_levels(population, concentration, z).double().logsumexp(1) - torch.tensor(40_000.0).log()
    assert float((few - exact).abs().max()) < 0.4 and float((few - exact).abs().mean()) < 0.15


def test_who_is_not_asked_does_not_move(learner, population):
    proposals = Proposals.of(20, LATENT)
    proposals.follow(learner, population, torch.arange(5, 17))
    assert bool((proposals.ahead[[0, 4, 17, 19]] == 0).all()) and bool((proposals.ahead[5:17] != 0).any(1).all())


def test_where_rounding_loses_the_prior_it_is_put_back():
    """One direction so sharp that single precision forgets the other four: the prior's curvature of 1 holds there."""
    sharp = torch.tensor([1.0, 0.5, -0.3, 0.2, 0.7])
    rounded = (torch.eye(5) + 1e12 * sharp[:, None] * sharp).double()
    kind = torch.eye(5, dtype=torch.float64) * torch.tensor([1.0, 2.0, 4.0, 9.0, 1.5], dtype=torch.float64)
    root = root_of_inverse(torch.stack([rounded, kind]))
    assert bool(root.isfinite().all())
    torch.testing.assert_close(root[1] @ root[1].T, torch.linalg.inv(kind))
    covariance, along = root[0] @ root[0].T, sharp.double() / sharp.norm()
    assert float(along @ covariance @ along) < 1e-8
    assert float(torch.linalg.eigvalsh(covariance)[-1]) <= 1 + 1e-6
