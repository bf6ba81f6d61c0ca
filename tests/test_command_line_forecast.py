"""`forecast` on the command line: every level from those before it, one engine against another, and nothing of the future."""

import json
from pathlib import Path

import pytest

from tests.test_command_line import COVARIATES, HEADER, course, run

__all__ = ["run"]


def test_forecast_writes_each_level_and_a_summary(run):
    extra = f"1,47.5,,,13.0,0,{COVARIATES}\n1,23.5,,,0,0,{COVARIATES}\n"
    code, _, rows = run("forecast", HEADER + course("1", asked=()) + extra + course("2", asked=()), "--lloq", "2")
    assert code == 0
    assert [(r["ID"], r["TIME"], r["N_EARLIER"], r["DV"]) for r in rows] == [
        ("1", "35.5", "1", "14"),
        ("1", "47.5", "2", "13"),
        ("1", "23.5", "0", "<2"),
        ("2", "35.5", "0", "14"),
    ]
    summary = json.loads(Path("out.json").read_text())
    assert (summary["n"], summary["n_subjects"], summary["n_blq"]) == (4, 2, 1)
    error = (float(rows[3]["PRED"]) - 14) / 14
    assert summary["by_n_earlier"]["0"]["PRED"]["MPE"]["value"] == pytest.approx(100 * error, abs=0.01)
    assert summary["IPRED"]["coverage_90"]["low95"] <= summary["IPRED"]["coverage_90"]["value"]


def test_two_engines_forecast_the_same_levels_and_are_compared(run):
    code, _, rows = run("forecast", HEADER + course("1", asked=()) + course("2", asked=()), "--engine", "map:goti2018", "--against", "average")
    summary = json.loads(Path("out.json").read_text())
    assert code == 0 and len(rows) == 2 and summary["engine"] == "map:goti2018" and "goti2018" in summary["model"]
    assert summary["against"]["engine"] == "average" and summary["against"]["a posteriori"]["n"] == 2
    assert summary["against"]["a posteriori"]["log_RMSE"]["value"] > 0


def test_an_unknown_engine_is_refused_with_the_choices(run):
    code, err, _ = run("forecast", HEADER + course("1", asked=()), "--engine", "mab")
    assert code == 2 and "Choose vae, average, map, or map:goti2018" in err


def test_a_forecast_on_the_command_line_does_not_see_the_future(run):
    """Everything from 47 h on is changed: levels, a dose, a covariate."""
    past = HEADER + course("1", asked=())
    one = past + f"1,47.5,,,13.0,0,{COVARIATES}\n"
    other = past + f"1,47.2,2000,2,,1,{COVARIATES}\n1,47.5,,,40.0,0,60,M,75,178,4.0\n"
    assert run("forecast", one)[2][0] == run("forecast", other)[2][0]
