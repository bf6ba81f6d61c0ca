"""Does the regression find what moves a quantity, leave alone what only goes with it, and say both in the reader's units?"""

import re

import numpy as np
import pytest

from pkvae_core.insight.discovery.basis import Basis
from pkvae_core.insight.discovery.columns import Column
from pkvae_core.insight.discovery.effects import effects_on
from pkvae_core.insight.discovery.levels_alone import CLEARANCE, Told
from pkvae_core.insight.discovery.pairs import pairs_on
from pkvae_core.insight.discovery.products import products
from pkvae_core.insight.discovery.rates import benjamini_hochberg
from pkvae_core.insight.discovery.regression import between_variance, permutation_p, shuffles
from pkvae_core.insight.discovery.sayings import effect_words, pair_words
from pkvae_core.insight.discovery.shape import round_step
from pkvae_core.insight.discovery.terms import Terms


@pytest.fixture(scope="module")
def effects(told, columns):
    found = effects_on(told, list(columns.values()), permutations=999, generator=np.random.default_rng(0))
    return {effect.column.name: effect for effect in found}


@pytest.fixture(scope="module")
def pairs(told, columns):
    return pairs_on(told, list(columns.values()), 0.1, permutations=1999, generator=np.random.default_rng(0))


def test_what_matters_is_called_and_what_only_goes_with_it_is_not(effects):
    assert effects["WT"].q < 0.01 and effects["VALLEY"].q < 0.01
    assert min(effects[name].q for name in ("FOLLOWER", "NULL", "LEFT", "RIGHT")) > 0.1


def test_the_importance_of_what_matters_exceeds_that_of_what_does_not(effects):
    assert effects["WT"].importance > 0.05 > 0.02 > effects["FOLLOWER"].importance


def test_the_curve_follows_the_power_that_is_true(effects):
    curve = effects["WT"].curve
    truth = 0.75 * np.log(curve.x[-1] / curve.x[0])
    low, high = (np.log(ends[-1] / other[0]) for ends, other in ((curve.low95, curve.high95), (curve.high95, curve.low95)))
    assert low < truth < high
    assert (curve.low95 < curve.value).all() and (curve.value < curve.high95).all()


def test_a_valley_is_said_as_a_valley_and_a_power_as_a_step(effects):
    assert effects["VALLEY"].shape.kind == "valley"
    assert effect_words(effects["VALLEY"]).startswith("clearance lowest near ")
    words = effect_words(effects["WT"])
    assert re.fullmatch(r"each (5|10) kg: clearance \+\d+ % \(\d+ to \d+\)", words)


def test_a_pair_without_any_single_effect_is_found_alone(pairs):
    called = [{pair.first.name, pair.second.name} for pair in pairs if pair.q <= 0.1]
    assert called == [{"LEFT", "RIGHT"}]


def test_the_cells_of_a_pair_say_who_lies_higher(pairs):
    cells = {(c.first, c.second): c for c in pairs[0].cells}
    assert cells["yes", "no"].low95 > 1 > cells["yes", "yes"].high95
    assert cells["no", "yes"].ratio == pytest.approx(np.exp(0.2), rel=0.08)
    assert "where Left is" in pair_words(pairs[0])


def test_a_shadow_of_a_pair_is_not_called_beside_it():
    random = np.random.default_rng(3)
    left = random.standard_normal(400)
    shadow = 0.7 * left + np.sqrt(0.51) * random.standard_normal(400)
    right = (random.random(400) < 0.5).astype(float)
    y = 0.25 * np.sign(left) * (2 * right - 1) + 0.3 * random.standard_normal(400)
    columns = [Column("LEFT", "Left", "", left), Column("SHADOW", "Shadow", "", shadow), Column("RIGHT", "Right", "", right, ("no", "yes"))]
    alone = pairs_on(Told(CLEARANCE, y, np.full(400, 0.01)), columns[1:], 0.1, permutations=999, generator=random)
    assert alone[0].q <= 0.1, "without the one that it follows, the shadow is all there is"
    together = pairs_on(Told(CLEARANCE, y, np.full(400, 0.01)), columns, 0.1, permutations=999, generator=random)
    assert [{p.first.name, p.second.name} for p in together if p.q <= 0.1] == [{"LEFT", "RIGHT"}]


def test_an_unknown_value_is_never_filled_in(told, columns):
    """Whatever might stand there changes nothing: the patient is left out where the covariate is tested."""
    values = columns["WT"].values.copy()
    values[:40] = np.nan
    gaps = Column("WT", "Weight", "kg", values)
    assert np.abs(Basis.of(values, False).design(values)[:40]).max() == 0
    found = effects_on(told, [gaps, columns["NULL"]], permutations=199, generator=np.random.default_rng(0))
    assert found[0].patients == len(values) - 40 and found[0].q < 0.05
    assert np.abs(products(gaps, columns["LEFT"])[:40]).max() == 0


def test_patients_whose_levels_say_nothing_do_not_count(told, columns):
    silent = np.arange(len(told.log_value)) < 30
    deaf = Told(CLEARANCE, np.where(silent, np.nan, told.log_value), np.where(silent, np.nan, told.variance))
    assert effects_on(deaf, [columns["WT"]], permutations=99, generator=np.random.default_rng(0))[0].patients == len(silent) - 30


def test_the_variance_between_patients_is_what_their_own_uncertainty_leaves(told, columns):
    terms = Terms.of(list(columns.values()))
    together = products(columns["LEFT"], columns["RIGHT"])
    assert between_variance(np.column_stack([terms.design, together]), told.log_value, told.variance) == pytest.approx(0.04, rel=0.35)
    assert between_variance(terms.design, told.log_value, told.variance + 10) == 0.0


def test_p_values_of_what_does_nothing_are_uniform():
    """Their mean over 200 fresh nulls is 1/2 within 3 standard errors, sqrt(1/12/200); one in ten lies below 0.1 (binomial, 3 standard deviations)."""
    random = np.random.default_rng(5)
    orders = shuffles(199, 80, random)
    leader = random.standard_normal((80, 4))
    found = []
    for _ in range(200):
        follower = 0.7 * leader[:, :1] + 0.7 * random.standard_normal((80, 1))
        y = leader @ [1.0, 0.5, 0, 0] + random.standard_normal(80)
        found.append(permutation_p([follower], np.column_stack([np.ones(80), leader]), y, orders)[0])
    assert np.mean(found) == pytest.approx(0.5, abs=3 * np.sqrt(1 / 12 / 200))
    assert np.mean(np.array(found) < 0.1) == pytest.approx(0.1, abs=3 * np.sqrt(0.1 * 0.9 / 200))


def test_q_values_are_those_of_benjamini_and_hochberg():
    """Their worked example (1995, section 3.1): 15 p-values, of which the first four are called at 0.05 and no fifth."""
    p = np.array([0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0])
    q = benjamini_hochberg(p)
    assert (q <= 0.05).sum() == 4 and q[0] == pytest.approx(0.0015) and (np.diff(q) >= 0).all()
    assert np.array_equal(benjamini_hochberg(p[::-1]), q[::-1])


@pytest.mark.parametrize(("spread", "step"), [(22.0, 10.0), (9.9, 2.0), (1.0, 0.5), (0.03, 0.01)])
def test_a_step_is_a_round_number_within_half_of_the_spread(spread, step):
    assert round_step(spread) == pytest.approx(step)


def test_a_spline_is_a_straight_line_outside_its_knots_and_zero_on_average():
    x = np.random.default_rng(0).normal(50, 10, 300)
    basis = Basis.of(x, False)
    assert basis.design(x).mean(0) == pytest.approx(0, abs=1e-12)
    beyond = basis.design(np.array([100.0, 110.0, 120.0]))
    assert beyond[2] - beyond[1] == pytest.approx(beyond[1] - beyond[0])
