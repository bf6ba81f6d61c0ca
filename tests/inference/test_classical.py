"""The population fit finds again what made the cohort, and a wrong structure fits it worse."""

import math
from dataclasses import replace

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population, published_responses, simulate
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.classical import fit_nested, fit_population, opponent_of, restored, task_of
from pkvae_core.inference.estimates import Estimates, Structure, published_form
from pkvae_core.inference.mode import find_mode
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.residual_error import ResidualError

CARD = load_card("vancomycin")
ERROR = ResidualError(0.1, 0.3)
SUBJECTS = 60


def typical(covariates):
    size = covariates["WT"] / 70
    return {"CL": 4.0 * size * (covariates["CRCL"] / 80) ** 0.6, "V1": 40.0 * size}


TRUTH = PublishedModel("truth", "vancomycin", "", "", "", "", ("WT", "CRCL"), typical, {"CL": 0.09, "V1": 0.04}, ERROR, ())
TIMES = (1.0, 4.0, 10.0, 20.0)


@pytest.fixture(scope="module")
def cohort() -> Population:
    """One bolus of 1 g each, four levels."""
    generator = torch.Generator().manual_seed(3)
    weight, clearance = 45 + 60 * torch.rand(SUBJECTS, generator=generator), 80 * torch.exp(0.4 * torch.randn(SUBJECTS, generator=generator)).clamp(0.3, 2.2)
    patients = [
        Patient(str(i), (Dose(0, 1000),), tuple(Sample(t, 1.0) for t in TIMES), (Covariate("WT", float(weight[i])), Covariate("CRCL", float(clearance[i]))))
        for i in range(SUBJECTS)
    ]
    population = Population.of(CARD, patients)
    normal = torch.randn(SUBJECTS, 1, 2, dtype=torch.float64, generator=generator)
    C = published_responses(TRUTH, CARD, population, normal).curves(population.doses, population.sample_time)[0][:, 0]
    return replace(population, level=(C + ERROR.sd(C) * torch.randn(C.shape, generator=generator)).clamp(min=0.05))


@pytest.fixture(scope="module")
def fit(cohort):
    with torch.no_grad():
        return fit_population(CARD, cohort, Structure(1))


def test_the_parameters_that_made_the_cohort_are_found_again(fit):
    """Within four standard errors: of a mean log-parameter sqrt(w2/n), of a standard deviation w/sqrt(2n), plus what the levels' error adds."""
    found = fit.model.typical({"WT": torch.tensor([70.0]), "CRCL": torch.tensor([80.0])})
    assert math.log(float(found["CL"]) / 4.0) == pytest.approx(0, abs=4 * 0.3 / math.sqrt(SUBJECTS))
    assert math.log(float(found["V1"]) / 40.0) == pytest.approx(0, abs=4 * 0.2 / math.sqrt(SUBJECTS))
    assert math.sqrt(fit.model.variance["CL"]) == pytest.approx(0.3, abs=4 * 0.3 / math.sqrt(2 * SUBJECTS))
    assert math.sqrt(fit.model.variance["V1"]) == pytest.approx(0.2, abs=4 * 0.22 / math.sqrt(2 * SUBJECTS))
    assert fit.model.error.proportional == pytest.approx(0.1, abs=0.04) and fit.model.error.additive_mg_per_L < 1


def test_effects_of_covariates_are_found_again(fit):
    half = (
        fit.model.typical({"WT": torch.tensor([70.0]), "CRCL": torch.tensor([40.0])})["CL"]
        / fit.model.typical({"WT": torch.tensor([70.0]), "CRCL": torch.tensor([80.0])})["CL"]
    )
    assert math.log(float(half)) / math.log(0.5) == pytest.approx(0.6, abs=4 * 0.3 / (0.4 * math.sqrt(SUBJECTS)))


def test_the_fitted_model_is_one_that_map_can_use(fit, cohort):
    mode = find_mode(fit.model, CARD, cohort)
    assert bool(mode.is_converged.double().mean() > 0.95) and mode.normal.shape == (SUBJECTS, 2)
    assert mode.normal.mean(0).abs().max() < 4 / math.sqrt(SUBJECTS)  # etas are centred


def test_fitting_raises_the_likelihood(fit, cohort):
    with torch.no_grad():
        start = fit_population(CARD, cohort, Structure(1), rounds=1)
    assert fit.is_settled and fit.log_likelihood > start.log_likelihood


def test_a_larger_structure_is_never_less_likely_than_one_that_it_contains(cohort):
    """The cohort truly is one compartment: there is nothing to be found beyond, and the larger fit is the smaller one at worst."""
    one, two = fit_nested(CARD, cohort, (Structure(1), Structure(2)), rounds=5)
    assert two.log_likelihood >= one.log_likelihood
    assert two.log_likelihood - one.log_likelihood < 8  # two coefficients, two slopes of weight at most and two variances: chi2(6)/2 exceeds 8 in 1 of 50


def test_a_parameter_that_does_not_vary_between_patients_is_found_from_afar(cohort):
    """Where an EM step would vanish with the variance: everybody's volume is the same 40 L per 70 kg, and the climb begins at 20 L without variability."""
    flat = replace(TRUTH, variance={"CL": 0.09, "V1": 1e-4})
    normal = torch.randn(SUBJECTS, 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    C = published_responses(flat, CARD, cohort, normal).curves(cohort.doses, cohort.sample_time)[0][:, 0]
    noise = torch.randn(C.shape, generator=torch.Generator().manual_seed(5))
    task = task_of(CARD, replace(cohort, level=(C + ERROR.sd(C) * noise).clamp(min=0.05)), Structure(1), seed=0)
    start = Estimates({"CL": torch.tensor([1.4, 1.0, 0.5]).double(), "V1": torch.tensor([3.0, 1.0]).double()}, {"CL": 0.1, "V1": 1e-4}, ERROR)
    with torch.no_grad():
        found = task.climbed(start, 72, rounds=8)
    assert math.exp(found.estimates["beta"]["V1"][0]) == pytest.approx(40, rel=0.08) and found.estimates["variance"]["V1"] < 0.02


def test_the_limit_of_a_larger_structure_is_the_smaller_one(fit, cohort):
    one, two = Structure(1), Structure(2)
    small = Estimates.of(fit.estimates)
    large = Estimates(
        {"CL": small.beta["CL"], "V1": small.beta["V1"], "Q": torch.zeros(1).double(), "V2": torch.zeros(2).double()},
        {name: 0.1 for name in ("CL", "V1", "Q", "V2")},
        ERROR,
    ).limit_of(small)
    curves = [
        published_responses(model, CARD, cohort, torch.zeros(SUBJECTS, 1, size)).curves(cohort.doses, cohort.sample_time)[0]
        for model, size in ((published_form(CARD, one, small, ("WT", "CRCL")), 2), (published_form(CARD, two, large, ("WT", "CRCL")), 4))
    ]
    assert torch.allclose(*curves, rtol=1e-2)


def test_a_fit_comes_back_from_its_plain_values(fit, cohort):
    again = restored(CARD, Structure(1), fit.estimates)
    normal = torch.ones(SUBJECTS, 1, 2)
    before, after = (published_responses(model, CARD, cohort, normal).curves(cohort.doses, cohort.sample_time)[0] for model in (fit.model, again))
    assert torch.allclose(before, after)


def test_the_estimates_are_as_uncertain_as_their_number_of_patients_leaves_them(fit, cohort):
    """Of a mean log-parameter at least sd / sqrt(n), of its logarithmic sd at least 1 / sqrt(2 n), and not much more with four precise levels each."""
    with torch.no_grad():
        root = task_of(CARD, cohort, Structure(1), seed=0).root(Estimates.of(fit.estimates))
    sd = (root @ root.T).diagonal().sqrt()
    log_sd = sd[5]  # after three coefficients of CL and two of V1
    assert 0.7 / math.sqrt(2 * SUBJECTS) < float(log_sd) < 2 / math.sqrt(2 * SUBJECTS)
    assert float(sd[0]) > 0.7 * math.sqrt(fit.model.variance["CL"] / SUBJECTS)


def test_a_shifted_population_is_one_with_shifted_estimates(fit, cohort):
    small = Estimates.of(fit.estimates)
    shift = torch.tensor([0.1, 0.2, -0.1, 0.3, 0.1, 0.2, -0.3, 0.4, -0.2]).double()
    there = small.numbers_at((torch.tensor(small.vector()) + shift).numpy())
    covariates = {c.name: cohort.covariates[:, i] for i, c in enumerate(CARD.covariates)}
    normal = torch.randn(SUBJECTS, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    moved, error = small.as_shifted(shift.expand(SUBJECTS, -1), covariates, ("WT", "CRCL"), normal)
    curves = [
        published_responses(published_form(CARD, Structure(1), each, ("WT", "CRCL")), CARD, cohort, u[:, None]).curves(cohort.doses, cohort.sample_time)[0]
        for each, u in ((small, moved), (there, normal))
    ]
    assert torch.allclose(*curves, rtol=1e-4)
    assert float(torch.as_tensor(error.proportional)[0]) == pytest.approx(there.error.proportional)


def test_a_patient_without_a_needed_covariate_is_named(cohort):
    unknown = replace(cohort, covariates=torch.full_like(cohort.covariates, math.nan))
    with pytest.raises(ValueError, match="needs WT and CRCL of every patient"):
        fit_population(CARD, unknown, Structure(1))


def test_the_opponent_has_another_structure():
    assert opponent_of(load_card("theophylline"), patients=10, rounds=1).population.startswith("one compartment, absorbed at once")
    assert opponent_of(load_card("tobramycin"), patients=10, rounds=1).population.startswith("one compartment, fitted")
    assert opponent_of(load_card("mycophenolate"), patients=10, rounds=1).population.startswith("two compartments, fitted")


def test_a_drug_without_weight_or_clearance_can_be_fitted_too():
    """Tacrolimus scales by neither: every subject has the same typical values."""
    card = load_card("tacrolimus")
    population = simulate(card, 20, torch.Generator().manual_seed(3), changing=0.0).population
    with torch.no_grad():
        fit = fit_population(card, population, Structure(1), rounds=1)
    assert fit.model.covariates == () and math.isfinite(fit.log_likelihood)


@pytest.mark.parametrize("drug", ["two_sites", "power_law"])
def test_a_drug_that_is_beyond_compartments_gets_a_compartment_fit_too(drug):
    card = load_card(drug)
    population = simulate(card, 8, torch.Generator().manual_seed(1), changing=0).population
    for structure in (Structure(1), Structure(2, has_lag=True)):
        with torch.no_grad():
            found = fit_population(card, population, structure, rounds=1)
        assert math.isfinite(found.log_likelihood) and set(found.model.variance) == set(structure.parameters(card))
