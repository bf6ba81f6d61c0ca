"""What levels of one visit say of that visit and of another; the shipped model beside the exact posterior."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.drugs.population import Population
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.answering import answer_for, answer_for_all
from pkvae_core.inference.mapbayes import map_bayes
from pkvae_core.inference.occasions import Revisit, unmeasured, visited
from pkvae_core.inference.posterior import curves, individualise, individualise_all
from pkvae_core.inference.reference import exact_individual
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.structural.exponentials import NEVER
from pkvae_core.vae.checkpoint import load_model

DOSES = tuple(Dose(12.0 * i, 3.0) for i in range(26))
KNOWN = (Covariate("HCT", 33.0), Covariate("CYP3A5", 0.0))
FIRST = (Sample(131.9, 0.006), Sample(133.0, 0.021), Sample(135.0, 0.014))
SECOND = (Sample(275.9, 0.009), Sample(277.0, 0.024), Sample(279.0, 0.020))
ONCE, TWICE = Patient("once", DOSES, FIRST, KNOWN), Patient("twice", DOSES, (*FIRST, *SECOND), KNOWN)


@pytest.fixture(scope="module")
def model():
    return load_model("tacrolimus")


@pytest.fixture(scope="module")
def once(model):
    return individualise(model, ONCE)


def auc12(posterior, begin_h):
    area = curves(posterior, posterior.patient.doses, [begin_h, begin_h + 12.0])[1]
    return area[:, 1] - area[:, 0]


def ends(posterior):
    until = posterior.responses.until
    assert until is not None
    return until.tolist()


def log_spread(posterior, begin_h):
    low, high = (weighted_quantile(np.log(auc12(posterior, begin_h)), posterior.weight.numpy(), p) for p in (0.05, 0.95))
    return float(high - low)


def test_another_day_is_less_certain_than_the_sampled_one(once):
    assert log_spread(once, 288.0) > 2 * log_spread(once, 132.0)


def test_the_sampled_visit_lasts_until_the_next_dose(once):
    assert ends(once) == [[144.0]]
    steady = once.settled()
    assert torch.equal(steady.responses.pulses.amplitude, once.responses.pulses.amplitude) and not steady.responses.earlier


def test_all_engines_agree_on_both_days(model, once):
    exact = exact_individual(model.card, ONCE)
    classical = map_bayes(model.card, ONCE)
    for begin_h, within in ((132.0, 0.03), (288.0, 0.1)):
        best = weighted_quantile(auc12(exact, begin_h), exact.weight.numpy(), 0.5)
        for other in (once, classical):
            assert abs(float(weighted_quantile(auc12(other, begin_h), other.weight.numpy(), 0.5) / best) - 1) < within
    assert abs(log_spread(once, 288.0) / log_spread(exact, 288.0) - 1) < 0.15


def test_two_visits_tell_more_of_a_third_than_one(model, once):
    assert log_spread(individualise(model, TWICE), 288.0) < log_spread(once, 288.0)


def test_each_draw_has_a_body_for_each_visit_and_one_thereafter(model):
    found = individualise(model, TWICE)
    assert ends(found) == [[144.0, 288.0]] and len(found.responses.earlier) == 2
    known = visited(model, Population.of(model.card, [TWICE]), draws=200, seed=0)
    assert len(known.sampled) == 2 and all(z.shape == known.later.shape for z in known.sampled)
    assert float(known.drawn.effective) >= 10


def test_what_is_expected_of_another_visit_is_the_mean_over_the_earlier_draws(model):
    expected = model.occasions.another(torch.randn(1, 5, model.configuration.latent, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 5, 4))
    again, z = Revisit(model, expected, (), 0), torch.ones(model.configuration.latent)
    each = expected.log_prob(z.expand(1, 5, -1))
    torch.testing.assert_close(again.prior(torch.zeros(1, 2)).log_prob(z[None]), each.logsumexp(1) - np.log(5), rtol=1e-4, atol=1e-4)
    told = again.posterior(Population.of(model.card, [ONCE]))
    assert torch.allclose(told.mixture_distribution.probs.sum(1), torch.ones(1))


def test_others_in_the_batch_change_nothing(model):
    together = individualise_all(model, [ONCE, TWICE, replace(ONCE, samples=())], draws=200)
    for posterior in together:
        alone = individualise(model, posterior.patient, draws=200)
        torch.testing.assert_close(alone.responses.pulses.amplitude, posterior.responses.pulses.amplitude, rtol=1e-3, atol=1e-6)


def test_before_the_levels_the_visits_are_already_apart(model):
    before = individualise(model, unmeasured(model.card, TWICE))
    assert before.diagnostics.rung == "prior" and ends(before) == [[144.0, 288.0]]
    first, second = (auc12(before, begin_h) for begin_h in (132.0, 276.0))
    together = np.corrcoef(np.log(first), np.log(second))[0, 1]
    assert 0.2 < together < 0.7  # of CL, omega2 / (omega2 + kappa2) = 0.45
    assert unmeasured(load_model("vancomycin").card, TWICE).samples == ()


def test_without_levels_there_is_one_body(model):
    assert not individualise(model, replace(ONCE, samples=())).responses.earlier


def test_a_visit_whose_levels_are_left_out_is_one_that_nobody_measured(model):
    left_out = replace(TWICE, samples=(*FIRST, *(replace(s, trust=0.0) for s in SECOND)))
    found, once = individualise(model, left_out), individualise(model, ONCE)
    assert ends(found) == [[144.0, 288.0]]
    left, right = (weighted_quantile(auc12(each, 132.0), each.weight.numpy(), 0.5) for each in (found, once))
    assert abs(float(np.log(left / right))) < 0.1


def test_the_reader_is_told_which_day_is_which(once, model):
    assert any("from visit to visit" in caution and "clearance 31 %" in caution for caution in once.cautions)
    assert not any("from visit to visit" in caution for caution in individualise(model, replace(ONCE, samples=())).cautions)


def test_other_drugs_know_of_no_occasions():
    model = load_model("vancomycin")
    patient = Patient("v", (Dose(0, 1000, 1), Dose(48, 1000, 1)), (Sample(10, 12.0), Sample(58, 13.0)))
    population = Population.of(model.card, [patient])
    assert model.occasions is None and not bool((population.occasions > NEVER).any())
    assert not individualise(model, patient).responses.earlier


def test_whoever_answers_does_so_for_a_ward_as_for_each_patient(model):
    ward = answer_for_all(model, [ONCE, TWICE], draws=200)
    for found in ward:
        alone = answer_for(model, found.patient, draws=200)
        assert alone.entitlement == found.entitlement and alone.cautions == found.cautions
