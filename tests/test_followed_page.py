"""Does the Dose page cope with a drug whose card gives no dose, with newborns, and with levels in ng/mL?"""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import pages
from pkvae_core.drugs.card import load_card
from pkvae_core.vae.train import untrained

DRUGS = ("phenobarbital", "tacrolimus", "warfarin", "omalizumab")
APP = str(Path(__file__).parents[1] / "app.py")


@pytest.fixture(scope="module")
def untaught():
    """Networks that learned nothing: the page must cope whoever answers."""
    return {drug: untrained(load_card(drug), seed=1).eval().requires_grad_(False) for drug in DRUGS}


@pytest.fixture(autouse=True)
def untaught_models(monkeypatch, untaught):
    monkeypatch.setattr(pages, "models", lambda: untaught)


def opened(example: str) -> AppTest:
    test = AppTest.from_file(APP, default_timeout=120).run().button(key=f"example_{example}").click().run()
    assert not test.exception
    return test


def seen(test: AppTest) -> str:
    return " ".join(element.value for kind in (test.info, test.markdown, test.caption, test.warning) for element in kind)


def test_without_a_dose_the_page_says_why_and_shows_curve_exposure_and_uncertainty():
    test = opened("8-warfarin-single")
    assert "The card gives no dose" in seen(test) and "INR" in seen(test)
    assert not [e for e in test.get("bidi_component") if e.proto.component_name == "pkvae_dose"]
    assert any("AUC of all doses" in metric.label for metric in test.metric)
    assert "Clearance" in seen(test) and "Half-life" in seen(test)
    test = test.button(key="write_followed").click().run()
    assert not test.exception and "no dose" in seen(test)


def test_a_drug_that_meets_its_target_is_followed_over_months_with_its_target_in_the_strip():
    test = opened("12-omalizumab-weeks")
    words = seen(test)
    assert "no level of it is aimed for" in words and "Total IgE before treatment 420 IU/mL" in words
    assert "300 mg every 4 weeks" in words and "days" in words
    assert not test.error and any("AUC" in metric.label for metric in test.metric)


def test_the_weeks_to_steady_state_are_said_of_an_infant():
    words = seen(opened("7-phenobarbital-neonate"))
    assert "1.32 kg" in words and "Postnatal age" in words
    assert "Steady state after about" in words and "weeks" in words


def test_an_unknown_genotype_is_offered_as_a_choice_and_levels_stay_in_ng_per_mL():
    test = opened("9-tacrolimus-genotype")
    assert "ng/mL" in seen(test)
    test = test.button(key="edit").click().run()
    (genotype,) = [box for box in test.selectbox if box.label == "CYP3A5 expresser"]
    assert genotype.value is None and genotype.options == ["No", "Yes"]
    test = genotype.select("Yes").run()
    assert not test.exception
    assert test.session_state["open_case"].patient.covariate("CYP3A5") == 1


def test_no_synthetic_drug_is_offered_under_clinic(monkeypatch):
    class Synthetic:
        card = load_card("theophylline").model_copy(update={"synthetic": True})

    class Real:
        card = load_card("vancomycin")

    monkeypatch.setattr(pages, "models", lambda: {"teaching": Synthetic(), "vancomycin": Real()})
    assert pages.clinical() == ["vancomycin"]
