"""Visual predictive check, goodness of fit and NPDE: levels of the model lie in its bands, those of another do not; and each part by hand."""

import math

import numpy as np
import pytest

from pkvae_core.checks.fit import goodness_of_fit
from pkvae_core.checks.npde import npde, npde_tests
from pkvae_core.checks.replicates import Levels, Replicates, levels_of, usable
from pkvae_core.checks.trend import trend
from pkvae_core.checks.virtual import fresh
from pkvae_core.checks.vpc import censored_quantiles, compared, vpc
from pkvae_core.patient import Covariate, Dose, Patient, Sample

PROBABILITIES = np.array([0.05, 0.5, 0.95])


def replicates(patients: int, samples: int, *, count: int = 800, seed: int = 0, shift: float = 0.0, limit: float = -math.inf) -> Replicates:
    """Levels around 10 with a patient's own part (sd 2) and noise (sd 1); `shift` moves the measured ones, those below `limit` are censored."""
    generator = np.random.default_rng(seed)
    drawn = 10 + 2 * generator.standard_normal((count + 1, patients, 1)) + generator.standard_normal((count + 1, patients, samples))
    table = drawn.reshape(count + 1, -1)
    measured, is_below = table[0] + shift, table[0] + shift < limit
    time = np.tile(np.arange(samples, dtype=float), patients)
    subject = np.repeat(np.arange(patients), samples)
    levels = Levels(subject, tuple(map(str, subject)), time, time, np.where(is_below, limit, measured), is_below)
    return Replicates(levels, np.full(len(time), 10.0), table[1:], ())


def test_quantiles_of_measured_levels_are_the_usual_ones():
    levels = np.random.default_rng(1).lognormal(size=41)
    found = censored_quantiles(levels, np.zeros(41, dtype=bool), PROBABILITIES)
    assert found == pytest.approx(np.quantile(levels, PROBABILITIES, method="hazen"))


def test_levels_below_one_limit_do_not_move_the_quantiles_above_it():
    levels = np.random.default_rng(2).lognormal(size=200)
    limit = float(np.quantile(levels, 0.3))
    found = censored_quantiles(np.maximum(levels, limit), levels < limit, PROBABILITIES)
    assert math.isnan(found[0]) and found[1:] == pytest.approx(np.quantile(levels, PROBABILITIES[1:], method="hazen"), rel=1e-6)


def test_limits_of_different_height_leave_the_median_unbiased():
    """Gillespie 2010: Kaplan and Meier's estimate holds when limits do not depend on the levels; leaving out or keeping the limits as levels does not."""
    generator = np.random.default_rng(3)
    levels, limits = generator.lognormal(size=20_000), generator.lognormal(-0.3, 0.5, size=20_000)
    found = censored_quantiles(np.maximum(levels, limits), levels < limits, PROBABILITIES)
    assert found[1:] == pytest.approx(np.quantile(levels, PROBABILITIES[1:]), rel=0.04)


def test_when_all_levels_lie_below_their_limit_nothing_is_said():
    assert np.isnan(censored_quantiles(np.ones(12), np.ones(12, dtype=bool), PROBABILITIES)).all()


@pytest.mark.parametrize("limit", [-math.inf, 9.0])
def test_levels_like_the_simulated_ones_lie_in_the_bands(limit):
    found = compared("toy", replicates(80, 4, limit=limit), axis="time_h", is_corrected=False, bins=4)
    known = [p for p in found.percentiles if not math.isnan(p.observed)]
    assert len(found.percentiles) == 12 and sum(p.is_inside for p in known) >= len(known) - 2
    assert sum(b.low95 <= b.observed <= b.high95 for b in found.below) >= len(found.below) - 1
    assert (len(found.below) > 0) == math.isfinite(limit)


def test_levels_unlike_the_simulated_ones_leave_the_bands():
    found = compared("toy", replicates(80, 4, shift=3.0), axis="time_h", is_corrected=False, bins=4)
    assert not any(p.is_inside for p in found.line(50))


def test_prediction_correction_removes_the_dose():
    """Half of the patients get ten times the dose: corrected, their levels and predictions fall on the others'."""
    plain = replicates(60, 4)
    factor = np.where(plain.levels.subject % 2 == 0, 1.0, 10.0)
    levels = Levels(plain.levels.subject, plain.levels.patient, plain.levels.time_h, plain.levels.time_h, plain.levels.measured * factor, plain.levels.is_below)
    scaled = Replicates(levels, plain.PRED * factor, plain.simulated * factor, ())
    once, ten = (compared("toy", r, axis="time_h", is_corrected=True, bins=4) for r in (plain, scaled))
    ratio = ten.line(95)[0].observed / once.line(95)[0].observed
    assert [p.observed * ratio for p in once.percentiles] == pytest.approx([p.observed for p in ten.percentiles])
    assert [p.high95 * ratio for p in once.percentiles] == pytest.approx([p.high95 for p in ten.percentiles])


def test_too_few_levels_are_refused():
    with pytest.raises(ValueError, match="12 levels are too few for a visual predictive check; 20 are needed"):
        compared("toy", replicates(6, 2), axis="time_h", is_corrected=False, bins=4)


@pytest.mark.parametrize("limit", [-math.inf, 7.5])
def test_errors_of_the_models_own_levels_are_standard_normal(limit):
    found = npde_tests(npde(replicates(150, 4, limit=limit), seed=1))
    assert found.n == 600 and found.mean == pytest.approx(0, abs=0.12) and found.sd == pytest.approx(1, abs=0.09) and found.p_all > 0.01


def test_errors_are_uncorrelated_within_a_patient_where_the_levels_are_not():
    plain = replicates(300, 2)
    errors = npde(plain, seed=1).reshape(-1, 2)
    assert np.corrcoef(plain.levels.measured.reshape(-1, 2).T)[0, 1] > 0.7 and abs(np.corrcoef(errors.T)[0, 1]) < 0.15


@pytest.mark.parametrize("change", ["shift", "spread"])
def test_a_wrong_model_is_caught(change):
    plain = replicates(150, 4, shift=1.0 if change == "shift" else 0.0)
    simulated = plain.simulated if change == "shift" else 10 + 0.7 * (plain.simulated - 10)
    found = npde_tests(npde(Replicates(plain.levels, plain.PRED, simulated, ()), seed=1))
    assert found.p_all < 1e-4 and "rare chance" in found.sentence


def test_too_few_levels_are_not_tested():
    assert math.isnan(npde_tests(np.zeros(5)).p_all) and "too few" in npde_tests(np.zeros(5)).sentence


def test_the_running_median_follows_and_its_interval_holds_the_truth():
    generator = np.random.default_rng(4)
    x = generator.random(2000)
    found = trend(x, 3 * x + generator.standard_normal(2000), share=0.1)
    assert found.median == pytest.approx(3 * found.x, abs=0.35)
    assert np.mean((found.low95 <= 3 * found.x) & (3 * found.x <= found.high95)) > 0.8
    assert len(trend(x[:10], x[:10]).x) == 0


def test_a_level_before_any_dose_is_left_out_aloud():
    patient = Patient("7", doses=(Dose(10, 100),), samples=(Sample(5, 1.0), Sample(12, 3.0), Sample(34, None, 0.5)))
    kept, left_out = usable([patient, Patient("8", samples=(Sample(1, 1.0),))])
    found = levels_of(kept)
    assert found.time_after_dose_h.tolist() == [2, 24] and found.measured.tolist() == [3.0, 0.5] and found.is_below.tolist() == [False, True]
    assert len(left_out) == 2 and "patient 7" in left_out[0]


def test_levels_of_the_model_itself_lie_in_its_bands_and_its_errors_are_normal(theophylline, engine_of):
    patients = fresh(theophylline, 60, samples=3, seed=5).patients
    engine = engine_of(theophylline)
    found = [vpc(engine, patients, axis="time_after_dose_h", is_corrected=c, bins=5, replicates=200) for c in (False, True)]
    for each in found:
        known = [p for p in each.percentiles if not math.isnan(p.observed)]
        assert sum(p.is_inside for p in known) >= len(known) - 3
        assert len(each.rows()) == len(each.percentiles) and "simulated cohorts" in each.sentence
    fit = goodness_of_fit(engine, patients, replicates=400)
    assert fit.npde_tests.p_all > 0.01 and len(fit.rows()) == len(fit.measured) == 180
    assert np.nanstd(fit.IWRES) < 1.1 and np.nanmedian(abs(np.log(fit.IPRED / fit.measured))) < np.nanmedian(abs(np.log(fit.PRED / fit.measured)))


def test_an_engine_that_clears_too_fast_is_caught(theophylline, engine_of):
    patients = fresh(theophylline, 40, samples=3, seed=6).patients
    fast = engine_of(theophylline, faster=1.5)
    assert not all(p.is_inside for p in vpc(fast, patients, bins=4, replicates=200).line(50))
    assert goodness_of_fit(fast, patients, replicates=400).npde_tests.p_all < 0.01


def test_a_dose_is_never_invented(theophylline, engine_of):
    with pytest.raises(ValueError, match="no patient has a level after a dose"):
        goodness_of_fit(engine_of(theophylline), [Patient("1", samples=(Sample(1, 1.0),), covariates=(Covariate("WT", 70),))])
