"""Do candidates respect the card, and is what is not on it said?"""

import pytest

from pkvae_core.dosing.candidates import candidates, departures, loading_dose
from pkvae_core.drugs.card import available_drugs, load_card
from pkvae_core.patient import Regimen

VANCOMYCIN, TOBRAMYCIN, THEOPHYLLINE = (load_card(drug) for drug in ("vancomycin", "tobramycin", "theophylline"))


@pytest.mark.parametrize("drug", [drug for drug in available_drugs() if load_card(drug).gives_dose])
def test_no_candidate_departs_from_its_card(drug):
    card = load_card(drug)
    found = [r for product in card.products for r in candidates(card, start_h=48, product=product.name)]
    assert found and not [words for r in found for words in departures(card, r)]
    assert {r.start_h for r in found} == {48}


def test_the_limits_of_the_card_bind():
    found = candidates(VANCOMYCIN, start_h=0)
    assert max(r.amount_mg for r in found if not r.is_continuous) == 2000
    assert max(r.amount_mg * 24 / r.interval_h for r in found) == 4500
    assert max(r.amount_mg / r.infusion_h for r in found) == 1000


def test_every_interval_and_infusion_of_the_card_is_tried():
    found = candidates(TOBRAMYCIN, start_h=0)
    assert {(r.interval_h, r.infusion_h) for r in found} == {(t, d) for t in (8, 12, 24, 36, 48) for d in (0.5, 1)}


def test_what_is_asked_for_replaces_the_card_s_choice():
    found = candidates(VANCOMYCIN, start_h=0, interval_h=10, infusion_h=2.5)
    assert {(r.interval_h, r.infusion_h) for r in found} == {(10, 2.5)}
    assert departures(VANCOMYCIN, found[0]) == ("Every 10 h is not one of the intervals on the card of Vancomycin.",)


def test_an_infusion_too_fast_for_any_amount_is_refused_with_a_reason():
    with pytest.raises(ValueError, match="1,000 mg/h"):
        candidates(VANCOMYCIN, start_h=0, infusion_h=0.1)


def test_an_amount_that_the_card_does_not_have_is_said():
    assert departures(VANCOMYCIN, Regimen(1100, 12, 1.5)) == ("1,100 mg is not one of the amounts on the card of Vancomycin.",)


def test_a_dose_above_the_highest_single_dose_is_said():
    assert any("highest single dose" in words for words in departures(VANCOMYCIN, Regimen(2500, 24, 4)))


def test_a_loading_dose_goes_by_weight():
    dose = loading_dose(VANCOMYCIN, start_h=5, weight_kg=70)
    assert (dose.time_h, dose.amount_mg, dose.infusion_h) == (5, 2000, 2)  # 27.5 mg/kg is 1,925 mg; at most 1,000 mg/h
    assert {(r.loading_amount_mg, r.loading_infusion_h) for r in candidates(VANCOMYCIN, start_h=5, weight_kg=70, with_loading=True)} == {(2000, 2)}


def test_a_loading_dose_stays_within_its_own_maximum():
    assert loading_dose(VANCOMYCIN, start_h=0, weight_kg=250).amount_mg == 3000


@pytest.mark.parametrize(
    ("card", "arguments", "sentence"),
    [
        (VANCOMYCIN, {"weight_kg": None}, "weight is unknown"),
        (TOBRAMYCIN, {"weight_kg": 70}, "has no loading dose"),
        (THEOPHYLLINE, {"weight_kg": 70}, "has no loading dose of Theophylline, plain tablet"),
        (VANCOMYCIN, {"weight_kg": 3}, "no amount of Vancomycin"),
    ],
)
def test_a_loading_dose_that_cannot_be_given_is_refused(card, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        loading_dose(card, start_h=0, **arguments)


def test_a_card_that_gives_no_dose_has_no_candidates():
    with pytest.raises(ValueError, match="gives no doses"):
        candidates(VANCOMYCIN.model_copy(update={"gives_dose": False}), start_h=0)


def test_a_daily_limit_by_weight_leaves_out_what_is_too_much_for_this_infant():
    card = load_card("phenobarbital")
    most = {weight_kg: max(r.amount_mg * 24 / r.interval_h for r in candidates(card, start_h=0, weight_kg=weight_kg)) for weight_kg in (1.0, 4.0)}
    assert most[1.0] <= 6 and 20 < most[4.0] <= 24
    assert all(r.loading_amount_mg == 19 for r in candidates(card, start_h=0, weight_kg=1.1, with_loading=True))
