"""What do a missed, a late and a stopped dose, a change of the patient, or no change at all, do to exposure?"""

from dataclasses import replace

import numpy as np
import pytest

from pkvae_core.dosing.compare import past_day, unchanged, what_if_changed, what_if_late, what_if_missed, what_if_stopped
from pkvae_core.dosing.option import judge
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.inference.mapbayes import map_bayes
from pkvae_core.inference.posterior import parameters, predict
from pkvae_core.patient import Covariate, Dose, Patient, Regimen, Sample

AUC24 = Target("auc24", 400, 600, least_probability=0.25, toxicity_weight=1.0)
REGIMEN = Regimen(1000, 12, 1, 24)
REGIMEN_FROM_48 = Regimen(1000, 12, 1, 48)
PAST = (Dose(0, 1000, 1), Dose(12, 1000, 1))


def test_a_missed_dose_is_not_in_the_schedule_and_lowers_the_day(draws):
    change = what_if_missed(draws([3.0, 4.0], past=PAST), AUC24, REGIMEN, 1)
    assert [d.time_h for d in change.doses] == [24, 48]
    assert change.window_h == (36, 60)
    assert (change.changed.exposure < change.planned.exposure).all()


def test_a_missed_dose_takes_away_what_that_dose_would_have_added(draws):
    change = what_if_missed(draws([3.0], past=PAST), AUC24, REGIMEN, 0)
    alone = judge(draws([3.0]), replace(AUC24, window_h=(0.0, 24.0)), Regimen(1000, 100, 1)).exposure
    assert change.planned.exposure - change.changed.exposure == pytest.approx(alone, rel=1e-4)


def test_a_late_dose_lowers_the_auc_of_its_interval_and_raises_the_next_trough(draws):
    auc = what_if_late(draws([3.0], past=PAST), replace(AUC24, metric="auc"), REGIMEN, 0, 4)
    trough = what_if_late(draws([3.0], past=PAST), replace(AUC24, metric="trough"), REGIMEN, 0, 4)
    assert [d.time_h for d in auc.doses] == [28]
    assert auc.window_h == (24, 36)
    assert auc.changed.exposure[0] < auc.planned.exposure[0]
    assert trough.changed.exposure[0] > trough.planned.exposure[0]


def test_a_dose_that_is_not_late_changes_nothing(draws):
    change = what_if_late(draws([3.0], past=PAST), AUC24, REGIMEN, 0, 0)
    assert change.changed.exposure == pytest.approx(change.planned.exposure)


def test_a_late_dose_after_the_next_one_stays_in_order(draws):
    times = [d.time_h for d in what_if_late(draws([3.0]), AUC24, REGIMEN, 0, 15).doses]
    assert times == sorted(times)


def test_after_stopping_only_the_past_acts(draws):
    change = what_if_stopped(draws([3.0], past=PAST), replace(AUC24, metric="trough", low=1, high=9), REGIMEN, 0)
    assert change.doses == ()
    last_hours = judge(draws([3.0], past=PAST), replace(AUC24, metric="trough", window_h=(0.0, 12.0)), Regimen(1e-9, 600, 1, 24)).exposure
    assert change.changed.exposure == pytest.approx(last_hours, rel=1e-4)


def test_a_window_of_the_target_is_kept(draws):
    assert what_if_missed(draws([3.0]), replace(AUC24, window_h=(24.0, 48.0)), REGIMEN, 0).window_h == (48, 72)


def test_a_dose_before_the_regimen_cannot_be_missed(draws):
    with pytest.raises(ValueError, match="not a dose of this regimen"):
        what_if_missed(draws([3.0]), AUC24, REGIMEN, -1)


def test_the_unchanged_regimen_is_judged_over_the_same_hours(draws):
    posterior, day_two = draws([3.0, 4.0], past=PAST), replace(AUC24, window_h=(24.0, 48.0))
    option = unchanged(posterior, day_two, REGIMEN, start_h=18)
    same_hours = judge(posterior, replace(AUC24, window_h=(18.0, 42.0)), REGIMEN)
    assert option.exposure == pytest.approx(same_hours.exposure)
    assert np.array_equal(unchanged(posterior, AUC24, REGIMEN, start_h=18).exposure, judge(posterior, AUC24, REGIMEN).exposure)


@pytest.fixture(scope="module")
def believed():
    """MAP-Bayes by Thomson 2009, whose clearance follows creatinine clearance, after four doses and a level."""
    known = {"AGE": 57.0, "SEX": 1.0, "WT": 79.0, "HT": 175.0, "SCR": 1.0}
    doses, covariates = tuple(Dose(12.0 * i, 1000, 1) for i in range(4)), tuple(Covariate(name, value) for name, value in known.items())
    patient = Patient("A", doses, (Sample(35.5, 12.0),), covariates)
    return map_bayes(load_card("vancomycin"), patient, names=("thomson2009",), draws=200)


def test_when_the_kidneys_fail_the_past_stays_and_the_future_rises(believed):
    half = what_if_changed(believed, "CRCL", believed.patient.covariate("CRCL") / 2, from_h=48)
    doses, times = (*believed.patient.doses, *REGIMEN_FROM_48.doses(96)), np.array([20.0, 35.5, 48.0, 60.0, 72.0, 95.0])
    before, after = (predict(p, doses, times).median for p in (believed, half))
    assert after[:3] == pytest.approx(before[:3], rel=1e-4)
    assert (after[3:] > before[3:]).all()


def test_steady_state_after_a_supposed_change_is_that_of_the_new_clearance(believed):
    half = what_if_changed(believed, "CRCL", believed.patient.covariate("CRCL") / 2, from_h=48)
    option = judge(half, AUC24, REGIMEN_FROM_48)
    settled = np.isfinite(option.exposure)
    assert option.exposure[settled] == pytest.approx(2000 / parameters(half)["CL"][settled], rel=1e-3)
    fallen = parameters(half)["CL"] / parameters(believed)["CL"]
    assert fallen == pytest.approx(fallen[0], rel=1e-3) and 0.4 < fallen[0] < 0.6  # the same for every draw: the deviation from the covariates stays


def test_a_supposed_creatinine_moves_the_clearance_with_it(believed):
    supposed = what_if_changed(believed, "SCR", 2.0, from_h=48).patient
    assert supposed.covariate("CRCL") == pytest.approx(believed.patient.covariate("CRCL") / 2)
    assert supposed.covariate("CRCL", 47) == believed.patient.covariate("CRCL")
    assert [c.source for c in supposed.covariates if c.name == "SCR"] == ["patient", "what if"]


def test_a_supposed_clearance_takes_creatinine_with_it(believed):
    half = what_if_changed(believed, "CRCL", believed.patient.covariate("CRCL") / 2, from_h=48).patient
    assert half.covariate("SCR") == pytest.approx(2.0) and half.covariate("SCR", 47) == 1.0
    assert [c.source for c in half.covariates if c.name == "CRCL"][-1] == "what if"


def test_supposing_does_not_change_the_record(believed):
    before = believed.patient
    what_if_changed(believed, "WT", 90, from_h=48)
    assert believed.patient == before


@pytest.mark.parametrize(
    ("name", "value", "from_h", "sentence"),
    [
        ("CRCL", 2, 48, "creatinine clearance 2 mL/min lies outside 5 to 300 mL/min"),
        ("WT", 1000, 48, "weight 1,000 kg lies outside"),
        ("ALB", 30, 48, "no covariate 'ALB'"),
        ("CRCL", 40, 20, "a level was drawn after the supposed change"),
    ],
)
def test_what_cannot_be_supposed_is_refused_with_the_reason(believed, name, value, from_h, sentence):
    with pytest.raises(ValueError, match=sentence):
        what_if_changed(believed, name, value, from_h=from_h)


def test_a_covariate_that_is_not_known_cannot_change(believed):
    ignorant = believed.revise(replace(believed.patient, covariates=()))
    with pytest.raises(ValueError, match="not known until then"):
        what_if_changed(ignorant, "WT", 80, from_h=48)


def test_the_past_day_of_a_settled_regimen_is_its_steady_state(draws):
    posterior = draws([3.0, 4.0], past=Regimen(1000, 12, 1).doses(14 * 24))
    lived, steady = past_day(posterior, AUC24, 14 * 24), judge(posterior, AUC24, Regimen(1000, 12, 1, 14 * 24))
    assert lived and lived.exposure == pytest.approx(steady.exposure, rel=1e-3)


def test_a_day_that_was_not_lived_in_full_is_not_judged(draws):
    posterior = draws([3.0], past=PAST)
    assert past_day(posterior, AUC24, 23.0) is None and past_day(posterior, AUC24, 24.0) is not None
    assert past_day(draws([3.0]), AUC24, 24.0) is None


def test_the_past_day_knows_no_dose_from_its_end_on(draws):
    more = draws([3.0], past=(*PAST, Dose(24, 9000, 1)))
    assert past_day(more, AUC24, 24.0).exposure == pytest.approx(past_day(draws([3.0], past=PAST), AUC24, 24.0).exposure)
