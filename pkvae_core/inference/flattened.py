"""What would be believed if the prior counted less: p(z | levels) with p(z | c) raised to a power below 1 ("flattened priors", Hughes & Keizer 2021).

    p_power(z) ~ p(levels | z) p(z | c)^power
A Gaussian prior to the power 1/4 is as wide as twice its standard deviations. Drawn like any unusual patient: from a t around the draws that count, moved until
enough of them do. The prior is never left out: with fewer levels than parameters the levels alone allow everything, and nobody has learned such patients.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.population import Population
from pkvae_core.inference.adapt import draw_t, log_t, moments
from pkvae_core.inference.importance import WeightedDraws, log_density, weigh
from pkvae_core.inference.ladder import is_trusted
from pkvae_core.inference.occasions import revisited
from pkvae_core.inference.posterior import Posterior
from pkvae_core.vae.vae import PKVAE

LEAST_POWER = 0.125
MOVES = 6


def flattened(model: PKVAE, posterior: Posterior, power: float, *, seed: int = 0) -> Posterior:
    """The same patient's posterior by the same model, its prior raised to `power` (LEAST_POWER to 1). Its rung is "adapted", or "failed" where too few draws
    count. Raises ValueError for another power, or a posterior that is not the model's own.
    """
    if not LEAST_POWER <= power <= 1:
        raise ValueError(f"the prior counts {power:g} times; give a number from {LEAST_POWER:g} to 1.")
    if posterior.z is None:
        raise ValueError("this answer is not the trained model's own, so that its prior cannot be flattened. Open a patient for whom the model answers.")
    if power == 1:
        return posterior
    population, generator = Population.of(model.card, [posterior.patient]), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        drawn = _moved(model, population, posterior, power, generator)
        responses = revisited(model, population, drawn.z, seed=seed)
    weight, member = drawn.log_weight[0].double().softmax(0), drawn.log_member[0].double().exp()
    shares = dict(zip(posterior.model_probability, (weight @ member).tolist(), strict=True))
    rung = "adapted" if bool(is_trusted(drawn)) else "failed"
    found = replace(posterior.diagnostics, rung=rung, effective_draws=float(drawn.effective[0]), k_hat=float(drawn.k_hat[0]))
    return replace(posterior, responses=responses, weight=weight, member=member, z=drawn.z[0], model_probability=shares, diagnostics=found, seed=seed)


def _moved(model: PKVAE, population: Population, posterior: Posterior, power: float, generator: torch.Generator) -> WeightedDraws:
    """Draws of the flattened posterior: from the posterior widened by 1 / power, then from where the last ones counted."""
    z, log_weight, tried = posterior.z, posterior.weight.log(), []
    assert z is not None
    centre, scale = moments(z, log_weight, least=30)
    scale = scale / power**0.5
    for _ in range(MOVES):
        tried.append(_weighed(model, population, (centre.float(), scale.float()), power, len(z), generator))
        if bool(is_trusted(tried[-1])):
            return tried[-1]
        centre, scale = moments(tried[-1].z[0], tried[-1].log_weight[0], least=30)
    return max(tried, key=lambda drawn: float(drawn.effective))


def _weighed(
    model: PKVAE, population: Population, place: tuple[Float[Tensor, " latent"], Float[Tensor, "latent latent"]], power: float, draws: int,
    generator: torch.Generator,
) -> WeightedDraws:  # fmt: skip
    z = draw_t(*place, draws, generator)[None]
    return weigh(model, population, z, power * log_density(model.prior(population.covariates), z), log_t(z[0], *place)[None])
