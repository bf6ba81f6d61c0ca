"""Are the meals that are shown those that the body is given, and is their assumption said with its hours?"""

from datetime import datetime

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import typical_body
from pkvae_core.insight.meals import assumed_meals, assumption_words, caution_words, meal_sentences, meals_of_a_day
from pkvae_core.patient import Patient
from pkvae_core.structural.recirculation import recirculate
from pkvae_core.structural.simulated import Simulated
from tests.structural.test_recirculation import BODY, GIVEN, doses

MORNING, EVENING = datetime(2026, 3, 9, 8), datetime(2026, 3, 9, 20)
MEALS = meals_of_a_day(Simulated(BODY))


@pytest.mark.parametrize("drug", ["phenytoin", "omalizumab"])
def test_where_meals_do_nothing_none_is_shown_and_nothing_is_said(drug):
    body = typical_body(load_card(drug))
    assert body is not None
    assert assumed_meals(Simulated(body), 0, 500) == meals_of_a_day(Simulated(body)) == ()
    assert assumption_words((), MORNING) == caution_words((), EVENING) == ""


def test_the_hours_shown_are_those_at_which_the_body_is_fed():
    """Fed at the hours shown alone, it does what it does when nothing is said of meals."""
    shown = assumed_meals(Simulated(BODY), 0, 60)
    time = torch.linspace(0.1, 60, 90)[None]
    told = recirculate(BODY, doses(GIVEN), time, meals=torch.tensor([shown]))[0]
    assert torch.allclose(recirculate(BODY, doses(GIVEN), time)[0], told, rtol=1e-9)
    assert shown[0] == MEALS[0] and list(shown) == sorted(shown) and assumed_meals(Simulated(BODY), 5, 9) == ()


def test_the_words_hold_the_clock_times_where_the_clock_is_known():
    assert "every day at 12:00 and 18:00." in assumption_words(MEALS, MORNING)
    assert "4 and 10 h after" in assumption_words(MEALS, None) and "hour 0 is taken as 08:00" in assumption_words(MEALS, None)


def test_who_begins_in_the_evening_is_told_that_the_meals_are_at_night():
    assert caution_words(MEALS, MORNING) == ""
    assert "00:00 and 06:00" in caution_words(MEALS, EVENING) and "anew" in caution_words(MEALS, EVENING)


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_meals_of_a_record_that_knows_its_clock_are_said_to_the_minute_at_noon_and_at_six(minute):
    """Bodies hold the morning in single precision."""
    morning_h = (8 - 20 - minute / 60) % 24
    meals = meals_of_a_day(Simulated(BODY).begun_at(torch.tensor([morning_h])))
    (said,) = meal_sentences(meals, Patient("1", morning_h=morning_h))
    assert "every day at 12:00 and 18:00." in said and assumption_words(meals, datetime(2026, 3, 9, 20, minute)) == said
    assert caution_words(meals, datetime(2026, 3, 9, 20, minute)) == ""
