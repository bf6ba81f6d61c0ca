"""Whether a model got better is said by a rule, of patients whom it did not learn from."""

from dataclasses import replace
from typing import Any

import pytest

from pkvae_core.checks import adaptation
from pkvae_core.checks.accuracy import Figure
from pkvae_core.checks.adaptation import LEAST_PATIENTS, NEW, SHIPPED, Validation, judge, sentence
from pkvae_core.checks.folds import shipped as untaught
from pkvae_core.checks.paired import PairedRatio
from pkvae_core.checks.progress import Cancelled, silent
from pkvae_core.patient import Dose
from tests.checks.textbook import knowing, measured

HELD = Figure(90.0, 85.0, 95.0)
DOSES = (Dose(0, 1500, 2), Dose(12, 1000, 1), Dose(24, 1000, 1))
CLEARANCE = {str(i): [2.0 + i / 8] for i in range(24)}


def ratio(low: float, high: float, *, n: int = 300, subjects: int = 90) -> PairedRatio:
    middle = Figure((low + high) / 2, low, high)
    return PairedRatio(n, subjects, 0, middle, middle, middle, middle, Figure(0.0, -1.0, 1.0))


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.8, 0.95, "better"), (0.9, 1.1, "not distinguishable"), (1.02, 1.2, "worse"), (0.7, 1.4, "too small"), (0.5, 0.7, "better")]
)
def test_the_interval_of_the_ratio_decides(low, high, verdict):
    assert judge(ratio(low, high), HELD, HELD) == verdict


def test_a_small_cohort_proves_nothing_however_good_it_looks():
    assert judge(ratio(0.5, 0.6, subjects=LEAST_PATIENTS - 1), HELD, HELD) == "too small"
    assert judge(ratio(0.5, 0.6, n=39), HELD, HELD) == "too small"


def test_a_model_that_is_too_sure_of_itself_is_worse_however_small_its_error():
    narrow = Figure(70.0, 65.0, 75.0)
    assert judge(ratio(0.7, 0.8), narrow, HELD) == "worse"
    assert judge(ratio(0.7, 0.8), narrow, Figure(60.0, 55.0, 65.0)) == "better"  # the rival's promise is broken worse
    assert judge(ratio(0.7, 0.8), Figure(85.0, 78.0, 91.0), HELD) == "better"  # 90 % is within what may be


@pytest.mark.parametrize(("low", "high"), [(0.8, 0.9), (0.9, 1.1), (1.1, 1.2), (0.5, 2.0)])
def test_every_verdict_but_better_says_what_to_keep(low, high):
    found = ratio(low, high)
    verdict = judge(found, HELD, HELD)
    said = sentence(verdict, SHIPPED, found, HELD)
    assert ("keep the shipped model" in said) == (verdict != "better") and f"{low:.2f} to {high:.2f}" in said


@pytest.fixture
def patients():
    return [measured(name, CL, DOSES, (11.5, 30.0)) for name, (CL,) in CLEARANCE.items()]


@pytest.fixture
def rivals(monkeypatch):
    """A shipped engine that reckons with one clearance for everybody, and learners whose engine is what they return."""
    monkeypatch.setattr(adaptation, "vae", lambda model, draws: model)
    wrong = knowing(CLEARANCE | {name: [7.0] for name in CLEARANCE}, before=[7.0])

    class Rivals(adaptation.Rivals):
        def learners(self, patients):
            return [replace(untaught(wrong), name=SHIPPED)]

    return Rivals.__new__(Rivals)


def test_a_model_that_learned_the_truth_is_better_and_saw_no_held_out_patient(patients, rivals):
    taught, told = [], []

    def learn(training, fold, tick) -> Any:
        tick(1, 2)
        taught.append((fold, {p.id for p in training}))
        return knowing(CLEARANCE, before=[3.5])

    found = adaptation.validate(learn, patients, rivals, folds=4, progress=lambda done, total: told.append((done, total)))
    assert [fold for fold, _ in taught] == [1, 2, 3, 4] and all(len(ids) == 18 for _, ids in taught)
    assert not set.intersection(*(ids for _, ids in taught)) and told == sorted(told) and told[-1] == (4000, 4000)
    assert found.verdict == "better" and found.sentence.startswith("Better") and found.scores[NEW].levels == 48
    assert Validation.from_dict(found.to_dict()) == found


def test_a_cancelled_validation_stops_inside_a_fold(patients, rivals):
    def learn(training, fold, tick):
        raise Cancelled

    with pytest.raises(Cancelled):
        adaptation.validate(learn, patients, rivals, folds=4, progress=silent)


def test_a_fold_that_teaches_nothing_is_said(patients, rivals):
    def learn(training, fold, tick):
        raise ValueError("too few")

    found = adaptation.validate(learn, patients, rivals, folds=3, progress=silent)
    assert found.comparisons == () and any("too few" in line for line in found.left_out) and "nothing to compare" in found.sentence
