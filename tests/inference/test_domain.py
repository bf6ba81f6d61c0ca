"""Does a model know when to be silent, and who answers then?"""

from dataclasses import replace

import numpy as np
import pytest

from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.recommend import recommend
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.answering import answer_for, answer_for_all
from pkvae_core.inference.domain import LEAST_PLASMA_L, _mass, entitlement
from pkvae_core.inference.misfit import latent_distance, misfit
from pkvae_core.inference.posterior import individualise, predict
from pkvae_core.inference.similarity import similarity
from pkvae_core.inference.surprise import EXCHANGED, HIGH, LOW, surprise
from pkvae_core.inference.verdict import CAUTION, IN_DOMAIN, OUT, REFUSED, Entitlement, Reason
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.vae.checkpoint import load_model

COVARIATES = {"AGE": 64.0, "SEX": 0.0, "WT": 72.0, "HT": 165.0, "SCR": 1.3}
LEVELS = (Sample(13.5, 32.0), Sample(23.5, 15.0))


def patient(*samples: Sample, **covariates: float) -> Patient:
    """Four doses of vancomycin to a woman of 64 years."""
    known = tuple(Covariate(name, value) for name, value in (COVARIATES | covariates).items())
    return Patient("a", tuple(Dose(12 * i, 1000, 1) for i in range(4)), samples, known)


def times(factor: float) -> tuple[Sample, ...]:
    return tuple(replace(s, concentration_mg_per_L=(s.concentration_mg_per_L or 0) * factor) for s in LEVELS)


@pytest.fixture(scope="module")
def model():
    return load_model("vancomycin")


@pytest.fixture(scope="module")
def prior(model):
    return individualise(model, patient())


def test_an_ordinary_patient_is_in_the_domain_and_the_model_answers(model):
    found = answer_for(model, patient(*LEVELS))
    assert found.engine == "vae" and found.entitlement is not None
    assert found.entitlement.verdict == IN_DOMAIN and found.entitlement.reasons == () and found.entitlement.banner == ""
    assert {name for name, _ in found.entitlement.measured} >= {"covariates together", "surprise of the levels", "misfit", "latent distance", "effective draws"}


@pytest.mark.parametrize(("factor", "slip"), [(10, HIGH), (0.1, LOW)])
def test_a_tenfold_error_of_the_unit_is_named_and_the_model_is_silent(model, prior, factor, slip):
    assert surprise(prior, times(factor)).slip == slip
    found = answer_for(model, patient(*times(factor)))
    assert found.entitlement and found.entitlement.verdict in (OUT, REFUSED)
    assert f"{slip}. Check the unit" in found.cautions[0]


def test_one_level_alone_shows_a_tenfold_error(model):
    found = entitlement(individualise(model, patient(Sample(23.5, 150.0))))
    assert found.verdict == REFUSED
    assert "A level like this (150 mg/L)" in found.banner


def test_one_wrong_level_among_right_ones_is_named(model):
    found = entitlement(individualise(model, patient(LEVELS[0], Sample(23.5, 150.0))))
    assert found.verdict == REFUSED and "150 mg/L alone is ten times too high. Check the unit and the decimal point." in found.banner


def test_exchanged_peak_and_trough_are_named(model, prior):
    levels = (replace(LEVELS[0], concentration_mg_per_L=15.0), replace(LEVELS[1], concentration_mg_per_L=32.0))
    assert surprise(prior, levels).slip == EXCHANGED
    found = entitlement(individualise(model, patient(*levels)))
    assert found.verdict in (OUT, REFUSED) and "32 and 15 mg/L are exchanged" in found.banner


def test_the_order_of_levels_changes_no_verdict(prior):
    one, other = surprise(prior, LEVELS), surprise(prior, LEVELS[::-1])
    assert one.odds[HIGH] == pytest.approx(other.odds[HIGH], rel=0.5)  # the draws' errors are shuffled with the order
    assert abs(one.probability - other.probability) < 0.1


def test_the_same_seed_gives_the_same_verdict(model):
    assert entitlement(individualise(model, patient(*LEVELS))) == entitlement(individualise(model, patient(*LEVELS)))


def test_an_unusual_patient_whom_map_explains_is_answered_by_map_under_a_banner(model):
    found = answer_for(model, patient(Sample(47.0, 70.0)))
    assert found.entitlement and found.entitlement.verdict == OUT
    assert found.engine == "average"
    assert found.cautions[0] == found.entitlement.banner and "MAP-Bayes answers" in found.cautions[0]
    assert np.isfinite(predict(found, found.patient.doses, [48.0]).median).all()


def test_beyond_the_cards_hard_limits_nobody_answers(model):
    found = answer_for(model, patient(*LEVELS, AGE=9.0, WT=30.0, HT=130.0))
    assert found.entitlement and found.entitlement.verdict == REFUSED
    assert "Age 9 years lies outside 16 to 110" in found.cautions[0]
    target = Target.from_spec(model.card.target())
    answer = recommend(found, target, candidates(model.card, start_h=48.0))
    assert answer.best is None and answer.reason == found.entitlement.banner


def test_a_flag_between_0_and_1_is_refused_and_an_unknown_one_is_averaged_over(model):
    """Whoever made the record: a table, a page or a program."""
    found = answer_for(model, patient(SEX=0.5))
    assert found.entitlement and found.entitlement.verdict == REFUSED and "Sex is 0.5; it can only be 0 or 1 (1 male, 0 female)" in found.cautions[0]
    unknown = patient()
    unknown = replace(unknown, covariates=tuple(c for c in unknown.covariates if c.name != "SEX"))
    assert entitlement(individualise(model, unknown)).verdict != REFUSED


def test_a_clearance_that_the_card_does_not_know_is_refused_with_its_number(model):
    found = entitlement(individualise(model, patient(SCR=0.15)))
    assert found.verdict == REFUSED and "Creatinine clearance 430.7 mL/min" in found.banner


def test_an_unusual_covariate_is_a_caution_and_the_model_answers(model):
    found = answer_for(model, patient(WT=170.0))
    assert found.engine == "vae" and found.entitlement and found.entitlement.verdict == CAUTION
    assert sum("Weight 170 kg lies outside" in c for c in found.cautions) == 1


def test_covariates_that_are_never_seen_together_are_found_whichever_are_known(model):
    whole = similarity(model.card, patient(AGE=95.0, WT=200.0, HT=145.0))
    assert whole is not None and whole.probability < 1 / 200
    usual = similarity(model.card, patient())
    assert usual is not None and usual.probability > 0.05
    few = Patient("b", covariates=(Covariate("HT", 150.0), Covariate("WT", 240.0)))
    pair = similarity(model.card, few)
    assert pair is not None and pair.probability < 1 / 200 and len(pair.stated) == 2
    assert similarity(model.card, Patient("c", covariates=(Covariate("WT", 70.0),))) is None


def test_a_level_that_all_the_drug_could_not_make_is_refused(model):
    found = entitlement(individualise(model, patient(Sample(2.0, 800.0))))
    assert found.verdict == REFUSED
    assert any("the 1,000 mg given before it make at most 667 mg/L in 1.5 L of plasma" in reason.sentence for reason in found.reasons)


def test_where_nobody_explains_the_levels_nobody_answers(model):
    found = answer_for(model, patient(Sample(13.5, 2.0), Sample(14.0, 90.0), Sample(23.0, 1.0)))
    assert found.entitlement and found.entitlement.verdict == REFUSED


def test_a_level_that_hardly_counts_speaks_against_nothing(model):
    doubtful = tuple(replace(s, trust=0.1) for s in times(10))
    assert entitlement(individualise(model, patient(*doubtful))).verdict in (IN_DOMAIN, CAUTION)


def test_a_level_below_its_limit_can_surprise_too(prior):
    assert surprise(prior, (Sample(13.5, None, 1.0),)).probability <= 0.01
    assert surprise(prior, (Sample(13.5, None, 1.0), Sample(23.5, 15.0))).probability <= 0.05


def test_misfit_falls_as_levels_contradict_each_other(model):
    close, far = (individualise(model, patient(Sample(23.0, 15.0), Sample(23.5, second))) for second in (15.0, 45.0))
    assert misfit(close) > 0.1 > misfit(far)
    assert misfit(individualise(model, patient())) == 1


def test_the_latent_distance_grows_with_the_levels(model, prior):
    near, far = (latent_distance(individualise(model, patient(*times(factor))), prior) for factor in (1, 3))
    assert near and far and near[0] < far[0] and near[1] > far[1]


def test_what_was_believed_before_the_levels_is_drawn_once(model):
    found = answer_for(model, patient(*LEVELS))
    assert found.prior() is found.prior() and found.prior().patient.samples == ()
    assert len(found.revise(patient(LEVELS[0])).patient.samples) == 1


def test_a_batch_gives_the_same_verdicts_as_one_by_one(model):
    patients = [patient(*LEVELS), patient(*times(10)), patient()]
    together = [p.entitlement.verdict for p in answer_for_all(model, patients) if p.entitlement]
    assert together == [IN_DOMAIN, REFUSED, IN_DOMAIN]


def test_the_gravest_reason_comes_first():
    found = Entitlement().with_reason(Reason("a", CAUTION, "A.", 1.0)).with_reason(Reason("b", REFUSED, "B.", 2.0)).with_reason(Reason("c", OUT, "C.", 3.0))
    assert [reason.verdict for reason in found.reasons] == [REFUSED, OUT, CAUTION]
    assert found.sentences == ("B.",) and Entitlement().verdict == IN_DOMAIN


def test_surprise_is_uniform_on_levels_that_the_model_itself_would_draw(model, prior):
    """The mean of 40 uniform probabilities has a standard error of 0.046; more than 10 of 40 below a tenth are as unlikely as 1 in 500."""
    other, at = individualise(model, patient(), seed=5), [13.5, 23.5]
    rng, found = np.random.default_rng(1), []
    curves = predict(other, other.patient.doses, at).concentration_mg_per_L[:40].astype(float)
    member = np.asarray(other.member)[:40]
    for curve, share in zip(curves, member, strict=True):
        error = [MODELS[m.name].error for m in model.card.published_models][rng.choice(3, p=share / share.sum())]
        level = curve + np.hypot(error.additive_mg_per_L, error.proportional * curve) * rng.standard_normal(2)
        found.append(surprise(prior, [Sample(t, float(v)) if v > 0.1 else Sample(t, None, 0.1) for t, v in zip(at, level, strict=True)]).probability)
    assert 0.3 < np.mean(found) < 0.7
    assert sum(p < 0.1 for p in found) <= 10


def test_theophylline_knows_its_weight_alone():
    card = load_card("theophylline")
    assert similarity(card, Patient("t", covariates=(Covariate("WT", 70.0),))) is None


def test_a_newborn_s_plasma_is_measured_by_weight():
    """25 mg make 17 mg/L in 1.4 kg, as the first infant of Grasela's had; 25 mg cannot make 700 mg/L."""
    card = load_card("phenobarbital")

    def infant(level: float) -> list:
        sample = Sample(2, level)
        found = Patient("i", (Dose(0, 25, 0.5),), (sample,), (Covariate("WT", 1.4),))
        return list(_mass(card, found, (sample,)))

    assert 25 / 17.3 < LEAST_PLASMA_L and not infant(17.3)
    assert "0.042 L of plasma" in infant(700.0)[0].sentence
