"""What do a missed, a late and a stopped dose, or no change at all, do to exposure?"""

from dataclasses import replace

import numpy as np
import pytest

from pkvae_core.dosing.compare import unchanged, what_if_late, what_if_missed, what_if_stopped
from pkvae_core.dosing.option import judge
from pkvae_core.dosing.target import Target
from pkvae_core.patient import Dose, Regimen

AUC24 = Target("auc24", 400, 600, least_probability=0.25, toxicity_weight=1.0)
REGIMEN = Regimen(1000, 12, 1, 24)
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
