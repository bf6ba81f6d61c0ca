"""Which of several models of one cohort explain it best, each patient's latent averaged out?

Waves that would have to cross each other hold a member fast in a lesser optimum: two peaks of one patient are then one broad one for it, and what it cannot
draw it calls residual error. The patients held out to stop a member are other ones for each, and few. So members are compared by their bounds on everybody.
"""

from collections.abc import Sequence

import torch

from pkvae_core.drugs.population import Population
from pkvae_core.vae.bound import Learner, bound
from pkvae_core.vae.proposals import Proposals

FOLLOWING, DRAWS = 25, 64


@torch.no_grad()
def mean_bound(learner: Learner, population: Population, seed: int) -> float:
    """The bound on log p(levels), nats a patient, with the draws of proposals that have settled on this model."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        everybody = torch.arange(len(population.covariates))
        proposals = Proposals.of(len(everybody), learner.model.configuration.latent)
        for _ in range(FOLLOWING - 1):
            proposals.follow(learner, population, everybody)
        return float(bound(learner, population, DRAWS, proposals.follow(learner, population, everybody)).bound.mean())


def best(bounds: Sequence[float], count: int) -> list[int]:
    """The places of the `count` highest bounds, in their order of old."""
    return sorted(sorted(range(len(bounds)), key=lambda i: -bounds[i])[:count])
