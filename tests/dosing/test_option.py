"""Is one regimen judged by all its draws?"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkvae_core.dosing.option import judge, judge_all
from pkvae_core.dosing.target import Target
from pkvae_core.patient import Dose, Regimen

AUC24 = Target("auc24", 400, 600, best=500, toxicity_alarm=650, least_probability=0.25, toxicity_weight=0.5)
SPREAD = np.linspace(2, 8, 61).tolist()
clearances = st.lists(st.floats(0.5, 12), min_size=1, max_size=30)


@given(clearances, st.floats(100, 4000), st.sampled_from([(400.0, 600.0), (400.0, None), (None, 600.0)]))
@settings(max_examples=15, deadline=None)
def test_the_probabilities_sum_to_one(draws, clearance, amount_mg, bounds):
    option = judge(draws(clearance), replace(AUC24, low=bounds[0], high=bounds[1]), Regimen(amount_mg, 12, 1))
    assert option.probability_in + option.probability_above + option.probability_below == pytest.approx(1)


@given(clearances, st.floats(50, 900), st.floats(1.0, 3.0), st.sampled_from([None, (0.0, 24.0), (24.0, 60.0)]), st.sampled_from(["auc24", "trough", "peak"]))
@settings(max_examples=15, deadline=None)
def test_a_higher_target_never_lowers_the_exact_dose(draws, clearance, aim, times_higher, window_h, metric):
    posterior, regimen = draws(clearance, past=(Dose(0, 500, 1),)), Regimen(1000, 12, 1, 12)
    exact = []
    for best in (aim, aim * times_higher):
        target = Target(metric, 1, 1e9, best=best, window_h=window_h, least_probability=0, toxicity_weight=0)
        exact.append(judge(posterior, target, regimen).exact_amount_mg or 0.0)
    assert exact[1] >= exact[0] * (1 - 1e-5)


@pytest.mark.parametrize("window_h", [None, (0.0, 24.0), (36.0, 48.0)])
@pytest.mark.parametrize(("metric", "best"), [("auc24", 500), ("trough", 25), ("peak", 40)])
def test_the_exact_amount_puts_the_median_on_the_best_value(draws, window_h, metric, best):
    posterior = draws(SPREAD, past=(Dose(0, 500, 1),))
    target = Target(metric, 1, 1e9, best=best, window_h=window_h, least_probability=0.25, toxicity_weight=1)
    exact = judge(posterior, target, Regimen(100, 12, 1, 12)).exact_amount_mg
    assert exact and judge(posterior, target, Regimen(exact, 12, 1, 12)).exposure_median == pytest.approx(best, rel=1e-4)


def test_the_exact_amount_is_not_bound_by_the_card(draws):
    assert judge(draws([20.0]), AUC24, Regimen(1000, 24, 1)).exact_amount_mg == pytest.approx(10_000, rel=1e-4)


def test_where_the_past_alone_exceeds_the_aim_there_is_no_exact_amount(draws):
    target = replace(AUC24, best=None, low=1, high=2, window_h=(0.0, 24.0))
    assert judge(draws(SPREAD, past=(Dose(0, 2000, 1),)), target, Regimen(500, 12, 1, 2)).exact_amount_mg is None


def test_a_one_sided_target_without_a_best_value_has_no_exact_amount(draws):
    assert judge(draws(SPREAD), replace(AUC24, best=None, high=None), Regimen(1000, 12, 1)).exact_amount_mg is None


def test_the_score_is_the_chance_in_target_less_the_weight_of_toxicity(draws):
    option = judge(draws([2.0, 3.0, 4.0, 5.0], weight=[0.1, 0.2, 0.3, 0.4]), AUC24, Regimen(1000, 12, 1))  # AUC24 1000, 667, 500, 400
    assert (option.probability_toxic, option.probability_above, option.probability_below) == pytest.approx(
        (0.3, 0.3, 0.0 if option.exposure[3] >= 400 else 0.4)
    )
    assert option.score == pytest.approx(option.probability_in - 0.5 * 0.3)


def test_another_mic_moves_the_target_but_not_the_toxicity(draws):
    plain, resistant = (judge(draws([4.0]), AUC24.with_mic(mic), Regimen(2000, 12, 2)) for mic in (1.0, 2.0))  # AUC24 1,000
    assert (plain.probability_in, resistant.probability_in) == (0, 1)
    assert plain.probability_toxic == resistant.probability_toxic == 1
    assert plain.companion == resistant.companion


def test_companions_are_those_of_the_same_draws(draws):
    option = judge(draws(SPREAD), AUC24, Regimen(1000, 12, 1))
    assert option.companion["auc24"] == (option.exposure_median, option.exposure_low90, option.exposure_high90)
    assert option.companion["trough"][0] < 1000 / 12 / 5 < option.companion["peak"][0]


def test_judging_together_is_judging_one_by_one(draws):
    regimens = [Regimen(a, t, 1) for a in (500, 1000) for t in (8, 12)]
    together = judge_all(draws(SPREAD), AUC24, regimens)
    assert [o.regimen for o in together] == regimens
    assert [o.score for o in together] == [judge(draws(SPREAD), AUC24, r).score for r in regimens]


def test_a_regimen_off_the_card_is_judged_and_said_to_be_off_it(draws):
    assert judge(draws(SPREAD), AUC24, Regimen(1100, 12, 1.5)).cautions
