"""Does the report suit a drug whose card gives no dose, and one whose levels are in ng/mL?"""

from dataclasses import replace
from datetime import datetime

from pkvae_core.case import Case
from pkvae_core.dosing.compare import unchanged
from pkvae_core.dosing.option import judge
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.patient import Dose, Patient, Regimen, Sample
from pkvae_core.report import compose, html_report, pdf_report
from tests.dosing.conftest import cohort

PRINTED = datetime(2026, 3, 10, 18, 2)


def test_a_drug_without_a_dose_is_reported_without_one():
    card, current = load_card("warfarin"), Regimen(5, 24, 0, 72, "tablet")
    patient = Patient("08", doses=tuple(Dose(24 * i, 5, 0, "tablet") for i in range(3)), samples=(Sample(60, 1.1),))
    case = Case(
        label="Volunteer", drug="warfarin", patient=patient, origin=datetime(2026, 3, 9, 6), now_h=72, target=Target.of(card), unit="mg/L", current=current
    )
    posterior = replace(cohort([0.1, 0.13, 0.2], V1=5.0, Q=1.0, V2=3.0, past=patient.doses, drug="warfarin"), patient=patient)
    left = unchanged(posterior, case.target, current, start_h=72)
    report = compose(case, posterior, None, printed=PRINTED, unchanged=left)
    assert report.answer == "The card gives no dose" and "INR" in report.detail and "target" not in report.target
    assert [e.label for e in report.exposures][0] == "AUC over 24 h" and not report.chances
    assert "no dose" in html_report(report).lower() and pdf_report(report).startswith(b"%PDF")


def test_areas_go_with_levels_in_ng_per_mL():
    card, current = load_card("tacrolimus"), Regimen(3, 12, 0, 24)
    patient = Patient("09", doses=(Dose(0, 3), Dose(12, 3)))
    target = Target.of(card)
    case = Case(label="Kidney", drug="tacrolimus", patient=patient, origin=datetime(2026, 3, 9, 6), now_h=24, target=target, unit="ng/mL", current=current)
    posterior = replace(cohort([20.0, 30.0], V1=140.0, Q=80.0, V2=270.0, past=patient.doses, drug="tacrolimus"), patient=patient)
    report = compose(case, posterior, judge(posterior, target, current), printed=PRINTED)
    assert report.target == "Trough at steady state: 4–11 ng/mL"
    area = next(e for e in report.exposures if e.label == "AUC over 24 h")
    assert area.value.endswith("ng·h/mL") and 150 < float(area.value.split()[0]) < 320
