"""Doses read backwards from levels: what a perfect model, and one that is wrong by a known factor, must answer, and what none may see."""

from dataclasses import replace

import pytest

from pkvae_core.checks.occasions import decisions, occasions, predict_doses
from pkvae_core.patient import Covariate, Dose, Sample
from tests.checks.textbook import knowing, measured

DOSES = (Dose(0, 1500, 2), Dose(12, 1000, 1), Dose(24, 1000, 1), Dose(36, 750, 1), Dose(48, 750, 1))
TIMES = (11.5, 35.5, 59.5)


@pytest.fixture
def patient():
    return measured("a", 4.0, DOSES, TIMES)


def test_a_perfect_model_predicts_the_dose_that_was_given(patient):
    (found,) = predict_doses(knowing({"a": [4.0]}), [patient])
    assert [d.given_mg for d in found] == [1500, 1000, 750]
    assert [d.predicted_mg for d in found] == pytest.approx([1500, 1000, 750], rel=1e-5)
    assert all(d.is_covered for d in found)


def test_decisions_stand_at_the_first_dose_and_at_the_first_one_after_each_level(patient):
    assert decisions(patient) == (0, 12, 36)
    assert [(o.past.samples, o.given[0].time_h) for o in occasions(patient)] == [((), 0), (patient.samples[:1], 12), (patient.samples[:2], 36)]


def test_a_level_drawn_at_the_time_of_a_dose_is_not_known_to_it(patient):
    moved = replace(patient, samples=(replace(patient.samples[0], time_h=12.0), *patient.samples[1:]))
    assert decisions(moved) == (0, 24, 36)
    assert occasions(moved)[0].given == DOSES[:1]


def test_a_first_dose_is_wrong_by_as_much_as_the_level():
    """Before any other dose the level is proportional to it: who expects twice the level would have given half of the dose."""
    patient = measured("a", 4.0, DOSES[:1], (2.0,))
    half = replace(patient, samples=(Sample(2.0, patient.samples[0].concentration_mg_per_L / 2),))
    (found,) = predict_doses(knowing({"a": [4.0]}), [half])
    assert found[0].predicted_mg == pytest.approx(750, rel=1e-5) and found[0].percent_error == pytest.approx(-50, abs=1e-3)


def test_the_predicted_dose_makes_the_level_the_median(patient):
    """With three clearances the middle one decides."""
    one, three = (predict_doses(knowing({"a": c}), [patient])[0][2].predicted_mg for c in ([5.0], [2.0, 5.0, 6.0]))
    assert one == pytest.approx(three) and one > 750


def test_levels_of_one_interval_share_the_decision():
    patient = measured("a", 4.0, DOSES[:2], (14.0, 20.0, 23.5))
    (found,) = predict_doses(knowing({"a": [3.0]}), [patient])
    assert [d.earlier_levels for d in found] == [0, 0, 0] and {d.decided_h for d in found} == {0.0}


def test_no_dose_is_predicted_where_the_earlier_ones_leave_too_much(patient):
    low = replace(patient, samples=(patient.samples[0], Sample(35.5, 0.5)))
    (found,) = predict_doses(knowing({"a": [0.1]}), [low])
    assert (found[1].predicted_mg, found[1].low90_mg) == (0, 0)


def test_levels_before_any_dose_or_below_their_limit_name_no_dose(patient):
    odd = replace(patient, samples=(Sample(-1.0, 3.0), Sample(11.5, None, 1.0), *patient.samples[1:]))
    assert [o.sample.time_h for o in occasions(odd)] == [35.5, 59.5]


def test_the_future_changes_no_prediction(patient):
    """What the engine is shown for the second decision does not change with later levels, doses and covariates."""
    shown = []

    def spy(engine):
        return replace(engine, believe=lambda patients, seed: shown.append(list(patients)) or engine.believe(patients, seed))

    altered = replace(
        patient,
        samples=(*patient.samples[:2], Sample(59.5, 99.0)),
        doses=(*DOSES[:3], Dose(36, 9000, 1), Dose(48, 10, 1)),
        covariates=(*patient.covariates, Covariate("CRCL", 10, 12.1), Covariate("WT", 30, 40)),
    )
    engine = spy(knowing({"a": [3.0, 4.0, 7.0]}))
    before, after = predict_doses(engine, [patient])[0][1], predict_doses(engine, [altered])[0][1]
    assert before == after
    known = [next(p for p in asked if len(p.samples) == 1) for asked in shown]
    assert known[0] == known[1] and all(d.time_h < 12 for d in known[0].doses)
