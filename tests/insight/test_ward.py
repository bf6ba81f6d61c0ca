"""Does a ward's row show what the Dose page shows, and does one patient ever cost another his row?"""

import copy
from dataclasses import replace

import pytest

from pkvae_core.checks.virtual import fresh
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.compare import unchanged
from pkvae_core.dosing.current import standing
from pkvae_core.dosing.recommend import recommend
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.inference.answering import answer_for
from pkvae_core.insight import ward as module
from pkvae_core.insight.urgency import NOT_JUDGED, TOO_HIGH, UNANSWERED
from pkvae_core.insight.ward import WardRow, parts, ranked, unread, ward
from pkvae_core.insight.ward_words import change_words, counted, daily_words
from pkvae_core.patient import Dose, Patient, Regimen, Sample
from pkvae_core.records.history import PatientRecord, TimedRow
from pkvae_core.records.problems import Problem
from pkvae_core.report.ward import COLUMNS, ward_table
from pkvae_core.vae.checkpoint import load_model

DRAWS = 100
CARD = load_card("vancomycin")
AUC24 = Target.from_spec(CARD.target())
WARD = [PatientRecord(patient) for patient in fresh(CARD, 6, seed=4).patients]
TWICE_DAILY = tuple(Dose(12.0 * i, 1000, 1) for i in range(5))
IMPOSSIBLE = PatientRecord(Patient("impossible", TWICE_DAILY, (Sample(47, 4000.0),)))


@pytest.fixture(scope="module")
def model():
    return load_model("vancomycin")


def rows_of(model, records, target: Target | None = AUC24) -> list[WardRow]:
    """In the order of the records."""
    return [row for _, row in sorted(ward(model, records, target, draws=DRAWS), key=lambda found: found[0])]


@pytest.fixture(scope="module")
def rows(model) -> list[WardRow]:
    return rows_of(model, [*WARD, IMPOSSIBLE])


def test_a_row_shows_what_the_dose_page_shows(model, rows):
    """The page asks about one patient at a time and judges every regimen in full; the two differ by rounding in single precision only."""
    for record, row in zip(WARD, rows, strict=False):
        posterior = answer_for(model, record.patient, draws=DRAWS)
        now_h, current = standing(record.patient)
        page = recommend(posterior, AUC24, candidates(CARD, start_h=now_h), current=current)
        assert (row.advice and row.advice.regimen) == (page.best and page.best.regimen)
        assert (row.now_h, row.current, row.verdict) == (now_h, current, posterior.entitlement.verdict)
        if row.advice and page.best:
            assert row.advice.probability_in == pytest.approx(page.best.probability_in, abs=0.001)
        if current and row.exposure:
            option = unchanged(posterior, AUC24, current, start_h=now_h)
            assert (row.exposure.basis, row.exposure.median) == ("unchanged", pytest.approx(option.exposure_median, rel=1e-3))
            assert row.exposure.chances.too_high == pytest.approx(option.probability_toxic, abs=0.001)


def test_who_else_is_on_the_ward_changes_nothing(model, rows):
    alone = rows_of(model, WARD[2:3])[0]
    assert replace(alone, exposure=None, advice=None) == replace(rows[2], exposure=None, advice=None)
    assert alone.exposure and rows[2].exposure and alone.exposure.median == pytest.approx(rows[2].exposure.median, rel=1e-4)


def test_a_patient_whom_nobody_may_answer_for_is_listed_with_the_sentence_and_no_numbers(rows):
    row = rows[-1]
    assert row.urgency is UNANSWERED and "cannot be" in row.reason
    assert row.exposure is None and row.advice is None and not row.is_failed
    assert row in ranked(rows) and ranked(rows)[-1] is row


def test_a_patient_whose_computation_fails_stops_nobody_and_says_why(model, rows, monkeypatch):
    whole = module.recommend_first

    def fails_for_one(posterior, *args, **options):
        if posterior.patient.id == WARD[1].patient.id:
            raise RuntimeError("a fault of ours")
        return whole(posterior, *args, **options)

    monkeypatch.setattr(module, "recommend_first", fails_for_one)
    found = rows_of(model, WARD[:3])
    assert found[1].urgency is UNANSWERED and "RuntimeError" in found[1].reason and found[1].is_failed
    assert [found[i].advice and found[i].advice.regimen for i in (0, 2)] == [rows[i].advice and rows[i].advice.regimen for i in (0, 2)]


def test_a_batch_that_cannot_be_asked_is_asked_one_by_one(model, rows, monkeypatch):
    whole = module.answer_for_all

    def refuses(model, patients, **options):
        if any(patient.id == WARD[0].patient.id for patient in patients):
            raise ValueError("this patient has no weight.")
        return whole(model, patients, **options)

    monkeypatch.setattr(module, "answer_for_all", refuses)
    found = rows_of(model, WARD[:3])
    assert [row.reason for row in found][0] == "This patient has no weight." and found[0].last_level == rows[0].last_level
    assert found[1].urgency is rows[1].urgency and found[1].advice and rows[1].advice and found[1].advice.regimen == rows[1].advice.regimen


def test_patients_that_the_file_loses_have_rows_with_the_problem():
    problems = (Problem("error", "DV is high", "Give a number.", 7, "DV", "A"), Problem("warning", "odd", "Look.", 8, "DV", "B"))
    (row,) = unread(problems)
    assert (row.patient_id, row.urgency, row.is_failed, row.reason) == ("A", UNANSWERED, True, "row 7, DV: DV is high. Give a number.")


def test_without_a_dose_a_start_is_advised_and_nothing_is_judged(model):
    row = rows_of(model, [PatientRecord(Patient("new", covariates=WARD[0].patient.covariates))])[0]
    assert row.urgency is NOT_JUDGED and row.reason.startswith("No dose is recorded yet.")
    assert row.current is None and row.exposure is None and row.advice and row.advice.change == ""


def test_doses_without_a_clear_regimen_are_judged_by_the_day_that_was_lived(model):
    changed = tuple(Dose(12.0 * i, 1000, 1) for i in range(4)) + (Dose(50.0, 4500, 2),)
    row = rows_of(model, [PatientRecord(Patient("changed", changed), (TimedRow(60.0, 1, "60"),))])[0]
    assert row.current is None and row.now_h == 60
    assert row.exposure and row.exposure.basis == "past day" and row.urgency is TOO_HIGH


def test_a_card_without_a_target_or_without_doses_still_says_what_it_knows(model):
    silent, follows = copy.copy(model), copy.copy(model)
    silent.card, follows.card = CARD.model_copy(update={"targets": ()}), CARD.model_copy(update={"gives_dose": False})
    row = rows_of(silent, WARD[:1], None)[0]
    assert row.urgency is NOT_JUDGED and "states no target" in row.reason and row.last_level and row.verdict
    row = rows_of(follows, [PatientRecord(Patient("A", TWICE_DAILY))])[0]
    assert row.exposure and row.advice is None and "gives no doses" in row.reason


def test_every_patient_is_in_one_part_and_no_part_pads_too_much():
    records = [PatientRecord(Patient(str(i), tuple(Dose(float(t), 100) for t in range(1 + (37 * i) % 90)))) for i in range(100)]
    found = parts(records)
    assert sorted(place for part in found for place in part) == list(range(100))
    for part in found:
        longest = max(len(records[place].patient.doses) for place in part)
        assert len(part) == 1 or (len(part) <= module.AT_ONCE and len(part) * longest <= module.DOSES_AT_ONCE)


def test_what_changes_is_said_in_words():
    current = Regimen(1000, 12, 1, 48)
    words = {
        Regimen(1000, 12, 1, 48): "keep",
        Regimen(750, 12, 1, 48): "25 % less a day",
        Regimen(2000, 24, 1, 48): "same daily dose, every 24 h instead of every 12 h",
        Regimen(1500, 12, 2, 48): "50 % more a day, over 2 h instead of 1 h",
        Regimen(1000, 12, 0, 48): "same daily dose, at once instead of over 1 h",
    }
    assert {best: change_words(CARD, current, best) for best in words} == words
    assert change_words(CARD, None, current) == "" and daily_words(current) == "2,000 mg a day"


def test_another_salt_is_compared_by_its_active_substance():
    card = load_card("theophylline")
    aminophylline, oral = (next(p for p in card.products if p.route == route) for route in ("iv", "oral"))
    same = Regimen(400 * oral.salt_factor * oral.bioavailability / (aminophylline.salt_factor * aminophylline.bioavailability), 12, 0.5, 0, aminophylline.name)
    assert change_words(card, Regimen(400, 12, 0, 0, oral.name), same).startswith("same daily dose")


def test_the_table_has_every_column_and_ranks_only_those_who_are_judged(rows):
    table = ward_table(ranked(rows), AUC24)
    assert all(tuple(line) == COLUMNS for line in table) and len(table) == len(rows)
    assert [line["RANK"] for line in table if line["P_IN"] is not None] == list(range(1, 1 + sum(row.exposure is not None for row in rows)))
    assert table[-1]["ID"] == "impossible" and table[-1]["RANK"] is None and table[-1]["REASON"]
    assert sum(counted(row.urgency for row in rows).values()) == len(rows)
