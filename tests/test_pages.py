"""Does every page open, alone and in the shell, and show what it promises?"""

from datetime import datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages import literal
from pkvae_core.case import DISCLAIMER, Case
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.patient import Covariate, Dose, Patient, Sample

APP = str(Path(__file__).parents[1] / "app.py")
PAGES = ("pages/dose.py", "pages/ward.py", "pages/teach.py", "pages/latent.py", "pages/checks.py", "pages/models.py")
CARD = load_card("vancomycin")


def case(label: str = "Demo patient 07") -> Case:
    covariates = tuple(Covariate(name, value) for name, value in {"AGE": 64, "SEX": 0, "WT": 72, "HT": 165, "SCR": 1.3}.items())
    patient = Patient("07", tuple(Dose(12 * i, 1000, 1) for i in range(3)), (Sample(26, 30.2), Sample(35.5, 16.4)), covariates)
    return Case(label, "vancomycin", patient, datetime(2026, 3, 9, 6), 36, Target.from_spec(CARD.target()), "mg/L")


def visit(page: str, opened: Case | None = None) -> AppTest:
    """The page as a fresh server shows it to somebody who follows a link to it."""
    test = AppTest.from_file(APP, default_timeout=120)
    if opened:
        test.session_state["open_case"] = opened
    return test.switch_page(page).run()


def words(test: AppTest) -> str:
    return " ".join(element.value for kind in (test.title, test.header, test.markdown, test.caption, test.info) for element in kind)


@pytest.mark.parametrize("page", PAGES)
def test_a_cold_deep_link_opens_inside_the_shell(page):
    test = visit(page)
    assert not test.exception
    assert DISCLAIMER in words(test)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_which_model_speaks(page):
    from pages import model

    test = visit(page, case())
    assert not test.exception
    assert foot(test) == f"{DISCLAIMER} Model: {model('vancomycin').version}."


@pytest.mark.parametrize("page", ["pages/latent.py", "pages/checks.py", "pages/profiles.py", "pages/models.py", "pages/ward.py"])
def test_a_page_on_another_drug_names_its_model_not_the_open_patients(page):
    from pages import model

    key = {"pages/latent.py": "latent_drug", "pages/models.py": "models_drug", "pages/ward.py": "ward_drug"}.get(page, "checks_drug")
    test = AppTest.from_file(APP, default_timeout=120)
    test.session_state["open_case"], test.session_state[key] = case(), "theophylline"
    assert foot(test.switch_page(page).run()) == f"{DISCLAIMER} Model: {model('theophylline').version}."


def test_a_page_under_clinic_names_no_made_up_drugs_model():
    assert "vancomycin" in foot(visit("pages/dose.py"))
    assert "power_law" not in foot(visit("pages/dose.py"))


def foot(test: AppTest) -> str:
    """The line under the page, without the signs that keep a name from being Markdown."""
    return test.caption[-1].value.replace("\\", "")


def test_the_open_patient_is_on_the_map():
    test = visit("pages/latent.py", case())
    assert "believes of Demo patient 07: dashed before any level, solid with 2 levels" in words(test)


def test_without_a_patient_the_map_shows_the_population():
    test = visit("pages/latent.py")
    assert "All 5,000 virtual patients" in words(test)
    assert "believes of" not in words(test)


def test_a_target_is_shown_in_the_drugs_usual_unit():
    test = AppTest.from_file(APP, default_timeout=120)
    test.session_state["models_drug"] = "tacrolimus"
    test.switch_page("pages/models.py").run()
    (target,) = [table.value for table in test.table if "Toxic above" in table.value]
    assert (target["Low"].item(), target["High"].item(), target["Toxic above"].item()) == ("4", "11", "20")


def test_the_models_page_shows_targets_limits_and_papers():
    seen = words(visit("pages/models.py", case()))
    assert all(target.label in seen for target in CARD.targets)
    assert all(limit.text in seen for limit in CARD.limits)
    assert "10.1097/FTD.0000000000000490" in seen


def test_what_a_user_typed_stands_for_itself():
    assert literal("a*b* [x](http://y)") == r"a\*b\* \[x\]\(http\:\/\/y\)"
    assert "believes of \\*x\\*" in words(visit("pages/latent.py", case("*x*")))
