"""Does the Dose page answer every way in, keep what was typed, and speak clearly about bad input?"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from pkvae_core.case import Case
from pkvae_core.patient import Regimen

APP = str(Path(__file__).parents[1] / "app.py")
HEADER = "ID,TIME,AMT,DUR,DV,AGE,SEX,WT,HT,SCR (mg/dL)\n"
WHO = ",64,F,72,165,1.3\n"
DOSES = "".join(f"{{0}},2026-03-{day} {clock},1000,1,{WHO}" for day, clock in (("09", "06:00"), ("09", "18:00"), ("10", "06:00")))
LEVELS = f"{{0}},2026-03-10 08:00,,,30.2{WHO}{{0}},2026-03-10 17:30,,,16.4{WHO}"
PATIENT = HEADER + (DOSES + LEVELS).format("A1")


def page() -> AppTest:
    return AppTest.from_file(APP, default_timeout=120).run()


def opened(test: AppTest) -> Case | None:
    return test.session_state["open_case"] if "open_case" in test.session_state else None


def upload(test: AppTest, content: str | bytes, name: str = "patients.csv") -> AppTest:
    file = (name, content if isinstance(content, bytes) else content.encode(), "text/csv")
    test.selectbox(key="file_drug").select("vancomycin")
    test.file_uploader[0].set_value(file)
    return test.run()


def said(test: AppTest) -> str:
    """What stands there in words; the signs that keep a user's text from being Markdown are left out."""
    return " ".join(element.value for kind in (test.error, test.warning, test.text, test.caption) for element in kind).replace("\\", "")


def live(test: AppTest, component: str = "pkvae_dose") -> dict:
    """What the browser was sent for the card, the slider and the chart, or for another component."""
    (found,) = [e.proto for e in test.get("bidi_component") if e.proto.component_name == component]
    return json.loads(found.json or found.mixed.json)


def test_an_example_opens_in_one_click_and_is_answered_at_once():
    test = page().button(key="example_1-vancomycin-high").click().run()
    assert not test.exception
    answer = live(test)
    assert answer["words"]["heading"] == "Recommended regimen"
    option = answer["options"][answer["recommended_index"]]
    assert len(option["dots"]) == 20
    assert "every" in option["headline"] and "mg" in option["headline"]


def test_the_answer_is_in_words_that_agree_with_the_dots():
    answer = live(page().button(key="example_1-vancomycin-high").click().run())
    low, high = answer["target"]["low"], answer["target"]["high"]
    for option in answer["options"]:
        inside = sum(low <= dot <= high for dot in option["dots"])
        assert f"{inside} of 20 likely outcomes in target" in option["readout"]


def test_the_table_of_regimens_says_how_its_order_came_about():
    caption = live(page().button(key="example_1-vancomycin-high").click().run(), "pkvae_ranked")["caption"]
    assert "ranked by the chance in target less that of toxicity (above 650 mg·h/L)" in caption
    assert "every 12 h is kept where it comes within 3 points" in caption


def test_a_higher_dose_draws_a_higher_band():
    options = live(page().button(key="example_1-vancomycin-high").click().run())["options"]
    ends = [option["band"][2][-1] for option in options]
    assert ends == sorted(ends) and ends[0] < ends[-1]


def test_a_band_for_the_target_is_drawn_only_when_it_is_a_concentration():
    test = page().button(key="example_1-vancomycin-high").click().run()
    assert live(test)["scene"]["target"] is None
    test.selectbox(key="goal_vancomycin").select("trough").run()
    assert live(test)["scene"]["target"]["label"] == "Trough target 10–20 mg/L"


def test_an_impossible_goal_is_answered_with_the_reason():
    test = page().button(key="example_1-vancomycin-high").click().run()
    test.number_input(key="goal_high_vancomycin_auc24_mg/L").set_value(401.0).run()
    answer = live(test)
    assert answer["is_blank"] and answer["words"]["heading"] == "No regimen meets the target"
    assert "are asked for" in answer["words"]["reason"]


def test_bounds_that_make_no_sense_are_said_and_not_used():
    test = page().button(key="example_1-vancomycin-high").click().run()
    test.number_input(key="goal_low_vancomycin_auc24_mg/L").set_value(700.0).run()
    assert "the lower bound must be below the upper one" in said(test)
    case = opened(test)
    assert case and case.target.low == 400


def field(test: AppTest, name: str) -> Any:
    """The form's widget for this field; its key counts how often the form was filled anew."""
    kinds = (test.number_input, test.selectbox, test.text_input)
    (found,) = [widget for kind in kinds for widget in kind if (widget.key or "").rpartition("_")[0] == f"in_{name}"]
    return found


def type_patient(test: AppTest) -> AppTest:
    """Fields by their widgets, doses by the builder, levels through the canonical copy (AppTest cannot type into an editor)."""
    for name, value in (("AGE", 64.0), ("WT", 72.0), ("HT", 165.0), ("SCR", 1.3)):
        field(test, name).set_value(value)
    field(test, "SEX").select("Female")
    test.number_input(key="build_amount").set_value(1000.0)
    test.number_input(key="build_every").set_value(12.0)
    test.number_input(key="build_over").set_value(1.0)
    test.number_input(key="build_count").set_value(3)
    test.datetime_input(key="build_from").set_value(datetime(2026, 3, 9, 6))
    return test.button(key="build").click().run()


def test_a_typed_patient_is_answered_without_a_run_button():
    test = type_patient(page())
    case = opened(test)
    assert case is not None and [d.time_h for d in case.patient.doses] == [0, 12, 24]
    assert case.now_h == 36 and f"{case.clock(36):%H:%M}" == "18:00"
    assert live(test)["words"]["replaces"].startswith("Replaces 1,000 mg every 12 h")


def test_what_was_typed_survives_another_page():
    test = type_patient(page())
    test.datetime_input(key="build_drawn").set_value(datetime(2026, 3, 10, 17, 30))
    test.text_input(key="build_level").set_value("16.4")
    [button for button in test.button if button.label == "Add level"][0].click().run()
    test.switch_page("pages/models.py").run()
    test.switch_page("pages/dose.py").run()
    case = opened(test)
    assert case is not None and case.patient.samples[0].concentration_mg_per_L == 16.4
    assert field(test, "AGE").value == 64
    assert len(test.session_state["draft_doses"]) == 3


def test_a_wrong_row_stays_on_the_screen_and_is_explained():
    test = type_patient(page())
    rows = test.session_state["draft_doses"]
    test.session_state["draft_doses"] = [*rows, {"When": "2026-03-10 18:00", "Amount (mg)": "-3", "Infusion (h)": "1"}]
    test.switch_page("pages/models.py").run()
    test.switch_page("pages/dose.py").run()
    assert opened(test) is None
    assert "Doses, row 4: the amount of a dose is -3" in said(test)
    assert test.session_state["draft_doses"][3]["Amount (mg)"] == "-3"


def test_a_typed_name_cannot_become_markup():
    test = type_patient(page())
    field(test, "label").set_value("<b>*x*</b>").run()
    assert any("\\<b\\>\\*x\\*" in m.value for m in test.markdown)


def test_a_regimen_is_tried_and_put_back():
    test = page().button(key="example_1-vancomycin-high").click().run()
    before = live(test)
    test.session_state["trial"] = (1000.0, 24.0, 1.0)
    test.run()
    after = live(test)
    assert (after["interval_h"], after["options"][after["index"]]["amount_mg"]) == (24, 1000)
    assert before["interval_h"] == 12


def test_an_accepted_regimen_has_its_three_files():
    test = page().button(key="example_1-vancomycin-high").click().run()
    case = opened(test)
    assert case is not None
    test.session_state["accepted"] = case.digest, Regimen(750, 12, 1, case.now_h)
    test.run()
    assert {b.proto.label for b in test.get("download_button")} >= {"PDF, one page", "HTML", "Case as JSON"}


def test_a_report_of_other_data_is_not_shown():
    test = page().button(key="example_1-vancomycin-high").click().run()
    test.session_state["accepted"] = "another digest", None
    test.run()
    assert "PDF, one page" not in {b.proto.label for b in test.get("download_button")}
