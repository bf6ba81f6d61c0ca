"""Is the steady state the one of the textbook, and are the draws that never reach it found?"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pkvae_core.dosing.course import COARSE, FINE
from pkvae_core.dosing.option import judge, judge_all
from pkvae_core.dosing.span import Span
from pkvae_core.dosing.steady_state import steady_spans
from pkvae_core.dosing.target import Target
from pkvae_core.patient import Dose, Regimen
from pkvae_core.structural.saturable import Saturable
from pkvae_core.structural.simulated import Simulated

AUC24 = Target("auc24", 400, 600, least_probability=0.25, toxicity_weight=1.0)
CLEARANCES = [0.9, 2.0, 4.0, 9.0]


def at_steady_state(posterior, regimen: Regimen, points: int = COARSE) -> Span:
    return steady_spans(posterior, [regimen], points)[regimen](regimen.amount_mg)


@given(st.floats(50, 4000), st.sampled_from([6, 8, 12, 24, 48]), st.sampled_from([0, 1 / 60, 0.5, 2, 5.9]), st.floats(0, 5000))
@settings(max_examples=10, deadline=None)
def test_steady_state_auc24_is_the_daily_dose_over_clearance(draws, amount_mg, interval_h, infusion_h, start_h):
    option = judge(draws(CLEARANCES), AUC24, Regimen(amount_mg, interval_h, infusion_h, start_h))
    assert option.exposure == pytest.approx(amount_mg * 24 / interval_h / np.array(CLEARANCES), rel=1e-4)


@given(st.sampled_from([4, 8, 12, 24, 48]), st.floats(1, 12))
@settings(max_examples=10, deadline=None)
def test_trough_and_peak_of_a_bolus_are_the_closed_form_of_one_compartment(draws, interval_h, clearance):
    span = at_steady_state(draws([clearance], V1=40, Q=1e-6), Regimen(1000, interval_h), FINE)
    k = clearance / 40
    trough = 25 * math.exp(-k * interval_h) / (1 - math.exp(-k * interval_h))
    assert span.concentration_mg_per_L[0, span.trough] == pytest.approx(trough, rel=1e-3, abs=1e-4)
    assert span.concentration_mg_per_L.max() == pytest.approx(trough + 25, rel=1e-3)


def test_a_continuous_infusion_stays_at_its_rate_over_clearance(draws):
    curve = at_steady_state(draws(CLEARANCES), Regimen(2000, 24, 24)).concentration_mg_per_L
    assert curve == pytest.approx(np.tile(2000 / 24 / np.array(CLEARANCES)[:, None], curve.shape[1]), rel=1e-3)


@pytest.mark.parametrize("regimen", [Regimen(1000, 12, 1, 100), Regimen(500, 6, 0, 0), Regimen(1500, 36, 4, 0), Regimen(2000, 24, 24, 48)])
def test_simulating_to_the_horizon_finds_the_same_steady_state(draws, simulated, regimen):
    posterior = draws([2.0, 4.0, 9.0], past=(Dose(0, 800, 1),) if regimen.start_h else ())
    exact = at_steady_state(posterior, regimen)
    posterior = simulated(posterior)
    simulated = at_steady_state(posterior, regimen)
    assert simulated.area_mg_h_per_L == pytest.approx(exact.area_mg_h_per_L, rel=2e-3)
    assert simulated.concentration_mg_per_L == pytest.approx(exact.concentration_mg_per_L, rel=3e-3, abs=0.01)
    assert simulated.is_settled.all() and exact.is_settled.all()


@pytest.mark.parametrize("interval_h", [6, 12, 24, 48])
def test_a_body_that_eliminates_next_to_nothing_never_settles(draws, interval_h):
    option = judge(draws([0.001, 4.0], weight=[0.25, 0.75]), AUC24, Regimen(500, interval_h, 1))
    assert option.share_never_settled == 0.25
    assert option.probability_above >= 0.25


def test_a_slow_body_long_on_the_same_regimen_has_settled(draws):
    slow = {"CL": [0.5], "V1": 60.0, "V2": 60.0}
    past = tuple(Dose(24.0 * i, 250, 1) for i in range(100))
    assert not at_steady_state(draws(**slow), Regimen(250, 24, 1, 2400)).is_settled[0]
    assert at_steady_state(draws(**slow, past=past), Regimen(250, 24, 1, 2400)).is_settled[0]


def saturable(posterior, Vmax: list[float], Km: float = 5.0):
    """The same belief about bodies of 40 L that eliminate Vmax C/(Km + C) mg/h; a swallowed dose is absorbed at 1/h."""
    one = torch.ones(1, len(Vmax))
    return replace(posterior, responses=Simulated(Saturable(torch.tensor([Vmax]), Km * one, 40 * one, one)))


def test_a_saturated_body_never_settles_and_counts_as_above(draws):
    """1,000 mg every 12 h is 83 mg/h: more than the first draw can ever eliminate."""
    posterior = saturable(draws([1.0, 1.0]), [50.0, 300.0])
    option = judge(posterior, Target("auc24", 10, None, least_probability=0.25, toxicity_weight=1.0), Regimen(1000, 12))
    assert option.exposure[0] == np.inf and np.isfinite(option.exposure[1])
    assert (option.probability_in, option.probability_above, option.share_never_settled) == pytest.approx((0.5, 0.5, 0.5))


def test_a_saturated_steady_state_loses_each_interval_what_it_is_given(draws):
    """Elimination Vmax C/(Km + C), integrated over the interval at steady state, is the dose."""
    posterior = saturable(draws([1.0]), [120.0])
    span = steady_spans(posterior, [Regimen(1000, 12)], FINE)[Regimen(1000, 12)](1000)
    C = span.concentration_mg_per_L[0]
    assert span.is_settled[0] and np.trapezoid(120 * C / (5 + C), span.time_h) == pytest.approx(1000, rel=5e-3)


@pytest.mark.parametrize("amount_mg", [300.0, 900.0])
def test_the_exact_amount_of_a_saturable_drug_meets_the_aim(draws, amount_mg):
    posterior, target = saturable(draws([1.0, 1.0, 1.0]), [100.0, 110.0, 120.0]), Target("auc24", 200, 300, least_probability=0.25, toxicity_weight=1.0)
    exact = judge(posterior, target, Regimen(amount_mg, 12)).exact_amount_mg
    assert exact is not None
    assert judge(posterior, target, Regimen(exact, 12)).exposure_median == pytest.approx(250, rel=0.03)


def test_regimens_judged_together_are_those_judged_alone(draws):
    posterior, target = saturable(draws([1.0, 1.0]), [100.0, 120.0]), Target("trough", 5, 20, least_probability=0.25, toxicity_weight=1.0)
    regimens = [Regimen(amount, interval) for interval in (12, 24) for amount in (200.0, 500.0, 900.0)]
    for one, regimen in zip(judge_all(posterior, target, regimens), regimens, strict=True):
        np.testing.assert_allclose(one.exposure, judge(posterior, target, regimen).exposure, rtol=1e-4)
