"""Is a level judged by the others, by such patients, and by nothing else; and does leaving it out mean that it is out?"""

from dataclasses import replace
from datetime import datetime
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, norm

from pkvae_core.case import Case
from pkvae_core.checks.virtual import fresh
from pkvae_core.dosing.recommend import recommend
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.observable import observable
from pkvae_core.inference.posterior import Posterior, individualise, individualise_all, predict
from pkvae_core.insight.influence import if_moved, if_switched
from pkvae_core.insight.levels import Believe, expectation, leave_one_out, standings
from pkvae_core.patient import Covariate, Dose, Patient, Regimen, Sample
from pkvae_core.vae.checkpoint import load_model
from tests.dosing.conftest import cohort

DRAWS = 300
PATIENT = Patient(
    "7",
    doses=tuple(Dose(12.0 * i, 1000, 1) for i in range(4)),
    samples=(Sample(13.5, 26.0), Sample(23.5, 14.0), Sample(47.5, 16.0)),
    covariates=(Covariate("AGE", 60), Covariate("SEX", 1), Covariate("WT", 75), Covariate("HT", 175), Covariate("SCR", 1.0)),
)
CASE = Case("", "vancomycin", PATIENT, datetime(2026, 3, 9, 6), 48, Target.from_spec(load_card("vancomycin").target()), "mg/L", Regimen(1000, 12, 1, 48))
REGIMENS = [Regimen(amount, 12, 1, 48) for amount in (250.0, 500.0, 750.0, 1000.0, 1250.0, 1500.0)]
levels = st.builds(Sample, st.floats(1, 60), st.floats(2, 60))


@pytest.fixture(scope="module")
def believe() -> Believe:
    """The shipped model, remembering what it was asked, as the page does."""
    model = load_model("vancomycin")
    return cache(lambda case: individualise(model, case.patient_as_weighed, draws=DRAWS))


def with_levels(*samples: Sample) -> Case:
    return replace(CASE, patient=replace(PATIENT, samples=samples))


def median(posterior: Posterior, time_h: float = 50.0) -> float:
    return float(predict(posterior, posterior.patient.doses, np.array([time_h])).median[0])


@settings(max_examples=10)
@given(level=levels)
def test_leaving_out_the_only_level_gives_the_prior(believe, level):
    case = with_levels(level)
    (without,) = leave_one_out(case, believe)
    assert without.diagnostics.rung == "prior" and median(without) == median(believe(with_levels()))
    (standing,) = standings(case, believe)
    assert standing.others == standing.before and standing.n_others == 0


@settings(max_examples=10)
@given(level=levels)
def test_a_level_without_trust_is_as_good_as_absent(believe, level):
    out, absent = believe(with_levels(*PATIENT.samples, replace(level, trust=0.0))), believe(CASE)
    assert median(out) == median(absent) and torch.equal(out.weight, absent.weight)


def test_full_trust_is_what_a_level_has_when_nothing_is_said():
    assert with_levels(*(replace(s, trust=1.0) for s in PATIENT.samples)) == CASE


def test_the_less_a_level_is_trusted_the_nearer_the_answer_is_to_the_one_without_it(believe):
    answers = [median(believe(with_levels(Sample(23.5, 35.0, trust=trust))), 23.5) for trust in (1.0, 0.5, 0.25, 0.0)]
    assert answers == sorted(answers, reverse=True)


def test_a_level_of_one_half_life_counts_as_one_of_half_trust(believe):
    aged = replace(with_levels(Sample(24.0, 30.0)), level_half_life_h=24)
    assert torch.equal(believe(aged).weight, believe(with_levels(Sample(24.0, 30.0, trust=0.5))).weight)


def test_a_level_is_not_judged_by_itself(believe):
    usual, tenfold = (standings(with_levels(Sample(13.5, value), *PATIENT.samples[1:]), believe)[0] for value in (26.0, 260.0))
    assert usual.others.median_mg_per_L == tenfold.others.median_mg_per_L and usual.before.median_mg_per_L == tenfold.before.median_mg_per_L
    assert not usual.is_odd and tenfold.is_odd and tenfold.contradicts


def test_levels_that_agree_with_each_other_are_still_checked_when_nobody_has_such(believe):
    """All of them in the wrong unit: each would be expected from the others."""
    case = with_levels(*(replace(s, concentration_mg_per_L=10 * (s.concentration_mg_per_L or 0)) for s in PATIENT.samples))
    assert all(s.is_odd for s in standings(case, believe))


def test_the_percentile_of_a_level_is_uniform_over_virtual_patients():
    """Fresh patients of the published models, one level each; of a level below its limit a point below its share is drawn (Czado, Gneiting & Held 2009)."""
    vancomycin, count, random, shares = load_model("vancomycin"), 150, np.random.default_rng(1), []
    patients = fresh(vancomycin.card, count, samples=1, seed=11, changing=0.0).patients
    for patient, prior in zip(patients, individualise_all(vancomycin, [replace(p, samples=()) for p in patients], draws=DRAWS), strict=True):
        (sample,) = patient.samples
        found = expectation(observable(prior, sample.time_h), sample)
        shares.append(found.share_below * (random.uniform() if sample.is_below_lloq else 1))
    assert kstest(shares, "uniform").statistic < 1.63 / np.sqrt(count), "a true model stays below this in 99 of 100 such tests"


@settings(max_examples=25)
@given(st.floats(0.5, 40), st.booleans())
def test_the_p_value_counts_both_tails_and_a_level_below_its_limit_has_one(level, is_below):
    """One known patient, one published model: the observation is normal around the true concentration."""
    known = replace(cohort([4.0], past=PATIENT.doses), model_probability={"goti2018": 1.0})
    sample = Sample(20, None, level) if is_below else Sample(20, level)
    found, error = expectation(observable(known, 20.0), sample), MODELS["goti2018"].error
    truth = median(known, 20.0)
    below = norm.cdf(level, truth, np.hypot(error.additive_mg_per_L, error.proportional * truth))
    assert found.share_below == pytest.approx(below, abs=1e-6)
    assert found.p_value == pytest.approx(min(1, 2 * below) if is_below else 2 * min(below, 1 - below), abs=1e-6)


def test_each_draw_is_seen_through_the_error_of_its_own_model():
    """Two draws, one of each model: the mixture is not that of the average probabilities."""
    both = replace(cohort([2.0, 6.0], past=PATIENT.doses), model_probability={"goti2018": 0.5, "thomson2009": 0.5}, member=torch.eye(2, dtype=torch.float64))
    true_mg_per_L = predict(both, PATIENT.doses, np.array([20.0])).concentration_mg_per_L[:, 0]
    errors = [MODELS[name].error for name in ("goti2018", "thomson2009")]
    expected = np.mean([norm.cdf(12, c, np.hypot(e.additive_mg_per_L, e.proportional * c)) for c, e in zip(true_mg_per_L, errors, strict=True)])
    assert observable(both, 20.0).probability_below(12) == pytest.approx(expected, rel=1e-5)


def test_the_dose_without_a_level_is_the_dose_of_the_record_without_it(believe):
    for index in range(len(PATIENT.samples)):
        shorter = with_levels(*PATIENT.samples[:index], *PATIENT.samples[index + 1 :])
        expected = recommend(believe(shorter), CASE.target, REGIMENS, current=CASE.current)
        found = if_switched(CASE, index, REGIMENS, believe)
        assert found.regimen == (expected.best and expected.best.regimen)
        assert found.probability_in == (expected.best or expected.ranked[0]).probability_in


def test_the_dose_with_a_level_that_was_left_out_is_the_dose_of_the_whole_record(believe):
    whole = recommend(believe(CASE), CASE.target, REGIMENS, current=CASE.current)
    found = if_switched(CASE.with_level(0, is_used=False), 0, REGIMENS, believe)
    assert found.regimen == (whole.best and whole.best.regimen) and found.probability_in == (whole.best or whole.ranked[0]).probability_in


def test_no_time_at_all_changes_nothing_and_half_an_hour_later_less_is_predicted(believe):
    none, later = (if_moved(CASE, 1, REGIMENS, believe, by_h=by_h) for by_h in (0.0, 0.5))
    assert none.predicted_mg_per_L == none.refitted_mg_per_L == pytest.approx(median(believe(CASE), 23.5))
    assert later.predicted_mg_per_L < none.predicted_mg_per_L
    assert later.refitted_mg_per_L > later.predicted_mg_per_L, "the same level later says that the curve falls more slowly"
