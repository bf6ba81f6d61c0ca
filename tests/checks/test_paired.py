"""Two engines on the same levels: a ratio that is known by hand, and its bootstrap interval."""

from dataclasses import replace

import numpy as np
import pytest

from pkvae_core.checks.forecast import LevelForecast, Outlook
from pkvae_core.checks.paired import paired_ratio
from pkvae_core.patient import Sample


def made(patient: str, level: float | None, forecast: float, *, time_h: float = 10.0, covered: float = 1.0) -> LevelForecast:
    outlook = Outlook(forecast, forecast / 2, forecast * 2, covered)
    return LevelForecast(patient, Sample(time_h, level, 1.0), 1, outlook, outlook)


def test_an_engine_against_itself_has_the_ratio_one_without_any_doubt():
    levels = [made(str(i), 10.0 + i, 12.0) for i in range(6)]
    found = paired_ratio(levels, levels)
    for ratio in (found.RMSE, found.MAPE, found.MdAPE, found.log_RMSE):
        assert (ratio.value, ratio.low95, ratio.high95) == (1, 1, 1)
    assert (found.n, found.n_subjects, found.unpaired) == (6, 6, 0) and found.coverage_difference.value == 0


def test_twice_the_error_is_twice_the_ratio_in_every_replicate():
    """Errors that are a fixed multiple cancel whatever subjects are drawn; an unpaired bootstrap would spread the interval."""
    errors = np.random.default_rng(1).normal(size=30)
    ours, theirs = ([made(str(i), 20.0, 20.0 + factor * e) for i, e in enumerate(errors)] for factor in (2, 1))
    found = paired_ratio(ours, theirs)
    for ratio in (found.RMSE, found.MAPE, found.MdAPE):
        assert (ratio.value, ratio.low95, ratio.high95) == pytest.approx((2, 2, 2))


def test_figures_by_hand():
    """Our errors are 1 and 3 mg/L on levels of 10, theirs 2 and 4: RMSE sqrt(5)/sqrt(10), MAPE 20/30 %."""
    ours = [made("a", 10, 11), made("b", 10, 7, covered=0.0)]
    theirs = [made("a", 10, 12), made("b", 10, 6)]
    found = paired_ratio(ours, theirs)
    assert (found.RMSE.value, found.MAPE.value) == pytest.approx((0.5**0.5, 2 / 3))
    logs = np.log([[1.1, 0.7], [1.2, 0.6]])
    assert found.log_RMSE.value == pytest.approx(np.sqrt((logs[0] ** 2).mean() / (logs[1] ** 2).mean()))
    assert found.coverage_difference.value == pytest.approx(-50)


def test_the_interval_holds_the_true_ratio_19_times_out_of_20():
    """Independent normal errors of sd 1.2 and 1 in 40 subjects of 2 levels each that share half of their variance; 80 studies, 3 standard errors."""
    generator, held = np.random.default_rng(5), []
    for _ in range(80):
        shared, own = generator.normal(size=(2, 40, 1)), generator.normal(size=(2, 40, 2))
        error = np.sqrt(0.5) * (shared + own) * np.array([1.2, 1.0])[:, None, None]
        ours, theirs = ([made(str(i), 50.0, 50.0 + error[k, i, j], time_h=j) for i in range(40) for j in range(2)] for k in (0, 1))
        ratio = paired_ratio(ours, theirs, replicates=100).RMSE
        held.append(ratio.low95 <= 1.2 <= ratio.high95)
    assert np.mean(held) > 0.875


def test_levels_that_one_engine_could_not_forecast_are_counted():
    both = [made("a", 10, 11), made("b", 10, 12)]
    found = paired_ratio(both, both[:1])
    assert (found.n, found.unpaired) == (1, 1)


def test_levels_of_one_moment_stay_apart():
    twins = [made("a", 10, 11), made("a", 20, 11)]
    assert paired_ratio(twins, twins).n == 2


def test_a_level_below_its_limit_counts_in_the_coverage_only():
    ours, theirs = [made("a", 10, 11), made("b", None, 3, covered=0.0)], [made("a", 10, 12), made("b", None, 1, covered=1.0)]
    found = paired_ratio(ours, theirs)
    assert found.RMSE.value == pytest.approx(0.5) and found.coverage_difference.value == pytest.approx(-50)


def test_the_a_priori_view_compares_forecasts_without_levels():
    one = made("a", 10, 11)
    ours, theirs = replace(one, a_priori=replace(one.a_priori, median_mg_per_L=13)), replace(one, a_priori=replace(one.a_priori, median_mg_per_L=12))
    assert paired_ratio([ours], [theirs], view="a_priori").RMSE.value == pytest.approx(1.5)
