"""Are files opened on the Dose page, good ones and bad ones, with a clear sentence and nothing lost?"""

from dataclasses import replace
from pathlib import Path

import pytest

from pkvae_core.case import Case
from pkvae_core.patient import Covariate
from tests.test_dose_page import APP, DOSES, HEADER, LEVELS, PATIENT, WHO, field, live, opened, page, said, upload


def test_a_file_of_one_patient_opens_by_itself():
    test = upload(page(), PATIENT)
    case = opened(test)
    assert not test.exception and case is not None
    assert case.label == "A1" and len(case.patient.samples) == 2
    assert live(test)["scene"]["levels"][0]["value"] == 30.2


def test_an_uploaded_patient_can_be_edited_without_losing_anything():
    test = upload(page(), PATIENT)
    before = opened(test)
    test.button(key="edit").click().run()
    assert opened(test) == before
    assert field(test, "AGE").value == 64
    field(test, "AGE").set_value(65.0).run()
    after = opened(test)
    assert before and after and after.patient.covariate("AGE") == 65
    assert (after.patient.doses, after.patient.samples) == (before.patient.doses, before.patient.samples)


def test_of_several_patients_one_is_chosen():
    test = upload(page(), HEADER + "".join((DOSES + LEVELS).format(name) for name in ("A1", "A2")))
    assert opened(test) is None
    (choice,) = [box for box in test.selectbox if "2 patients" in box.label]
    choice.select("A2").run()
    case = opened(test)
    assert case is not None and case.label == "A2"


def test_columns_that_are_not_certain_are_asked_for():
    test = upload(page(), PATIENT.replace("AMT", "Given stuff"))
    assert opened(test) is None
    (choice,) = [box for box in test.selectbox if "(AMT)" in box.label]
    choice.select("Given stuff")
    [button for button in test.button if button.label == "Read the file"][0].click().run()
    case = opened(test)
    assert case is not None and len(case.patient.doses) == 3


def test_columns_that_were_chosen_wrongly_are_chosen_again():
    test = upload(page(), PATIENT.replace("TIME", "Given stuff"))
    [button for button in test.button if button.label == "Read the file"][0].click().run()
    assert "there is no TIME" in " ".join(e.value for e in test.error)
    [button for button in test.button if button.label == "Choose the columns again"][0].click().run()
    (choice,) = [box for box in test.selectbox if "(TIME)" in box.label]
    choice.select("Given stuff")
    [button for button in test.button if button.label == "Read the file"][0].click().run()
    assert opened(test) is not None


def test_of_several_analytes_one_is_chosen_and_stays_chosen_while_a_patient_is():
    rows = HEADER.replace("DV", "DV,DVID", 1) + "".join(
        f"{name},0,1000,1,,{WHO}{name},11,,,12,1{WHO}{name},11,,,3,2{WHO}" for name in ("A1", "A2")
    )  # fmt: skip
    test = upload(page(), rows)
    test.radio[0].set_value("1").run()
    [box for box in test.selectbox if "2 patients" in box.label][0].select("A2").run()
    case = opened(test)
    assert case is not None and case.label == "A2" and [s.concentration_mg_per_L for s in case.patient.samples] == [12]


@pytest.mark.parametrize(("option", "value"), [("file_infusion", -1.0), ("file_lloq", 0.0)])
def test_an_option_that_makes_no_sense_is_answered_and_the_file_stays(option, value):
    test = page()
    test.selectbox(key="file_drug").select("vancomycin").run()
    test.number_input(key=option).set_value(value)
    test = upload(test, PATIENT)
    assert not test.exception and opened(test) is None
    assert "cannot be" in " ".join(e.value for e in test.error)
    assert opened(test.number_input(key=option).set_value(None).run()) is not None


def test_a_saved_case_reopens_to_the_same_numbers():
    first = page().button(key="example_2-vancomycin-young").click().run()
    case = opened(first)
    assert case is not None
    second = upload(page(), case.to_json(), "case.json")
    assert opened(second) == case
    assert live(second)["options"] == live(first)["options"]


BAD = {
    "empty": (b"", "The file is empty"),
    "binary": (bytes(range(256)) * 40, "binary data"),
    "wrong delimiter": (PATIENT.replace(",", "|"), "separated by |"),
    "formulas": (PATIENT.replace("30.2", "=1+1"), "formula"),
    "text in a numeric column": (PATIENT.replace(",1000,1,", ",plenty,1,", 1), "plenty"),
    "no dose": (HEADER + LEVELS.format("A1"), "no dose"),
    "10,000 rows for one patient": (HEADER + "".join(f"A1,{i},1000,1,{WHO}" for i in range(10_000)), "at most 2,000"),
    "a broken case": (b'{"format": "pkvae-case"', "no saved case"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_a_clear_sentence_and_the_page_goes_on(name):
    content, sentence = BAD[name]
    test = upload(page(), content, "case.json" if "case" in name else "bad.csv")
    assert not test.exception
    assert sentence in said(test)
    assert opened(test) is None
    assert opened(test.button(key="example_1-vancomycin-high").click().run()) is not None


def test_a_level_before_any_dose_is_left_out_and_said():
    test = upload(page(), HEADER + (f"A1,2026-03-08 06:00,,,5{WHO}" + DOSES + LEVELS).format("A1"))
    case = opened(test)
    assert case is not None and len(case.patient.samples) == 2
    assert any("before any dose" in problem.message for problem in case.problems)


def test_a_saved_case_of_an_unknown_drug_is_refused():
    case = opened(page().button(key="example_1-vancomycin-high").click().run())
    assert case is not None
    test = upload(page(), case.to_json().replace('"drug": "vancomycin"', '"drug": "unobtainium"'), "case.json")
    assert "unobtainium, for which there is no model here" in said(test)


def test_a_saved_case_with_a_flag_between_0_and_1_is_not_opened_and_says_why():
    case = Case.from_json((Path(APP).parent / "assets" / "examples" / "9-tacrolimus-genotype.json").read_bytes())
    half = replace(case, patient=replace(case.patient, covariates=(*case.patient.covariates, Covariate("CYP3A5", 0.5))))
    test = upload(page(), half.to_json(), "case.json")
    assert not test.exception and "CYP3A5 expresser is 0.5; it can only be 0 or 1" in said(test).replace("\\", "")
    assert opened(test) is None
