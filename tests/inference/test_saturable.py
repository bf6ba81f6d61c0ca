"""The right structure for a drug that saturates: MAP-Bayes and the exact posterior of phenytoin's published model."""

import numpy as np
import pytest

from pkvae_core.drugs.card import load_card
from pkvae_core.inference.mapbayes import map_bayes
from pkvae_core.inference.posterior import Posterior, predict
from pkvae_core.inference.reference import exact_individual
from pkvae_core.patient import Covariate, Dose, Patient, Sample

CARD = load_card("phenytoin")
DOSES = tuple(Dose(12.0 * i, 150) for i in range(40))
PATIENT = Patient("a", DOSES, (Sample(12 * 20 - 0.5, 8.0), Sample(12 * 38 - 0.5, 12.0)), (Covariate("WT", 70.0), Covariate("AED", 0.0)))


@pytest.fixture(scope="module")
def answers() -> tuple[Posterior, Posterior]:
    return map_bayes(CARD, PATIENT), exact_individual(CARD, PATIENT, draws=4000)


def test_map_bayes_and_the_exact_posterior_expect_the_same_levels(answers):
    classical, exact = (predict(a, DOSES, [12 * 39.5, 12 * 40]) for a in answers)
    assert answers[1].diagnostics.rung == "weighted"
    np.testing.assert_allclose(classical.median, exact.median, rtol=0.03)
    np.testing.assert_allclose(classical.interval(0.9), exact.interval(0.9), rtol=0.06)


def test_a_third_more_drug_more_than_doubles_what_is_expected(answers):
    """What superposition would miss: at steady state the level rises by Km R/(Vmax - R), not by R."""
    later = [12.0 * i for i in range(40, 160)]
    trough = [float(predict(answers[0], (*DOSES, *(Dose(at, amount) for at in later)), [12.0 * 160]).median[0]) for amount in (150, 200)]
    assert trough[1] > 1.33 * 1.5 * trough[0]


def test_half_the_doses_of_a_record_are_not_half_the_level(answers):
    full, half = (float(predict(answers[0], tuple(Dose(d.time_h, d.amount_mg * share) for d in DOSES), [12.0 * 40]).median[0]) for share in (1, 0.5))
    assert half < 0.4 * full
