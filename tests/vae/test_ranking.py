"""Is the better of two models of a cohort called so, and is it the one that is kept?"""

import copy

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population
from pkvae_core.vae.bound import Learner
from pkvae_core.vae.observed import ObservedSchedule, learn
from pkvae_core.vae.observed_start import blank
from pkvae_core.vae.ranking import best, mean_bound
from tests.vae.test_observed import Stopped, cohort

CARD = load_card("theophylline")
TWICE = ObservedSchedule(members=1, starts=2, steps=6, refine_steps=4, batch=16, draws=8, width=16, check_every=3)


@pytest.fixture(scope="module")
def patients():
    return cohort(16)


def test_a_typical_patient_who_is_far_off_explains_less(patients):
    population = Population.of(CARD, patients)
    torch.manual_seed(0)
    near = Learner(blank(CARD, population, latent=3, arrivals=1, terms=1, stages=1, width=16))
    far = copy.deepcopy(near)
    with torch.no_grad():
        far.model.decoder.centre += 2.0
    assert mean_bound(near, population, 1) > mean_bound(far, population, 1) + 1


def test_the_same_seed_gives_the_same_bound_and_leaves_the_generator_alone(patients):
    population = Population.of(CARD, patients)
    learner = Learner(blank(CARD, population, latent=3, arrivals=1, terms=1, stages=1, width=16))
    before = torch.get_rng_state()
    assert mean_bound(learner, population, 1) == mean_bound(learner, population, 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_best_are_named_in_their_old_order():
    assert best([0.5, 3.0, -1.0, 2.0], 2) == [1, 3]
    assert best([0.5, 3.0], 2) == [0, 1]


def test_of_two_starts_the_one_that_explains_everybody_better_is_kept(patients, tmp_path):
    kept = learn(CARD, patients, tmp_path / "kept", schedule=TWICE)
    bounds = kept.provenance["training"]["bounds_of_starts"]
    both = learn(CARD, patients, tmp_path / "both", schedule=ObservedSchedule(**{**TWICE.__dict__, "members": 2, "starts": 1}))
    assert len(kept.members) == 1 and len(bounds) == 2
    better = both.members[bounds.index(max(bounds))]
    torch.testing.assert_close(kept.decoder.state_dict(), better.decoder.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("stop", [8, 14], ids=["in the second start", "while the encoder of the one that is kept is refined"])
def test_interrupted_it_keeps_the_same_one(patients, tmp_path, stop):
    told = []

    def tick(done, total, losses):
        told.append((done, total))
        if done >= stop:
            raise Stopped

    with pytest.raises(Stopped):
        learn(CARD, patients, tmp_path / "stopped", schedule=TWICE, tick=tick)
    resumed = learn(CARD, patients, tmp_path / "stopped", schedule=TWICE, resume=True)
    whole = learn(CARD, patients, tmp_path / "whole", schedule=TWICE, tick=lambda done, total, losses: told.append((done, total)))
    torch.testing.assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)
    assert told[-1] == (16, 16)
