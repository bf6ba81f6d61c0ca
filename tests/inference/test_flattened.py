"""Is a flattened prior as wide as its power says, and does the balance of prior and levels move the answer between them?"""

from dataclasses import replace
from functools import cache

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.inference.flattened import flattened
from pkvae_core.inference.mapbayes import map_bayes
from pkvae_core.inference.posterior import Posterior, individualise, parameters
from pkvae_core.insight.balance import BALANCES, BAYES, balance_words, balanced
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.observed_start import blank

PATIENT = Patient(
    "7", tuple(Dose(24.0 * i, 400, 0.5) for i in range(2)), (Sample(32, 6.5),), (Covariate("AGE", 50), Covariate("WT", 70), Covariate("SCR", 0.9))
)


@cache
def believed(*, with_level: bool = True) -> Posterior:
    return individualise(load_model("tobramycin"), PATIENT if with_level else replace(PATIENT, samples=()))


def clearance(posterior: Posterior) -> tuple[float, float, float]:
    low, median, high = weighted_quantiles(parameters(posterior)["CL"].astype(float), posterior.weight.numpy(), (0.05, 0.5, 0.95)).tolist()
    return low, median, high


def test_to_the_power_1_it_is_the_posterior():
    assert flattened(load_model("tobramycin"), believed(), 1.0) is believed()


def test_a_prior_to_the_power_a_quarter_has_twice_the_spread():
    """A Gaussian's covariance is divided by the power; the encoder's prior is nearly one."""
    prior = believed(with_level=False)
    wide = flattened(load_model("tobramycin"), prior, 0.25)
    assert prior.z is not None and wide.z is not None and wide.diagnostics.rung == "adapted"
    spreads = []
    for z, weight in ((prior.z.double(), prior.weight), (wide.z.double(), wide.weight)):
        spreads.append((weight @ (z - weight @ z) ** 2).sqrt())
    ratio = spreads[1] / spreads[0]
    assert 1.7 < float(ratio.mean()) < 2.3


def test_from_only_the_prior_to_mostly_the_levels_the_answer_moves_one_way():
    """The level is higher than expected: the less the prior counts, the lower the clearance."""
    medians = [clearance(balanced(load_model("tobramycin"), believed(), balance))[1] for balance in BALANCES]
    assert medians[0] < medians[3] - 0.1 < medians[3] < medians[-1]
    assert medians[-1] == pytest.approx(clearance(believed(with_level=False))[1], rel=0.03)


def test_bayes_is_the_posterior_itself_and_stands_among_the_balances_once():
    assert balanced(load_model("tobramycin"), believed(), BAYES) is believed()
    assert [balance.is_bayes for balance in BALANCES].count(True) == 1
    assert all(balance.prior == 1 or balance.levels == 1 for balance in BALANCES)


def test_a_flattened_belief_is_the_same_whenever_it_is_asked():
    one, other = (clearance(flattened(load_model("tobramycin"), believed(), 0.5)) for _ in range(2))
    assert one == other


def test_what_cannot_be_flattened_is_refused_with_the_reason():
    model = load_model("tobramycin")
    with pytest.raises(ValueError, match="counts 0 times; give a number from 0.125 to 1"):
        flattened(model, believed(), 0.0)
    with pytest.raises(ValueError, match="not the trained model's own"):
        flattened(model, map_bayes(model.card, PATIENT, draws=100), 0.5)


def test_the_prior_of_a_model_learned_from_a_cohort_can_be_flattened_too():
    card = load_card("tobramycin").model_copy(update={"published_models": ()})
    others = [replace(PATIENT, covariates=(Covariate("AGE", 30.0 + i), Covariate("WT", 60.0 + i), Covariate("SCR", 0.8 + 0.01 * i))) for i in range(5)]
    torch.manual_seed(0)
    model = blank(card, Population.of(card, others), latent=3, arrivals=1, terms=2, stages=1, width=16)
    model.configuration = replace(model.configuration, errors=((0.2, 0.1),))
    found = flattened(model, individualise(model, PATIENT, draws=100), 0.5)
    assert found.z is not None and not found.responses.earlier


def test_every_balance_says_what_it_does():
    assert all("power" in balance_words(b) for b in BALANCES if not b.is_bayes) and "Dose page" in balance_words(BAYES)
    assert "2 times as wide" in balance_words(next(b for b in BALANCES if b.prior == 0.25))
