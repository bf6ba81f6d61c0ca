"""How likely are the levels of a whole cohort under a population model, as a smooth function of the model's estimates?

    log p(y | theta) = sum_i log mean_k  p(y_i | C(theta, u_ik)) Normal(u_ik; 0, I) / q_i(u_ik),   u_ik ~ q_i
with u the standard normals of the etas and q_i a t around the patient's mode under the estimates that one looks from, defended by the prior. The draws u stay
while theta moves (a sample average approximation: Kleywegt 2002; Kuk & Cheng 1997 for mixed models), so the sum has an exact gradient and can be climbed. As
the etas move with theta, a parameter that hardly varies between patients is found like any other, where EM's step would vanish with its variance.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.stats import chi2, norm
from scipy.stats.qmc import Sobol
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, published_responses
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.adapt import FREEDOM
from pkvae_core.inference.evidence import proposed
from pkvae_core.inference.importance import log_likelihood_of
from pkvae_core.inference.mode import find_mode, log_prior

NO_NUMBER = 1e12  # in the place of a height that is not finite: the line search turns back


@dataclass(frozen=True)
class Draws:
    """Standard normals of every patient with the log-density they were drawn with."""

    normal: Float[Tensor, "subject draw eta"]
    log_proposal: Float[Tensor, "subject draw"]


def draws_at(model: PublishedModel, card: DrugCard, population: Population, *, count: int, seed: int) -> Draws:
    """Draws around everybody's mode under this model; a seed gives the same standard draws whatever the model."""
    mode = find_mode(model, card, population)
    return Draws(*proposed((mode.normal, mode.scale), even_draws(count, mode.normal.shape[1], seed)))


def even_draws(count: int, size: int, seed: int) -> tuple[Float[Tensor, "near eta"], Float[Tensor, "prior eta"]]:
    """Standard t draws and, a ninth of all, standard normal ones: evener than chance (scrambled Sobol points), so that fewer of them do.

    Both numbers must be powers of 2, which such points come in.
    """
    from_prior = count // 9
    near, prior = (Sobol(dimension, rng=seed + dimension).random(number) for dimension, number in ((size + 1, count - from_prior), (size, from_prior)))
    spread = np.sqrt(chi2.ppf(near[:, -1:], FREEDOM) / FREEDOM)
    return torch.tensor(norm.ppf(near[:, :-1]) / spread), torch.tensor(norm.ppf(prior))


def log_evidence(model: PublishedModel, card: DrugCard, population: Population, drawn: Draws) -> Float[Tensor, " subject"]:
    """log p(levels | model) of every patient."""
    concentration = published_responses(model, card, population, drawn.normal).curves(population.doses, population.sample_time)[0].double()
    log_weight = log_likelihood_of(population, concentration, model.error) + log_prior(drawn.normal) - drawn.log_proposal
    return log_weight.logsumexp(-1) - math.log(drawn.normal.shape[1])


def climb(
    heights: Callable[[Float[Tensor, " estimate"]], Iterable[Tensor]], start: Float[np.ndarray, " estimate"], bounds: list[tuple[float, float]], *, steps: int
) -> tuple[Float[np.ndarray, " estimate"], float]:
    """The point of the greatest sum of heights found within these bounds by L-BFGS-B (Byrd 1995), and how much higher it lies than the start.

    Raises ValueError where the start itself has no height or no slope.
    """

    def down(values: np.ndarray) -> tuple[float, np.ndarray]:
        theta, total, slope = torch.tensor(values, requires_grad=True), 0.0, np.zeros_like(values)
        with torch.enable_grad():
            for height in heights(theta):
                total -= float(height.detach())
                slope -= torch.autograd.grad(height, theta)[0].numpy()
        is_finite = np.isfinite(total) and np.isfinite(slope).all()
        return (total, slope) if is_finite else (NO_NUMBER, np.zeros_like(values))

    first = down(start)[0]
    if first == NO_NUMBER:
        raise ValueError("the levels have no likelihood, or one without a slope, under the present estimates; nothing can be fitted to these patients.")
    found = minimize(down, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps, "maxfun": 2 * steps})
    return found.x, first - float(found.fun)
