"""Cross-validation by whole patients: nobody is predicted by an engine that learned from him, and the figures are known."""

import numpy as np
import pytest

from pkvae_core.checks.folds import Learner, cross_validate, shipped, split
from pkvae_core.patient import Dose
from tests.checks.textbook import knowing, measured

DOSES = (Dose(0, 1500, 2), Dose(12, 1000, 1), Dose(24, 1000, 1))
CLEARANCE = {str(i): [2.0 + i / 2] for i in range(10)}


@pytest.fixture(scope="module")
def patients():
    return [measured(name, CL, DOSES, (11.5, 30.0)) for name, (CL,) in CLEARANCE.items()]


@pytest.fixture(scope="module")
def found(patients):
    perfect, wrong = knowing(CLEARANCE, before=[4.0], name="perfect"), knowing(CLEARANCE | {"3": [1.0], "4": [9.0]}, before=[5.0], name="wrong")
    return cross_validate([shipped(perfect), shipped(wrong)], patients, folds=3, replicates=100, seed=2)


def test_every_patient_is_held_out_once_and_folds_are_even(patients):
    fold_of = split(patients, 3, seed=1)
    assert sorted(np.bincount(list(fold_of.values()))[1:]) == [3, 3, 4] and fold_of.keys() == CLEARANCE.keys()
    assert fold_of == split(patients, 3, seed=1) != split(patients, 3, seed=5)


def test_no_engine_answers_about_a_patient_that_it_learned_from(patients):
    perfect = knowing(CLEARANCE)

    def learn(training):
        taught = {p.id for p in training}
        assert taught and len(taught) < len(patients)

        def believe(asked, seed):
            assert not taught & {p.id for p in asked}
            return perfect.believe(asked, seed)

        return type(perfect)("another name", believe)

    found = cross_validate([Learner("learner", learn)], patients, folds=5, replicates=10)
    assert {d.patient_id for d in found.doses} == CLEARANCE.keys() and len(found.levels["learner"]) == 20
    assert {d.engine for d in found.doses} == {"learner"}  # figures go by the learner's name, whatever its engine is called


def test_a_perfect_engine_errs_by_nothing_after_a_level(found):
    score = found.score("perfect", earlier_levels="1+")
    assert score.n == 10 and score.patients == 10 and score.no_dose == 0
    assert (score.MdAPE.value, score.within_20.value, score.coverage_90.value) == (pytest.approx(0, abs=1e-3), 100, 100)


def test_before_any_level_all_engines_err(found):
    assert found.score("perfect", earlier_levels="0").MdAPE.value > 5


def test_folds_add_up_to_the_whole(found):
    each = [found.score("wrong", fold=str(k)) for k in (1, 2, 3)]
    assert sum(s.n for s in each) == found.score("wrong").n == 20
    assert sum(s.patients for s in each) == found.score("wrong").patients == 10


def test_the_first_engine_is_compared_with_the_others_on_held_out_levels(found):
    assert set(found.against) == {"wrong"} and found.against["wrong"].n == 20 and found.against["wrong"].RMSE.value < 1


def test_rows_say_the_fold_and_have_the_same_columns(found):
    for rows in (found.rows(), found.dose_rows()):
        assert len({tuple(row) for row in rows}) == 1
    assert {(row["patient_id"], row["fold"]) for row in found.dose_rows()} == set(found.fold_of.items())
    assert "10 patients in 3 folds" in found.sentence


def test_a_learner_that_fails_is_reported_and_the_others_go_on(patients):
    def learn(training):
        raise ValueError("too few levels.")

    steps = []
    found = cross_validate([shipped(knowing(CLEARANCE)), Learner("fit", learn)], patients, folds=2, replicates=10, progress=lambda *at: steps.append(at))
    assert found.left_out == ("fit, fold 1: too few levels.", "fit, fold 2: too few levels.")
    assert found.score("fit").n == 0 and found.score("fit").MdAPE.value is None and found.against["fit"].n == 0
    assert steps[-1] == (20, 20) and steps == sorted(steps)


def test_more_folds_than_patients_is_refused(patients):
    with pytest.raises(ValueError, match="4 asked for, of a cohort of 3"):
        split(patients[:3], 4)
