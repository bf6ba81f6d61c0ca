"""Are the bits that a level taught the Kullback-Leibler divergence of the beliefs on both sides of it?"""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkvae_core.inference.mapbayes import map_bayes
from pkvae_core.inference.posterior import Posterior, individualise
from pkvae_core.insight.information import learned, pool
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.vae.checkpoint import load_model

DOSES = tuple(Dose(12.0 * i, 1000, 1) for i in range(4))
KNOWN = (Covariate("AGE", 60), Covariate("SEX", 1), Covariate("WT", 75), Covariate("HT", 175), Covariate("SCR", 1.0))
PATIENT = Patient("7", DOSES, (), KNOWN)


@cache
def believed(*samples: Sample, draws: int = 1000) -> Posterior:
    return individualise(load_model("vancomycin"), replace(PATIENT, samples=samples), draws=draws)


def bits(sample: Sample, *, draws: int = 1000) -> float:
    return learned(believed(draws=draws), believed(sample, draws=draws), sample).bits


@settings(max_examples=30)
@given(st.floats(0.3, 5), st.floats(-2, 2), st.integers(0, 2**31))  # a sharper level leaves too few of the prior's draws for this tolerance
def test_a_gaussian_level_on_a_gaussian_prior_teaches_what_the_closed_form_says(error, level, seed):
    """theta ~ N(0, 1), y ~ N(theta, error^2): KL = (v + m^2 - 1 - ln v) / 2 nats, and the evidence is N(y; 0, 1 + error^2)."""
    variance = 1 / (1 + error**-2)
    mean, random = variance * level / error**2, np.random.default_rng(seed)
    before, after = random.normal(size=4000), random.normal(mean, math.sqrt(variance), 4000)

    def log_likelihood(theta):
        return -0.5 * ((level - theta) / error) ** 2 - math.log(error) - 0.5 * math.log(2 * math.pi)

    found = pool((np.full(4000, 1 / 4000), np.full(4000, 1 / 4000)), (log_likelihood(before), log_likelihood(after)))
    assert found.bits == pytest.approx((variance + mean**2 - 1 - math.log(variance)) / 2 / math.log(2), abs=0.15)
    assert found.log_evidence == pytest.approx(-0.5 * level**2 / (1 + error**2) - 0.5 * math.log(2 * math.pi * (1 + error**2)), abs=0.1)
    assert found.after @ np.concatenate([before, after]) == pytest.approx(mean, abs=0.1)


def test_unequal_weights_say_what_equal_draws_of_the_same_belief_say():
    random = np.random.default_rng(3)
    wide = random.normal(0, 1.5, 40_000)
    weight = np.exp(-0.5 * wide**2 + 0.5 * (wide / 1.5) ** 2)
    after = random.normal(0.8, math.sqrt(0.2), 40_000)
    log_l = [-0.5 * ((1 - theta) / 0.5) ** 2 for theta in (wide, after)]
    found = pool((weight / weight.sum(), np.full(40_000, 1 / 40_000)), (log_l[0], log_l[1]))
    assert found.bits == pytest.approx((0.2 + 0.64 - 1 - math.log(0.2)) / 2 / math.log(2), abs=0.03)


def test_a_level_without_trust_teaches_nothing():
    sample = Sample(23.5, 25.0, trust=0.0)
    assert bits(sample) == pytest.approx(0, abs=1e-9)


def test_the_less_a_level_is_trusted_the_less_it_teaches():
    found = [bits(Sample(23.5, 25.0, trust=trust)) for trust in (0.25, 0.5, 1.0)]
    assert found == sorted(found) and found[0] < found[2] - 0.2


def test_an_unexpected_level_teaches_more_than_the_expected_one():
    assert bits(Sample(23.5, 45.0)) > 2 * bits(Sample(23.5, 14.0))


@pytest.mark.parametrize("sample", [Sample(23.5, 22.0), Sample(11.5, None, 4.0)], ids=["measured", "below the limit"])
def test_the_bits_agree_with_brute_force_from_the_prior_alone(sample):
    """Weighing many prior draws by their likelihood needs no draws of the posterior: the two estimators share nothing but the prior."""
    prior = believed(draws=30_000)
    found = learned(prior, believed(sample, draws=1000), sample)
    log_l = found.log_likelihood[: len(prior.weight)]
    weight = np.exp(log_l - log_l.max()) / np.exp(log_l - log_l.max()).sum()
    exact = (float(weight @ log_l) - math.log(np.exp(log_l).mean())) / math.log(2)
    assert bits(sample) == pytest.approx(exact, abs=0.1)


def test_classical_draws_teach_as_much_as_the_model_s():
    """Draws that each belong to one published model: the likelihood is that model's, on both sides of the level."""
    sample = Sample(23.5, 25.0)
    card = load_model("vancomycin").card
    before, after = (map_bayes(card, replace(PATIENT, samples=samples), draws=2000) for samples in ((), (sample,)))
    assert learned(before, after, sample).bits == pytest.approx(bits(sample), abs=0.2)
