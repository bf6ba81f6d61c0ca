"""Covariates: sexes in every spelling, changes over time, missing values, and clearance where it can be computed."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkvae_core.patient import Covariate, Patient
from pkvae_core.records.covariates import with_clearance
from pkvae_core.records.problems import DataError


def values(cohort, name):
    (record,) = cohort.records
    return [(covariate.value, covariate.time_h) for covariate in record.patient.covariates if covariate.name == name]


def dosed(column, *cells):
    """A patient with a dose at 0 h and a level at each later hour, and one more column."""
    rows = "".join(f"1,{i},{'' if i else 500},1,{10 if i else ''},{cell}\n" for i, cell in enumerate(cells))
    return f"ID,TIME,AMT,DUR,DV,{column}\n{rows}"


@pytest.mark.parametrize("word", ["M", "m", "male", "Male", "1", "1.0", "man"])
def test_males_are_one(read, specs, word):
    assert values(read(dosed("SEX", word), covariates=specs), "SEX") == [(1, -math.inf)]


@pytest.mark.parametrize("word", ["F", "female", "Woman", "0", "w"])
def test_females_are_zero(read, specs, word):
    assert values(read(dosed("Gender", word), covariates=specs), "SEX") == [(0, -math.inf)]


def test_the_name_of_the_column_says_who_is_one(read, specs):
    assert values(read(dosed("SEXM", "1"), covariates=specs), "SEX") == [(1, -math.inf)]
    assert values(read(dosed("female", "1"), covariates=specs), "SEX") == [(0, -math.inf)]


def test_numbers_for_sexes_are_said_to_be_an_assumption(read, specs):
    assert any("1 is read as male, 0 as female" in p.message for p in read(dosed("SEX", "0"), covariates=specs).problems)
    assert any("1 is read as male, 2 as female" in p.message for p in read(dosed("SEX", "2"), covariates=specs).problems)
    with pytest.raises(DataError, match="0, 1 and 2"):
        read("ID,TIME,AMT,SEX\n1,0,500,0\n2,0,500,1\n3,0,500,2\n", covariates=specs)


def test_the_first_value_always_held_and_each_change_has_its_time(read, specs):
    assert values(read(dosed("WT", 70, 70, 72, "", 72, 71), covariates=specs), "WT") == [(70, -math.inf), (72, 2), (71, 5)]


def test_a_first_value_in_a_later_row_is_not_known_before(read, specs):
    assert values(read(dosed("WT", "", "NA", 72), covariates=specs), "WT") == [(72, 2)]


@pytest.mark.parametrize("missing", ["", ".", "NA", "-99"])
def test_a_missing_value_is_missing_with_a_line(read, specs, missing):
    cohort = read(dosed("WT", missing), covariates=specs)
    assert values(cohort, "WT") == []
    (problem,) = cohort.problems
    assert "weight (WT)" in problem.message and "serum creatinine (SCR)" in problem.message and problem.patient_id == "1"


def test_what_the_drug_needs_must_be_there(read, specs):
    needed = [replace(spec, when_missing="required") if spec.name == "WT" else spec for spec in specs]
    cohort = read(dosed("WT", ""), covariates=needed)
    assert not cohort.records
    assert "weight (WT)" in next(problem.message for problem in cohort.problems if problem.severity == "error")


@pytest.mark.parametrize(
    ("column", "cell", "remedy"),
    [
        ("AGE", 430, "months"),
        ("SCR", 88, '"SCR (umol/L)"'),
        ("HT", 1.75, '"HT (m)"'),
        ("WT", -70, "Correct it"),
        ("AGE", "old", "leave it empty"),
        ("SEX", "x", "Correct"),
    ],
)
def test_a_value_that_cannot_be_true_stops_the_patient_and_names_the_unit_that_would_explain_it(read, specs, column, cell, remedy):
    cohort = read(dosed(column, cell), covariates=specs)
    (problem,) = [problem for problem in cohort.problems if problem.severity == "error"]
    assert not cohort.records
    assert (problem.row, problem.column) == (2, column) and remedy in problem.remedy


def test_one_patient_has_one_sex(read, specs):
    cohort = read(dosed("SEX", "M", "F"), covariates=specs)
    assert not cohort.records and any("sex of one patient changes" in problem.message for problem in cohort.problems)


def test_clearance_is_computed_at_every_change_and_says_how(read, specs):
    table = "ID,TIME,AMT,DUR,DV,AGE,SEX,WT,HT,SCR_umol_L\n1,0,500,1,,40,M,72,180,88.4\n1,24,,,10,40,M,72,180,176.8\n"
    cohort = read(table, covariates=specs)
    assert values(cohort, "CRCL") == [(pytest.approx(100), -math.inf), (pytest.approx(50), 24)]
    assert [problem.message for problem in cohort.problems if "clearance" in problem.message] == [
        "creatinine clearance is computed (Cockcroft-Gault, actual weight)"
    ]


def test_a_measured_clearance_is_never_replaced(read, specs):
    table = "ID,TIME,AMT,DUR,DV,AGE,SEX,WT,HT,SCR,CLCR\n1,0,500,1,,40,M,72,180,1,61\n"
    (record,) = read(table, covariates=specs).records
    assert [c for c in record.patient.covariates if c.name == "CRCL"] == [Covariate("CRCL", 61)]


WHO = "40,M,72,180"
COURSE = "ID,TIME,AMT,DUR,DV,AGE,SEX,WT,HT,SCR,CLCR\n"


def clearances(read, specs, *rows):
    """Clearances with their hours, and what was said about them; a row is a time, a creatinine and a clearance."""
    table = COURSE + "".join(f"1,{t},{'' if i else 500},1,{10 if i else ''},{WHO},{scr},{clearance}\n" for i, (t, scr, clearance) in enumerate(rows))
    cohort = read(table, covariates=specs)
    return values(cohort, "CRCL"), [problem.message for problem in cohort.problems if "clearance" in problem.message]


def test_a_stated_clearance_follows_creatinine_that_changes_after_it(read, specs):
    found, said = clearances(read, specs, (0, 1, 60), (24, 2, ""), (48, 1.5, ""), (72, 1, ""))
    assert found == [(60, -math.inf), (pytest.approx(30), 24), (pytest.approx(40), 48), (pytest.approx(60), 72)]
    assert said == ["creatinine clearance is computed (Cockcroft-Gault, scaled from the stated 60 mL/min by creatinine)"]


def test_a_clearance_stated_anew_wins_over_creatinine(read, specs):
    found, said = clearances(read, specs, (0, 1, 60), (24, 2, 28), (48, 2, ""))
    assert found == [(60, -math.inf), (28, 24)] and said == []


def test_a_clearance_written_again_beside_a_new_creatinine_wins_and_that_is_said(read, specs):
    found, said = clearances(read, specs, (0, 1, 60), (24, 2, 60), (48, 2, 60))
    assert found == [(60, -math.inf), (60, 24)]
    assert said == ["creatinine changes, but creatinine clearance stays 60 mL/min: the clearance of the file is used"]


def test_before_it_is_stated_clearance_is_cockcroft_gaults(read, specs):
    found, _ = clearances(read, specs, (0, 1, ""), (24, 1, 61))
    assert found == [(pytest.approx(100), -math.inf), (61, 24)]


def test_a_clearance_that_ends_outside_its_range_is_not_used_at_all(specs):
    known = [Covariate("AGE", 40), Covariate("SEX", 1), Covariate("WT", 72), Covariate("SCR", 1), Covariate("SCR", 4, 24)]
    assert with_clearance(Patient("1", covariates=tuple(known)), 30, 300).covariate("CRCL") is None
    assert with_clearance(Patient("1", covariates=tuple(known)), 20, 300).covariate("CRCL") == pytest.approx(25)


@given(st.lists(st.tuples(st.sampled_from(["SCR", "WT", "CRCL"]), st.sampled_from([60.0, 80.0, 100.0]), st.integers(0, 4)), max_size=8))
def test_computing_clearances_twice_changes_nothing_and_no_value_comes_from_the_future(values_in_time):
    """And what was known at any hour gives the clearance that the whole record has for that hour."""
    basis = (Covariate("AGE", 40), Covariate("SEX", 1), Covariate("WT", 72), Covariate("SCR", 1))
    later = tuple(Covariate(name, value / 80 if name == "SCR" else value, float(time_h)) for name, value, time_h in values_in_time)
    patient = Patient("1", covariates=basis + later)
    whole = with_clearance(patient)
    assert with_clearance(whole) == whole
    for time_h in range(5):
        assert with_clearance(patient.until(time_h)).covariate("CRCL", time_h) == whole.covariate("CRCL", time_h)


def test_a_flag_is_0_or_1_and_nothing_between(read, specs):
    flag = replace(specs[0], name="AED", label="Other anticonvulsants", unit="1 yes, 0 no", low=0, high=1)
    assert values(read(dosed("AED", "0", "1"), covariates=[flag]), "AED") == [(0, -math.inf), (1, 1)]
    for text in ("0.5", "2", "-1"):
        cohort = read(dosed("AED", text), covariates=[flag])
        assert not cohort.records and f"Other anticonvulsants is {text}; it can only be 0 or 1 (1 yes, 0 no)" in str(cohort.problems)
