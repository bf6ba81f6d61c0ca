"""Is the alarm rung when another engine would change the regimen, and only then?"""

from dataclasses import replace

import numpy as np
import pytest

from pkvae_core.dosing.agreement import APART, LOSS, compare, engine_label, exposure_words, opinion
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.patient import Regimen

AUC24 = Target("auc24", 400, 600, best=500, toxicity_alarm=650, least_probability=0.25, toxicity_weight=1.0)
OFFERED = candidates(load_card("vancomycin"), start_h=0, infusion_h=2, interval_h=12)
SPREAD = np.linspace(-1.6, 1.6, 41)


@pytest.fixture(scope="module")
def asked(draws):
    """The opinion of an engine whose draws of clearance (L/h) are log-normal around `middle` with this spread."""

    def ask(middle: float, spread: float = 0.12, *, engine: str = "average", rung: str = "weighted", target: Target = AUC24):
        posterior = draws((middle * np.exp(spread * SPREAD)).tolist())
        return opinion(replace(posterior, engine=engine, diagnostics=replace(posterior.diagnostics, rung=rung)), target, OFFERED)

    return ask


def test_an_engine_agrees_with_itself(asked):
    found = compare(asked(4.0, engine="vae"), asked(4.0))
    assert (found.verdict, found.loss, found.ratio, found.is_outside) == ("agrees", 0.0, 1.0, False)
    assert found.sentence.startswith("Averaged MAP-Bayes agrees: it would choose the same dose and expects the same exposure from it.")


def test_the_alarm_rings_when_following_us_costs_the_patient_by_the_other_engine(asked):
    found = compare(asked(4.0, engine="vae"), asked(5.6))
    assert found.is_alarm and found.loss > LOSS
    assert found.loss == pytest.approx(found.other.first.score - found.theirs.score)
    assert "disagrees and would choose" in found.sentence and "less exposure" in found.sentence


def test_a_neighbouring_step_of_the_dose_is_no_alarm(asked):
    found = compare(asked(4.0, 0.25, engine="vae"), asked(4.35, 0.25))
    assert found.ours.first.regimen.amount_mg != found.other.first.regimen.amount_mg
    assert found.verdict == "differs" and found.loss <= LOSS
    assert "little is lost" in found.sentence or "is as good" in found.sentence


def test_a_wider_interval_alone_is_no_alarm_but_is_said(asked):
    harmless = replace(AUC24, toxicity_alarm=None)
    found = compare(asked(4.0, 0.05, engine="vae", target=harmless), asked(4.0, 0.2, target=harmless))
    assert found.verdict == "agrees" and "but is less sure of it" in found.sentence


def test_another_exposure_is_an_alarm_even_where_no_regimen_would_change(asked):
    """Any exposure below 5,000 will do, so nothing is at stake; yet the two cannot both be right about this patient."""
    easy = replace(AUC24, low=None, high=5000, best=None, toxicity_alarm=None)
    found = compare(asked(4.0, engine="vae", target=easy), asked(6.0, target=easy))
    assert found.loss <= LOSS and found.ratio < 1 / (1 + APART) and found.is_outside
    assert found.is_alarm


def test_medians_apart_within_wide_intervals_are_no_alarm_by_themselves(asked):
    easy = replace(AUC24, low=None, high=5000, best=None, toxicity_alarm=None)
    found = compare(asked(4.0, 0.5, engine="vae", target=easy), asked(5.2, 0.5, target=easy))
    assert found.ratio < 1 / (1 + APART) and not found.is_outside
    assert not found.is_alarm


def test_tight_medians_outside_each_other_s_interval_but_close_are_no_alarm(asked):
    found = compare(asked(4.0, 0.01, engine="vae"), asked(4.15, 0.01))
    assert found.is_outside and found.ratio > 1 / (1 + APART)
    assert not found.is_alarm


def test_more_toxicity_by_the_other_engine_is_told(asked):
    found = compare(asked(4.0, engine="vae"), asked(2.8))
    assert found.is_alarm and "exceeds the toxicity alarm in" in found.sentence and "more exposure" in found.sentence


def test_an_engine_that_cannot_explain_the_levels_has_no_say(asked):
    for ours, other in ((asked(4.0, engine="vae"), asked(8.0, rung="failed")), (asked(4.0, engine="vae", rung="failed"), asked(8.0))):
        found = compare(ours, other)
        assert found.verdict == "silent" and not found.is_alarm
        assert "cannot explain these levels" in found.sentence


def test_where_only_the_other_engine_finds_no_regimen_the_words_say_so(asked):
    sure = replace(AUC24, least_probability=0.7, toxicity_alarm=None)
    found = compare(asked(4.0, 0.12, engine="vae", target=sure), asked(4.0, 0.2, target=sure))
    assert found.ours.recommendation.best and not found.other.recommendation.best
    assert found.verdict == "agrees" and "puts the same dose first" in found.sentence and "70 of 100 are asked for" in found.sentence


def test_where_no_regimen_meets_the_target_by_either_there_is_nothing_to_change(asked):
    strict = replace(AUC24, least_probability=0.99)
    found = compare(asked(4.0, 0.3, engine="vae", target=strict), asked(5.0, 0.3, target=strict))
    assert found.loss > 0 and found.verdict == "agrees"
    assert "agrees that no regimen meets the target" in found.sentence and "less exposure from the one that comes first here" in found.sentence


def test_a_regimen_that_was_not_compared_is_refused(asked):
    with pytest.raises(ValueError, match="not among the regimens"):
        asked(4.0).on(Regimen(1111, 12, 1))


def test_many_draws_are_thinned_and_mean_the_same(draws):
    dense = (4 * np.exp(np.linspace(-0.2, 0.2, 4001))).tolist()
    found = opinion(draws(dense), AUC24, OFFERED)
    assert len(found.first.exposure) == 1000
    whole = draws((4 * np.exp(np.linspace(-0.2, 0.2, 1000))).tolist())
    assert found.first.exposure_median == pytest.approx(opinion(whole, AUC24, OFFERED).first.exposure_median, rel=1e-3)


@pytest.mark.parametrize(("ratio", "words"), [(1.0, "the same exposure"), (1.25, "25 % more exposure"), (0.7, "30 % less exposure")])
def test_exposure_is_told_in_per_cent_of_ours(ratio, words):
    assert exposure_words(ratio) == words


def test_every_engine_has_a_name():
    assert [engine_label(e) for e in ("vae", "average", "exact", "map:goti2018")] == [
        "PKVAE",
        "Averaged MAP-Bayes",
        "Exact posterior",
        "MAP-Bayes, Goti 2018",
    ]
