"""Does the Dose page say who answers, and fall silent where nobody may?"""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

APP = str(Path(__file__).parents[1] / "app.py")
HEADER = "ID,TIME,AMT,DUR,DV,AGE,SEX,WT,HT,SCR (mg/dL)\n"


def opened(levels: tuple[tuple[float, float], ...], who: str = "64,F,72,165,1.3") -> AppTest:
    """Four doses of 1,000 mg of vancomycin every 12 h and these levels (hour, mg/L), uploaded."""
    rows = [f"A1,{12 * i},1000,1,,{who}" for i in range(4)] + [f"A1,{hour},,,{level},{who}" for hour, level in levels]
    test = AppTest.from_file(APP, default_timeout=120).run()
    test.selectbox(key="file_drug").select("vancomycin")
    test.file_uploader[0].set_value(("patients.csv", (HEADER + "\n".join(rows) + "\n").encode(), "text/csv"))
    return test.run()


def live(test: AppTest) -> dict | None:
    """What the browser was sent for the card, the slider and the chart; None where there is no card."""
    found = [e.proto for e in test.get("bidi_component") if e.proto.component_name == "pkvae_dose"]
    return json.loads(found[0].json or found[0].mixed.json) if found else None


def words(test: AppTest) -> str:
    return " ".join(m.value.replace("\\", "") for m in (*test.markdown, *test.error, *test.warning, *test.caption))


def test_an_ordinary_patient_has_no_banner_and_the_numbers_are_shown():
    test = opened(((13.5, 32.0), (23.5, 15.0)))
    assert not test.exception and not test.error and live(test)
    assert "Is the model entitled to speak about this patient?" in words(test)
    assert "Classical MAP-Bayes answers in its place" not in words(test)


def test_a_tenfold_error_silences_the_page_and_says_what_to_check():
    test = opened(((13.5, 320.0), (23.5, 150.0)))
    assert not test.exception
    assert "Nobody answers for this patient" in test.error[0].value
    assert "each is ten times too high" in words(test) and "Check the unit" in words(test)
    assert live(test) is None and "Nobody answers" in words(test)


def test_a_silent_page_speaks_again_when_the_wrong_level_is_left_out():
    test = opened(((13.5, 32.0), (23.5, 150.0)))
    assert live(test) is None
    test.toggle(key="use_level_1").set_value(False).run()
    assert not test.exception and not test.error
    assert live(test)


def test_an_unusual_patient_is_answered_by_map_under_a_banner():
    test = opened(((47.0, 70.0),))
    assert not test.exception and not test.error
    assert any("Classical MAP-Bayes answers in its place" in w.value.replace("\\", "") for w in test.warning)
    answer = live(test)
    assert answer and len(answer["options"]) > 1
    assert "MAP-Bayes answers" in words(test)


@pytest.mark.parametrize("levels", [(), ((23.5, 13.0),)])
def test_a_caution_stands_beside_the_answer(levels):
    test = opened(levels, who="64,F,170,165,1.3")
    assert not test.exception and not test.error and live(test)
    assert "With caution" in words(test) and "Weight 170 kg lies outside 40 to 160" in words(test)
