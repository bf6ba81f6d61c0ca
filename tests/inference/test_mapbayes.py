"""MAP-Bayes as a posterior: weights against numerical integration, averages against the exact posterior, and nothing assumed in silence."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population, rows, simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.evidence import sample_etas
from pkvae_core.inference.mapbayes import heaviest, map_all, map_batch, map_bayes
from pkvae_core.inference.mode import Mode, find_mode
from pkvae_core.inference.posterior import Posterior, parameters, predict
from pkvae_core.inference.reference import exact_individual, exact_posterior
from pkvae_core.inference.typical import with_typical
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.records.physiology import cockcroft_gault
from pkvae_core.residual_error import ResidualError

VANCOMYCIN, TOBRAMYCIN = load_card("vancomycin"), load_card("tobramycin")
KNOWN = tuple(Covariate(name, value) for name, value in (("AGE", 60), ("SEX", 1), ("WT", 75), ("HT", 175), ("SCR", 1.1)))
PATIENT = Patient("1", tuple(Dose(12.0 * i, 1000, 1) for i in range(4)), (Sample(11.5, 9.0), Sample(37.5, 24.0)), KNOWN)
CHART = Patient("2", tuple(Dose(8.0 * i, 80, 0.5) for i in range(6)), (Sample(39.0, 1.2),), tuple(Covariate(*c) for c in (("WT", 60), ("AGE", 70), ("SEX", 1))))


def clearance_alone(w2: float) -> PublishedModel:
    """A bolus into 50 L; only CL varies, around 4 L/h."""
    same = {"CL": 4.0, "V1": 50.0}
    typical = {k: torch.tensor([v]) for k, v in same.items()}
    return PublishedModel("one", "vancomycin", "", "", "", "", ("WT",), lambda c: typical, {"CL": w2}, ResidualError(0.2, 1.0), ())


def density(u: float, w2: float) -> float:
    """p(levels, u) for 9 mg/L after 10 h and less than 4 mg/L after 26 h."""
    C = 20 * np.exp(-4 * math.exp(math.sqrt(w2) * u) / 50 * np.array([10.0, 26.0]))
    sd = np.sqrt(1 + (0.2 * C) ** 2)
    return float(norm.pdf(9.0, C[0], sd[0]) * norm.cdf((4.0 - C[1]) / sd[1]) * norm.pdf(u))


@pytest.mark.parametrize("w2", [0.09, 1.0])
def test_weights_agree_with_numerical_integration(w2):
    levels = (Sample(10, 9.0), Sample(26, None, 4.0))
    population = Population.of(VANCOMYCIN, [Patient("1", (Dose(0, 1000),), levels, (Covariate("WT", 70),))])
    drawn = sample_etas(clearance_alone(w2), VANCOMYCIN, population, draws=4000, generator=torch.Generator().manual_seed(1))
    total = quad(density, -8, 8, (w2,), points=(-1, 0, 1), limit=200)[0]
    mean = quad(lambda u: u * density(u, w2), -8, 8, points=(-1, 0, 1), limit=200)[0] / total
    found = drawn.normal[0, :, 0].numpy(), drawn.log_weight[0].exp().numpy()
    assert float(drawn.log_evidence) == pytest.approx(math.log(total), abs=0.03)
    assert found[0] @ found[1] == pytest.approx(mean, abs=4 / math.sqrt(float(drawn.effective)))
    assert drawn.rungs == ["laplace"] and found[1].sum() == pytest.approx(1)


def test_the_average_is_the_exact_posterior():
    """Medians and model probabilities of two ways of sampling the same mixture, within their Monte-Carlo error."""
    virtual = simulate(VANCOMYCIN, 3, torch.Generator().manual_seed(8), samples=2).population
    found = map_batch(VANCOMYCIN, virtual, draws=1000)
    clearance = found.responses.disposition()["CL"].numpy()
    for i in range(3):
        exact = exact_posterior(VANCOMYCIN, rows(virtual, torch.tensor([i])), draws=2000)
        expected = exact.responses.disposition()["CL"][0].numpy()
        ours, theirs = (weighted_quantile(*pair, 0.5) for pair in ((clearance[i], found.weight[i].numpy()), (expected, exact.weight.numpy())))
        assert math.log(float(ours) / float(theirs)) == pytest.approx(0, abs=0.08)
        np.testing.assert_allclose(found.probability[i], exact.model_probability, atol=0.08)


def test_without_levels_every_model_keeps_the_weight_of_the_card():
    before = map_bayes(VANCOMYCIN, PATIENT).prior()
    assert before.diagnostics.rung == "prior" and before.diagnostics.effective_draws == pytest.approx(1000, rel=1e-3)
    assert before.model_probability == pytest.approx({m.name: 1 / 3 for m in VANCOMYCIN.published_models})
    assert torch.allclose(before.weight.sum(), torch.tensor(1.0).double())


def test_levels_move_the_belief_towards_them():
    posterior = map_bayes(VANCOMYCIN, PATIENT)
    expected = predict(posterior, PATIENT.doses, [s.time_h for s in PATIENT.samples]).median
    prior = predict(posterior.prior(), PATIENT.doses, [s.time_h for s in PATIENT.samples]).median
    levels = np.array([9.0, 24.0])
    assert (abs(np.log(expected / levels)) < abs(np.log(prior / levels))).all()
    assert sum(posterior.model_probability.values()) == pytest.approx(1) and posterior.engine == "average"


def test_one_model_alone_is_named():
    posterior = map_bayes(VANCOMYCIN, PATIENT, names=("goti2018",))
    assert posterior.engine == "map:goti2018" and posterior.model_probability == {"goti2018": 1.0} and "goti2018" in posterior.version
    assert posterior.revise(PATIENT).engine == posterior.engine
    assert heaviest(VANCOMYCIN) == "goti2018"
    with pytest.raises(ValueError, match="no published model 'goti'. The card has: goti2018"):
        map_bayes(VANCOMYCIN, PATIENT, names=("goti",))


def test_the_same_seed_gives_the_same_answer():
    one, other = (map_bayes(VANCOMYCIN, PATIENT, draws=300, seed=3) for _ in range(2))
    assert torch.equal(one.weight, other.weight) and torch.equal(one.responses.pulses.rate, other.responses.pulses.rate)
    assert not torch.equal(one.weight, map_bayes(VANCOMYCIN, PATIENT, draws=300, seed=4).weight)
    assert len(one.weight) == 300


def median_clearance(posterior: Posterior) -> float:
    return float(weighted_quantile(parameters(posterior)["CL"], posterior.weight.numpy(), 0.5))


def test_a_what_if_on_the_kidney_lowers_clearance():
    posterior = map_bayes(VANCOMYCIN, PATIENT)
    worse = posterior.revise(replace(posterior.patient, covariates=(*posterior.patient.covariates, Covariate("SCR", 2.2, 40.0), Covariate("CRCL", 30, 40.0))))
    assert median_clearance(worse) < 0.8 * median_clearance(posterior)


def test_draws_that_miss_are_moved_to_where_they_count():
    """From a mode that is six standard deviations off, the ladder still finds the posterior."""
    card, model, generator = load_card("theophylline"), MODELS["rovei1982"], torch.Generator().manual_seed(1)
    virtual = simulate(card, 1, torch.Generator().manual_seed(9), samples=10).population
    right = find_mode(model, card, virtual)
    off = Mode(right.normal + 6, 0.05 * torch.eye(4)[None].double(), right.height, right.is_converged)
    missed = sample_etas(model, card, virtual, draws=2000, generator=generator, mode=off)
    found = sample_etas(model, card, virtual, draws=2000, generator=generator, mode=right)
    one, other = ((d.normal[0] * d.log_weight[0].exp()[:, None]).sum(0) for d in (missed, found))
    assert missed.rungs == ["adapted"] and found.rungs == ["laplace"]
    assert torch.allclose(one, other, atol=0.2)


def test_an_unknown_covariate_is_taken_as_in_patients_alike_and_said():
    """Creatinine clearance 58 known, creatinine not: it follows from Cockcroft-Gault."""
    chart = replace(CHART, covariates=(*CHART.covariates, Covariate("CRCL", 58.0)))
    filled, said = with_typical(TOBRAMYCIN, chart, ("hennig2013",))
    creatinine = cockcroft_gault(70, 60, 58, 1)  # the formula is its own inverse in creatinine and clearance
    assert filled.covariate("SCR") == pytest.approx(creatinine, rel=0.05)
    assert len(said) == 2 and said[0].startswith("Height is unknown: MAP-Bayes reckons with ") and " cm" in said[0]
    posterior = map_bayes(TOBRAMYCIN, chart, names=("hennig2013",))
    assert posterior.patient.covariate("HT") is None and set(said) <= set(posterior.cautions)


def test_a_model_that_needs_nothing_unknown_assumes_nothing():
    chart = replace(CHART, covariates=(*CHART.covariates, Covariate("CRCL", 58.0)))
    assert with_typical(TOBRAMYCIN, chart, ("staatz2006",)) == (chart, ())
    assert not any("reckons" in caution for caution in map_bayes(TOBRAMYCIN, chart, names=("staatz2006",)).cautions)


def test_what_is_assumed_follows_a_change_of_what_is_known():
    chart = replace(CHART, covariates=(*CHART.covariates, Covariate("CRCL", 80.0, 0), Covariate("CRCL", 40.0, 24)))
    filled, said = with_typical(TOBRAMYCIN, chart, ("hennig2013",))
    early, late = filled.covariate("SCR", 1.0), filled.covariate("SCR", 30.0)
    assert early is not None and late is not None and late / early == pytest.approx(2, rel=0.1)
    assert len([c for c in filled.covariates if c.name == "HT"]) == 1 and len(said) == 2


def test_a_patient_of_whom_nothing_is_known_is_the_cohorts_typical_one():
    nobody = replace(CHART, covariates=())
    filled, said = with_typical(TOBRAMYCIN, nobody, ("hennig2013", "staatz2006"))
    weight = filled.covariate("WT")
    assert len(said) == 6 and weight is not None and 60 < weight < 95 and filled.covariate("SEX") in (0.0, 1.0)
    assert "Sex is unknown: MAP-Bayes reckons with “male”" in " ".join(said)


def test_a_covariate_that_the_card_requires_is_asked_for():
    strict = TOBRAMYCIN.model_copy(update={"covariates": tuple(c.model_copy(update={"when_missing": "required"}) for c in TOBRAMYCIN.covariates)})
    with pytest.raises(ValueError, match="height and serum creatinine must be known for tobramycin. Add it."):
        with_typical(strict, CHART, ("hennig2013",))


def test_the_exact_posterior_of_one_patient_agrees_with_the_average_and_wants_every_covariate():
    exact, average = exact_individual(VANCOMYCIN, PATIENT, draws=3000), map_bayes(VANCOMYCIN, PATIENT)
    assert exact.engine == "exact" and exact.diagnostics.rung == "weighted" and exact.diagnostics.effective_draws > 400
    assert median_clearance(exact) == pytest.approx(median_clearance(average), rel=0.06)
    assert exact.model_probability == pytest.approx(average.model_probability, abs=0.08)
    with pytest.raises(ValueError, match="unknown here: age, weight, serum creatinine, creatinine clearance"):
        exact_individual(VANCOMYCIN, replace(PATIENT, covariates=()))


def test_several_patients_at_once_are_answered_as_each_alone():
    """Unlike records, one of them without a level: medians agree within the wavering of 1,000 draws."""
    patients = [PATIENT, replace(PATIENT, id="2", samples=(), covariates=KNOWN[:3]), replace(PATIENT, id="3", samples=(Sample(35.5, 4.0),))]
    for together, patient in zip(map_all(VANCOMYCIN, patients, seed=3), patients, strict=True):
        alone = map_bayes(VANCOMYCIN, patient, seed=3)
        assert (together.patient, together.cautions, together.diagnostics.rung) == (alone.patient, alone.cautions, alone.diagnostics.rung)
        medians = [float(weighted_quantile(parameters(p)["CL"], p.weight.numpy(), 0.5)) for p in (together, alone)]
        assert medians[0] == pytest.approx(medians[1], rel=0.05)
        assert together.model_probability == pytest.approx(alone.model_probability, abs=0.05)
    assert map_all(VANCOMYCIN, []) == []
