"""Figures stay as long as the model and the settings they were measured with; whoever wants them measured anew can say so."""

import pytest

from pkvae_core.checks import recorded
from pkvae_core.commands import benchmark
from pkvae_core.commands.measurements import MEASUREMENTS, dose_change, redraw

BEFORE = {"seed": 0, "patients": 10, "drugs": {"phenytoin": {"model": "a", "error": 1}, "omalizumab": {"model": "b", "error": 2}}}
VERSIONS = {"phenytoin": "a", "omalizumab": "another"}


@pytest.fixture(autouse=True)
def before(monkeypatch):
    monkeypatch.setattr(recorded, "recorded", lambda name: BEFORE)


def test_figures_of_the_same_model_are_kept_and_no_others():
    assert recorded.kept("x", {"seed": 0, "patients": 10}, VERSIONS, ()) == {"phenytoin": BEFORE["drugs"]["phenytoin"]}


def test_figures_of_other_settings_are_not_kept():
    assert recorded.kept("x", {"seed": 1, "patients": 10}, VERSIONS, ()) == {}


def test_a_drug_that_is_to_be_measured_anew_is_not_kept():
    assert recorded.kept("x", {"seed": 0}, VERSIONS, ("phenytoin",)) == {}


def arguments(*flags: str):
    parser = benchmark.argparse.ArgumentParser()
    benchmark.add_flags(parser)
    return parser.parse_args(flags)


def test_the_measurement_is_told_which_drugs_to_measure_anew(monkeypatch):
    monkeypatch.setattr(dose_change, "measure", lambda seed, say, *, anew: {"told": anew})
    assert benchmark.measured(dose_change, arguments("--of", "dose-change", "--anew", "phenytoin", "omalizumab")) == {"told": {"phenytoin", "omalizumab"}}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_whatever_says_that_figures_are_kept_can_be_told_to_measure_them_anew(name):
    assert ("are kept" in MEASUREMENTS[name].TITLE) == getattr(MEASUREMENTS[name], "KEEPS", False)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [(("--of", "redraw", "--anew", "phenytoin"), "anew every time"), (("--of", "dose-change", "--anew", "aspirin"), "names no drug card: aspirin")],
)
def test_what_cannot_be_measured_anew_is_refused_with_a_sentence(flags, sentence):
    asked = arguments(*flags)
    with pytest.raises(ValueError, match=sentence):
        benchmark.measured(redraw if "redraw" in flags else dose_change, asked)


def test_without_a_measurement_nothing_can_be_measured_anew():
    with pytest.raises(ValueError, match="--anew belongs to a measurement"):
        benchmark.run(arguments("vancomycin", "--anew", "vancomycin"))
