"""Of a drug that meals bring back, the clock of a record counts and not the hour at which it begins: for the model, and for MAP-Bayes."""

from dataclasses import replace

import numpy as np
import pytest

from pkvae_core.drugs.card import available_drugs, load_card
from pkvae_core.drugs.population import typical_body
from pkvae_core.inference.mapbayes import map_bayes
from pkvae_core.inference.posterior import individualise, predict
from pkvae_core.insight.meals import meals_of_a_day
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.structural.recirculation import MORNING_CLOCK_H
from pkvae_core.vae.checkpoint import load_model

TIMES = np.array([14.0, 16.8, 20.0, 35.0])
EVENING = Patient("1", (Dose(12, 500), Dose(24, 500)), (Sample(13, 9.0), Sample(17, 1.4), Sample(22, 1.0)), (Covariate("WT", 70.0),))


def moved(patient: Patient, by_h: float) -> Patient:
    """The same patient, whose record counts its hours from another moment of the same clock."""
    doses = tuple(replace(d, time_h=d.time_h + by_h) for d in patient.doses)
    return replace(patient, doses=doses, samples=tuple(replace(s, time_h=s.time_h + by_h) for s in patient.samples), morning_h=by_h % 24)


@pytest.fixture(scope="module")
def engines():
    model = load_model("mycophenolate")
    return {"vae": lambda patient: individualise(model, patient, draws=300), "map": lambda patient: map_bayes(model.card, patient, draws=300)}


@pytest.mark.parametrize("name", ["vae", "map"])
def test_counting_the_hours_from_another_moment_changes_nothing(engines, name):
    """Whoever begins at 20:00 is answered as someone whose record begins at 08:00 with the first dose 12 h later."""
    expected, found = engines[name](EVENING), engines[name](moved(EVENING, -12.0))
    levels = [predict(p, p.patient.doses, TIMES + shift).median for p, shift in ((expected, 0.0), (found, -12.0))]
    np.testing.assert_allclose(levels[1], levels[0], rtol=2e-3)


def test_an_answer_in_which_no_morning_is_known_takes_hour_0_for_it(engines):
    known, unknown = (engines["vae"](replace(EVENING, morning_h=morning)) for morning in (0.0, None))
    np.testing.assert_array_equal(*(predict(p, p.patient.doses, TIMES).median for p in (known, unknown)))


def test_the_meals_that_are_shown_follow_the_record(engines):
    assert meals_of_a_day(engines["vae"](EVENING).responses) == (4, 10)
    assert meals_of_a_day(engines["vae"](moved(EVENING, -12.0)).responses) == (16, 22)


@pytest.mark.parametrize("drug", available_drugs())
def test_the_card_says_when_a_day_begins_where_its_bodies_have_meals_and_nowhere_else(drug):
    body = typical_body(load_card(drug))
    assert load_card(drug).morning_clock_h == (MORNING_CLOCK_H if body is not None and body.meals_h else None)


@pytest.mark.parametrize("hour", [-1.0, 24.0])
def test_a_morning_is_an_hour_of_a_day(hour):
    with pytest.raises(ValueError, match="give an hour from 0 to 24"):
        replace(EVENING, morning_h=hour)
