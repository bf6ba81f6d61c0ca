"""A closed loop whose truth is known: doses are given once, levels are the truth's, and who knows the truth leads everybody into target."""

import numpy as np
import pytest
import torch

from pkvae_core.checks.courses import BEFORE_DOSE_H, Course, daily, follow_truth, kept, measure, truth_of
from pkvae_core.checks.engines import Engine
from pkvae_core.checks.loop import closed_loop
from pkvae_core.checks.progress import Cancelled
from pkvae_core.checks.trial import USUAL
from pkvae_core.checks.virtual import fresh
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.patient import Patient, Regimen
from pkvae_core.structural.exponentials import disposition
from tests.checks.textbook import belief

CARD = load_card("vancomycin")
TARGET = Target.from_spec(CARD.target())
PATIENTS, SEED, DAYS = 5, 3, 4
VIRTUAL = fresh(CARD, PATIENTS, samples=0, seed=SEED, changing=0.0)
REGIMEN = Regimen(1000, 12, 1)


def clairvoyant(patients, seed):
    """The truth for whom a level is known of, else the same clearance for everybody."""
    return [truth_of(VIRTUAL, int(p.id) - 1) if p.samples else belief(p, [0.5]) for p in patients]


@pytest.fixture(scope="module")
def loop():
    return closed_loop([Engine("clairvoyant", clairvoyant)], CARD, patients=PATIENTS, days=DAYS, visits_h=(24.0, 48.0), replicates=20, seed=SEED)


def point(loop, arm, day):
    return next(p for p in loop.points if (p.arm, p.day) == (arm, day))


def test_who_knows_the_truth_leads_everybody_into_target_with_the_first_level(loop):
    """Until then everybody gets a dose every 48 h for a clearance of 0.5 L/h; the first level comes before the second dose."""
    assert {d.interval_h for d in loop.days if d.arm == "clairvoyant" and d.day == 1} == {48}
    assert point(loop, "clairvoyant", 1).kept_in.value < 50
    assert point(loop, "clairvoyant", 3).kept_in.value == point(loop, "clairvoyant", 4).kept_in.value == 100


def test_without_levels_the_first_regimen_goes_on(loop):
    days = [d for d in loop.days if d.arm == "clairvoyant, no levels"]
    assert len(days) == PATIENTS * DAYS and {d.levels_known for d in days} == {0}
    for name in {d.patient_id for d in days}:
        assert len({(d.amount_mg, d.interval_h, d.kept_exposure) for d in days if d.patient_id == name}) == 1


def test_the_day_and_the_arms_add_up(loop):
    for p in loop.points:
        assert p.below.value + p.in_target.value + p.above.value == pytest.approx(100) and p.patients == PATIENTS
    assert {p.arm for p in loop.points} == {"clairvoyant", "clairvoyant, no levels", USUAL}
    assert len(loop.rows()) == 3 * DAYS and len({tuple(row) for row in loop.rows()}) == 1 and f"{PATIENTS} virtual patients" in loop.sentence


def test_every_dose_is_given_once_whatever_the_visits():
    one = Course(0, Patient("1"), (REGIMEN,))
    walked = one.given_until(12.0).given_until(30.0).given_until(48.0)
    assert [d.time_h for d in walked.patient.doses] == [0, 12, 24, 36]


def test_the_new_regimen_follows_the_old_one_without_a_gap_or_a_repetition():
    one = Course(0, Patient("1"), (Regimen(1000, 36, 1),)).given_until(36.0)
    assert one.next_due(24.0) == 36
    changed = Course(0, one.patient, (*one.regimens, Regimen(500, 12, 1, start_h=36.0)))
    assert [(d.time_h, d.amount_mg) for d in changed.given_until(60.0).patient.doses] == [(0, 1000), (36, 500), (48, 500)]
    assert changed.in_force(36.0).amount_mg == 1000 and changed.in_force(36.5).amount_mg == 500


def test_a_day_of_a_settled_regimen_is_its_steady_state():
    """AUC24 of the twentieth day, daily dose / CL, and what the regimen leads to if kept are the same within 2 % where the patient has settled by then."""
    courses = [Course(i, Patient(str(i)), (REGIMEN,)).given_until(480.0) for i in range(PATIENTS)]
    CL = disposition(VIRTUAL.truth.pulses)
    settled = (CL["half_life"][:, 0] < 80).numpy()
    lived, leads = daily(VIRTUAL, courses, TARGET, 20)[:, -1], kept(VIRTUAL, courses, TARGET, 20)[:, -1]
    assert settled.any()
    np.testing.assert_allclose(lived[settled], leads[settled], rtol=0.02)
    np.testing.assert_allclose(leads[settled], (2000 / CL["CL"][:, 0]).numpy()[settled], rtol=1e-3)


def test_peak_and_trough_of_a_day_are_those_of_its_curve():
    courses = [Course(i, Patient(str(i)), (REGIMEN,)).given_until(96.0) for i in range(PATIENTS)]
    time = np.tile(np.array([36.0, 37.0]), (PATIENTS, 1))
    trough, after = follow_truth(VIRTUAL, courses, time)[0].T
    spec = dict(least_probability=0.2, toxicity_weight=0.0)
    peaks, troughs = (daily(VIRTUAL, courses, Target(metric, 1, 2, **spec), 4)[:, 1] for metric in ("peak", "trough"))
    assert (peaks >= after - 1e-6).all() and (troughs < peaks).all()
    at_48 = follow_truth(VIRTUAL, courses, np.full((PATIENTS, 1), 48.0))[0][:, 0]
    np.testing.assert_allclose(troughs, at_48, rtol=1e-6)  # the dose at 48 h belongs to the second day's end
    assert (trough < after).all()


def test_a_level_is_the_truth_with_its_error_just_before_the_dose():
    courses = [Course(i, Patient(str(i)), (REGIMEN,)) for i in range(PATIENTS)]
    one, two, again = (measure(VIRTUAL, courses, 20.0, seed=s) for s in (1, 2, 1))
    assert [c.patient.samples for c in one] == [c.patient.samples for c in again] != [c.patient.samples for c in two]
    assert {c.patient.samples[0].time_h for c in one} == {24 - BEFORE_DOSE_H} and {len(c.patient.doses) for c in one} == {2}
    truth = follow_truth(VIRTUAL, one, np.full((PATIENTS, 1), 24 - BEFORE_DOSE_H))[0][:, 0]
    for true, c in zip(truth, one, strict=True):
        level = c.patient.samples[0].concentration_mg_per_L
        assert level is None or abs(level - true) < 5 * (3.4 + 0.23 * true)  # Goti's error is the card's largest


def test_refusals_are_counted_and_the_regimen_in_force_goes_on():
    def believe(patients, seed):
        if any(p.samples for p in patients):
            raise ValueError("no.")
        return clairvoyant(patients, seed)

    found = closed_loop([Engine("shy", believe)], CARD, patients=3, days=2, visits_h=(12.0,), replicates=5, seed=SEED)
    assert found.withheld == 3 and found.left_out == () and len(found.days) == 3 * 3 * 2


def test_a_loop_stops_when_told():
    def stop(done, total):
        assert total == 6
        raise Cancelled

    torch.manual_seed(0)
    with pytest.raises(Cancelled):
        closed_loop([Engine("clairvoyant", clairvoyant)], CARD, patients=3, days=1, visits_h=(24.0,), seed=SEED, progress=stop)
