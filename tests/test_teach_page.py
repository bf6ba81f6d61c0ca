"""Does a class get from the case over its guess to the answer, one level at a time, and does a link open the right case?"""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.teach_parts.chosen import link
from pages.teach_parts.textbook import takes_doses
from pkvae_core.case import Case
from pkvae_core.drugs.card import load_card
from pkvae_core.insight.balance import BALANCES

APP = str(Path(__file__).parents[1] / "app.py")
OWN = Case.from_json((Path(APP).parent / "assets" / "examples" / "1-vancomycin-high.json").read_bytes())
BALANCE, AHEAD = "How much does the prior count?", "Where the next level helps most"


def visit(case: str | None = None, opened: Case | None = None) -> AppTest:
    """The page as somebody sees it who follows a link."""
    test = AppTest.from_file(APP, default_timeout=300)
    if case:
        test.query_params["case"] = case
    if opened:
        test.session_state["open_case"] = opened
    return test.switch_page("pages/teach.py").run()


def said(test: AppTest) -> str:
    return "\n".join(e.value for kind in (test.markdown, test.caption, test.success, test.info, test.warning, test.code) for e in kind)


def charts(test: AppTest) -> list[str]:
    return [element.proto.spec for element in test.get("plotly_chart")]


@pytest.mark.parametrize("name", ["early-level", "tenfold-slip", "obese", "confident-prior"])
def test_a_link_opens_its_case_with_nothing_revealed_and_the_reveal_answers_it(name):
    test = visit(name)
    assert not test.exception and test.selectbox(key="teach_case").value == name
    assert test.radio(key=f"teach_guess_{name}").value is None and not test.success and ":material/lightbulb:" not in said(test)
    assert f"case={name}" in said(test)
    test.button(key="teach_reveal").click().run()
    assert not test.exception and ":material/lightbulb:" in said(test) and "The class did not say." in said(test)


def test_the_class_s_guess_is_kept_beside_the_answer_and_can_no_longer_be_changed():
    test = visit("early-level")
    test.radio(key="teach_guess_early-level").set_value("The early one, two hours after the first infusion").run()
    test.button(key="teach_reveal").click().run()
    assert "The late one, before the fourth dose.**" in said(test) and "The class said: the early one" in said(test)
    assert test.radio(key="teach_guess_early-level").disabled
    test.switch_page("pages/models.py").run()
    test.switch_page("pages/teach.py").run()
    assert "The class said: the early one" in said(test)
    test.button(key="teach_hide").click().run()
    assert "The class said" not in said(test)


def test_a_right_guess_agrees_with_the_engine():
    test = visit("augmented-clearance")
    test.radio(key="teach_guess_augmented-clearance").set_value("Higher").run()
    test.button(key="teach_reveal").click().run()
    assert "**Higher.** The class and the engine agree." in test.success[0].value


def test_a_level_is_hidden_until_the_class_has_predicted_it_and_then_stands_beside_the_guess():
    test = visit("early-level")
    assert "19.8" not in said(test) and "[19.8]" not in charts(test)[0], "the level is not shown before it is revealed"
    test.slider(key="teach_predicts_early-level_0").set_value(12.0).run()
    assert "the class" in charts(test)[0]
    test.button(key="teach_next").click().run()
    assert "[19.8]" in charts(test)[0]
    assert "The class said 12; the model expected" in said(test) and "the laboratory reported **19.8 mg/L**" in said(test)
    assert "taught" not in said(test)
    test.button(key="teach_next").click().run()
    assert "This level taught **" in said(test) and "narrower" in said(test) and "13.2" not in said(test)
    test.button(key="teach_next").click().run()
    assert "today 17:30" in said(test) or test.slider(key="teach_predicts_early-level_1")
    assert test.session_state["teach_level_early-level"] == 1 and test.session_state["teach_stage_early-level"] == 0
    test.button(key="teach_back").click().run()
    assert "This level taught **" in said(test)


def test_likelihood_and_posterior_come_one_after_the_other():
    test = visit("early-level")
    names = ("before", "the level alone", "both")
    for stage in range(3):
        test.segmented_control(key="teach_stage_early-level").set_value(stage).run()
        hill = charts(test)[1]
        assert [f"<extra>{name}" in hill or f"\\u003cextra\\u003e{name}" in hill for name in names] == [i <= stage for i in range(3)]


def test_the_slider_runs_from_mostly_the_levels_over_bayes_to_only_the_prior():
    test = visit("below-the-limit")
    test.segmented_control(key="teach_part").set_value(BALANCE).run()
    assert test.select_slider(key="teach_balance").value == "Bayes" and "Bayes' rule" in said(test)
    for balance in (BALANCES[0], BALANCES[-1]):
        test.select_slider(key="teach_balance").set_value(balance.label).run()
        assert not test.exception and "power" in said(test) and "(orange, dashed)" in said(test)


def test_the_best_hour_is_marked_on_the_curve_of_the_next_level():
    test = visit("below-the-limit")
    test.segmented_control(key="teach_part").set_value(AHEAD).run()
    assert "Best next level: **" in said(test) and "best: " in charts(test)[0]


def test_no_next_level_is_planned_where_nobody_answers():
    test = visit("tenfold-slip")
    test.segmented_control(key="teach_part").set_value(AHEAD).run()
    assert "Nobody answers for this patient" in said(test) and not charts(test)


def test_a_link_to_a_case_that_does_not_exist_says_so():
    test = visit("no-such-case")
    assert not test.exception and "There is no case “no\\-such\\-case” in the library" in said(test)


def test_the_patient_on_the_table_can_be_taught_with_and_never_reaches_the_address():
    test = visit(opened=OWN)
    test.selectbox(key="teach_case").set_value("own").run()
    assert not test.exception and "Nothing of it is in the address" in said(test) and not test.query_params
    assert [b for b in test.button if b.key == "teach_open"] == []
    test.segmented_control(key="teach_stage_own").set_value(2).run()
    assert "This level taught **" in said(test)


def test_choosing_a_case_names_it_in_the_address():
    test = visit("early-level")
    test.selectbox(key="teach_case").set_value("obese").run()
    assert test.query_params["case"] in ("obese", ["obese"]) and "No level has been drawn" in said(test)


def test_a_case_of_the_library_can_be_put_on_the_table():
    test = visit("augmented-clearance")
    test.button(key="teach_open").click().run()
    opened = test.session_state["open_case"]
    assert not test.exception and opened.label == "Young, and fast"


def test_a_link_names_the_case_and_nothing_else():
    assert link("obese").endswith("teach?case=obese")


def test_the_dose_page_says_when_the_next_level_is_best_when_it_is_asked():
    test = AppTest.from_file(APP, default_timeout=300)
    test.session_state["open_case"] = OWN
    test.run()
    assert "Best next level: **" not in said(test), "it is not computed before"
    test.session_state["next_level"] = True
    test.run()
    assert not test.exception and "Best next level: **" in said(test) and "The Teach page shows every hour" in said(test)


def test_our_model_is_called_proportional_to_the_dose_only_where_it_is():
    assert "proportional" in takes_doses(load_card("vancomycin")) and "proportional" not in takes_doses(load_card("phenytoin"))
