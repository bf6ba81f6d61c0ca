"""Does a fit get over an encoder that has run away, and say so where nothing helps?"""

import copy

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population
from pkvae_core.vae import fitting
from pkvae_core.vae.bound import Learner
from pkvae_core.vae.fitting import DONE, LOST, Fit, Rules, Split
from pkvae_core.vae.observed_start import blank
from pkvae_core.vae.proposals import Proposals
from tests.vae.test_observed import cohort

CARD = load_card("theophylline")
RULES = Rules(steps=3, refine_steps=6, batch=12, draws=4, learning_rate=1e-2, leash=5.0, others=1.0, check_every=3, patience=8, seed=1)


@pytest.fixture(scope="module")
def population():
    return Population.of(CARD, cohort(12))


@pytest.fixture(scope="module")
def learner(population):
    torch.manual_seed(0)
    return Learner(blank(CARD, population, latent=3, arrivals=1, terms=1, stages=1, width=16))


def fitted(learner: Learner, population: Population, ease: float = 1.0) -> Fit:
    everybody = torch.arange(12)
    fit = Fit(copy.deepcopy(learner), RULES, proposals=Proposals.of(12, 3), ease=ease)
    fit.run(Split(population, everybody[:9], everybody[9:], 0.1), lambda now: None, lambda done, losses: None)
    return fit


def breaks_while(is_so, monkeypatch):
    """Dreams that no encoder can learn from while `is_so` of the number of dreams so far."""
    dreams, dream = [0], fitting.sleep

    def sleep(*about):
        dreams[0] += 1
        return dream(*about) * (float("nan") if is_so(dreams[0]) else 1.0)

    monkeypatch.setattr(fitting, "sleep", sleep)


def test_an_encoder_that_has_run_away_learns_as_if_it_had_begun_at_half_the_rate(learner, population, monkeypatch):
    calm = fitted(learner, population, ease=0.5)
    breaks_while(lambda dream: dream <= LOST, monkeypatch)
    found = fitted(learner, population)
    assert (found.phase, found.ease, found.skipped) == (DONE, 0.5, LOST)
    torch.testing.assert_close(found.learner.state_dict(), calm.learner.state_dict(), rtol=0, atol=0)


def test_one_dream_that_is_too_steep_is_skipped_and_no_more(learner, population, monkeypatch):
    breaks_while(lambda dream: dream == 2, monkeypatch)
    found = fitted(learner, population)
    assert (found.phase, found.ease, found.skipped) == (DONE, 1.0, 1)


def test_where_nothing_can_be_learned_it_says_so(learner, population, monkeypatch):
    breaks_while(lambda dream: True, monkeypatch)
    with pytest.raises(ValueError, match="learning breaks down on this cohort"):
        fitted(learner, population)
