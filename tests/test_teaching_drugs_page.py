"""Are the made-up drugs where they may be shown, with their example patient, and never where patients are dosed?"""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pkvae_core.case import Case
from pkvae_core.drugs.card import CARDS, available_drugs, load_card

APP = Path(__file__).parents[1] / "app.py"
TEACHING = [drug for drug in available_drugs() if load_card(drug).synthetic and (CARDS / drug / "model.safetensors").exists()]


def example(drug: str) -> Case:
    return Case.from_json((APP.parent / "assets" / "examples" / f"teaching-{drug.replace('_', '-')}.json").read_bytes())


def visit(page: str, **state) -> AppTest:
    test = AppTest.from_file(str(APP), default_timeout=200)
    for name, value in state.items():
        test.session_state[name] = value
    test = test.switch_page(f"pages/{page}.py").run()
    assert not test.exception
    return test


def words(test: AppTest) -> str:
    return " ".join(element.value for kind in (test.title, test.markdown, test.caption, test.info) for element in kind)


@pytest.mark.parametrize("drug", TEACHING)
def test_under_clinic_neither_the_drug_nor_its_open_patient_is_shown(drug):
    test = visit("dose", open_case=example(drug))
    offered = [option for box in test.selectbox for option in box.options]
    assert offered and not any("teaching" in option for option in offered)
    assert "no real drug" in words(test) and test.title[0].value == "Dose a patient"
    assert not [key for key in (button.key for button in test.button) if key and key.startswith("example_teaching")]


@pytest.mark.parametrize("drug", TEACHING)
def test_the_latent_page_offers_the_example_and_puts_it_on_the_map(drug):
    test = visit("latent", latent_drug=drug)
    test = test.button(key="open_teaching_example").click().run()
    assert not test.exception and test.session_state["open_case"] == example(drug)
    assert "open_teaching_example" not in [button.key for button in test.button]


@pytest.mark.parametrize("drug", TEACHING)
def test_the_example_is_taught_level_by_level(drug):
    test = visit("teach", open_case=example(drug), teach_case="own")
    assert example(drug).label in words(test) and not test.warning


@pytest.mark.parametrize("drug", TEACHING)
def test_the_models_page_says_that_it_is_synthetic(drug):
    test = visit("models", models_drug=drug)
    said = words(test) + " ".join(header.value for header in test.header)
    assert "Synthetic: no real drug" in said and "a model that we made up" in said and "The made-up model behind it" in said
    assert "Published models" not in said and "published model" not in said
