"""A model of an own cohort knows whom it learned from without a row of theirs, and nobody answers in its place where there is no published model."""

import math

import numpy as np
import pytest

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.summary import covariate_distribution
from pkvae_core.inference.answering import NO_PUBLISHED_MODEL, answer_for
from pkvae_core.inference.mapbayes import heaviest, map_bayes
from pkvae_core.inference.reference import exact_individual
from pkvae_core.inference.similarity import similarity
from pkvae_core.inference.verdict import REFUSED
from pkvae_core.patient import Covariate, Dose, Patient
from pkvae_core.vae.checkpoint import load_model
from tests.own import own_folder

CARD = load_card("tobramycin")


def adult(**values: float) -> Patient:
    return Patient("a", (Dose(0, 100, 0.5),), (), tuple(Covariate(name, value) for name, value in values.items()))


@pytest.fixture(scope="module")
def learned():
    """200 patients whose logarithms of age and weight are independent normals."""
    generator = np.random.default_rng(3)
    ages, weights = 60 * np.exp(0.2 * generator.standard_normal(200)), 70 * np.exp(0.15 * generator.standard_normal(200))
    return covariate_distribution(CARD, [adult(AGE=float(a), WT=float(w)) for a, w in zip(ages, weights, strict=True)])


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return load_model(own_folder(tmp_path_factory.mktemp("own"), is_alone=True))


def test_patients_like_the_cohort_are_found_in_it_as_often_as_they_should(learned):
    """The probability is uniform over new patients of the same kind: one in twenty falls below 1/20."""
    blank, generator = CARD.model_copy(update={"cohort": ""}), np.random.default_rng(4)
    found = []
    for a, w in generator.standard_normal((2000, 2)):
        each = similarity(blank, adult(AGE=60 * math.exp(0.2 * a), WT=70 * math.exp(0.15 * w)), learned)
        assert each is not None
        found.append(each.probability)
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.02) and np.mean(found) == pytest.approx(0.5, abs=0.04)


def test_a_stranger_to_the_cohort_is_far_from_it(learned):
    blank = CARD.model_copy(update={"cohort": ""})
    near, far = similarity(blank, adult(AGE=60, WT=70), learned), similarity(blank, adult(AGE=20, WT=140), learned)
    assert near is not None and far is not None and near.probability > 0.9 and far.probability < 1e-6


def test_an_adapted_model_counts_a_patient_near_who_is_near_its_virtual_or_its_own_patients(learned):
    one = adult(AGE=25, WT=95)
    virtual, both, own = similarity(CARD, one), similarity(CARD, one, learned), similarity(CARD.model_copy(update={"cohort": ""}), one, learned)
    assert virtual is not None and both is not None and own is not None
    assert both.probability == max(virtual.probability, own.probability)


def test_without_a_published_model_nobody_answers_for_a_patient_outside(alone):
    found = answer_for(alone, adult(AGE=17, WT=220, SEX=1))
    assert found.entitlement is not None and found.entitlement.verdict == REFUSED
    assert NO_PUBLISHED_MODEL in found.entitlement.banner and "Classical MAP-Bayes answers" not in " ".join(found.cautions)


@pytest.mark.parametrize("ask", [lambda card: map_bayes(card, adult(AGE=60)), lambda card: exact_individual(card, adult(AGE=60)), heaviest])
def test_classical_engines_say_that_there_is_no_published_model(alone, ask):
    with pytest.raises(ValueError, match="needs a published model"):
        ask(alone.card)
