"""Is what the Teach page draws Bayes' rule, and does it count what it says?"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pkvae_core.case import Case
from pkvae_core.inference.posterior import individualise
from pkvae_core.insight.belief import EXPOSURE, Step, bands, beliefs, counted, course_times, density, spread, steps
from pkvae_core.insight.belief_words import bits_words, changed_words, lesson_words, narrowed_words, triple_words
from pkvae_core.patient import Sample
from pkvae_core.vae.checkpoint import load_model
from tests.insight.test_levels import CASE as OTHER

CASE = replace(OTHER, patient=replace(OTHER.patient, samples=(Sample(13.5, 30.0), Sample(47.5, 21.0))))


@cache
def stepped(case: Case) -> tuple[Step, ...]:
    posterior = individualise(load_model("vancomycin"), case.patient_as_weighed)
    assert case.current
    return steps(case, beliefs(case, posterior, case.current))


def test_each_step_begins_where_the_last_one_ended_and_the_first_is_the_prior():
    first, second = stepped(CASE)
    assert first.before.posterior.diagnostics.rung == "prior" and first.after is second.before
    assert second.after.posterior.patient.samples == CASE.patient.samples


def test_a_level_that_is_left_out_is_no_step():
    case = CASE.with_level(0, is_used=False)
    assert counted(case) == CASE.patient.samples[1:] and len(stepped(case)) == 1


@pytest.mark.parametrize("name", ["CL", "V", "half_life", EXPOSURE])
def test_the_posterior_on_the_picture_is_the_prior_times_the_likelihood(name):
    shapes = stepped(CASE)[1].shapes(name)
    product = shapes.before * shapes.likelihood
    known = ~np.isnan(product)
    assert known.mean() > 0.8 and np.nanmax(shapes.likelihood) == 1
    assert np.allclose(product[known] / product[known].sum(), shapes.after[known] / shapes.after[known].sum(), atol=1e-6)


def test_a_higher_trough_than_expected_speaks_for_a_lower_clearance():
    _, step = stepped(CASE)
    likelihood, value = step.shapes("CL").likelihood, step.shapes("CL").value
    low, high = step.before.interval("CL")[1:]
    assert np.interp(low, value, likelihood) > 2 * np.interp(high, value, likelihood)
    assert step.after.interval("CL")[0] < step.before.interval("CL")[0]


def test_narrowed_is_the_share_by_which_the_interval_shrank():
    _, step = stepped(CASE)
    (_, low0, high0), (_, low1, high1) = step.before.interval("CL"), step.after.interval("CL")
    assert step.narrowed("CL") == pytest.approx(1 - (high1 - low1) / (high0 - low0)) and high1 - low1 < 0.9 * (high0 - low0)


def test_a_density_holds_all_of_a_belief():
    belief = stepped(CASE)[0].before
    value = spread([belief], "CL")
    assert np.trapezoid(density(belief, "CL", value), np.log(value)) == pytest.approx(0.97, abs=0.03)


def test_an_exposure_that_never_settles_is_left_out_of_the_picture_and_counted():
    belief = stepped(CASE)[0].before
    unsettled = replace(belief, values=belief.values | {EXPOSURE: np.where(np.arange(len(belief.weight)) < 80, np.inf, belief.values[EXPOSURE])})
    assert belief.share_undrawn("CL") == 0
    assert unsettled.share_undrawn(EXPOSURE) == pytest.approx(belief.weight[~np.isfinite(unsettled.values[EXPOSURE])].sum()) and belief.weight[:80].sum() > 0.05
    value = spread([unsettled], EXPOSURE)
    assert np.isfinite(value).all() and value[-1] > 2 * value[0] and unsettled.interval(EXPOSURE)[2] == np.inf
    assert replace(stepped(CASE)[0], after=unsettled).narrowed(EXPOSURE) is None


def test_the_curve_begins_with_the_first_dose_and_shows_the_last_level():
    times = course_times(CASE)
    assert times[0] == 0 and times[-1] >= 48 and {0.0, 12.0, 13.0} <= set(times)
    assert (np.diff(bands(stepped(CASE)[0].before.posterior, times), axis=0) >= 0).all()


@pytest.mark.parametrize(("bits", "words"), [(0.05, "hardly anything"), (0.3, "a little"), (0.8, "a good deal"), (3, "a lot")])
def test_bits_are_said_in_words(bits, words):
    assert lesson_words(bits) == words


def test_what_a_level_moved_is_said_with_its_unit_and_its_direction():
    assert bits_words(0.004) == "under 0.01 bits" and bits_words(0.234) == "0.23 bits" and bits_words(2.31) == "2.3 bits"
    assert triple_words((4.1, 2.9, 5.6), "L/h") == "4.1 L/h (2.9–5.6)"
    assert (narrowed_words(0.302), narrowed_words(-0.12), narrowed_words(0.001)) == ("30 % narrower", "12 % wider", "as wide as before")
    assert "L/h**, its 90 % interval" in changed_words(stepped(CASE)[1], "CL", "Clearance", "L/h")
