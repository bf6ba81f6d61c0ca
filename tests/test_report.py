"""Does the report say what was computed, all of it, on one page, and can its case be reopened to the same numbers?"""

import json
import re
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkvae_core.case import DISCLAIMER, Case, digest_of
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.compare import unchanged
from pkvae_core.dosing.option import judge
from pkvae_core.dosing.recommend import recommend
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.inference.posterior import Diagnostics, Posterior
from pkvae_core.insight.levels import Expectation, Standing
from pkvae_core.patient import Covariate, Dose, Patient, Regimen, Sample
from pkvae_core.records.problems import Problem
from pkvae_core.report import Report, compose, html_report, pdf_report, reopen, save_answer
from pkvae_core.report.evidence import Line, Listing, runs
from pkvae_core.report.pdf import _column, _cut_to, _register_fonts
from pkvae_core.report.words import percent_words, twentieths
from tests.dosing.conftest import cohort
from tests.test_case import as_version_1

CARD = load_card("vancomycin")
PRINTED = datetime(2026, 3, 10, 18, 2)
PATIENT = Patient(
    "07",
    doses=tuple(Dose(12 * i, 1000, 1) for i in range(3)),
    samples=(Sample(26, 30.2), Sample(35.5, None, 0.5)),
    covariates=(Covariate("AGE", 64), Covariate("SEX", 0), Covariate("SCR", 1.0, -20, "laboratory"), Covariate("SCR", 1.3, 30, "laboratory")),
)
CASE = Case(
    label="Patient <07> & co",
    drug="vancomycin",
    patient=PATIENT,
    origin=datetime(2026, 3, 9, 6),
    now_h=36,
    target=Target.from_spec(CARD.target()),
    unit="mg/L",
    current=Regimen(1000, 12, 1, 36),
    problems=(Problem("warning", "the weight is missing", "Add it.", row=3, column="WT"),),
)
CLEARANCES = np.exp(np.linspace(-0.25, 0.25, 41)) * 3.06
REGIMEN = Regimen(750, 12, 1, 36)


def belief(case: Case = CASE, *, rung: str = "weighted") -> Posterior:
    drawn = cohort(list(CLEARANCES), past=case.patient.doses)
    return replace(drawn, patient=case.patient, diagnostics=Diagnostics(rung, 642.0, 1000, 0.3, 31.0), model_probability={"goti2018": 0.7, "thomson2009": 0.3})


def report_on(case: Case = CASE, regimen: Regimen | None = REGIMEN, *, rung: str = "weighted", **options) -> Report:
    posterior = belief(case, rung=rung)
    return compose(case, posterior, judge(posterior, case.target, regimen) if regimen else None, printed=PRINTED, **options)


def words_of(report: Report) -> str:
    return re.sub("<[^>]+>", " ", html_report(report))


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


def test_the_report_says_the_regimen_its_chances_and_what_it_rests_on():
    option = judge(belief(), CASE.target, REGIMEN)
    words = words_of(report_on())
    for part in (
        "750 mg every 12 h, over 1 h",
        "first dose Tue 10 Mar 2026, 18:00",
        f"{percent_words(option.probability_in)} in target",
        f"{option.exposure_median:.0f} mg·h/L",
        "400–600 mg·h/L",
        "Age 64 years · Sex female",
        "Serum creatinine 1 → 1.3 mg/dL",
        "Tue 10 Mar, 12:00 · laboratory",
        "3 × 1,000 mg over 1 h every 12 h",
        "30.2 mg/L",
        "below 0.5 mg/L",
        "Row 3, WT: the weight is missing. Add it.",
        "Goti V",
        "Rybak",
        "642 effective draws of 1,000",
        f"Data {CASE.digest}",
        "Model textbook",
        "Printed Tue 10 Mar 2026, 18:02",
        "Checked by",
        DISCLAIMER,
    ):
        assert part in words, part


def test_what_was_recommended_and_what_was_chosen_are_told_apart():
    posterior = belief()
    ranking = recommend(posterior, CASE.target, candidates(CARD, start_h=36, interval_h=12, infusion_h=1), current=CASE.current)
    assert ranking.best is not None
    assert report_on(regimen=ranking.best.regimen, recommendation=ranking).heading.startswith("Recommended regimen, best of")
    chosen = report_on(regimen=Regimen(2000, 12, 2, 36), recommendation=ranking)
    assert chosen.heading == "Regimen chosen by the prescriber"
    assert f"PKVAE recommends {ranking.best.regimen.amount_mg:g} mg every 12 h" in chosen.detail


def test_the_unchanged_regimen_is_told_only_where_it_differs():
    goes_on = unchanged(belief(), CASE.target, Regimen(1000, 12, 1, 36), start_h=36)
    changed, same = report_on(unchanged=goes_on), report_on(regimen=CASE.current, unchanged=goes_on)
    assert changed.unchanged.startswith("If unchanged (1,000 mg every 12 h, over 1 h): AUC over 24 h at steady state")
    assert same.unchanged == "" and same.curve is not None and same.curve.unchanged is None


def test_no_regimen_is_an_answer_and_shows_none():
    case = replace(CASE, target=replace(CASE.target, low=1400.0, best=1405.0, high=1410.0), current=None)
    ranking = recommend(belief(case), case.target, candidates(CARD, start_h=36))
    report = report_on(case, None, recommendation=ranking)
    assert report.answer == "No regimen meets the target" and ranking.reason and ranking.reason in report.detail
    assert not report.exposures and not report.chances and report.curve is not None and report.curve.label == "No further dose"
    assert pages(pdf_report(report)) == 1


def test_a_patient_without_doses_and_answer_has_no_chart():
    report = report_on(replace(CASE, patient=Patient("new"), current=None, now_h=0), None, rung="prior")
    assert report.curve is None and "<figure" not in html_report(report) and pages(pdf_report(report)) == 1


def test_a_failed_posterior_is_said_first():
    assert "Do not dose" in report_on(rung="failed").alarm and report_on().alarm == ""


@pytest.mark.parametrize(("metric", "is_band"), [("auc24", False), ("trough", True)])
def test_a_band_is_drawn_only_when_the_target_is_a_concentration(metric, is_band):
    curve = report_on(replace(CASE, target=Target.from_spec(CARD.target(metric)))).curve
    assert curve is not None and (curve.band is not None) == is_band


def test_another_reporting_unit_scales_every_level_and_no_auc():
    target = Target.from_spec(CARD.target("trough"))
    ours, theirs = (report_on(replace(CASE, target=target, unit=unit)) for unit in ("mg/L", "umol/L"))
    assert ours.curve is not None and theirs.curve is not None and ours.curve.band and theirs.curve.band
    factor = 1000 / CARD.molar_mass_g_per_mol
    np.testing.assert_allclose(theirs.curve.quantiles, ours.curve.quantiles * factor)
    assert theirs.curve.band == pytest.approx((10 * factor, 20 * factor))
    assert [m.level for m in theirs.curve.measured] == pytest.approx([30.2 * factor, 0.5 * factor])
    assert "20.84 µmol/L" in words_of(theirs) and "6.9–13.8 µmol/L" in theirs.target
    auc = {e.label: e.value for e in ours.exposures}["AUC over 24 h"]
    assert auc == {e.label: e.value for e in theirs.exposures}["AUC over 24 h"]


def test_the_chart_passes_through_every_peak_and_marks_every_dose():
    curve = report_on().curve
    assert curve is not None
    for time_h in (1, 13, 25, 37):  # the ends of the infusions
        assert time_h in curve.time_h
    assert curve.dose_times_h[:4] == (0, 12, 24, 36)


def test_ticks_stand_on_the_clock_across_a_change_of_it():
    """Zurich, 29 March 2026: the day has 23 hours."""
    curve = report_on(replace(CASE, origin=datetime(2026, 3, 28, 6, tzinfo=ZoneInfo("Europe/Zurich")))).curve
    assert curve is not None
    assert {moment.hour for _, moment in curve.ticks} == {0, 12}
    gaps = np.diff([time_h for time_h, _ in curve.ticks])
    assert sorted(set(gaps)) == [11, 12]


def test_the_same_report_is_the_same_file():
    assert pdf_report(report_on()) == pdf_report(report_on()) and html_report(report_on()) == html_report(report_on())


def test_user_text_is_escaped_and_nothing_is_fetched():
    page = html_report(report_on(replace(CASE, label="<script>alert(1)</script>", source='"><img src=x>')))
    assert "&lt;script&gt;alert(1)" in page and "<script" not in page and "<img" not in page
    assert not re.search(r"https?://|src=|href=|url\(|@import", page)


def long_case() -> Case:
    doses = tuple(Dose(12 * i + (i * 7 % 5) / 3, 750 + 250 * (i % 3), 1) for i in range(60))
    samples = tuple(Sample(18 * i + 7, 10 + i % 9) for i in range(39))
    problems = tuple(Problem("warning", f"problem {i} <b> " + "and on " * 40, "Act.", row=i) for i in range(50))
    return replace(CASE, label="Żółć Ω " * 99, patient=replace(PATIENT, doses=doses, samples=samples), problems=problems, now_h=720, current=None)


def test_sixty_doses_stay_on_one_page_of_paper_and_are_all_in_the_browser():
    report = report_on(long_case(), replace(REGIMEN, start_h=720), rung="failed")
    assert pages(pdf_report(report)) == 1
    page = html_report(report)
    assert "Doses (60, " in page and page.count("mg over 1 h <span") == 60 and page.count("Act.") == 50


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 300), st.booleans()), min_size=1, max_size=3), st.floats(150, 500))
def test_lists_are_cut_to_the_room_and_say_so(sizes, room):
    _register_fonts()
    listings = tuple(Listing("Title", (Line("word " * (length // 5)),) * count, is_history=is_history) for count, length, is_history in sizes)
    shown = _cut_to(listings, room)
    assert _column(None, 0, 0, shown) <= room or all(most == 1 for _, most in shown)
    for listing, most in shown:
        lines, left_out = listing.shown(most)
        assert len(lines) == most <= len(listing.lines) and (left_out == "") == (most == len(listing.lines))
        assert not left_out or str(len(listing.lines)) in left_out


def test_equal_doses_at_equal_intervals_are_one_course():
    regular = [Dose(12 * i, 1000, 1) for i in range(60)]
    assert [len(run) for run in runs(regular)] == [60]
    assert [len(run) for run in runs([*regular[:3], Dose(36, 750, 1), *regular[4:6], Dose(100, 1000, 1)])] == [3, 1, 2, 1]
    assert sum(map(len, runs(regular))) == 60


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda parts: sum(parts) > 0.01))
def test_twenty_marks_are_twenty_and_near_their_probabilities(parts):
    shares = tuple(part / sum(parts) for part in parts)
    marks = twentieths(shares)
    assert sum(marks) == 20 and all(abs(n - 20 * p) <= 1 + 1e-9 and n >= 0 for n, p in zip(marks, shares, strict=True))


@pytest.mark.parametrize(("probability", "words"), [(0, "0 %"), (0.004, "under 1 %"), (0.86, "86 %"), (0.9951, "over 99 %"), (1, "100 %")])
def test_a_chance_is_never_called_certain_when_it_is_not(probability, words):
    assert percent_words(probability) == words


def test_a_saved_answer_reopens_to_the_same_numbers():
    posterior = belief()
    saved = save_answer(CASE, posterior, judge(posterior, CASE.target, REGIMEN))
    case, answer = reopen(saved)
    assert case == CASE and answer is not None and answer.regimen is not None and answer.regimen == REGIMEN
    again = judge(belief(case), case.target, answer.regimen)
    assert (answer.probability_in, answer.exposure_median, answer.exposure_low90) == (again.probability_in, again.exposure_median, again.exposure_low90)
    assert save_answer(case, posterior, again) == saved


def test_a_level_left_out_is_hollow_and_said_wherever_levels_are():
    report = report_on(CASE.with_level(0, is_used=False))
    words = words_of(report)
    assert "1 level left out" in report.detail and "1 level left out by the user: Tue 10 Mar, 08:00." in words
    assert "hollow: left out" in words and words.count("left out") >= 4
    assert "left out" not in words_of(report_on())
    assert pages(pdf_report(report)) == 1


def test_the_age_weight_is_explained_and_each_level_says_how_far_it_counts():
    words = words_of(report_on(replace(CASE, level_half_life_h=48)))
    assert "Older levels count less by the user's choice. A level 2 days old counts half" in words.replace("&#x27;", "'")
    assert "counts 87 %" in words and "counts 99 %" in words, "10 h and half an hour old"


def test_a_level_to_be_checked_is_a_warning_with_its_reason():
    odd = Expectation(12.0, 8.0, 17.0, 1.0, 0.0004)
    found = Standing(PATIENT.samples[0], odd, odd, 1, True, (18.0, 15.0, 22.0))
    words = words_of(report_on(standings=(found,)))
    assert "Check the level of Tue 10 Mar, 08:00: From the other level 8–17 mg/L was to be expected" in words
    assert "Check the level" not in words_of(report_on(standings=(replace(found, sample=replace(found.sample, trust=0.0)),)))


def test_an_answer_to_levels_that_count_less_reopens_to_the_same_case():
    case = replace(CASE.with_level(0, is_used=False), level_half_life_h=48)
    reopened, answer = reopen(save_answer(case, belief(case), judge(belief(case), case.target, REGIMEN)))
    assert reopened == case and reopened.patient_as_weighed == case.patient_as_weighed and answer is not None


def test_an_answer_saved_by_the_first_version_opens_and_an_edited_one_is_refused():
    document = as_version_1(save_answer(CASE, belief(), judge(belief(), CASE.target, REGIMEN)))
    document["result"]["digest"] = digest_of(document)
    case, answer = reopen(json.dumps(document))
    assert case == CASE and answer is not None and answer.regimen == REGIMEN
    document["case"]["now_h"] = 37
    with pytest.raises(ValueError, match="belongs to other data"):
        reopen(json.dumps(document))


def test_another_model_than_the_one_that_answered_is_announced():
    _, answer = reopen(save_answer(CASE, belief(), None))
    assert answer is not None and answer.regimen is None and answer.caution("textbook") is None
    assert "answered by textbook; this program has vancomycin-2" in (answer.caution("vancomycin-2") or "")


def test_a_case_without_an_answer_opens_and_an_edited_one_is_refused():
    assert reopen(CASE.to_json()) == (CASE, None)
    document = json.loads(save_answer(CASE, belief(), judge(belief(), CASE.target, REGIMEN)))
    document["case"]["now_h"] = 37
    with pytest.raises(ValueError, match="belongs to other data"):
        reopen(json.dumps(document))
    document["result"]["seed"] = "x"
    with pytest.raises(ValueError, match="damaged at seed"):
        reopen(json.dumps(document))


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
