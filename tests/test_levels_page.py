"""Does the switch of a level leave it out and nothing else, and does the age weight do what it says?"""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from pkvae_core.case import Case
from tests.test_dose_page import APP, field, live, opened, page, said, upload

CASE = Case.from_json((Path(APP).parent / "assets" / "examples" / "1-vancomycin-high.json").read_bytes())


def started() -> AppTest:
    """The page with the example on the table, without the way in."""
    test = AppTest.from_file(APP, default_timeout=300)
    test.session_state["open_case"] = CASE
    return test.run()


def lines(test: AppTest) -> str:
    return "\n".join(element.value for element in test.markdown)


def dots(test: AppTest) -> list[bool]:
    """For each level on the chart, whether it is hollow."""
    return [level["is_left_out"] for level in live(test)["scene"]["levels"]]


def test_each_level_says_where_it_stands_and_the_dose_without_it_which_is_what_its_switch_brings():
    test = started()
    before = live(test)
    assert lines(test).count("such patients") == 2 and dots(test) == [False, False]
    _, line = (element.value for element in test.markdown if "Without it: **" in element.value)
    foretold = line.split("Without it: **")[1].split("**")[0]
    test.toggle(key="use_level_1").set_value(False).run()
    answer = live(test)
    headline = answer["options"][answer["recommended_index"]]["headline"] if answer["recommended_index"] >= 0 else "no regimen meets the target"
    assert headline == (before["options"][before["recommended_index"]]["headline"] if foretold == "the same dose" else foretold)


def test_a_level_switched_off_is_left_out_shown_hollow_and_said_and_comes_back_when_switched_on():
    test = started()
    answered = live(test)["options"]
    test.toggle(key="use_level_0").set_value(False).run()
    case = opened(test)
    assert case is not None and not test.exception
    assert [s.trust for s in case.patient.samples] == [0, 1] and len(case.patient.samples) == len(CASE.patient.samples)
    assert dots(test) == [True, False]
    assert "1 level left out" in live(test)["options"][0]["detail"] and "level left out" in live(test)["words"]["key"]
    assert "Left out" in lines(test) and "With it: **" in lines(test)
    test.toggle(key="use_level_0").set_value(True).run()
    assert opened(test) == CASE and live(test)["options"] == answered


def test_without_any_level_that_counts_the_page_says_so():
    test = started()
    test.session_state["open_case"] = CASE.with_level(0, is_used=False).with_level(1, is_used=False)
    assert "No level counts" in lines(test.run())


def test_the_age_weight_is_off_until_somebody_asks_and_explained():
    test = started()
    assert not test.toggle(key="age_weight").value
    test.toggle(key="age_weight").set_value(True).run()
    case = opened(test)
    assert case is not None and case.level_half_life_h == 72
    assert "A level 3 days old counts half, one 6 days old a quarter" in said(test)
    test.number_input(key="age_half_life").set_value(0.5).run()
    case = opened(test)
    assert case is not None and case.level_half_life_h == 12
    assert "counts " in lines(test)
    test.number_input(key="age_half_life").set_value(-2.0).run()
    assert "-2 days is no half-life" in said(test) and opened(test) == case, "it is answered, and not used"
    test.segmented_control(key="age_unit").set_value("hours").run()
    assert test.number_input(key="age_half_life").value == 12
    test.toggle(key="age_weight").set_value(False).run()
    case = opened(test)
    assert case is not None and case.level_half_life_h is None


def test_half_an_hour_is_shown_when_it_is_asked_for():
    test = started()
    assert "30 min earlier" not in lines(test), "it is not computed before"
    test.session_state["level_details"] = True
    test.run()
    assert "Drawn **30 min earlier**: the curve is at" in lines(test) and "**30 min later**" in lines(test) and "to be expected (90 %)" in lines(test)
    assert not test.exception


def test_editing_the_patient_keeps_what_was_left_out_and_the_age_weight():
    test = page().button(key="example_1-vancomycin-high").click().run()
    test.toggle(key="use_level_0").set_value(False).run()
    test.toggle(key="age_weight").set_value(True).run()
    test.button(key="edit").click().run()
    field(test, "label").set_value("somebody else's words").run()
    case = opened(test)
    assert case is not None and case.label == "somebody else's words" and not test.exception
    assert [s.trust for s in case.patient.samples] == [0, 1] and case.level_half_life_h == 72


def test_a_saved_case_with_a_level_left_out_reopens_to_the_same_numbers():
    first = started()
    first.toggle(key="use_level_0").set_value(False).run()
    first.toggle(key="age_weight").set_value(True).run()
    case = opened(first)
    assert case is not None
    second = upload(page(), case.to_json(), "case.json")
    assert opened(second) == case and live(second)["options"] == live(first)["options"]
    assert not second.toggle(key="use_level_0").value and second.toggle(key="age_weight").value
