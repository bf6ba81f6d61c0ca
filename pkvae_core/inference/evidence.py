"""How much is each draw of a published model's etas worth, and how well does the model explain the levels?

Importance sampling in the space of standard normals: draws from a multivariate t at the MAP mode with the Laplace covariance, a tenth of them from the prior;
where too few count, from a t around those that do (`adapt`). Their weights give the posterior, and their mean the marginal likelihood p(levels | model).
"""

import math
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, published_responses, rows
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.adapt import FREEDOM, moments
from pkvae_core.inference.importance import log_likelihood_of
from pkvae_core.inference.ladder import ADAPTATIONS, passes
from pkvae_core.inference.mode import Mode, find_mode, log_prior
from pkvae_core.inference.psis import effective_draws, smooth

DEFENCE = 0.1


@dataclass(frozen=True)
class EtaDraws:
    """Standard normals of one published model with their normalised log-weights (smoothed), and log p(levels | model).

    `effective` and `k_hat` judge the raw weights. `rung` indexes RUNGS.
    """

    normal: Float[Tensor, "subject draw eta"]
    log_weight: Float[Tensor, "subject draw"]
    log_evidence: Float[Tensor, " subject"]
    effective: Float[Tensor, " subject"]
    k_hat: Float[Tensor, " subject"]
    rung: Float[Tensor, " subject"]

    @property
    def rungs(self) -> list[str]:
        return [RUNGS[int(i)] for i in self.rung]


RUNGS = ("prior", "laplace", "adapted", "failed")
PRIOR, LAPLACE, ADAPTED, FAILED = range(4)


def _log_t(point: Float[Tensor, "subject draw eta"], centre: Float[Tensor, "subject eta"], scale: Float[Tensor, "subject eta eta"]) -> Tensor:
    """Log-density of each subject's t distribution with 5 degrees of freedom."""
    size = centre.shape[1]
    whitened = torch.linalg.solve_triangular(scale, (point - centre[:, None]).transpose(1, 2), upper=False)
    constant = math.lgamma((FREEDOM + size) / 2) - math.lgamma(FREEDOM / 2) - 0.5 * size * math.log(FREEDOM * math.pi)
    log_det = scale.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return constant - log_det[:, None] - 0.5 * (FREEDOM + size) * torch.log1p(whitened.square().sum(1) / FREEDOM)


def _standard(draws: int, size: int, generator: torch.Generator) -> tuple[Float[Tensor, "near eta"], Float[Tensor, "prior eta"]]:
    """Standard t draws and standard normal ones, the same for every subject, so that a seed gives the same answer whatever the batch."""
    from_prior = round(DEFENCE * draws)
    normal = torch.randn(draws, size, dtype=torch.float64, generator=generator)
    chi_square = torch.randn(draws - from_prior, FREEDOM, dtype=torch.float64, generator=generator).square().sum(-1)
    return normal[from_prior:] / (chi_square / FREEDOM).sqrt()[:, None], normal[:from_prior]


def proposed(
    place: tuple[Float[Tensor, "subject eta"], Float[Tensor, "subject eta eta"]], standard: tuple[Float[Tensor, "near eta"], Float[Tensor, "prior eta"]]
) -> tuple[Float[Tensor, "subject draw eta"], Float[Tensor, "subject draw"]]:
    """Draws from the t at `place` (centre, Cholesky factor) and from the prior, which defends it, made of these standard ones, and their log-density."""
    (centre, scale), (near, prior) = place, standard
    defence = len(prior) / (len(near) + len(prior))
    normal = torch.cat([centre[:, None] + near @ scale.transpose(1, 2), prior.expand(len(centre), -1, -1)], 1)
    return normal, torch.logaddexp(_log_t(normal, centre, scale) + math.log(1 - defence), log_prior(normal) + math.log(defence))


def around(
    model: PublishedModel,
    card: DrugCard,
    population: Population,
    place: tuple[Float[Tensor, "subject eta"], Float[Tensor, "subject eta eta"]],
    *,
    draws: int,
    generator: torch.Generator,
    rung: int,
) -> EtaDraws:
    """Weighed draws from the t at `place` (centre, Cholesky factor), defended by the prior."""
    size = place[0].shape[1] - (later := model.later_normals(population.occasions.shape[1]))  # no level tells of later ones: they stay as the prior has them
    told, log_proposal = proposed((place[0][:, :size], place[1][:, :size, :size]), _standard(draws, size, generator))
    untold = torch.randn(draws, later, dtype=torch.float64, generator=generator)
    normal = torch.cat([told, untold.expand(len(told), -1, -1)], -1)
    concentration = published_responses(model, card, population, normal).curves(population.doses, population.sample_time)[0]
    log_joint = log_likelihood_of(population, concentration.double(), model.error) + log_prior(told)
    log_weight = (log_joint - log_proposal).nan_to_num(nan=-torch.inf, posinf=-torch.inf)
    smoothed, k_hat = smooth(log_weight)
    log_evidence = log_weight.logsumexp(-1) - math.log(draws)
    return EtaDraws(normal, smoothed, log_evidence, effective_draws(log_weight), k_hat, torch.full_like(log_evidence, rung))


def from_prior(model: PublishedModel, population: Population, *, draws: int, generator: torch.Generator) -> EtaDraws:
    """Draws for subjects without levels: all worth the same."""
    subjects = len(population.covariates)
    normal = torch.randn(draws, model.normals(population.occasions.shape[1]), dtype=torch.float64, generator=generator).expand(subjects, -1, -1)
    even, zero = torch.full((subjects, draws), -math.log(draws), dtype=torch.float64), torch.zeros(subjects, dtype=torch.float64)
    return EtaDraws(normal, even, zero, torch.full_like(zero, draws), zero, torch.full_like(zero, PRIOR))


def sample_etas(model: PublishedModel, card: DrugCard, population: Population, *, draws: int, generator: torch.Generator, mode: Mode | None = None) -> EtaDraws:
    """Weighed draws of each subject's etas, by the rungs "laplace", "adapted" and "failed" (the best of all tried); "prior" when nobody has a level."""
    if not bool((population.is_sample & (population.trust > 0)).any()):
        return from_prior(model, population, draws=draws, generator=generator)
    mode = mode or find_mode(model, card, population)
    drawn = around(model, card, population, (mode.normal, mode.scale), draws=draws, generator=generator, rung=LAPLACE)
    for i in (~passes(drawn.effective, drawn.k_hat, draws)).nonzero()[:, 0].tolist():
        index = torch.tensor([i])
        drawn = _with_row(drawn, i, _climb_on(model, card, rows(population, index), rows(drawn, index), draws, generator))
    return drawn


def _climb_on(model: PublishedModel, card: DrugCard, one: Population, first: EtaDraws, draws: int, generator: torch.Generator) -> EtaDraws:
    """For one subject whose first draws cannot be trusted: draws moved to where they count."""
    tried = [first]
    for _ in range(ADAPTATIONS):
        centre, scale = moments(tried[-1].normal[0], tried[-1].log_weight[0], least=30)
        tried.append(around(model, card, one, (centre[None], scale[None]), draws=draws, generator=generator, rung=ADAPTED))
        if bool(passes(tried[-1].effective, tried[-1].k_hat, draws)):
            return tried[-1]
    best = max(tried, key=lambda drawn: float(drawn.effective))
    return replace(best, rung=torch.full_like(best.rung, FAILED))


def _with_row(drawn: EtaDraws, i: int, one: EtaDraws) -> EtaDraws:
    return EtaDraws(*(getattr(drawn, f.name).index_copy(0, torch.tensor([i]), getattr(one, f.name).to(getattr(drawn, f.name).dtype)) for f in fields(EtaDraws)))
