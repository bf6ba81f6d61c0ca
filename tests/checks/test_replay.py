"""Walking through records: what we may see at a decision, what hindsight judges, and figures that are known."""

from dataclasses import replace

import pytest

from pkvae_core.checks.prescriber import as_of, begun, plain_regimens
from pkvae_core.checks.replay import replay
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.structural.responses import Responses
from tests.checks.textbook import CARD, answers_of, belief, knowing, measured

TARGET = Target.from_spec(CARD.target())
DOSES = (Dose(0, 1000, 1), Dose(12, 1000, 1), Dose(24, 750, 1), Dose(36, 750, 1))
TIMES = (11.5, 35.5, 47.5)
CLEARANCE = {"a": [3.0], "b": [6.0]}


@pytest.fixture(scope="module")
def patients():
    return [measured(name, CL, DOSES, TIMES) for name, (CL,) in CLEARANCE.items()]


@pytest.fixture(scope="module")
def found(patients):
    return replay(knowing(CLEARANCE), patients, TARGET, replicates=50)


def test_every_first_dose_after_a_level_is_a_decision(found):
    assert [(d.patient_id, d.decided_h, d.earlier_levels) for d in found.decisions] == [("a", 12, 1), ("a", 36, 2), ("b", 12, 1), ("b", 36, 2)]
    assert [(d.given_mg, d.given_interval_h) for d in found.decisions[:2]] == [(1000, 12), (750, 12)]


def test_exposures_are_those_of_the_truth_when_the_judge_knows_it(found):
    """AUC24 = daily dose / CL: 2,000 mg / 3 L/h lies above the target of 400 to 600, 1,500 / 3 in it, 1,500 / 6 below."""
    assert [d.exposure_given for d in found.decisions] == pytest.approx([2000 / 3, 1500 / 3, 2000 / 6, 1500 / 6], rel=1e-4)
    assert [(d.below_given, d.in_given, d.above_given) for d in found.decisions] == [(0, 0, 100), (0, 100, 0), (100, 0, 0), (100, 0, 0)]


def test_who_knows_the_truth_always_lands_in_the_target(found):
    whole = found.summaries[0]
    assert (whole.in_ours.value, whole.promised.value) == pytest.approx((100, 100))
    assert whole.in_given.value == pytest.approx(25) and whole.difference.value == pytest.approx(75)
    assert "4 decisions after a level in 2 patients" in found.sentence and "nobody received ours" in found.sentence


def test_the_next_level_is_expected_as_it_was_measured_by_who_knows_the_truth(found):
    for d in found.decisions:
        assert d.next_level_expected_mg_per_L == pytest.approx(d.next_level_mg_per_L, rel=1e-4)
        assert d.next_level_with_ours_mg_per_L != pytest.approx(d.next_level_mg_per_L, rel=1e-2)


def test_another_judge_finds_another_truth(patients):
    wrong = replay(knowing(CLEARANCE), patients, TARGET, judge=knowing({"a": [30.0], "b": [30.0]}, name="stern"), replicates=50)
    assert wrong.judge == "stern" and wrong.summaries[0].in_ours.value == 0 and wrong.summaries[0].promised.value == pytest.approx(100)


def test_our_regimen_does_not_know_the_future(patients):
    """Levels, doses and covariates after the first decision change; what we would have given at it does not, nor what we were shown."""
    shown = []
    honest = knowing(CLEARANCE)

    def believe(asked, seed):
        shown.append(list(asked))
        return honest.believe(asked, seed)

    altered = replace(
        patients[0],
        samples=(patients[0].samples[0], Sample(35.5, 90.0)),
        doses=(*DOSES[:2], Dose(24, 5000, 1), Dose(40, 20, 1)),
        covariates=(*patients[0].covariates, Covariate("CRCL", 9, 13.0)),
    )
    engine = replace(honest, believe=believe)
    before, after = (replay(engine, [p], TARGET, replicates=5).decisions[0] for p in (patients[0], altered))
    assert (before.ours_mg, before.ours_interval_h, before.expected_in_given) == (after.ours_mg, after.ours_interval_h, after.expected_in_given)
    assert shown[0][0] == shown[2][0] == patients[0].until(12.0)


def test_a_regimen_begins_with_its_dose_and_lasts_until_the_next():
    patient = Patient("a", (Dose(0, 100), Dose(8, 200, 1), Dose(31, 300), Dose(35.2, 50), Dose(90, 60)))
    assert begun(patient, 8).amount_mg == 200 and begun(patient, 8).interval_h == 24 and begun(patient, 31).interval_h == 4
    assert begun(patient, 35.2).interval_h == begun(patient, 90).interval_h == 48  # 54.8 h: within a fifth of 48
    assert begun(Patient("a", (Dose(0, 100),)), 0) is None
    assert begun(Patient("a", (Dose(0, 100), Dose(2, 100))), 0) is None


def test_decisions_without_a_clear_regimen_are_counted(patients):
    odd = replace(patients[0], doses=(*DOSES[:2], Dose(14, 300, 1), Dose(24, 750, 1)))
    assert replay(knowing(CLEARANCE), [odd], TARGET, replicates=5).unclear == 1


def test_who_cannot_be_answered_is_named(patients):
    def believe(asked, seed):
        raise ValueError("no weight.")

    found = replay(replace(knowing(CLEARANCE), believe=believe), patients, TARGET, replicates=5)
    assert len(found.left_out) == 4 and found.left_out[0] == "a, 12 h: no weight." and found.decisions == ()
    assert found.sentence.startswith("No decision")


def test_covariates_of_the_hour_decide_the_steady_state():
    """CL was 2 L/h until 20 h and 5 L/h afterwards."""
    early, late = answers_of([2.0]).pulses, answers_of([5.0]).pulses
    changing = replace(belief(Patient("a"), [5.0]), responses=Responses(late, (early,), answers_of([1.0]).pulses.lag[:, :, 0] + 20))
    assert [float(1 / as_of(changing, at).responses.pulses.auc()) for at in (10.0, 20.0, 50.0)] == pytest.approx([2, 5, 5])


def test_plain_regimens_are_the_cards_each_once():
    card = load_card("vancomycin")
    found = plain_regimens(card, start_h=5.0)
    assert len({(r.amount_mg, r.interval_h) for r in found}) == len(found) > 20
    assert all(card.refusal(r) is None and not r.is_continuous and r.start_h == 5 for r in found)


def test_lines_have_the_same_columns(found):
    for rows in (found.rows(), found.decision_rows()):
        assert len({tuple(row) for row in rows}) == 1
