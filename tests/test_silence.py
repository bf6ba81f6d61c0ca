"""Do the command line and the report say who answers, and what to check where nobody does?"""

import csv
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from pkvae_core.__main__ import main
from pkvae_core.case import Case
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.recommend import UNEXPLAINED, recommend, silence_of
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.inference.posterior import Diagnostics
from pkvae_core.inference.verdict import OUT, REFUSED, Entitlement, Reason
from pkvae_core.patient import Covariate, Dose, Patient
from pkvae_core.report import compose, html_report, pdf_report
from tests.dosing.conftest import cohort

HEADER = "ID,TIME,AMT,DUR,DV,EVID,AGE,SEX,WT,HT,SCR\n"
PATIENTS = {"usual": "14.0", "high": "70", "tenfold": "180"}


def course(patient: str, level: str) -> str:
    """Four doses of 1,000 mg every 12 h, one trough at 47 h, one time asked for."""
    rows = [f"{patient},{12 * i},1000,1,,1" for i in range(4)] + [f"{patient},47,,,{level},0", f"{patient},60,,,,2"]
    return "".join(f"{row},64,F,72,165,1.3\n" for row in rows)


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Runs a command on the three patients; gives exit code, stderr and the rows of a file."""
    monkeypatch.chdir(tmp_path)
    Path("cases.csv").write_text(HEADER + "".join(course(name, level) for name, level in PATIENTS.items()))

    def run(command: str, *flags: str, out: str = "out.csv") -> tuple[int, str, dict[str, dict[str, str]]]:
        code = main([command, "cases.csv", "--drug", "vancomycin", "--out", "out.csv", *flags])
        return code, capsys.readouterr().err, {row["ID"]: row for row in csv.DictReader(Path(out).open(encoding="utf-8"))}

    return run


def test_predict_says_who_answers_and_leaves_out_whom_nobody_may_speak_about(run):
    code, err, rows = run("predict", "--exposure-from", "48", "--exposure-to", "60", "--exposure-out", "e.csv", out="e.csv")
    assert code == 1 and set(rows) == {"usual", "high"}
    assert (rows["usual"]["ENGINE"], rows["usual"]["VERDICT"]) == ("vae", "in domain")
    assert (rows["high"]["ENGINE"], rows["high"]["VERDICT"]) == ("average", "out")
    assert "patient high: This patient lies outside what PKVAE has learned" in err
    assert "patient tenfold: Nobody answers for this patient" in err and "ten times too high. Check the unit" in err


def test_dose_recommends_nothing_where_nobody_answers_and_says_why(run):
    code, _, rows = run("dose", "--metric", "auc24", "--low", "400", "--high", "600", "--from-h", "48", "--interval-h", "12")
    assert code == 0
    assert (rows["tenfold"]["RANK"], rows["tenfold"]["VERDICT"]) == ("", "refused")
    assert rows["tenfold"]["CAUTIONS"].count("Nobody answers for this patient") == 1
    assert (rows["high"]["ENGINE"], rows["high"]["VERDICT"]) == ("average", "out")
    assert rows["high"]["CAUTIONS"].startswith("This patient lies outside") or not rows["high"]["RANK"]
    assert (rows["usual"]["RANK"], rows["usual"]["ENGINE"], rows["usual"]["VERDICT"]) != ("", "vae", "in domain")


CARD = load_card("vancomycin")
CASE = Case(
    label="07",
    drug="vancomycin",
    patient=Patient("07", (Dose(0, 1000, 1),), (), (Covariate("AGE", 64),)),
    origin=datetime(2026, 3, 9, 6),
    now_h=12,
    target=Target.from_spec(CARD.target()),
    unit="mg/L",
)


def believed(verdict: str | None, rung: str = "weighted"):
    """Ten draws of a patient, and this verdict about them."""
    drawn = cohort([2.0 + 0.2 * i for i in range(10)], past=CASE.patient.doses)
    found = Entitlement((Reason("surprise", verdict, "Check the unit <now>.", 1.0),)) if verdict else None
    return replace(drawn, patient=CASE.patient, diagnostics=Diagnostics(rung, 642.0, 1000, 0.3, 31.0), entitlement=found)


def test_nobody_doses_by_a_refused_or_failed_answer():
    assert silence_of(believed(None)) is None and silence_of(believed(OUT)) is None
    assert silence_of(believed(None, "failed")) == UNEXPLAINED
    assert "Check the unit <now>." in (silence_of(believed(REFUSED)) or "")


@pytest.mark.parametrize(("verdict", "sentence"), [(OUT, "Classical MAP-Bayes answers in its place"), (REFUSED, "Nobody answers for this patient")])
def test_the_report_says_first_who_answers(verdict, sentence):
    posterior = believed(verdict)
    found = recommend(posterior, CASE.target, candidates(CARD, start_h=12, interval_h=12, infusion_h=1))
    report = compose(CASE, posterior, found.best, printed=datetime(2026, 3, 10, 18), recommendation=found)
    assert sentence in report.alarm and "Check the unit &lt;now&gt;." in html_report(report)
    assert (report.answer == "No regimen is recommended") == (verdict == REFUSED)
    assert pdf_report(report).startswith(b"%PDF")
