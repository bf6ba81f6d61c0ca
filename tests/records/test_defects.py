"""Defects: each becomes one problem with its row, its column, what is wrong and what to do; none is passed over in silence."""

import pytest

from pkvae_core.patient import Dose, Sample
from pkvae_core.records.problems import DataError, Problem, condensed, in_row_order


def one(cohort) -> Problem:
    (problem,) = cohort.problems
    assert problem.message and problem.remedy and not problem.message.endswith(".")
    return problem


INFUSED = "ID,TIME,AMT,DUR,DV\n"


@pytest.mark.parametrize(
    ("table", "severity", "row", "column", "words"),
    [
        (INFUSED + "1,0,,,12\n1,5,500,1,\n", "warning", 2, "DV", "before any dose"),
        (INFUSED + "1,5,500,1,\n1,5,,,12\n", "warning", 3, "DV", "at the time of the first dose"),
        (INFUSED + "1,0,500,1,\n1,8,,,10\n1,12,,,30\n", "warning", 4, "DV", "rises from 10 to 30"),
        (INFUSED + "1,0,500,20,\n1,12,500,20,\n", "warning", 3, "DUR", "8 h before the last one has ended"),
        ("ID,TIME,AMT,DUR,II,ADDL\n1,0,500,60,12,3\n", "error", 2, "DUR", "longer than its interval"),
        (INFUSED + "1,0,500,1,\n1,8,,,0\n", "warning", 3, "DV", "DV is 0"),
        (INFUSED + "1,0,500,1,\n1,8,,,-3.2\n", "error", 3, "DV", "negative"),
        (INFUSED + "1,0,500,1,\n1,8,,,high\n", "error", 3, "DV", '"high"'),
        (INFUSED + "1,0,500,1,\n1,8,,,BLQ\n", "warning", 3, "DV", "limit that is not given"),
        (INFUSED + "1,0,500,1,\n1,8,,,\n", "warning", 3, "DV", "holds no level"),
        (INFUSED + "1,0,lots,1,\n", "error", 2, "AMT", "not a number"),
        (INFUSED + "1,0,-500,1,\n", "error", 2, "AMT", "negative"),
        (INFUSED + "1,0,500,-1,\n", "error", 2, "DUR", "negative"),
        (INFUSED + "1,0,500,1,12\n", "error", 2, None, "both a dose and a level"),
        (INFUSED + "1,0,500,1,\n1,0,500,1,\n", "error", 3, None, "same dose as in row 2"),
        (INFUSED + "1,0,500,1,\n1,8,,,12\n1,8,,,12\n", "warning", 4, "DV", "counts once"),
        (INFUSED + "1,0,500,1,\n1,12,0.5,1,\n", "warning", 2, "AMT", "units may be mixed"),
        (INFUSED + "1,0,500,1,\n1,5,,,18000\n1,12,,,12\n", "warning", 3, "DV", "units may be mixed"),
        ("ID,TIME,AMT,RATE\n1,0,500,-2\n", "error", 2, "RATE", "-1, -2"),
        ("ID,TIME,AMT,RATE,DUR\n1,0,500,250,1\n", "error", 2, "DUR", "make an infusion of 2 h"),
        ("ID,TIME,AMT,RATE,SS,II\n1,0,0,50,1,24\n", "error", 2, "AMT", "a rate without an amount"),
        ("ID,TIME,AMT,EVID\n1,0,,1\n", "error", 2, "AMT", "no amount"),
        ("ID,TIME,AMT,EVID\n1,0,500,1\n1,6,0,1\n", "warning", 3, "AMT", "dose of 0"),
        ("ID,TIME,AMT,EVID\n1,0,500,0\n", "error", 2, "AMT", "EVID is 0"),
        ("ID,TIME,AMT,EVID\n1,0,500,7\n", "error", 2, "EVID", "EVID is 7"),
        ("ID,TIME,AMT,DV,EVID\n1,0,500,,1\n1,6,,3,2\n", "warning", 3, "DV", "EVID 2 is not read"),
        ("ID,TIME,AMT,DV,MDV\n1,0,500,,1\n1,6,,3,1\n", "warning", 3, "MDV", "MDV is 1"),
        ("ID,TIME,AMT,ADDL,II\n1,0,500,3,\n", "error", 2, "II", "without an interval"),
        ("ID,TIME,AMT,ADDL,II\n1,0,500,-3,12\n", "error", 2, "ADDL", "between 0"),
        ("ID,TIME,AMT,ADDL,II\n1,0,500,1.5,12\n", "error", 2, "ADDL", "whole number"),
        ("ID,TIME,AMT,ADDL,II\n1,0,500,,12\n", "warning", 2, "II", "one dose is read"),
        ("ID,TIME,AMT,SS,II\n1,0,500,2,12\n", "error", 2, "SS", "SS is 2"),
        ("ID,TIME,AMT\nAnna,0,=500+500\n", "error", 2, "AMT", "formula"),
        ("ID,TIME,AMT\n=cmd|'/C calc'!A0,0,500\n", "error", 2, "ID", "formula"),
        ("ID,TIME,AMT,DV,CENS\n1,0,500,,\n1,6,,80,-1\n", "warning", 3, "CENS", "CENS is -1"),
        ("ID,TIME,AMT,DV,LLOQ\n1,0,500,,\n1,6,,8,-1\n", "error", 3, "LLOQ", "above 0"),
        ("ID,TIME,AMT,name,DOB\n1,0,500,Anna,1970-01-01\n", "warning", None, "name", "who the patient is"),
        ("ID,TIME,AMT,colour\n1,0,500,red\n", "warning", None, None, "not read: colour"),
        ("ID,TIME,AMT,ROUTE\n1,0,500,iv\n", "warning", None, "ROUTE", "drug's own"),
    ],
)  # fmt: skip
def test_each_defect_is_one_problem_at_its_place(read, table, severity, row, column, words):
    cohort = read(table)
    problem = one(cohort)
    assert (problem.severity, problem.row, problem.column) == (severity, row, column)
    assert words in problem.message
    assert len(cohort.records) == (severity == "warning")


def test_the_column_is_named_as_the_file_names_it(read):
    assert one(read("patient,hours,Dose,level\n1,0,500,\n1,5,,-1\n")).column == "level"


@pytest.mark.parametrize(("rate", "assumed", "expected"), [("", None, 0), ("0", None, 0), ("", 0.5, 0.5), ("0", 0.5, 0.5), ("250", 0.5, 2)])
def test_an_infused_drug_without_a_duration_is_a_bolus_or_what_was_assumed_and_says_so(read, rate, assumed, expected):
    cohort = read(f"ID,TIME,AMT,RATE\n1,0,500,{rate}\n1,12,500,{rate}\n", is_infused=True, assume_infusion_h=assumed)
    assert {dose.infusion_h for dose in cohort.records[0].patient.doses} == {expected}
    if rate == "250":
        assert not cohort.problems
    else:
        assert one(cohort).more_rows == (3,)
        assert ("bolus" if assumed is None else "0.5 h is assumed") in one(cohort).message


def test_a_swallowed_dose_needs_no_duration(read):
    products = {"iv": "infusion", "oral": "tablet"}
    assert not read("ID,TIME,AMT,ROUTE\n1,0,500,oral\n", products=products, infused_products=frozenset({"infusion"})).problems
    assert "bolus" in one(read("ID,TIME,AMT,ROUTE\n1,0,500,iv\n", products=products, infused_products=frozenset({"infusion"}))).message
    assert "is not infused" in one(read("ID,TIME,AMT,DUR,ROUTE\n1,0,500,1,oral\n", products=products, infused_products=frozenset({"infusion"}))).message
    assert "no product of this drug" in one(read("ID,TIME,AMT,ROUTE\n1,0,500,sc\n", products=products)).message
    assert "names no product" in one(read("ID,TIME,AMT,ROUTE\n1,0,500,\n", products=products)).message


@pytest.mark.parametrize(
    ("row", "sample"),
    [
        ("<0.5,,", Sample(8, None, 0.5)),
        ("< 0.5,,", Sample(8, None, 0.5)),
        ("0.5,1,", Sample(8, None, 0.5)),
        ("0,1,0.7", Sample(8, None, 0.7)),
        ("BLQ,,0.7", Sample(8, None, 0.7)),
        ("0,,", Sample(8, None, 0.2)),
        ("0,1,", Sample(8, None, 0.2)),
        ("3,0,0.7", Sample(8, 3, 0.7)),
        ("0.1,0,0.7", Sample(8, 0.1, 0.7)),
        ("3,,", Sample(8, 3, 0.2)),
    ],
)
def test_levels_below_the_limit_are_kept_as_such(read, row, sample):
    cohort = read(f"ID,TIME,AMT,DV,CENS,LLOQ\n1,0,500,,,\n1,8,,{row}\n", lloq_mg_per_L=0.2)
    assert cohort.records[0].patient.samples == (sample,) and not cohort.problems


def test_a_number_below_the_limit_counts_as_below_it_and_says_so(read):
    cohort = read("ID,TIME,AMT,DV\n1,0,500,\n1,8,,0.1\n", lloq_mg_per_L=0.2)
    assert cohort.records[0].patient.samples == (Sample(8, None, 0.2),)
    assert "read as such" in one(cohort).message


def test_the_limit_of_the_file_is_in_the_unit_of_its_levels(read):
    cohort = read("ID,TIME,AMT,DV,CENS,LLOQ\n1,0,500,,,\n1,8,,0,1,500\n1,9,,<200,,\n", concentration_unit="ng/mL")
    assert cohort.records[0].patient.samples == (Sample(8, None, 0.5), Sample(9, None, 0.2))


def test_a_reset_leaves_out_what_came_before_but_not_the_covariates(read, specs):
    table = "ID,TIME,AMT,DV,EVID,WT\n1,0,500,,1,70\n1,12,,9,0,\n1,13,,,2,\n1,0,,,3,\n1,1,400,,1,\n1,9,,8,0,72\n"
    cohort = read(table, covariates=specs[2:3])
    patient = cohort.records[0].patient
    assert patient.doses == (Dose(1, 400),) and [sample.time_h for sample in patient.samples] == [9]
    assert [(covariate.value, covariate.time_h) for covariate in patient.covariates] == [(70, float("-inf")), (72, 9)]
    assert one(cohort).row == 5 and "doses: 1, levels: 1, times asked for: 1" in one(cohort).message


def test_a_reset_with_a_dose_keeps_the_dose(read):
    assert read("ID,TIME,AMT,DV,EVID\n1,0,500,,1\n1,24,400,,4\n").records[0].patient.doses == (Dose(24, 400),)


def test_steady_state_is_written_out_as_earlier_doses(read):
    cohort = read("ID,TIME,AMT,DUR,II,SS,ADDL,DV\n1,0,500,1,12,1,1,\n1,0,,,,,,9\n", steady_state_h=60)
    assert [dose.time_h for dose in cohort.records[0].patient.doses] == [-60, -48, -36, -24, -12, 0, 12]
    assert len(cohort.records[0].patient.samples) == 1  # the trough just before a dose at steady state is explained by the doses before
    assert "5 earlier doses" in one(cohort).message


def test_steady_state_replaces_what_came_before(read):
    cohort = read("ID,TIME,AMT,II,SS,DV\n1,0,100,,,\n1,30,,,,5\n1,48,500,12,1,\n1,50,,,,9\n", steady_state_h=24)
    assert [dose.time_h for dose in cohort.records[0].patient.doses] == [24, 36, 48]
    assert any("steady state" in problem.message and "levels: 1" in problem.message for problem in cohort.problems)


def test_levels_without_doses_stop_the_patient_and_a_file_without_any_is_refused(read):
    assert "no dose" in one(read(INFUSED + "1,0,500,1,\n2,8,,,12\n")).message
    with pytest.raises(DataError, match="no row has an amount above 0"):
        read(INFUSED + "1,0,,,12\n2,8,,,12\n")


def test_a_row_without_a_patient_is_refused(read):
    with pytest.raises(DataError, match=r"Row 3 and 1 more: the patient \(ID\) is missing"):
        read("ID,TIME,AMT\n1,0,500\n,12,500\n,24,500\n")


def test_a_history_that_is_too_long_is_refused_in_a_sentence(read):
    levels = "".join(f"1,{i + 1},,,12\n" for i in range(1001))
    assert "levels 1,001 (at most 1,000)" in one(read(INFUSED + "1,0,500,1,\n" + levels + "2,0,500,1,\n")).message


def test_a_patient_far_from_the_others_is_pointed_out(read):
    doses = "".join(f"{patient},0,{500 if patient < 6 else 500_000},1,\n" for patient in range(7))
    assert one(read(INFUSED + doses)).patient_id == "6"


def test_a_swallowed_dose_may_raise_levels_for_hours(read):
    assert not read("ID,TIME,AMT,DV\n1,0,500,\n1,2,,3\n1,4,,9\n").problems


def test_problems_come_in_row_order_and_the_same_defect_once_per_patient():
    found = [Problem("warning", "low", "Look.", row, "DV", patient) for row, patient in [(9, "b"), (4, "a"), (2, "a"), (2, "a")]]
    merged = in_row_order([*found, Problem("warning", "odd", "Look.")])
    assert [(problem.row, problem.more_rows) for problem in merged] == [(None, ()), (2, (4,)), (9, ())]
    assert str(merged[1]) == "row 2 and 1 more, DV: low. Look." and str(merged[0]) == "Odd. Look."


def test_a_whole_file_is_summed_up_in_one_line_per_kind_of_defect(read):
    lines = condensed(read(INFUSED + "".join(f"{patient},0,500,1,\n{patient},8,,,-{patient}\n" for patient in range(1, 40))).problems)
    assert lines == (
        "error: 39 patients, the first is 1: row 3, DV: DV is -1 mg/L; a concentration cannot be negative. Leave it empty if it was not measured.",
    )
