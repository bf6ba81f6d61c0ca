"""Does the latent page walk, lead and count, with and without a patient, for every drug?"""

import json
from datetime import datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.latent_parts import measured
from pages.latent_parts.measured import sentence
from pkvae_core.case import Case
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.insight.dimensions import Dimension, Use
from pkvae_core.patient import Covariate, Dose, Patient, Sample

APP = str(Path(__file__).parents[1] / "app.py")
CARD = load_card("vancomycin")


def case(label: str = "Demo patient 07") -> Case:
    covariates = tuple(Covariate(name, value) for name, value in {"AGE": 64, "SEX": 0, "WT": 72, "HT": 165, "SCR": 1.3}.items())
    patient = Patient("07", tuple(Dose(12 * i, 1000, 1) for i in range(3)), (Sample(26, 30.2), Sample(35.5, 16.4)), covariates)
    return Case(label, "vancomycin", patient, datetime(2026, 3, 9, 6), 36, Target.from_spec(CARD.target()), "mg/L")


def visit(opened: Case | None = None, drug: str = "vancomycin") -> AppTest:
    test = AppTest.from_file(APP, default_timeout=120)
    if opened:
        test.session_state["open_case"] = opened
    test.session_state["latent_drug"] = drug
    test = test.switch_page("pages/latent.py").run()
    assert not test.exception
    return test


def words(test: AppTest) -> str:
    return " ".join(element.value for kind in (test.title, test.header, test.markdown, test.caption, test.info) for element in kind)


def told(test: AppTest) -> list[dict]:
    """What the live components are told: first the walk, then the path."""
    return [json.loads(element.proto.json) for element in test.get("bidi_component") if element.proto.component_name == "pkvae_walk"]


def mapped(test: AppTest) -> dict:
    """What the map is told."""
    return next(json.loads(element.proto.json) for element in test.get("bidi_component") if element.proto.component_name == "pkvae_map")


@pytest.mark.parametrize(("drug", "sliders"), [("vancomycin", 5), ("tobramycin", 5), ("theophylline", 6)])
def test_every_latent_axis_has_its_slider_and_all_start_at_the_start(drug, sliders):
    walk = told(visit(drug=drug))[0]
    assert len(walk["sliders"]) == sliders
    for slider in walk["sliders"]:
        now = slider["now"]
        assert slider["words"][now] == "start"
        assert slider["curves"][now] == pytest.approx(walk["fixed"][0]["values"], abs=1e-2)
        assert [fact.split(" ", 1)[1] for fact in slider["facts"][now]] == ["L/h", "L", "h"]


def test_without_two_ends_there_is_no_path_but_a_way_to_one():
    test = visit()
    assert len(told(test)) == 1
    assert "Choose a dot on the map" in words(test)


def test_the_open_patient_is_one_end_of_a_path():
    test = visit(case())
    path = told(test)[1]
    slider = path["sliders"][0]
    assert (slider["least"], slider["most"]) == ("Population's centre", "Demo patient 07")
    assert slider["curves"][0] == path["fixed"][0]["values"] and slider["curves"][-1] == path["fixed"][1]["values"]


def test_the_path_of_the_levels_is_on_the_map():
    found = mapped(visit(case()))
    assert len(found["path"]) == 3, "before any level, after one, after two"
    assert [outline["cls"] for outline in found["outlines"]] == ["before", "now"]
    assert found["labels"][1]["words"] == "Demo patient 07"


def test_every_virtual_patient_is_a_dot_with_its_value():
    found = mapped(visit())
    assert len(found["x"]) == len(found["y"]) == len(found["shade"]) == len(found["values"]) == 5000
    assert max(found["shade"]) < len(found["colours"])
    assert all(0 <= tick["at"] <= 1 for tick in found["bar"]["ticks"])


def test_groups_have_a_colour_and_a_shape_each():
    test = visit()
    test.selectbox(key="latent_x_vancomycin").select("PC₁")
    test.selectbox(key="latent_colour_vancomycin").select("published_model").run()
    found = mapped(test)
    assert found["titles"][0].startswith("PC₁")
    assert found["groups"] == ["Goti 2018", "Thomson 2009", "Colin 2019"] and found["bar"] is None
    assert len(set(found["symbols"])) == len(set(found["colours"])) == 3


def test_another_view_keeps_the_chosen_patients():
    test = visit()
    test.session_state["latent_chosen_vancomycin"] = [4, 7]
    test.selectbox(key="latent_x_vancomycin").select("PC₁").run()
    assert mapped(test)["chosen"] == [4, 7]
    assert "2 chosen patients" in words(test)


def test_a_walk_can_take_other_axes_and_start_at_the_patient():
    test = visit(case())
    test.segmented_control(key="latent_walk_along_vancomycin").set_value("Measured directions")
    test.selectbox(key="latent_walk_from_vancomycin").select("Demo patient 07").run()
    assert not test.exception
    assert [slider["name"] for slider in told(test)[0]["sliders"]] == ["→CL", "→V", "→t½"]


def test_the_page_counts_the_dimensions_in_use():
    assert "5 of 5 dimensions in use" in words(visit())


def test_a_dimension_that_teaches_nothing_is_named():
    use = Use((Dimension("z₁", 1.0, 1.0, 0.01), Dimension("z₂", 0.02, 0.01, 0.001)), 1.0, 0.01, 4, 100)
    assert "**2 of 2 dimensions in use.**" in sentence(use)
    assert "In z₂ they teach next to nothing" in sentence(use)


def test_other_sizes_are_told_where_they_were_measured(monkeypatch):
    rows = [{"latent": 2, "in_use": 2, "short": [0.47, 0.35, 0.6]}, {"latent": 6, "in_use": 5, "short": [-0.02, -0.03, 0.01]}]
    monkeypatch.setattr(measured, "recorded", lambda name: {"steps": 1500, "patients": 300, "drugs": {"tacrolimus": {"sizes": rows}}})
    said = measured.other_sizes("tacrolimus")
    assert said and "2 latents 0.47 (0.35 to 0.60), 6 latents −0.02 (−0.03 to 0.01)" in said
    assert measured.other_sizes("vancomycin") is None


def test_a_patient_on_another_drug_is_named_and_not_drawn():
    test = visit(case(), drug="theophylline")
    assert "Demo patient 07 takes Vancomycin" in words(test)
    assert mapped(test)["outlines"] == mapped(test)["path"] == []


def test_a_model_without_one_latent_space_is_no_error(monkeypatch):
    monkeypatch.setattr("pkvae_core.insight.latent.has_latent_space", lambda model: False)
    test = visit(case())
    assert "no one map to draw" in words(test)
    assert not test.get("plotly_chart")


def test_a_drug_of_one_compartment_is_not_coloured_by_complexity():
    test = visit(drug="theophylline")
    assert "complexity" not in test.selectbox(key="latent_colour_theophylline").options
    assert "All of them have one compartment." in words(test)


def test_the_figure_stands_alone():
    from pkvae_core.plots.standalone import standalone_html
    from pkvae_core.plots.theme import figure

    page = standalone_html(figure("light", height=300), "light", title="Title").decode()
    assert "<script src=" not in page
    assert '"showSendToCloud": false' in page
