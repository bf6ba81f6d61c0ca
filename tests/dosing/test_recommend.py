"""Are regimens ranked by their chances, and is "no regimen meets the target" said with its reason?"""

from dataclasses import replace

import numpy as np
import pytest

from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.option import Option, judge
from pkvae_core.dosing.recommend import rank, recommend, recommend_first
from pkvae_core.dosing.target import Target
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Dose, Regimen, Sample

AUC24 = Target("auc24", 400, 600, toxicity_alarm=650, least_probability=0.25, toxicity_weight=1.0)
NEAR_FOUR = np.random.default_rng(1).lognormal(np.log(4), 0.2, 200).tolist()


@pytest.fixture(scope="module")
def template(draws) -> Option:
    return judge(draws([4.0]), AUC24, Regimen(1000, 12, 1))


def few(posterior: Posterior) -> tuple[Regimen, ...]:
    """Two infusion durations, one of them continuous, are enough where the choice does not matter."""
    card = posterior.card
    return candidates(card, start_h=0, infusion_h=2) + candidates(card, start_h=0, infusion_h=24, interval_h=24)


def scored(template: Option, score: float, regimen: Regimen) -> Option:
    return replace(template, regimen=regimen, score=score, probability_in=score)


def test_the_best_regimen_has_the_highest_score_up_to_a_tie(draws):
    posterior = draws(NEAR_FOUR)
    found = recommend(posterior, AUC24, few(posterior))
    assert found.best is found.ranked[0] and found.reason is None
    assert found.best and found.best.score >= max(o.score for o in found.ranked) - 0.01
    assert found.tested == len(few(posterior))


def test_a_tie_goes_to_the_current_interval_then_to_fewer_doses_a_day(template):
    options = [scored(template, s, Regimen(500, t, 1)) for s, t in ((0.800, 6), (0.795, 8), (0.792, 24), (0.780, 48))]
    assert [o.regimen.interval_h for o in rank(options, 0.25, None)] == [24, 8, 6, 48]
    assert [o.regimen.interval_h for o in rank(options, 0.25, Regimen(1000, 8, 1))] == [8, 24, 6, 48]


def test_a_difference_of_more_than_a_point_is_no_tie(template):
    options = [scored(template, 0.80, Regimen(500, 6, 1)), scored(template, 0.78, Regimen(500, 24, 1))]
    assert rank(options, 0.25, Regimen(1000, 12, 1))[0].regimen.interval_h == 6


def test_the_current_interval_is_kept_for_three_points_and_no_more(template):
    current = Regimen(1000, 24, 1)
    for score, kept in ((0.775, True), (0.765, False)):
        options = [scored(template, 0.80, Regimen(500, 36, 1)), scored(template, score, Regimen(500, 24, 1))]
        ranked = rank(options, 0.25, current)
        assert (ranked[0].regimen.interval_h == 24) == kept and len(ranked) == 2


def test_a_regimen_that_reaches_the_least_probability_stands_before_one_that_does_not(template):
    reaches = replace(template, regimen=Regimen(1000, 12, 1), probability_in=0.6, score=0.3)
    safer = replace(template, regimen=Regimen(750, 12, 1), probability_in=0.4, score=0.4)
    assert rank([safer, reaches], 0.5, None) == (reaches, safer)


def test_distinct_options_differ_in_more_than_the_infusion(draws):
    posterior = draws(NEAR_FOUR)
    found = recommend(posterior, AUC24, candidates(posterior.card, start_h=0, interval_h=12))
    keys = [(o.regimen.amount_mg, o.regimen.interval_h) for o in found.distinct]
    assert len(keys) == len(set(keys)) < found.tested
    assert found.distinct[0] is found.best


@pytest.mark.parametrize(
    ("clearance", "target", "sentence"),
    [
        ([30.0, 31.0], AUC24, "too low: the strongest is 4,500 mg every 24 h as a continuous infusion"),
        ([1.0, 1.1], replace(AUC24, low=10, high=20), "too high: the weakest is 250 mg every 48 h"),
        (np.geomspace(1, 16, 50).tolist(), replace(AUC24, least_probability=0.5), "too much uncertainty"),
        ([0.01, 4.0], replace(AUC24, least_probability=0.9), "In 500 of 1000 outcomes levels have not settled after 14 days"),
        ([4.0], replace(AUC24, low=492, high=494), "too far apart. The exact amount would be"),
    ],
)
def test_when_nothing_meets_the_target_the_reason_says_why(draws, clearance, target, sentence):
    posterior = draws(clearance)
    found = recommend(posterior, target, few(posterior))
    assert found.best is None and found.reason
    assert sentence in found.reason
    assert f"{int(target.least_probability * 100)} are asked for" in found.reason
    assert found.ranked  # still there to look at


def test_the_reason_for_uncertainty_knows_whether_there_are_levels(draws):
    target, posterior = replace(AUC24, least_probability=0.5), draws(np.geomspace(1, 16, 50).tolist())
    measured = replace(posterior, patient=replace(posterior.patient, samples=(Sample(1, 10.0),)))
    before, after = (recommend(p, target, few(p)).reason for p in (posterior, measured))
    assert "Without a level" in str(before) and "The levels leave" in str(after)


def test_draws_that_never_settle_are_told_of(draws):
    posterior = draws([0.001, *NEAR_FOUR])
    found = recommend(posterior, AUC24, few(posterior))
    assert found.best and any("In 4 of 1000 outcomes" in words for words in found.cautions)


def test_an_exact_amount_outside_the_card_is_told_and_not_clamped(draws):
    posterior = draws([11.0])
    found = recommend(posterior, AUC24, candidates(posterior.card, start_h=0, interval_h=24, infusion_h=24))
    assert found.best and found.best.regimen.amount_mg == 4500
    assert found.best.exact_amount_mg == pytest.approx(5500, rel=1e-4)
    assert any("5,500 mg every 24 h; 250 to 4,500 mg are available" in words for words in found.cautions)


def test_a_start_soon_after_the_last_dose_is_told(draws):
    posterior = draws(NEAR_FOUR, past=(Dose(0, 1000, 1),))
    soon, in_time = (recommend(posterior, AUC24, (Regimen(1000, 12, 1, start),)).cautions for start in (2, 12))
    assert any("given twice" in words for words in soon)
    assert not any("given twice" in words for words in in_time)


def test_recorded_doses_that_the_new_regimen_replaces_are_told(draws):
    posterior = draws(NEAR_FOUR, past=(Dose(0, 1000, 1), Dose(12, 1000, 1), Dose(24, 1000, 1)))
    assert any("2 recorded doses" in words for words in recommend(posterior, AUC24, (Regimen(1000, 12, 1, 12),)).cautions)


def test_no_candidates_and_no_dosing_card_are_refused(draws):
    posterior = draws([4.0])
    with pytest.raises(ValueError, match="no regimen to choose"):
        recommend(posterior, AUC24, ())
    posterior = replace(posterior, card=posterior.card.model_copy(update={"gives_dose": False}))
    with pytest.raises(ValueError, match="gives no doses"):
        recommend(posterior, AUC24, (Regimen(1000, 12, 1),))


def test_a_regimen_more_toxic_than_effective_is_told(draws):
    posterior = draws([1.0, 1.1, 1.2, 4.0])
    found = recommend(posterior, AUC24, (Regimen(1000, 12, 1),))
    assert found.best and any("more likely to exceed the toxicity alarm" in words for words in found.cautions)


def test_a_trough_target_leaves_continuous_infusions_out_and_says_so(draws):
    posterior, trough = draws(NEAR_FOUR), replace(AUC24, metric="trough", low=10, high=20)
    found = recommend(posterior, trough, few(posterior))
    assert not any(o.regimen.is_continuous for o in found.ranked)
    assert any("Continuous infusions are left out" in words for words in found.cautions)
    alone = recommend(posterior, trough, (Regimen(1500, 24, 24),))
    assert alone.best and not any("left out" in words for words in alone.cautions)


@pytest.mark.parametrize("metric", ["auc24", "trough", "peak"])
def test_asking_for_the_first_alone_gives_the_same_order_chances_reason_and_cautions(draws, metric):
    for clearances in (NEAR_FOUR, [0.2, 0.3], [40.0, 50.0]):
        posterior = draws(clearances)
        low, high = {"auc24": (400, 600), "trough": (10, 15), "peak": (25, 35)}[metric]
        target = Target(metric, low, high, toxicity_alarm=1.2 * high, least_probability=0.25, toxicity_weight=1.0)
        whole, first = (verb(posterior, target, few(posterior), current=Regimen(1000, 12, 2)) for verb in (recommend, recommend_first))
        assert [(o.regimen, o.score, o.probability_in) for o in first.ranked] == [(o.regimen, o.score, o.probability_in) for o in whole.ranked]
        assert (first.reason, first.cautions) == (whole.reason, whole.cautions)
        assert first.ranked[0].companion == whole.ranked[0].companion
        assert (first.ranked[0].exact_amount_mg or 0) == pytest.approx(whole.ranked[0].exact_amount_mg or 0, rel=1e-4)
