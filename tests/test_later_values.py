"""Do covariates with dates come into the typing form, stay there, and come out again; and what is shown while something typed is wrong?"""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pages.dose_parts import draft
from pages.dose_parts.draft import as_csv, moment_of
from pages.dose_parts.fill import fill
from pkvae_core.case import Case
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.derived import complete
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.records.table import read_patients
from pkvae_core.report import html_report
from tests.test_dose_page import field, live, opened, page, said, type_patient, upload
from tests.test_report import report_on, words_of

CARD = load_card("vancomycin")
Known = tuple[Any, ...]  # name, value, and hour where it has one
ORIGIN = datetime(2026, 3, 9, 6)


class State(dict):
    """Streamlit's session without a browser."""


@pytest.fixture
def session(monkeypatch) -> State:
    state = State()
    monkeypatch.setattr(draft, "st", SimpleNamespace(session_state=state))
    return state


def covariate(known: Known) -> Covariate:
    return Covariate(*known)


def case_with(*dated: Known) -> Case:
    known = tuple(map(covariate, (("AGE", 64), ("SEX", 1), ("WT", 72), ("HT", 175), *dated)))
    patient = complete(CARD, Patient("1", tuple(Dose(12.0 * i, 1000, 1) for i in range(4)), (Sample(35.5, 14.0),), known))
    return Case("A", "vancomycin", patient, ORIGIN, 48, Target.from_spec(CARD.target()), "mg/L")


def typed_again(case: Case) -> Patient:
    """Through the form and back, with nothing touched."""
    fill(case, CARD)
    cohort = read_patients(as_csv(CARD, ORIGIN)[0], options=CARD.read_options(concentration_unit="mg/L"))
    (record,) = cohort.records
    shift = (cohort.origin["1"] or ORIGIN) - case.origin
    assert shift == timedelta(0)
    return record.patient


HISTORIES = {
    "one number": (("SCR", 1.0),),
    "a rising creatinine": (("SCR", 0.9), ("SCR", 1.4, 26.0), ("SCR", 1.9, 38.5)),
    "creatinine and weight at one moment": (("SCR", 0.9), ("SCR", 1.4, 26.0), ("WT", 70.5, 26.0)),
    "a stated clearance that follows creatinine": (("SCR", 0.9), ("CRCL", 92.0), ("SCR", 1.9, 30.0)),
    "a clearance stated twice": (("SCR", 0.9), ("CRCL", 92.0), ("SCR", 1.9, 30.0), ("CRCL", 41.0, 30.0)),
    "a clearance written again": (("SCR", 0.9), ("CRCL", 92.0), ("SCR", 1.9, 30.0), ("CRCL", 92.0, 30.0)),
    "a creatinine known late": (("SCR", 1.3, 20.0),),
    "a birthday": (("SCR", 1.0), ("AGE", 65.0, 24.0)),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_what_a_case_knows_with_its_dates_survives_the_form(session, name):
    case = case_with(*HISTORIES[name])
    assert set(typed_again(case).covariates) == set(case.patient.covariates)


def test_a_typed_date_is_understood_as_the_reader_understands_it():
    assert moment_of("2026-03-09 06:00") == moment_of("9.3.2026 06:00") == datetime(2026, 3, 9, 6)
    assert moment_of("26.5") is not None and moment_of("soon") is None


def test_a_later_creatinine_is_typed_and_changes_the_clearance_from_its_time_on():
    test = type_patient(page())
    test.button(key="open_later").click().run()
    test.datetime_input(key="build_later").set_value(datetime(2026, 3, 10, 10))
    test.number_input(key="build_later_SCR").set_value(2.6)
    test.button(key="add_later").click().run()
    case = opened(test)
    assert case is not None and not test.exception
    found = {name: [(c.value, c.time_h) for c in case.patient.covariates if c.name == name] for name in ("SCR", "CRCL")}
    assert found["SCR"] == [(1.3, float("-inf")), (2.6, 28)]
    assert found["CRCL"][1] == (pytest.approx(found["CRCL"][0][0] / 2), 28)
    assert case.now_h == 36


def test_a_file_that_dates_a_creatinine_opens_with_it_at_the_time_asked_for():
    """A row with EVID 2 between the doses dates the creatinine; the one at the end asks."""
    who, rows = "64,F,72,165", []
    for time, dose, evid, creatinine in ((0, 1000, 1, 1.3), (12, 1000, 1, ""), (20, "", 2, 2.6), (24, 1000, 1, ""), (40, "", 2, "")):
        rows.append(f"A1,{time},{dose},{1 if dose else ''},,{evid},{who},{creatinine}\n")
    test = upload(page(), "ID,TIME,AMT,DUR,DV,EVID,AGE,SEX,WT,HT,SCR\n" + "".join(rows))
    case = opened(test)
    assert case is not None and case.now_h == 40
    assert [(c.value, c.time_h) for c in case.patient.covariates if c.name == "SCR"] == [(1.3, float("-inf")), (2.6, 20)]
    assert [row["SCR"] for row in test.session_state["draft_later"]] == ["2.6"]


def test_while_something_typed_is_wrong_the_last_answer_stays_and_says_what_it_is():
    test = type_patient(page())
    before, answer = opened(test), live(test)["options"]
    field(test, "AGE").set_value(900.0).run()
    assert opened(test) is None
    assert "Based on earlier data" in said(test) and "Age is 900 years" in said(test)
    assert live(test)["options"] == answer
    field(test, "AGE").set_value(64.0).run()
    assert opened(test) == before and "Based on earlier data" not in said(test)


def test_the_example_with_failing_kidneys_shows_what_changed_and_a_lower_dose():
    test = page().button(key="example_6-vancomycin-kidneys").click().run()
    case, answer, shown = opened(test), live(test), " ".join(m.value for m in test.markdown)
    assert case is not None and case.current is not None and not test.exception
    assert answer["scene"]["changes"] == [{"time_h": 30, "label": "CrCl 101 → 48"}]
    assert "SCr **1.9** mg/dL, was 0.9 · CrCl **48** mL/min, was 101" in shown
    assert r"fell from 101 to 48 mL\/min yesterday 14\:00" in shown
    best = answer["options"][answer["recommended_index"]]["amount_mg"] / answer["interval_h"]
    assert best < 0.6 * case.current.amount_mg / case.current.interval_h


def test_the_report_prints_the_course_of_a_covariate_and_marks_its_change():
    report = report_on()
    assert report.curve and [(mark.time_h, mark.label) for mark in report.curve.changes] == [(30, "SCr 1 → 1.3")]
    assert "Serum creatinine rose from 1 to 1.3 mg/dL on Tue 10 Mar, 12:00: the new value holds from then on." in words_of(report)
    assert "SCr 1 → 1.3" in html_report(report)
