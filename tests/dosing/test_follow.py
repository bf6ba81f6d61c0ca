"""What is said of a drug whose card gives no dose."""

from itertools import pairwise

import pytest

from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.follow import area_of_all_doses, no_recommendation
from pkvae_core.dosing.option import judge
from pkvae_core.dosing.steady_state import steady_after_h
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.inference.mapbayes import map_bayes
from pkvae_core.patient import Covariate, Dose, Patient, Regimen
from pkvae_core.structural.recirculation import Recirculating
from tests.dosing.conftest import cohort

WARFARIN = load_card("warfarin")


def test_nothing_is_recommended_and_the_card_says_why():
    found = no_recommendation(cohort([0.1, 0.2], drug="warfarin"))
    assert found.best is None and not found.ranked and "INR" in (found.reason or "")
    with pytest.raises(ValueError, match="INR"):
        candidates(WARFARIN, start_h=0)


def test_the_area_of_all_doses_is_the_dose_over_the_clearance():
    median, low, high = area_of_all_doses(cohort([0.2] * 3, past=(Dose(0, 100, 0, "single"), Dose(300, 50, 0, "single")), drug="warfarin"))
    assert median == low == high == pytest.approx(150 / 0.2, rel=1e-5)


def test_any_amount_reaches_what_is_only_followed():
    target = Target.of(WARFARIN)
    assert target == Target.followed() and Target.of(load_card("vancomycin")).metric == "auc24"
    option = judge(cohort([0.1, 0.3], V1=5.0, Q=1.0, V2=3.0, drug="warfarin"), target, Regimen(5, 24, 0, 0, "tablet"))
    assert option.probability_in == pytest.approx(1) and option.exact_amount_mg is None
    assert option.companion["auc24"][0] > 0


def test_five_half_lives_bring_all_but_three_per_cent():
    assert 1 - 0.5 ** (steady_after_h(141) / 141) == pytest.approx(0.97, abs=0.002)


def test_the_area_of_a_drug_that_meets_its_target_grows_faster_than_its_doses():
    """Of small doses the target takes a larger part; as doses grow, each milligram more brings 1 / CL."""
    card, known = load_card("omalizumab"), (Covariate("WT", 61.1), Covariate("IGE", 500.0))
    areas = [area_of_all_doses(map_bayes(card, Patient("a", (Dose(0, mg), Dose(672, mg)), covariates=known), draws=40))[0] for mg in (75, 150, 300, 600)]
    gains = [(later - earlier) / mg for (earlier, later), mg in zip(pairwise(areas), (150, 300, 600), strict=True)]
    assert areas[3] > 8.4 * areas[0] and gains == sorted(gains) and gains[-1] < 1 / 7.0e-3


@pytest.mark.parametrize("drug", ["phenytoin", "omalizumab", "mycophenolate"])
def test_nothing_is_left_of_a_simulated_drug_where_its_area_ends(drug, monkeypatch):
    """Four times as long a wait adds less than a thousandth, also to a drug that comes back at meals or saturates."""
    card = load_card(drug)
    usual = card.typical_regimen
    doses = tuple(Dose(i * usual.interval_h, usual.amount_mg, usual.infusion_h, usual.product) for i in range(6))
    posterior = map_bayes(card, Patient("a", doses, covariates=tuple(Covariate(k, v) for k, v in card.typical_patient.items())), draws=100)
    found = area_of_all_doses(posterior)
    monkeypatch.setattr("pkvae_core.dosing.follow.HORIZONS", 8)
    assert found[1] < found[0] < found[2] and found == pytest.approx(area_of_all_doses(posterior), rel=1e-3)


def test_what_the_bile_brings_back_leaves_in_the_end_so_that_the_area_is_the_dose_over_what_clears_it():
    card = load_card("mycophenolate")
    posterior = map_bayes(card, Patient("a", (Dose(0, 1000), Dose(12, 1000)), covariates=(Covariate("WT", 65.5),)), draws=100)
    body = posterior.responses.now
    assert isinstance(body, Recirculating)
    each = 2 * card.products[0].active_mg(1000) / body.clearance()[0].double().numpy()
    assert area_of_all_doses(posterior)[0] == pytest.approx(float(weighted_quantiles(each[:, None], posterior.weight.double().numpy(), (0.5,))[0, 0]), rel=2e-3)
