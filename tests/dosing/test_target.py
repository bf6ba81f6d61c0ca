"""Does a target say what it means, and is exposure measured as it says?"""

from typing import Any

import numpy as np
import pytest

from pkvae_core.dosing.span import Span
from pkvae_core.dosing.target import Target, measure
from pkvae_core.drugs.card import load_card

ASK: dict[str, Any] = {"least_probability": 0.5, "toxicity_weight": 1.0}
RAMP = Span(
    length_h=12.0,
    time_h=np.array([0.0, 6.0, 12.0]),
    trough=2,
    area_mg_h_per_L=np.array([60.0, 120.0]),
    concentration_mg_per_L=np.array([[10.0, 5.0, 0.0], [20.0, 10.0, 0.0]]),
    is_settled=np.array([True, True]),
)


@pytest.mark.parametrize(("metric", "expected"), [("auc24", [120, 240]), ("auc", [60, 120]), ("trough", [0, 0]), ("peak", [10, 20]), ("time_above", [50, 75])])
def test_each_metric_is_read_off_the_span(metric, expected):
    assert measure(RAMP, metric, 5.0).tolist() == expected


def test_a_draw_that_never_settles_has_infinite_exposure():
    unsettled = Span(12.0, RAMP.time_h, 2, RAMP.area_mg_h_per_L, RAMP.concentration_mg_per_L, np.array([True, False]))
    assert Target("auc24", 100, 200, **ASK).exposure(unsettled).tolist() == [120, np.inf]


def test_bounds_with_a_mic_are_ratios_to_it():
    assert Target("auc24", 400, 600, **ASK).with_mic(2.0).exposure(RAMP).tolist() == [60, 120]


def test_time_above_is_a_share_and_no_ratio():
    assert Target("time_above", 50, None, mic_mg_per_L=5.0, **ASK).exposure(RAMP).tolist() == [50, 75]


def test_the_card_s_target_keeps_its_numbers():
    target = Target.from_spec(load_card("vancomycin").target("auc24"))
    assert (target.low, target.aim, target.high, target.toxicity_alarm, target.unit) == (400, 500, 600, 650, "mg·h/L")


@pytest.mark.parametrize(("best", "low", "high", "aim"), [(450, 400, 600, 450), (None, 400, 600, 500), (None, 400, None, None), (None, None, 600, None)])
def test_the_exact_dose_aims_for_the_best_value_or_the_middle(best, low, high, aim):
    assert Target("auc24", low, high, best=best, **ASK).aim == aim


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"metric": "cmax", "low": 1, "high": 2}, "Choose one of"),
        ({"metric": "peak", "low": None, "high": None}, "at least one"),
        ({"metric": "peak", "low": 2, "high": 2}, "below the upper"),
        ({"metric": "auc", "low": 1, "high": 2, "window_h": (24.0, 24.0)}, "end after it begins"),
        ({"metric": "auc", "low": 1, "high": 2, "mic_mg_per_L": 0.0}, "above 0"),
        ({"metric": "time_above", "low": 1, "high": 2}, "which level"),
        ({"metric": "time_above", "low": 1, "high": 2, "threshold_mg_per_L": 0.0}, "threshold is 0"),
        ({"metric": "peak", "low": float("nan"), "high": 2}, "no number"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        Target(**arguments, **ASK)
