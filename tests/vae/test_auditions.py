"""Is the start from which a cohort is explained best the one that is chosen, and does learning begin there?"""

import copy
from dataclasses import replace

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population
from pkvae_core.vae import auditions, observed
from pkvae_core.vae.auditions import chosen
from pkvae_core.vae.first_guess import GUESSES
from pkvae_core.vae.observed import ObservedSchedule, learn
from pkvae_core.vae.observed_start import blank, blanks
from tests.vae.test_observed import Stopped, cohort

STEPS = 6  # of an audition: here it need not tell close starts apart
CARD = load_card("theophylline")
SIZES = {"latent": 3, "arrivals": 1, "terms": 1, "stages": 1, "width": 16}
CHOSEN = ObservedSchedule(members=1, starts=2, steps=6, refine_steps=4, batch=16, draws=8, check_every=3, **SIZES)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    for module in (auditions, observed):
        monkeypatch.setattr(module, "STEPS", STEPS)


@pytest.fixture(scope="module")
def patients():
    return cohort(16)


@pytest.fixture(scope="module")
def population(patients):
    return Population.of(CARD, patients)


def test_a_start_that_is_far_off_is_left_out_and_the_others_come_untaught(population):
    torch.manual_seed(0)
    near = blank(CARD, population, **SIZES)
    far = copy.deepcopy(near)
    with torch.no_grad():
        far.decoder.centre += 4.0
    before = copy.deepcopy(near.state_dict())
    told: list[int] = []
    [kept] = chosen([far, near], population, CHOSEN.rules(0, False), 1, lambda done, losses: told.append(done))
    assert kept is near and told[-1] == 2 * STEPS and told == sorted(told)
    torch.testing.assert_close(near.state_dict(), before, rtol=0, atol=0)


def test_a_start_that_has_no_bound_is_the_last_choice(population):
    torch.manual_seed(0)
    near = blank(CARD, population, **SIZES)
    steep = copy.deepcopy(near)
    with torch.no_grad():
        steep.decoder.centre += 200.0
    assert chosen([steep, near], population, CHOSEN.rules(0, False), 2, lambda done, losses: None) == [near, steep]


def test_each_start_is_around_another_patient_and_the_first_is_the_usual_one(population):
    torch.manual_seed(3)
    several = blanks(CARD, population, 3, **SIZES)
    torch.manual_seed(3)
    usual = blank(CARD, population, **SIZES)
    torch.testing.assert_close(several[0].state_dict(), usual.state_dict(), rtol=0, atol=0)
    assert not torch.equal(several[0].decoder.centre, several[1].decoder.centre)
    assert not torch.equal(several[1].decoder.straight.weight, several[2].decoder.straight.weight)


@pytest.mark.parametrize("stop", [8, 2 * STEPS + 8], ids=["in an audition", "while the encoder of the one that was chosen is refined"])
def test_interrupted_learning_goes_on_to_the_same_model(patients, tmp_path, stop):
    told: list[tuple[int, int]] = []

    def tick(done, total, losses):
        told.append((done, total))
        if done >= stop:
            raise Stopped

    with pytest.raises(Stopped):
        learn(CARD, patients, tmp_path / "stopped", schedule=CHOSEN, tick=tick)
    resumed = learn(CARD, patients, tmp_path / "stopped", schedule=CHOSEN, resume=stop > 2 * STEPS)
    whole = learn(CARD, patients, tmp_path / "whole", schedule=CHOSEN, tick=lambda done, total, losses: told.append((done, total)))
    torch.testing.assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)
    assert told[-1] == (2 * STEPS + 10, 2 * STEPS + 10)


def test_fewer_starts_than_members_are_refused(patients, tmp_path):
    for starts in (1, GUESSES + 1):
        with pytest.raises(ValueError, match=f"{starts} starts are asked for; give 2 to {GUESSES}"):
            learn(CARD, patients, tmp_path, schedule=replace(CHOSEN, members=2, starts=starts))
