"""Columns: common spellings are known, the caller's word wins, and a doubt becomes a question."""

import pytest

from pkvae_core.records.columns import MappingNeeded, propose_mapping
from pkvae_core.records.problems import DataError


def test_our_own_names_and_common_spellings_are_certain(specs):
    mapping = propose_mapping(["Subject ID", "time", "Dose (mg)", "Tinf_min", "Conc ug/mL", "Gender", "Body weight (lb)", "creatinine_umol_L", "mass2"], specs)
    assert mapping.is_complete
    assert mapping.certain == {
        "ID": "Subject ID",
        "TIME": "time",
        "AMT": "Dose (mg)",
        "DUR": "Tinf_min",
        "DV": "Conc ug/mL",
        "SEX": "Gender",
        "WT": "Body weight (lb)",
        "SCR": "creatinine_umol_L",
    }
    assert mapping.units == {"AMT": "mg", "DUR": "min", "DV": "ug/ml", "WT": "lb", "SCR": "umol/l"}
    assert mapping.unused == ("mass2",)


def test_our_own_name_wins_over_another_spelling():
    mapping = propose_mapping(["ID", "SUBJECT", "TIME", "AMT", "DOSE", "DV"])
    assert mapping.certain["ID"] == "ID" and mapping.certain["AMT"] == "AMT"
    assert mapping.unused == ("SUBJECT", "DOSE")


def test_two_spellings_of_the_same_thing_are_asked_about():
    mapping = propose_mapping(["ID", "TIME", "AMT", "conc", "level"])
    assert mapping.unsure == {"DV": ("conc", "level")}


def test_what_only_looks_like_a_column_of_ours_is_asked_about():
    mapping = propose_mapping(["Pat-Nr", "Zeit", "Dosis", "Spiegel"])
    assert mapping.unsure == {"ID": ("Pat-Nr",), "TIME": ("Zeit",), "AMT": ("Dosis",), "DV": ("Spiegel",)}


def test_brackets_that_hold_no_unit_are_asked_about():
    assert propose_mapping(["ID", "TIME", "AMT", "DV (tobramycin)"]).unsure == {"DV": ("DV (tobramycin)",)}


def test_the_callers_word_wins_over_every_spelling():
    mapping = propose_mapping(["ID", "TIME", "AMT", "DV", "other"], chosen={"dv": "other"})
    assert mapping.certain["DV"] == "other" and mapping.unused == ("DV",)


def test_nothing_is_asked_about_a_column_that_the_caller_says_is_not_there():
    assert propose_mapping(["ID", "TIME", "AMT", "conc", "level"], chosen={"DV": ""}).is_complete


@pytest.mark.parametrize(
    ("chosen", "words"),
    [({"DV": "gone"}, "no such column"), ({"XX": "DV"}, "none of ours"), ({"DV": "AMT", "AMT": "AMT"}, "twice"), ({"TIME": ""}, "no TIME")],
)
def test_a_mapping_that_cannot_be_followed_is_refused(chosen, words):
    with pytest.raises(DataError, match=words):
        propose_mapping(["ID", "TIME", "AMT", "DV"], chosen=chosen)


def test_a_date_with_a_clock_time_in_it_is_the_time():
    assert propose_mapping(["ID", "DATE", "AMT", "DV"]).certain["TIME"] == "DATE"


def test_the_question_names_the_columns_and_can_be_answered_as_it_stands(read):
    table = "patient;Zeit;Dosis;Spiegel\n1;0;1000;\n1;12;;10\n"
    with pytest.raises(MappingNeeded) as asked:
        read(table)
    assert "Zeit" in str(asked.value) and "--map" in str(asked.value)
    answer = {ours: theirs[0] for ours, theirs in asked.value.mapping.unsure.items()}
    (record,) = read(table, column_map=answer).records
    assert record.patient.samples[0].concentration_mg_per_L == 10


def test_a_file_without_patients_names_can_be_read_as_one_patient_and_says_so(read):
    cohort = read("TIME,AMT,DV\n0,1000,\n12,,10\n", column_map={"ID": ""})
    assert [record.patient.id for record in cohort.records] == ["1"]
    assert any("all rows are read as one" in problem.message for problem in cohort.problems)
