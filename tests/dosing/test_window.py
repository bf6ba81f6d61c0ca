"""Does a window count what happens in it, and nothing else?"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkvae_core.dosing.option import judge
from pkvae_core.dosing.target import Target
from pkvae_core.patient import Dose, Regimen

CLEARANCES = [1.0, 2.0, 4.0, 9.0]
PAST = (Dose(0, 1000, 1), Dose(12, 1000, 1))


def over(metric: str, low_h: float, high_h: float, **options) -> Target:
    return Target(metric, 1, 1e9, window_h=(low_h, high_h), least_probability=0.25, toxicity_weight=1.0, **options)


@given(st.floats(10, 4000), st.sampled_from([6, 12, 24]), st.sampled_from([0, 1, 2]), st.floats(1, 100))
@settings(max_examples=10, deadline=None)
def test_doubling_the_doses_doubles_the_auc(draws, amount_mg, interval_h, infusion_h, end_h):
    once, twice = (judge(draws(CLEARANCES), over("auc", 0, end_h), Regimen(a, interval_h, infusion_h)).exposure for a in (amount_mg, 2 * amount_mg))
    assert twice == pytest.approx(2 * once, rel=1e-4)


@pytest.mark.parametrize("metric", ["auc", "auc24", "trough", "peak"])
def test_a_window_that_ends_at_a_dose_does_not_count_that_dose(draws, metric):
    with_next, alone = (judge(draws(CLEARANCES), over(metric, 0, 12), Regimen(1000, interval)).exposure for interval in (12, 600))
    assert with_next == pytest.approx(alone, rel=1e-5)


def test_an_auc24_of_a_longer_window_is_scaled_to_a_day(draws):
    regimen = Regimen(1000, 12, 1)
    whole, scaled = (judge(draws(CLEARANCES), over(metric, 0, 48), regimen).exposure for metric in ("auc", "auc24"))
    assert scaled == pytest.approx(whole / 2)


def test_all_windows_together_hold_the_whole_dose(draws):
    option = judge(draws(CLEARANCES), over("auc", 0, 1e5), Regimen(1000, 2e5, 1))
    assert option.exposure == pytest.approx(1000 / np.array(CLEARANCES), rel=1e-4)


def test_the_recorded_doses_go_on_acting_whatever_is_given_next(draws):
    without, with_past = (judge(draws(CLEARANCES, past=past), over("auc", 0, 24), Regimen(1000, 12, 1, 24)).exposure for past in ((), PAST))
    alone = judge(draws(CLEARANCES, past=PAST), over("auc", 0, 24), Regimen(1e-6, 12, 1, 24)).exposure
    assert with_past == pytest.approx(without + alone, rel=1e-4)


@pytest.mark.parametrize("metric", ["auc", "trough", "peak"])
@pytest.mark.parametrize("regimen", [Regimen(750, 12, 1, 24), Regimen(750, 8, 0, 24, loading_amount_mg=1500), Regimen(2000, 24, 24, 30)])
def test_scaling_one_mg_gives_what_simulating_every_dose_gives(draws, simulated, metric, regimen):
    posterior = draws(CLEARANCES, past=PAST)
    scaled = judge(posterior, over(metric, 12, 60), regimen).exposure
    posterior = simulated(posterior)
    assert judge(posterior, over(metric, 12, 60), regimen).exposure == pytest.approx(scaled, rel=1e-4)


def test_a_loading_dose_comes_on_top_of_no_first_dose(draws):
    loaded = judge(draws(CLEARANCES), over("auc", 0, 12), Regimen(500, 12, 1, loading_amount_mg=2000, loading_infusion_h=1)).exposure
    assert loaded == pytest.approx(judge(draws(CLEARANCES), over("auc", 0, 12), Regimen(2000, 12, 1)).exposure, rel=1e-5)


def test_the_trough_is_the_one_before_the_last_dose_due(draws):
    day = judge(draws(CLEARANCES), over("trough", 0, 30), Regimen(1000, 12)).exposure
    assert day == pytest.approx(judge(draws(CLEARANCES), over("trough", 0, 24), Regimen(1000, 12)).exposure, rel=1e-5)


def test_where_no_dose_falls_due_the_trough_is_at_the_end(draws):
    one_compartment = draws([4.0], Q=1e-6)
    assert judge(one_compartment, over("trough", 0, 10), Regimen(1000, 24)).exposure[0] == pytest.approx(25 * np.exp(-1), rel=1e-3)


def test_the_peak_of_an_infusion_is_at_its_end(draws):
    one_compartment = draws([4.0], Q=1e-6)
    assert judge(one_compartment, over("peak", 0, 24), Regimen(1000, 24, 3.3)).exposure[0] == pytest.approx(1000 / 3.3 / 4 * (1 - np.exp(-0.33)), rel=1e-3)


def test_a_swallowed_dose_peaks_where_absorption_and_elimination_balance(draws):
    oral = draws([4.0], Q=1e-6, V1=40.0, ka=1.0, drug="theophylline")
    tmax = np.log(10) / 0.9
    expected = 300 / 40 / 0.9 * (np.exp(-0.1 * tmax) - np.exp(-tmax))
    assert judge(oral, over("peak", 0, 8), Regimen(300, 8)).exposure[0] == pytest.approx(expected, rel=3e-3)


def test_the_time_above_a_level_is_when_the_exponential_crosses_it(draws):
    one_compartment = draws([4.0], Q=1e-6)
    share = judge(one_compartment, over("time_above", 0, 24, threshold_mg_per_L=10.0), Regimen(1000, 24)).exposure[0]
    assert share == pytest.approx(100 * np.log(2.5) / 0.1 / 24, abs=0.3)
