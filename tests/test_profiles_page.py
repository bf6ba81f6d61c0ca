"""Does the Profiles page open without a patient, draw every shape, show what was measured, and say what was not?"""

import pytest
import torch

from pages.profiles_parts import rivals
from pkvae_core.checks import recorded
from pkvae_core.drugs.population import simulate
from pkvae_core.inference.classical import Structure, fit_population
from pkvae_core.insight.hybrid import Rivals
from pkvae_core.structural.shapes import SHAPES
from pkvae_core.vae.checkpoint import load_model
from tests.test_pages import case, visit, words

PAGE = "pages/profiles.py"


def charts(test) -> list[str]:
    return [element.proto.spec for element in test.get("plotly_chart")]


def opened(part: str):
    return visit(PAGE).segmented_control(key="profiles_part").select(part).run()


def test_without_a_patient_the_page_says_what_to_do():
    test = visit(PAGE)
    assert not test.exception
    assert "Classify the patients above" in words(test)


@pytest.mark.parametrize(("drug", "is_said"), [("tacrolimus", True), ("vancomycin", False)])
def test_of_a_drug_that_varies_between_visits_it_is_said_what_here_does_not(drug, is_said):
    test = visit(PAGE).selectbox(key="checks_drug").select(drug).run()
    assert not test.exception
    assert ("take all levels of a patient for those of one visit" in words(test)) == is_said


def test_every_shape_is_drawn_with_its_three_fits_and_said_to_be_synthetic():
    test = opened("Gallery of shapes")
    for shape in SHAPES:
        test.selectbox(key="gallery_shape").select(shape.name).run()
        assert not test.exception
        assert "synthetic" in words(test)
        given, asked, misses = charts(test)
        assert all(name in given and name in asked for name in ("One compartment", "Two compartments", "VAE", "Truth"))
        assert "Truth" not in misses


def test_a_knob_changes_the_truth_and_the_errors_can_be_drawn_again():
    test = opened("Gallery of shapes")
    first = charts(test)[0]
    test.slider(key="gallery_two_sites_share").set_value(0.9).run()
    second = charts(test)[0]
    next(button for button in test.button if button.label == "Draw the errors again").click().run()
    assert len({first, second, charts(test)[0]}) == 3


def test_the_table_names_a_command_for_every_figure():
    test = opened("ODE against VAE")
    assert not test.exception
    assert all(f"**{name}**" in words(test) for name in ("Mathematical form", "Extrapolation", "Computing cost"))
    assert words(test).count("python -m pkvae_core") >= 10


def test_what_is_not_recorded_is_said_to_be_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    assert "is not measured yet for this drug" in words(visit(PAGE))
    assert "Not measured yet" in words(opened("ODE against VAE"))


def test_nobody_waits_for_compartment_models_that_were_not_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    monkeypatch.setattr(rivals, "FITTED", {})
    test = visit(PAGE, case())
    assert not test.exception and not charts(test) and not rivals.FITTED
    assert not test.button(key="fit_rivals").disabled and "once per server" in words(test)


@pytest.fixture
def quick(monkeypatch):
    """Compartment models after two rounds of fitting: the page's own take half a minute."""
    model = load_model("vancomycin")
    cohort = simulate(model.card, 30, torch.Generator().manual_seed(5), samples=5, changing=0.0).population
    with torch.no_grad():
        one, two = (fit_population(model.card, cohort, Structure(n), rounds=2).model for n in (1, 2))
    monkeypatch.setattr(rivals, "FITTED", {("vancomycin", model.version): Rivals(model, one, two)})


def test_the_open_patient_has_curves_a_contrast_and_a_correction(quick):
    test = visit(PAGE, case())
    assert not test.exception
    assert "one-compartment patients dosed and sampled alike" in words(test)
    assert "What one compartment misses in this patient" in " ".join(element.value for element in test.subheader)
    profile, _, corrected, correction = charts(test)
    assert "Two compartments" in profile and "With its correction" in corrected and "Before the levels" in correction
