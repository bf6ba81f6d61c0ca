"""Forecasts of levels: what they may see, the interval of an observation, and the figures that sum them up."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from pkvae_core.checks.accuracy import Margin, subject_weights, summarise, weighted_mean, weighted_median
from pkvae_core.checks.engines import Engine, vae
from pkvae_core.checks.forecast import LevelForecast, Outlook, coverage, forecast, forecast_each
from pkvae_core.drugs.card import load_card
from pkvae_core.inference.observable import Observable
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.residual_error import ResidualError
from pkvae_core.vae.train import untrained
from tests.checks.textbook import knowing

PATIENT = Patient(
    "7",
    doses=tuple(Dose(12.0 * i, 1000, 1) for i in range(5)),
    samples=(Sample(11.5, 9.0), Sample(13.5, 24.0), Sample(35.5, 12.0), Sample(47.5, 13.0)),
    covariates=(Covariate("WT", 70, 0), Covariate("CRCL", 80, 0), Covariate("CRCL", 60, 40)),
)


@pytest.fixture(scope="module")
def engine():
    """An untrained vancomycin model: what a forecast may see does not depend on what was learned."""
    return vae(untrained(load_card("vancomycin"), seed=1).eval().requires_grad_(False), draws=100)


def test_a_forecast_does_not_see_the_future(engine):
    """Levels, doses and covariates from the moment of the level on are changed; its forecast is not."""
    at = PATIENT.samples[2].time_h
    altered = replace(
        PATIENT,
        samples=(*PATIENT.samples[:2], Sample(at, 99.0), Sample(47.5, 1.0)),
        doses=(*(d for d in PATIENT.doses if d.time_h < at), Dose(at, 5000)),
        covariates=(*PATIENT.covariates[:2], Covariate("CRCL", 10, at + 0.1)),
    )
    before, after = forecast(engine, [PATIENT])[2], forecast(engine, [altered])[2]
    for one, other in ((before.a_priori, after.a_priori), (before.a_posteriori, after.a_posteriori)):
        assert (one.median_mg_per_L, one.low90_mg_per_L, one.high90_mg_per_L) == (other.median_mg_per_L, other.low90_mg_per_L, other.high90_mg_per_L)


def test_an_earlier_level_changes_the_forecast_and_leaves_the_a_priori_one_alone(engine):
    altered = replace(PATIENT, samples=(Sample(11.5, 30.0), *PATIENT.samples[1:]))
    before, after = forecast(engine, [PATIENT])[1], forecast(engine, [altered])[1]
    assert before.a_priori.median_mg_per_L == after.a_priori.median_mg_per_L
    assert before.a_posteriori.median_mg_per_L != after.a_posteriori.median_mg_per_L


def test_levels_of_the_same_moment_do_not_know_of_each_other(engine):
    twins = replace(PATIENT, samples=(Sample(11.5, 9.0), Sample(11.5, 30.0)))
    first, second = forecast(engine, [twins])
    assert first.n_earlier == second.n_earlier == 0
    assert first.a_posteriori.median_mg_per_L == second.a_posteriori.median_mg_per_L


def test_the_first_level_is_forecast_a_priori(engine):
    first = forecast(engine, [PATIENT])[0]
    assert first.n_earlier == 0 and first.a_priori == first.a_posteriori


def test_patients_are_forecast_apart_and_in_order():
    engine = knowing({"7": [3.0, 4.0], "8": [6.0]}, before=[4.0, 5.0])
    other = replace(PATIENT, id="8", samples=PATIENT.samples[:2])
    together = forecast(engine, [PATIENT, other])
    assert together == (*forecast(engine, [PATIENT]), *forecast(engine, [other]))
    assert [(f.patient_id, f.n_earlier) for f in together] == [("7", 0), ("7", 1), ("7", 2), ("7", 3), ("8", 0), ("8", 1)]


def test_a_patient_that_the_engine_cannot_answer_is_left_out_with_the_reason():
    engine = knowing({"7": [3.0], "8": [6.0]})

    def believe(patients, seed):
        if any(p.id == "8" for p in patients):
            raise ValueError("patient 8 has no weight.")
        return engine.believe(patients, seed)

    choosy = Engine("choosy", believe)
    answered, refused = forecast_each(choosy, [PATIENT, replace(PATIENT, id="8")])
    assert answered == forecast(engine, [PATIENT]) and refused == "patient 8 has no weight."
    with pytest.raises(ValueError, match="no weight"):
        forecast(choosy, [replace(PATIENT, id="8")])


ONE_DRAW = Observable(np.array([10.0]), np.array([1.0]), ((1.0, ResidualError(0.1, 2.0)),))
MIXED = Observable(np.array([5.0, 10.0, 40.0]), np.array([0.2, 0.5, 0.3]), ((0.7, ResidualError(0.1, 1.0)), (0.3, ResidualError(0.3, 0.5))))


def test_with_one_draw_and_one_model_the_observation_is_normal():
    assert ONE_DRAW.quantile(0.95) == pytest.approx(norm.ppf(0.95, 10, math.hypot(2, 1)), abs=1e-4)


def test_quantiles_are_those_of_simulated_observations():
    generator = np.random.default_rng(1)
    draw = generator.choice(3, p=MIXED.weight, size=400_000)
    C = MIXED.concentration_mg_per_L
    sd = np.stack([np.hypot(e.additive_mg_per_L, e.proportional * C) for _, e in MIXED.errors])
    published = generator.choice(2, p=[p for p, _ in MIXED.errors], size=len(draw))
    observed = generator.normal(C[draw], sd[published, draw])
    for probability in (0.05, 0.5, 0.95):
        assert (observed < MIXED.quantile(probability)).mean() == pytest.approx(probability, abs=0.003)  # 4 standard errors


def test_no_laboratory_reports_a_negative_level():
    near_zero = Observable(np.array([0.1]), np.array([1.0]), ((1.0, ResidualError(0.1, 2.0)),))
    assert near_zero.quantile(0.05) == 0 and near_zero.quantile(0.95) > 3


def test_before_the_drug_arrives_a_proportional_error_leaves_zero():
    nothing_yet = Observable(np.array([0.0, 0.0]), np.array([0.5, 0.5]), ((1.0, ResidualError(0.2, 0.0)),))
    assert nothing_yet.quantile(0.05) == nothing_yet.quantile(0.95) == 0
    for_some = Observable(np.array([0.0, 10.0]), np.array([0.5, 0.5]), ((1.0, ResidualError(0.2, 0.0)),))
    assert for_some.quantile(0.05) == pytest.approx(0, abs=1e-5) and for_some.quantile(0.95) == pytest.approx(norm.ppf(0.9, 10, 2), abs=1e-4)


@pytest.mark.parametrize("lloq", [0.5, 6.0, 10.0, 60.0])
def test_levels_below_the_limit_keep_the_coverage_at_90_per_cent(lloq):
    """Mean over the model's own observations, those below the limit reported as such: P(in interval, above limit) + P(below) x coverage(below)."""
    low, high = MIXED.quantile(0.05), MIXED.quantile(0.95)
    above = MIXED.probability_below(max(high, lloq)) - MIXED.probability_below(max(low, lloq))
    share = coverage(MIXED, Sample(1, None, lloq), low, high)
    assert above + MIXED.probability_below(lloq) * share == pytest.approx(0.9, abs=1e-5)


def made(patient: str, level: float | None, pred: float, ipred: float, n: int = 1, covered: float = 1.0) -> LevelForecast:
    prior, posterior = (Outlook(median, median / 2, median * 2, covered) for median in (pred, ipred))
    return LevelForecast(patient, Sample(10, level, 1.0), n, prior, posterior)


FORECASTS = [
    made("a", 10, 12, 11, 0),
    made("a", 20, 12, 18, 1),
    made("b", 10, 5, 9, 2, covered=0.0),
    made("b", 8, 12, 8, 5),
    made("c", None, 1, 0.5, 0, covered=0.5),
]


def test_figures_by_hand():
    """Errors of PRED: +20, -40, -50, +50 %; of IPRED: +10, -10, -10, 0 %."""
    found = summarise(FORECASTS)["all"]
    assert (found.n, found.n_subjects, found.n_blq) == (5, 3, 1)
    assert [f.value for f in (found.PRED.MPE, found.PRED.MAPE, found.PRED.MdAPE)] == pytest.approx([-5, 40, 45])
    assert found.PRED.RMSE.value == pytest.approx(math.sqrt((4 + 64 + 25 + 16) / 4))
    assert (found.PRED.within_20.value, found.PRED.within_30.value) == pytest.approx((25, 25))
    assert [f.value for f in (found.IPRED.MPE, found.IPRED.MAPE, found.IPRED.MdAPE, found.IPRED.within_20)] == pytest.approx([-2.5, 7.5, 10, 100])
    assert found.IPRED.coverage_90.value == pytest.approx(100 * (3 + 0.5) / 5)
    assert found.IPRED_against_PRED.MAPE_difference.value == pytest.approx(-32.5)


def test_a_forecast_is_accurate_within_the_absolute_or_the_relative_margin():
    """Errors of PRED: +2, -8, -5, +4 mg/L (+20, -40, -50, +50 %); the edge of a margin does not count."""
    for margin, share in ((Margin(0, 20), 0), (Margin(0, 20.1), 25), (Margin(4.1, 0), 50), (Margin(4.1, 45), 75), (Margin(0, 0), 0)):
        assert summarise(FORECASTS, margin=margin)["all"].PRED.within_margin.value == pytest.approx(share)
    assert summarise(FORECASTS)["all"].PRED.within_margin.value is None
    with pytest.raises(ValueError, match="cannot be negative"):
        Margin(-1, 20)


def test_the_bayesian_impact_is_what_levels_take_off_the_error():
    """RMSE of PRED sqrt(109/4), of IPRED sqrt((1 + 4 + 1 + 0)/4)."""
    gain = summarise(FORECASTS)["all"].IPRED_against_PRED
    assert gain.bayesian_impact.value == pytest.approx(100 * (1 - math.sqrt(6 / 109)))
    assert gain.RMSE_ratio.value == pytest.approx(math.sqrt(6 / 109))


def test_groups_go_by_the_number_of_earlier_levels():
    assert {group: found.n for group, found in summarise(FORECASTS).items()} == {"all": 5, "0": 2, "1": 1, "2": 1, "3": 0, "4+": 1, "1+": 3}


def test_rmse_is_in_the_unit_of_the_levels():
    mg_per_L, ug_per_L = (summarise(FORECASTS, unit_mg_per_L=unit)["all"].PRED.RMSE.value for unit in (1.0, 1e-3))
    assert mg_per_L is not None and ug_per_L == pytest.approx(1000 * mg_per_L)


def test_one_subject_alone_has_a_figure_but_no_interval():
    found = summarise(FORECASTS[:2])["all"].IPRED.MPE
    assert found.value == pytest.approx(0) and found.low95 is None and found.high95 is None


def test_nothing_to_sum_up_gives_no_figures():
    found = summarise([])["all"]
    assert found.n == 0 and found.IPRED.MAPE.value is None and found.IPRED.coverage_90.value is None


def test_the_bootstrap_draws_whole_subjects():
    weight = subject_weights([0, 0, 1, 2, 2, 2], 3, replicates=500, seed=3)
    assert (weight[0] == 1).all() and (weight[:, 0] == weight[:, 1]).all() and (weight[:, 3] == weight[:, 5]).all()
    assert (weight[1:, [0, 2, 3]].sum(1) == 3).all() and weight[1:, 2].std() > 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(0, 4)), min_size=1, max_size=12).filter(lambda rows: sum(n for _, n in rows) > 0))
def test_weights_stand_for_repetition(rows):
    values, weight = np.array([v for v, _ in rows]), np.array([[n for _, n in rows]], dtype=float)
    repeated = np.repeat(values, weight[0].astype(int))
    assert weighted_median(values, weight)[0] == pytest.approx(np.median(repeated), abs=1e-9)
    assert weighted_mean(values, weight)[0] == pytest.approx(repeated.mean(), abs=1e-9)


def test_the_same_seed_gives_the_same_forecast(engine):
    torch.manual_seed(99)  # the global generator is nobody's business
    first = forecast(engine, [PATIENT], seed=4)
    torch.manual_seed(1)
    assert forecast(engine, [PATIENT], seed=4) == first
