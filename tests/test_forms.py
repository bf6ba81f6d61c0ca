"""The table ODE against VAE: figures are recorded ones, and where there is none, none is shown."""

import pytest

from pkvae_core.checks import recorded
from pkvae_core.report import forms


def test_a_figure_that_is_not_recorded_is_said_to_be_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    monkeypatch.setattr(forms, "FOLDER", tmp_path)
    monkeypatch.setattr(forms, "CARDS", tmp_path)
    found = [figure for aspect in forms.aspects("vancomycin") for figure in aspect.figures]
    assert all(figure.words == "not measured yet" for figure in found)
    assert all(figure.command.startswith("python -m pkvae_core ") for figure in found)


def test_a_record_in_another_form_is_not_guessed_at():
    assert forms._told(lambda found: f"{found['gone']:.0f} %", {"here": 1}, "benchmark --of x --recorded").words == "not measured yet"


def test_figures_are_those_of_the_records():
    found = {"false_alarms": {"share": 0.041, "low95": 0.03, "high95": 0.055}, "drugs": {"a": {"is_one_compartment": False, "roc": {"area": 0.74}}}}
    assert "4.1 % (3.0 to 5.5)" in forms._classed(found) and "0.74" in forms._classed(found) and "published" not in forms._classed(found)
    found["drugs"]["warfarin"] = {"is_one_compartment": True, "roc": {"area": 0.51}, "called_complex": {"called": 3, "of": 60}}
    assert "Warfarin 3 of 60" in forms._classed(found) and "0.51" not in forms._classed(found)


@pytest.mark.parametrize("drug", ["vancomycin", "theophylline"])
def test_every_aspect_of_a_shipped_drug_has_words_for_both_sides(drug):
    rows = forms.aspects(drug)
    assert len(rows) == 7 and all(row.ode and row.vae and row.figures for row in rows)
    size = rows[0].figures[0].sentence
    assert size is not None and "weights" in size
