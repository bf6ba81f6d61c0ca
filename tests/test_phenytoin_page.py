"""What does the Dose page say of a drug that saturates: who never settles counts as above, and no time to steady state is promised?"""

import math
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import pages
from pages.dose_parts.outcome import _said
from pkvae_core.case import Case
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.recommend import recommend
from pkvae_core.inference.answering import answer_for
from pkvae_core.vae.checkpoint import load_model

APP = str(Path(__file__).parents[1] / "app.py")


@pytest.fixture(autouse=True)
def phenytoin_alone(monkeypatch):
    one = {"phenytoin": load_model("phenytoin")}
    monkeypatch.setattr(pages, "models", lambda: one)


def test_the_page_says_how_probable_it_is_that_levels_never_settle():
    test = AppTest.from_file(APP, default_timeout=300).run().button(key="example_10-phenytoin-climbing").click().run()
    assert not test.exception
    said = " ".join(element.value for kind in (test.info, test.markdown, test.caption, test.warning) for element in kind)
    assert "have not settled after 60 days" in said and "count as above the target" in said
    assert "Clearance at 15 mg/L" in said and "Half-life at 15 mg/L" in said
    assert "Steady state after about" not in said and "steady state takes weeks" in said


@pytest.mark.parametrize(("example", "reaches"), [("10-phenytoin-climbing", False), ("13-phenytoin-reachable", True)])
def test_of_the_two_examples_one_has_a_regimen_that_reaches_its_target(example, reaches):
    case = Case.from_json((Path(APP).parent / "assets" / "examples" / f"{example}.json").read_bytes())
    model = load_model("phenytoin")
    found = recommend(answer_for(model, case.patient_as_weighed), case.target, candidates(model.card, start_h=case.now_h), current=case.current)
    assert bool(found.best) == reaches and bool(found.reason) != reaches
    if found.best and case.current:
        daily = [each.amount_mg * 24 / each.interval_h for each in (case.current, found.best.regimen)]
        assert daily == [250, 300], "near saturation one tablet more is the whole way"


def test_a_dose_that_exceeds_what_the_body_can_clear_is_said_never_to_settle():
    case = Case.from_json((Path(APP).parent / "assets" / "examples" / "10-phenytoin-climbing.json").read_bytes())
    numbers = {"trough": (math.inf, 26.9, math.inf), "auc24": (math.inf, math.inf, math.inf), "peak": (12.34, 9.5, math.inf)}
    said = {metric: _said(case, metric, each) for metric, each in numbers.items()}
    assert said["trough"] == {"value": "never settles", "interval": "90 %: 26.9–∞ mg/L"}
    assert said["auc24"] == {"value": "never settles", "interval": "90 %: never settles"}
    assert said["peak"] == {"value": "12.3", "interval": "90 %: 9.5–∞ mg/L"}
