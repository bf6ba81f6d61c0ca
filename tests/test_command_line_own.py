"""Own models on the command line: trained from a file, and taken by --model wherever a drug's name was."""

import csv
from pathlib import Path

import pytest

from pkvae_core.__main__ import main
from pkvae_core.checks import own_model
from pkvae_core.checks.own_model import Plan, card_of, make
from pkvae_core.checks.progress import Cancelled
from pkvae_core.vae.checkpoint import load_model
from tests.own import cohort, csv_of, own_folder

ASKED = "P0,60,,,,40,0,55,0.7,2"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PKVAE_MODELS", str(tmp_path / "models"))
    header, *events = csv_of(cohort(1)).splitlines()
    Path("cases.csv").write_text("\n".join([f"{header},EVID", *(f"{e},{1 if e.split(',')[2] else 0}" for e in events), ASKED, ""]))
    return tmp_path


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(name).open(newline="")))


@pytest.mark.parametrize("who", [("--model", "tobramycin-ward-7"), ("--drug", "tobramycin-ward-7")])
def test_an_own_model_predicts_by_its_folder_and_from_the_library_by_its_name(place, who):
    own_folder(place if who[0] == "--model" else place / "models")
    assert main(["predict", "cases.csv", *who, "--out", "out.csv"]) == 0
    assert len(rows("out.csv")) == 1 and float(rows("out.csv")[0]["MEDIAN"]) > 0


def test_an_adapted_model_doses_by_the_targets_of_its_shipped_card(place):
    own_folder(place)
    assert main(["dose", "cases.csv", "--model", "tobramycin-ward-7", "--metric", "auc24", "--from-h", "60", "--out", "out.csv"]) == 0
    assert rows("out.csv")[0]["ENGINE"] == "vae" and float(rows("out.csv")[0]["P_IN"]) > 0


def test_a_model_from_scratch_gives_no_dose_in_one_sentence(place, capsys):
    own_folder(place, is_alone=True)
    code = main(["dose", "cases.csv", "--model", "tobramycin-ward-7", "--metric", "auc24", "--low", "70", "--from-h", "60", "--out", "out.csv"])
    assert code == 2 and "gives no dose" in capsys.readouterr().err and not Path("out.csv").exists()


def test_an_own_model_is_compared_with_the_shipped_one_on_the_same_levels(place, capsys):
    own_folder(place)
    assert main(["forecast", "cases.csv", "--model", "tobramycin-ward-7", "--against", "tobramycin", "--out", "out.csv"]) == 0
    assert "Error of vae over that of shipped tobramycin" in capsys.readouterr().out and len(rows("out.csv")) == 2


def test_a_drug_and_a_model_are_not_asked_at_once(place, capsys):
    with pytest.raises(SystemExit):
        main(["predict", "cases.csv", "--model", "x", "--drug", "tobramycin", "--out", "out.csv"])
    assert "not allowed with" in capsys.readouterr().err


def test_a_missing_model_is_one_sentence(capsys):
    assert main(["predict", "cases.csv", "--model", "nowhere", "--out", "out.csv"]) == 2
    assert "holds no trained model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train"], "name a drug"),
        (["train", "tobramycin", "--data", "cases.csv"], "name a drug"),
        (["train", "--data", "cases.csv", "--name", "X"], "--out FOLDER"),
        (["train", "--data", "cases.csv", "--name", "X", "--out", "x", "--from", "tobramycin", "--beside", "vancomycin"], "Give one of them"),
        (["train", "--data", "cases.csv", "--name", "X", "--out", "x", "--from", "unobtainium"], "there is no drug"),
        (["train", "--data", "cases.csv", "--name", "X", "--out", "x", "--from", "tobramycin"], "at least 10"),
        (["train", "--data", "cases.csv", "--name", "X", "--out", "x", "--from", "tobramycin", "--second-peaks"], "by a model from scratch"),
        (["train", "--data", "cases.csv", "--name", "X", "--out", "x", "--resume"], "nothing to resume"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(words, said, capsys):
    assert main(words) == 2 and said in capsys.readouterr().err


def test_a_cohort_becomes_a_model_that_predicts_without_any_shipped_one(place, capsys):
    Path("cohort.csv").write_text(csv_of(cohort(12)))
    assert main(["train", "--data", "cohort.csv", "--name", "Compound X", "--out", "x", "--fast"]) == 0
    out = capsys.readouterr()
    assert "12 patients with 48 doses and 24 levels" in out.err and "100 %" in out.err and out.out.startswith("x: compound-x-")
    provenance = load_model(Path("x")).provenance
    assert provenance["cohort"] == "cohort.csv" and set(provenance["covariates"]["names"]) == {"AGE", "SEX", "WT", "SCR"}
    text = Path("x/model.json").read_text() + Path("x/card.json").read_text() + Path("x/asked.json").read_text()
    assert "P3" not in text  # no patient of the file
    assert main(["predict", "cases.csv", "--model", "x", "--out", "out.csv"]) == 0
    assert float(rows("out.csv")[0]["MEDIAN"]) > 0


def test_an_interrupted_training_goes_on_with_the_same_patients_only(place):
    plan = Plan("Ours", "c.csv", start="tobramycin", folds=0, is_fast=True)
    patients, out = cohort(12), place / "x"
    card = card_of(plan, patients)

    def stop(done: int, total: int, losses: dict[str, float]) -> None:
        if done > 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        make(plan, card, patients, out, tick=stop)
    assert own_model.is_begun(out) and not (out / "model.json").exists()
    with pytest.raises(ValueError, match="other patients"):
        make(plan, card, cohort(13), out, resume=True, tick=stop)
    model = make(plan, card, patients, out, resume=True, tick=lambda done, total, losses: None)
    with pytest.raises(ValueError, match="holds a model already"):
        make(plan, card, patients, out, tick=stop)
    assert model.card.name == "Ours" and load_model(out).provenance["training"]["start"].startswith("tobramycin-")
