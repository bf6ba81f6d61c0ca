"""Does the ward page rank a file of patients in the background, lose nobody, and open each on the Dose page?"""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.ward_parts import cohort as source
from pkvae_core.checks.example_ward import example_ward
from pkvae_core.drugs.card import load_card

APP, PAGE = str(Path(__file__).parents[1] / "app.py"), "pages/ward.py"
HEADER, COVARIATES = "ID,TIME,AMT (mg),DUR,DV (mg/L),EVID,AGE,SEX,WT,HT,SCR (mg/dL)\n", "60,M,75,178,1.0"


def course(patient: str, level: str) -> str:
    """Four doses every 12 h over 2 h and one trough at 35.5 h."""
    rows = [f"{patient},{12 * i},1000,2,,1" for i in range(4)] + [f"{patient},35.5,,,{level},0"]
    return "".join(f"{row},{COVARIATES}\n" for row in rows)


WARD = HEADER + course("fine", "7.5") + course("high *1*", "32") + course("slip", "4000") + course("wrong", "high")


def visit() -> AppTest:
    """The page as a fresh server shows it to somebody who follows a link to it."""
    return AppTest.from_file(APP, default_timeout=120).switch_page(PAGE).run()


def words(test: AppTest) -> str:
    return " ".join(element.value for kind in (test.title, test.header, test.subheader, test.markdown, test.caption, test.info, test.error) for element in kind)


def finished(test: AppTest) -> AppTest:
    """The page after its run has ended."""
    _, job = test.session_state["ward_job"]
    assert job.wait(115)
    test.run()
    assert not test.exception
    return test


@pytest.fixture(scope="module")
def ranked() -> AppTest:
    """The page with a file of four patients, one of whom cannot be read and one of whom nobody may answer for."""
    test = visit()
    test.file_uploader[0].set_value(("my ward.csv", WARD.encode(), "text/csv")).run()
    return finished(test)


def test_without_a_file_the_page_asks_for_one_and_offers_an_example():
    test = visit()
    assert not test.exception and not test.dataframe
    assert any("Example" in button.label for button in test.button)


def test_the_table_stands_in_the_order_of_urgency_with_marks_and_words(ranked):
    table = ranked.dataframe[0].value
    assert list(table["Patient"]) == ["high *1*", "fine", "slip", "wrong"]
    assert [words.split(" ", 1)[0] for words in table["Urgency"]] == ["▲", "●", "✕", "✕"]
    assert table["high"][0] > 50 and "less a day" in table["change"][0]


def test_those_for_whom_nobody_answers_are_named_above_the_table_with_the_sentence(ranked):
    seen = words(ranked)
    assert "**slip**" in seen and "4\\,000 mg\\/L cannot be" in seen
    assert "**wrong**" in seen and "row 21" in seen


def test_every_problem_of_the_file_is_listed_with_its_row_its_column_and_the_remedy(ranked):
    listed = " ".join(text.value for text in ranked.get("text"))
    assert 'row 21, DV (mg/L): DV is "high"' in listed


def test_the_most_urgent_patient_stands_on_the_card_and_another_can_be_chosen(ranked):
    assert ranked.selectbox(key="ward_patient").value == "high *1*"
    assert "in target in **" in words(ranked)
    assert re.search(r"Chances: .*% in target, .*% above 650, .*% below 300 mg·h/L", words(ranked))
    ranked.selectbox(key="ward_patient").select("wrong").run()
    assert not [button for button in ranked.button if button.key == "ward_open"]
    ranked.selectbox(key="ward_patient").select("high *1*").run()


def test_a_filter_shows_some_and_never_loses_the_others(ranked):
    ranked.text_input(key="ward_search").set_value("FINE").run()
    assert list(ranked.dataframe[0].value["Patient"]) == ["fine"]
    ranked.text_input(key="ward_search").set_value("nobody").run()
    assert "No patient is like that" in words(ranked)
    ranked.text_input(key="ward_search").set_value("").run()
    assert len(ranked.dataframe[0].value) == 4


def test_another_target_greys_the_table_until_it_is_computed_again(ranked):
    ranked.selectbox(key="ward_metric_vancomycin").select("trough").run()
    assert any("Based on earlier data" in warning.value for warning in ranked.warning)
    assert len(ranked.dataframe[0].value) == 4
    ranked.button(key="ward_run").click().run()
    finished(ranked)
    assert not any("Based on earlier data" in warning.value for warning in ranked.warning)
    assert "Trough at steady state" in words(ranked)


def test_a_patient_opens_on_the_dose_page_with_the_ward_s_target(ranked):
    ranked.switch_page("pages/models.py").run()
    ranked.switch_page(PAGE).run()
    ranked.button(key="ward_open").click().run()
    assert not ranked.exception
    case = ranked.session_state["open_case"]
    assert (case.label, case.target.metric, case.now_h, case.current.amount_mg) == ("high *1*", "trough", 48, 1000)
    assert r"high \*1\*" in words(ranked) and "The ward" not in [title.value for title in ranked.title]


def test_a_file_without_a_readable_patient_gets_its_problems_and_no_run():
    test = visit()
    test.file_uploader[0].set_value(("broken.csv", (HEADER + course("wrong", "high")).encode(), "text/csv")).run()
    assert not test.exception and "ward_job" not in test.session_state
    assert any("No patient in this file can be used" in error.value for error in test.error)
    test.file_uploader[0].set_value(("broken.csv", bytes(range(256)) * 20, "text/csv")).run()
    assert test.error[0].value.replace("\\", "").startswith("This is not a table: the file holds binary data.")


def test_the_shipped_example_is_what_is_said_of_it():
    """Virtual patients, made by the code that ships; it opens in one click, and a run of it can be cancelled."""
    assert source.EXAMPLE.read_text("utf-8") == example_ward(load_card(source.EXAMPLE_DRUG))
    test = visit()
    test.button(key="ward_example").click().run()
    assert "24 virtual patients" in words(test)
    _, job = test.session_state["ward_job"]
    job.cancel()
    assert job.wait(60)
    test.run()
    assert not test.exception and test.button(key="ward_run").label == "Rank 24 patients"
