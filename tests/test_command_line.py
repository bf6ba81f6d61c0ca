"""The command line: what goes in, what comes out, and a sentence for whatever is wrong."""

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pkvae_core.__main__ import COMMANDS, main
from pkvae_core.commands.predict import times_between
from pkvae_core.dosing.option import judge
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.inference.posterior import individualise, predict
from pkvae_core.patient import Covariate, Dose, Patient, Regimen, Sample
from pkvae_core.records.table import read_patients
from pkvae_core.vae.checkpoint import load_model

HEADER = "ID,TIME,AMT,DUR,DV,EVID,AGE,SEX,WT,HT,SCR\n"
COVARIATES = "60,M,75,178,1.0"


def course(patient: str, *, level: str = "14.0", asked: tuple[str, ...] = ("36", "60")) -> str:
    """Four doses every 12 h over 2 h, one trough at 35.5 h, and the times asked for."""
    rows = [f"{patient},{12 * i},1000,2,,1" for i in range(4)] + [f"{patient},35.5,,,{level},0"] * bool(level) + [f"{patient},{t},,,,2" for t in asked]
    return "".join(f"{row},{COVARIATES}\n" for row in rows)


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(newline="", encoding="utf-8")))


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Runs a command on a file of these rows in an empty folder; gives exit code, stderr and the rows of OUT.csv."""
    monkeypatch.chdir(tmp_path)

    def run(command: str, content: str | bytes, *flags: str, drug: str = "vancomycin") -> tuple[int, str, list[dict[str, str]]]:
        Path("cases.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        code = main([command, "cases.csv", "--drug", drug, "--out", "out.csv", *flags])
        return code, capsys.readouterr().err, read(Path("out.csv")) if Path("out.csv").exists() else []

    return run


def test_predictions_are_those_of_the_engine_in_file_order_with_the_text_of_the_file(run):
    code, err, rows = run("predict", HEADER + course("A07", asked=("60.50", "36")) + course("2", asked=("048",)))
    assert code == 0 and "error" not in err
    assert [(r["ID"], r["TIME"]) for r in rows] == [("A07", "60.50"), ("A07", "36"), ("2", "048")]
    covariates = tuple(Covariate(*pair) for pair in (("AGE", 60), ("SEX", 1), ("WT", 75), ("HT", 178), ("SCR", 1.0)))
    patient = Patient("A07", tuple(Dose(12.0 * i, 1000, 2) for i in range(4)), (Sample(35.5, 14.0),), covariates)
    posterior = individualise(load_model("vancomycin"), patient)
    found = predict(posterior, patient.doses, [60.5])
    low, high = found.interval(0.9)
    expected = (predict(posterior.prior(), patient.doses, [60.5]).median, found.median, found.mean, low, high)
    assert [float(rows[0][c]) for c in ("PRED", "MEDIAN", "MEAN", "LO90", "HI90")] == pytest.approx([float(e[0]) for e in expected], rel=1e-4)


def test_a_prediction_at_the_time_of_a_dose_is_the_value_before_it(run):
    _, _, rows = run("predict", HEADER + course("1", asked=("36", "36.0", "37")))
    assert rows[0]["MEDIAN"] == rows[1]["MEDIAN"]
    assert float(rows[0]["MEDIAN"]) < float(rows[2]["MEDIAN"]) - 5
    _, _, without = run("predict", HEADER + course("1", asked=("36",)).replace("1,36,1000,2,,1,60,M,75,178,1.0\n", ""))
    assert float(without[0]["MEDIAN"]) == pytest.approx(float(rows[0]["MEDIAN"]), rel=1e-4)


def test_a_level_narrows_the_interval_and_moves_the_median_towards_it(run):
    _, _, (high, _) = run("predict", HEADER + course("1", level="30"))
    _, _, (low, _) = run("predict", HEADER + course("1", level="5"))
    assert float(low["MEDIAN"]) < float(low["PRED"]) < float(high["MEDIAN"]) and low["PRED"] == high["PRED"]
    _, _, (none, _) = run("predict", HEADER + course("1", level=""))
    assert none["PRED"] == none["MEDIAN"]
    assert float(low["HI90"]) - float(low["LO90"]) < float(none["HI90"]) - float(none["LO90"])


def test_exposure_is_the_area_peak_and_trough_of_the_window(run):
    flags = ("--exposure-from", "24", "--exposure-to", "48", "--exposure-out", "exposure.csv")
    code, _, rows = run("predict", HEADER + course("1", asked=tuple(f"{24 + i / 20:g}" for i in range(481))), *flags)
    (exposure,) = read(Path("exposure.csv"))
    curve = np.array([float(r["MEDIAN"]) for r in rows])
    assert code == 0 and exposure["RUNG"] in ("weighted", "laplace")
    assert float(exposure["AUC_MEDIAN"]) == pytest.approx(np.trapezoid(curve, dx=1 / 20), rel=0.02)  # median of areas against area of medians
    assert float(exposure["PEAK_MEDIAN"]) == pytest.approx(curve.max(), rel=0.02)
    assert float(exposure["TROUGH_MEDIAN"]) == pytest.approx(curve[-1], rel=1e-3)
    assert float(exposure["AUC_LO90"]) < float(exposure["AUC_MEDIAN"]) < float(exposure["AUC_HI90"])


def test_the_times_looked_at_hold_the_peaks_and_stay_in_the_window():
    times = times_between((Dose(0, 100), Dose(10, 100, 2), Dose(24, 100)), (8.0, 24.0))
    assert times[0] == 8 and times[-1] == 24
    assert 12 in times and 10.001 in times


def test_units_go_in_and_come_out_alike(run):
    _, _, plain = run("predict", HEADER + course("1"))
    _, err, converted = run("predict", (HEADER + course("1", level="14000")).replace(",1000,2", ",1,2"), "--amount-unit", "g", "--dv-unit", "ug/L")
    assert float(converted[0]["MEDIAN"]) == pytest.approx(1000 * float(plain[0]["MEDIAN"]), rel=1e-4)
    assert "AMT is read in" not in err


def test_what_is_assumed_is_said(run):
    _, err, _ = run("predict", (HEADER + course("1")).replace(",1000,2", ",1000,"))
    assert "AMT is read in mg and DV in mg/L" in err and "bolus" in err
    _, err, _ = run("predict", (HEADER + course("1")).replace(",1000,2", ",1000,"), "--assume-infusion-h", "1.5")
    assert "1.5 h" in err


def test_a_patient_with_an_error_is_named_and_the_others_are_answered(run):
    code, err, rows = run("predict", HEADER + course("1") + course("2", level="high") + course("3"))
    assert code == 1 and {r["ID"] for r in rows} == {"1", "3"}
    assert 'patient 2: row 13, DV: DV is "high"' in err and "1 of 3 patients not answered: 2." in err


def test_the_same_seed_gives_the_same_answer_and_another_one_another(run):
    first, again, other = (run("predict", HEADER + course("1"), "--seed", seed)[2] for seed in ("5", "5", "6"))
    assert first == again != other


def test_a_map_names_the_columns(run):
    content = (HEADER + course("1")).replace("DV", "Serum", 1).replace("ID", "Who", 1)
    Path("map.json").write_text('{"ID": "Who", "DV": "Serum"}')
    code, err, rows = run("predict", content, "--map", "map.json")
    assert code == 0 and len(rows) == 2
    Path("map.json").write_text('{"ID": "Nobody"}')
    code, err, _ = run("predict", content, "--map", "map.json")
    assert code == 2 and "Nobody" in err
    Path("map.json").write_text("ID=Who")
    code, err, _ = run("predict", content, "--map", "map.json")
    assert code == 2 and "map.json is not JSON" in err


ONLY = ("--from-h", "48", "--interval-h", "12", "--infusion-h", "2")  # one schedule is quick
DOSE = ("--metric", "auc24", "--low", "400", "--high", "600", *ONLY)


def test_regimens_are_ranked_with_probabilities_that_add_up(run):
    code, err, rows = run("dose", HEADER + course("1", asked=()), *DOSE)
    assert code == 0 and [int(r["RANK"]) for r in rows] == list(range(1, len(rows) + 1))
    least = load_card("vancomycin").target("auc24").least_probability
    for row in rows:
        assert float(row["P_IN"]) + float(row["P_ABOVE"]) + float(row["P_BELOW"]) == pytest.approx(1, abs=1e-5)
        assert float(row["P_IN"]) >= least
        assert float(row["LO90"]) < float(row["EXPOSURE_MEDIAN"]) < float(row["HI90"])


def test_the_card_chooses_intervals_and_infusions_unless_they_are_asked_for(run):
    _, _, rows = run("dose", HEADER + course("1", asked=()), *DOSE[:6], "--from-h", "48")
    assert len({(r["INTERVAL_H"], r["INFUSION_H"]) for r in rows}) > 1
    _, _, rows = run("dose", HEADER + course("1", asked=()), *DOSE)
    assert {(r["INTERVAL_H"], r["INFUSION_H"]) for r in rows} == {("12", "2")}
    assert len({r["EXACT_AMOUNT_MG"] for r in rows}) == 1


def test_when_nothing_meets_the_target_there_is_one_row_without_a_rank_and_a_reason(run):
    code, _, rows = run(
        "dose", HEADER + course("1", asked=()) + course("2", asked=()), "--metric", "auc24", "--low", "4000", "--high", "4100", "--from-h", "48"
    )
    assert code == 0 and [(r["ID"], r["RANK"], r["AMOUNT_MG"]) for r in rows] == [("1", "", ""), ("2", "", "")]
    assert "too low" in rows[0]["CAUTIONS"]


def test_a_higher_target_asks_for_a_higher_exact_amount(run):
    _, _, low = run("dose", HEADER + course("1", asked=()), *DOSE)
    _, _, high = run("dose", HEADER + course("1", asked=()), *DOSE, "--low", "500", "--high", "700")
    assert float(high[0]["EXACT_AMOUNT_MG"]) > float(low[0]["EXACT_AMOUNT_MG"])


def test_a_new_regimen_knows_a_trough_of_its_first_hour_and_nothing_later(run):
    """The level at 48 h counts; one at 50 h and the dose at 48 h are left out, and that is said."""
    trough = f"1,48,,,16.0,0,{COVARIATES}\n"
    known = HEADER + course("1", asked=()) + trough
    later = known + f"1,48,1000,2,,1,{COVARIATES}\n1,50,,,60,0,{COVARIATES}\n"
    _, _, without = run("dose", HEADER + course("1", asked=()), *DOSE)
    _, _, expected = run("dose", known, *DOSE)
    _, err, found = run("dose", later, *DOSE)
    assert found == expected != without
    assert "1 doses at or after 48 h" in err and "1 levels after 48 h" in err


def test_a_window_is_on_the_clock_of_the_file(run):
    """The second day of the new regimen in hours of the file; a window that begins before it is refused."""
    content = HEADER + course("1", asked=())
    _, _, rows = run("dose", content, *DOSE, "--window-from-h", "72", "--window-to-h", "96")
    patient = read_patients(content.encode(), options=load_card("vancomycin").read_options()).records[0].patient
    target = replace(Target.from_spec(load_card("vancomycin").target("auc24")), window_h=(24.0, 48.0))
    option = judge(individualise(load_model("vancomycin"), patient), target, Regimen(float(rows[0]["AMOUNT_MG"]), 12, 2, 48))
    assert float(rows[0]["EXPOSURE_MEDIAN"]) == pytest.approx(option.exposure_median, rel=1e-4)
    code, err, _ = run("dose", content, *DOSE, "--window-from-h", "24", "--window-to-h", "48")
    assert code == 2 and "before the new regimen at 48 h" in err


def test_the_target_of_the_card_is_used_and_said(run):
    _, err, rows = run("dose", HEADER + course("1", asked=()), "--metric", "auc24", *ONLY)
    assert "400 to 600" in err and rows == run("dose", HEADER + course("1", asked=()), *DOSE)[2]


def test_one_bound_is_a_target_too(run):
    code, _, rows = run("dose", HEADER + course("1", asked=()), "--metric", "trough", "--high", "15", *ONLY)
    assert code == 0 and all(float(r["P_BELOW"]) == 0 for r in rows)


BAD = {
    "empty": (b"", "The file is empty"),
    "binary": (bytes(range(256)) * 20, "binary data"),
    "wrong delimiter": ((HEADER + course("1")).replace(",", "|"), "separate"),
    "text in a number": (HEADER + course("1").replace(",1000,", ",a lot,"), 'AMT is "a lot"'),
    "formula": (HEADER + course("1").replace("14.0", "=1+13"), "formula"),
    "no dose": (HEADER + f"1,35.5,,,14,0,{COVARIATES}\n1,36,,,,2,{COVARIATES}\n", "levels but no dose"),
    "10,000 rows of one patient": (HEADER + course("1") + "".join(f"1,{50 + i / 100:.2f},,,14,0,{COVARIATES}\n" for i in range(10_000)), "history is too long"),
    "no rows": (HEADER, "no rows below"),
}


@pytest.mark.parametrize(("command", "kind"), [*(("predict", kind) for kind in BAD), ("forecast", "no dose"), ("dose", "no dose")])
def test_bad_input_gets_a_sentence_and_exit_code_2(run, command, kind):
    content, sentence = BAD[kind]
    code, err, rows = run(command, content, *(DOSE if command == "dose" else ()))
    assert code == 2 and sentence in err and "Traceback" not in err and not rows


def test_a_level_before_the_first_dose_is_left_out_and_said(run):
    code, err, rows = run("predict", HEADER + f"1,-1,,,3,0,{COVARIATES}\n" + course("1"))
    assert code == 0 and "before any dose" in err and len(rows) == 2


def test_a_file_of_200_MB_is_refused_before_it_is_read(tmp_path, capsys):
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(200_000_000)
    assert main(["predict", str(tmp_path / "huge.csv"), "--drug", "vancomycin", "--out", str(tmp_path / "out.csv")]) == 2
    assert "larger than" in capsys.readouterr().err


def test_questions_that_are_not_whole_are_refused(run):
    assert "EVID=2" in run("predict", HEADER + course("1", asked=()))[1]
    assert "--exposure-out" in run("predict", HEADER + course("1"), "--exposure-from", "24")[1]
    assert "threshold" in run("dose", HEADER + course("1"), "--metric", "time_above", "--low", "50", *ONLY)[1]


def test_an_unknown_drug_a_missing_file_and_an_unwritable_answer_get_a_sentence(run, tmp_path):
    code, err, _ = run("predict", HEADER + course("1"), drug="aspirin")
    assert code == 2 and "vancomycin" in err
    assert main(["predict", "nowhere.csv", "--drug", "vancomycin", "--out", "out.csv"]) == 2
    assert main(["predict", "cases.csv", "--drug", "vancomycin", "--out", "no/such/folder/out.csv"]) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    said = capsys.readouterr().out
    assert stop.value.code == 0 and f"python -m pkvae_core {command}" in said.split("examples:")[1] and "exit codes" in said


def test_lint_finds_no_error_in_the_shipped_cards(capsys):
    assert main(["lint"]) == 0
    assert main(["lint", "aspirin"]) == 2
    assert "aspirin: errors" in capsys.readouterr().out


def test_a_smoke_run_cannot_replace_the_shipped_model(capsys):
    assert main(["train", "vancomycin", "--fast"]) == 2
    assert "--out" in capsys.readouterr().err


def test_the_module_runs_as_a_program(tmp_path):
    (tmp_path / "cases.csv").write_text(HEADER + course("1"))
    words = [sys.executable, "-m", "pkvae_core", "predict", str(tmp_path / "cases.csv"), "--drug", "vancomycin", "--out", str(tmp_path / "out.csv")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr
    assert len(read(tmp_path / "out.csv")) == 2
