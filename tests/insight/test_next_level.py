"""Is the best time of the next level found by what the level would teach, and by nothing else?"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.option import judge_all
from pkvae_core.dosing.recommend import Recommendation, recommend
from pkvae_core.dosing.target import Target
from pkvae_core.inference.posterior import Posterior, individualise
from pkvae_core.insight.next_level import Expected, NextLevel, candidate_times, expected_of, next_level, planned_doses
from pkvae_core.insight.next_level_words import NOT_WORTH_IT, best_words, expected_words
from pkvae_core.patient import Dose, Regimen
from pkvae_core.residual_error import ResidualError
from pkvae_core.vae.checkpoint import load_model
from tests.dosing.conftest import cohort
from tests.insight.test_levels import CASE

DOSES = tuple(Dose(12.0 * i, 1000, 1) for i in range(4))
TARGET = Target("auc24", 400, 600, least_probability=0.25, toxicity_weight=0.0)
OPTIONS = [Regimen(amount, 12, 1, 48) for amount in (500.0, 1000.0, 1500.0, 2000.0)]
CL = np.random.default_rng(2).lognormal(np.log(4), 0.4, 600)


def known_error(proportional: float, additive: float = 0.2, CL=CL) -> Posterior:
    """A textbook model with equal draws that differ in clearance alone, and one residual error."""
    return replace(cohort(list(CL), past=DOSES), model_probability={"own": 1.0}, errors=(ResidualError(proportional, additive),))


def asked(posterior: Posterior, times: list[float], **options) -> tuple[Expected, ...]:
    return expected_of(posterior, TARGET, judge_all(posterior, TARGET, OPTIONS), DOSES, times, **options)


def test_a_level_before_the_first_dose_teaches_nothing():
    (found,) = asked(known_error(0.15), [-2.0])
    assert found.gain == 0 and found.gain_in == 0 and found.bits == pytest.approx(0, abs=1e-6) and found.relative_width == pytest.approx(1)


def test_where_patients_differ_in_clearance_alone_a_trough_teaches_more_than_the_end_of_an_infusion():
    first, trough = asked(known_error(0.15), [1.0, 12.0])
    assert trough.gain > 2 * first.gain and trough.bits > 2 * first.bits
    assert trough.relative_width is not None and first.relative_width is not None and trough.relative_width < first.relative_width - 0.2


def test_more_noise_less_gain():
    found = [asked(known_error(error), [47.5])[0] for error in (0.05, 0.2, 0.6, 3.0)]
    for measure in ([f.gain for f in found], [f.bits for f in found]):
        assert measure == sorted(measure, reverse=True)
    assert found[-1].gain < 0.02 < 0.2 < found[0].gain


def test_the_information_is_that_of_a_gaussian_channel():
    """log C is nearly normal with sd 0.1 and is read with an error of 10 %: half a bit, log2(1 + 1) / 2, up to the skew of it all."""
    narrow = np.random.default_rng(5).lognormal(np.log(4), 0.1, 600)
    posterior = known_error(0.1, 0.0, CL=narrow)
    (found,) = asked(posterior, [6.0])
    from pkvae_core.dosing.course import concentration

    sd = float(np.log(concentration(posterior, DOSES, np.array([6.0]))[:, 0]).std())
    assert found.bits == pytest.approx(0.5 * np.log2(1 + (sd / 0.1) ** 2), abs=0.06)


def test_a_perfect_level_brings_the_best_regimen_of_every_draw():
    """Of draws that need different doses, knowing which one it is gains what all of them can reach less what one dose reaches."""
    posterior = known_error(1e-4, 1e-4)
    (found,) = asked(posterior, [47.5])
    inside = np.stack([(o.exposure >= 400) & (o.exposure <= 600) for o in judge_all(posterior, TARGET, OPTIONS)], 1)
    assert found.gain == pytest.approx(inside.any(1).mean() - inside.mean(0).max(), abs=0.12)


@settings(max_examples=10)
@example(1.0, 6.103515625e-05, 0)
@given(st.floats(0.05, 1), st.floats(0, 60), st.integers(0, 2**31))
def test_the_gain_is_never_negative_and_a_seed_gives_the_same_answer(error, time_h, seed):
    (found,) = asked(known_error(error), [time_h], seed=seed)
    assert found.gain >= 0 and found.bits >= -1e-5  # what single precision makes of 0 bits
    assert asked(known_error(error), [time_h], seed=seed) == (found,)


def test_another_seed_gives_nearly_the_same_curve():
    one, other = (asked(known_error(0.2), [12.0, 30.0, 47.5], seed=seed) for seed in (0, 1))
    assert all(abs(a.gain - b.gain) < 0.06 for a, b in zip(one, other, strict=True))


def test_a_limit_of_the_laboratory_that_hides_every_level_leaves_nothing_to_learn():
    (found,) = asked(known_error(0.15), [47.5], lloq_mg_per_L=500.0)
    assert found.gain == 0 and found.bits == pytest.approx(0, abs=1e-6)


@cache
def ward() -> tuple[Posterior, Recommendation]:
    posterior = individualise(load_model("vancomycin"), CASE.patient)
    return posterior, recommend(posterior, CASE.target, candidates(posterior.card, start_h=CASE.now_h), current=CASE.current)


def test_levels_are_planned_from_now_on_and_not_while_an_infusion_runs():
    regimen = Regimen(1000, 12, 2, CASE.now_h)
    times = candidate_times(CASE, regimen)
    assert times[0] == CASE.now_h and times[-1] == CASE.now_h + 24
    assert not [t for t in times if 0 < (t - CASE.now_h) % 12 < 2.5]
    assert planned_doses(CASE, regimen)[: len(CASE.patient.doses)] == CASE.patient.doses


def test_a_continuous_infusion_can_be_sampled_at_any_hour():
    assert len(candidate_times(CASE, Regimen(2000, 24, 24, CASE.now_h))) == 49


def test_the_ward_s_patient_is_told_an_hour_and_the_regimen_until_then():
    found = next_level(CASE, *ward())
    assert found is not None and found.regimen == ward()[1].ranked[0].regimen
    assert found.best is not None and found.best.gain >= 0.9 * found.highest.gain
    assert found.best == min((e for e in found.times if e.gain >= 0.9 * found.highest.gain), key=lambda e: e.time_h)


def test_nobody_plans_a_level_for_a_patient_for_whom_nobody_answers():
    posterior, ranking = ward()
    failed = replace(posterior, diagnostics=replace(posterior.diagnostics, rung="failed"))
    assert next_level(CASE, failed, ranking) is None


def test_the_best_level_is_said_with_its_hour_and_a_useless_one_is_not_recommended():
    useful, useless = Expected(60, 0.12, 0.113, 0.84, 0.69), Expected(60, 0.004, 0.004, 0.1, None)
    said = best_words(NextLevel((useful,), OPTIONS[0]), "tomorrow 05:30")
    assert said.startswith(
        "Best next level: **tomorrow 05:30**. On average it lifts the score of the best regimen by 12 points of 100 (its chance in target by 11)"
    )
    assert said.endswith("and narrows the 90 % interval of the exposure by 31 %; 0.84 bits.")
    assert best_words(NextLevel((useless,), OPTIONS[0]), "") == NOT_WORTH_IT
    assert "under 1 point of 100; 0.10 bits" in expected_words(useless)
