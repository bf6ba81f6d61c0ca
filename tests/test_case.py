"""Does a saved case come back whole, and does its clock follow the ward's?"""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkvae_core.case import Case, digest_of
from pkvae_core.dosing.target import Target
from pkvae_core.patient import Covariate, Dose, Patient, Regimen, Sample
from pkvae_core.records.problems import Problem

ZURICH = ZoneInfo("Europe/Zurich")
PATIENT = Patient(
    "07",
    doses=(Dose(0, 1000, 1), Dose(12, 1000, 1), Dose(24, 1000, 1)),
    samples=(Sample(26, 30.2), Sample(35.5, None, 0.5)),
    covariates=(Covariate("AGE", 64), Covariate("SCR", 1.0, -3.5, "laboratory"), Covariate("SCR", 1.3, 30)),
)
TARGET = Target(metric="auc24", low=400, high=600, best=500, least_probability=0.25, toxicity_weight=1, window_h=(0, 24))
CASE = Case(
    label="Démo 07 – “O’Neil”",
    drug="vancomycin",
    patient=PATIENT,
    origin=datetime(2026, 3, 9, 6),
    now_h=36,
    target=TARGET,
    unit="mg/L",
    current=Regimen(1000, 12, 1, start_h=36),
    source="typed",
    problems=(Problem("warning", "no height", "measure it", row=3, column="HT", patient_id="07"),),
)


def test_the_morning_of_a_record_is_saved_where_it_is_known_and_files_without_one_are_read_as_before():
    known = replace(CASE, patient=replace(PATIENT, morning_h=2.5))
    assert Case.from_json(known.to_json()) == known and known.digest != CASE.digest
    assert "morning_h" not in CASE.to_json() and Case.from_json(CASE.to_json()).patient.morning_h is None


finite = st.floats(-1e4, 1e4)
positive = st.floats(1e-3, 1e4)
patients = st.builds(
    Patient,
    id=st.text(),
    doses=st.lists(st.builds(Dose, finite, positive, st.floats(0, 24), st.text()), max_size=4).map(tuple),
    samples=st.lists(st.one_of(st.builds(Sample, finite, positive, trust=st.floats(0, 1)), st.builds(Sample, finite, st.none(), positive)), max_size=4).map(
        tuple
    ),
    covariates=st.lists(st.builds(Covariate, st.text(), finite, st.one_of(finite, st.just(float("-inf"))), st.text()), max_size=4).map(tuple),
)
zoned = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.sampled_from([ZURICH, ZoneInfo("America/St_Johns")]))
moments = st.one_of(zoned, st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))


@given(patients, st.text(), moments, finite, st.one_of(st.none(), positive))
def test_a_saved_case_comes_back_equal(patient, label, origin, now_h, half_life_h):
    case = replace(CASE, patient=patient, label=label, origin=origin, now_h=now_h, level_half_life_h=half_life_h)
    again = Case.from_json(case.to_json())
    assert again == case and again.origin.fold == case.origin.fold and again.origin.tzinfo is case.origin.tzinfo
    assert again.to_json() == case.to_json() and again.digest == case.digest


def test_whole_numbers_are_one_number_however_they_were_typed():
    assert replace(CASE, now_h=36).digest == replace(CASE, now_h=36.0).digest


@pytest.mark.parametrize(
    "change",
    [
        {"now_h": 36.5},
        {"label": "x"},
        {"problems": ()},
        {"current": None},
        {"unit": "umol/L"},
        {"origin": datetime(2026, 3, 9, 6, tzinfo=ZURICH)},
        {"level_half_life_h": 48},
    ],
)
def test_any_change_changes_the_digest(change):
    assert replace(CASE, **change).digest != CASE.digest


def test_a_result_kept_beside_the_case_does_not_change_it():
    assert Case.from_json(CASE.to_json(result={"probability_in": 0.86})) == CASE


def edited(**changes):
    """The saved case with some of its entries replaced, or removed (...)."""
    document = json.loads(CASE.to_json())
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = document
        for parent in parents:
            place = place[int(parent) if parent.isdigit() else parent]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read as JSON"),
        (b"\x00\xff\xfe\x01", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("{}", "is no saved case"),
        ("[1]", "is no saved case"),
        (edited(schema_version=7), "format version 7; this program reads versions 1 to 2"),
        (edited(case=...), "empty"),
        (edited(case__now_h=float("nan")), "NaN is no number"),
        (edited(case__drug=...), "damaged at case.drug"),
        (edited(case__now_h="36"), "damaged at case.now_h"),
        (edited(case__now_h=True), "damaged at case.now_h"),
        (edited(case__patient__doses__0__amount_mg=-5), "a dose must be above 0 mg"),
        (edited(case__patient__doses__0__time_h=None), "give a number of hours"),
        (edited(case__patient=None), "damaged at case.patient"),
        (edited(case__target__metric="vibes"), "is no target"),
        (edited(case__patient__doses__0__colour="red"), "case.patient.doses.0.colour is missing, or unknown"),
        (edited(case__source=...), "case.source is missing, or unknown"),
        (edited(case__time_zone="Mars/Olympus"), "damaged at its time zone"),
        (edited(case__fold="x"), "damaged at its time zone"),
    ],
)
def test_a_broken_file_is_refused_in_a_sentence(text, says):
    with pytest.raises(ValueError, match="^(This|The) .*\\.$") as refusal:
        Case.from_json(text)
    assert says in str(refusal.value)


def test_the_clock_follows_daylight_saving():
    """Zurich, 29 March 2026: 02:00 becomes 03:00."""
    case = replace(CASE, origin=datetime(2026, 3, 28, 18, tzinfo=ZURICH))
    assert case.clock(8) == datetime(2026, 3, 29, 3, tzinfo=ZURICH)
    assert case.hours(datetime(2026, 3, 29, 6)) == 11
    assert replace(CASE, origin=datetime(2026, 3, 28, 18)).hours(datetime(2026, 3, 29, 6)) == 12


def test_a_clock_time_that_is_skipped_is_refused_and_one_that_is_repeated_is_told_apart():
    """Zurich, 25 October 2026: 02:00 to 03:00 happens twice."""
    spring, autumn = (replace(CASE, origin=datetime(2026, month, day, 18, tzinfo=ZURICH)) for month, day in ((3, 28), (10, 24)))
    with pytest.raises(ValueError, match="02:30 on 29 Mar 2026 does not exist in Europe/Zurich"):
        spring.hours(datetime(2026, 3, 29, 2, 30))
    repeated = datetime(2026, 10, 25, 2, 30)
    assert autumn.hours(repeated.replace(fold=1)) - autumn.hours(repeated) == 1


@given(moments, st.floats(-1e4, 1e4))
def test_hours_undo_the_clock(origin, time_h):
    case = replace(CASE, origin=origin)
    assert case.hours(case.clock(time_h)) == pytest.approx(time_h, abs=1e-9)


def test_a_zone_where_the_case_has_none_is_refused():
    with pytest.raises(ValueError, match="this case has none"):
        CASE.hours(datetime(2026, 3, 9, tzinfo=ZURICH))
    with pytest.raises(ValueError, match="name the time zone"):
        replace(CASE, origin=datetime.fromisoformat("2026-03-09T06:00+01:00"))


def test_moving_the_origin_moves_the_clock():
    later = replace(CASE, origin=CASE.origin + timedelta(hours=5))
    assert later.clock(12) - CASE.clock(12) == timedelta(hours=5)


def test_a_level_left_out_stays_in_the_case_and_changes_its_digest():
    without = CASE.with_level(0, is_used=False)
    assert [s.concentration_mg_per_L for s in without.patient.samples] == [30.2, None]
    assert without.left_out == (Sample(26, 30.2, trust=0),)
    assert without.digest != CASE.digest and without.with_level(0, is_used=True) == CASE


def test_a_level_counts_half_after_each_half_life_and_in_full_from_now_on():
    levels = (Sample(0, 1), Sample(12, 2), Sample(24, 3, trust=0), Sample(36, 4), Sample(40, 5))
    case = replace(CASE, patient=replace(PATIENT, samples=levels), level_half_life_h=12)
    assert [s.trust for s in case.patient_as_weighed.samples] == [0.125, 0.25, 0, 1, 1]
    assert case.patient.samples == levels, "nothing is lost"
    assert replace(case, level_half_life_h=None).patient_as_weighed == case.patient


@pytest.mark.parametrize("half_life_h", [0.0, -1.0, float("inf"), float("nan")])
def test_a_half_life_that_makes_no_sense_is_refused(half_life_h):
    with pytest.raises(ValueError, match="give a number above 0, or none"):
        replace(CASE, level_half_life_h=half_life_h)


def test_a_case_that_is_typed_anew_keeps_what_was_left_out_and_the_age_weight():
    """A form shows six digits and the clock; the origin may move with an earlier dose."""
    before = replace(CASE.with_level(0, is_used=False), level_half_life_h=48)
    typed = replace(
        CASE,
        origin=CASE.origin - timedelta(hours=12),
        patient=replace(PATIENT, samples=(Sample(38, 30.2000001), Sample(38.5, 30.2), Sample(47.5, None, 0.5))),
    )
    again = typed.with_choices_of(before)
    assert [s.trust for s in again.patient.samples] == [0, 1, 1] and again.level_half_life_h == 48
    assert typed.with_choices_of(CASE) == typed


def as_version_1(text):
    """What the first version would have saved: no trust, no half-life."""
    document = json.loads(text)
    document["schema_version"] = 1
    del document["case"]["level_half_life_h"]
    for sample in document["case"]["patient"]["samples"]:
        del sample["trust"]
    return document


def test_a_case_of_the_first_version_opens_with_every_level_counting_in_full():
    old = as_version_1(CASE.to_json())
    assert Case.from_json(json.dumps(old)) == CASE
    assert digest_of(old) != CASE.digest == digest_of(json.loads(CASE.to_json(result={"probability_in": 0.86})))


@pytest.mark.parametrize("samples", [None, 3, [3], {}])
def test_a_broken_case_of_the_first_version_is_refused_in_a_sentence(samples):
    old = as_version_1(CASE.to_json())
    old["case"]["patient"]["samples"] = samples
    with pytest.raises(ValueError, match="^The saved case .*\\.$"):
        Case.from_json(json.dumps(old))


def test_a_case_without_a_time_is_refused():
    with pytest.raises(ValueError, match="give a number of hours"):
        replace(CASE, now_h=float("nan"))
