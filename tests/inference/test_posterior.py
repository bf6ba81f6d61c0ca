"""What a posterior must do on a shipped model, and the exact posterior that judges it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.drugs.card import CARDS, available_drugs, load_card
from pkvae_core.drugs.population import Population, rows, simulate
from pkvae_core.inference.importance import draw, importance_sample, log_density
from pkvae_core.inference.ladder import climb, is_trusted
from pkvae_core.inference.laplace import laplace_sample
from pkvae_core.inference.posterior import cumulative_auc, curves, individualise, individualise_all, parameters, predict
from pkvae_core.inference.reference import exact_posterior
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.vae.checkpoint import load_model

COVARIATES = {"AGE": 64.0, "SEX": 0.0, "WT": 72.0, "HT": 165.0, "SCR": 1.3}
PATIENT = Patient(
    "a",
    tuple(Dose(12 * i, 1000, 1) for i in range(4)),
    (Sample(13.5, 32.0), Sample(23.5, 15.0), Sample(47.0, 18.0)),
    tuple(Covariate(k, v) for k, v in COVARIATES.items()),
)


@pytest.fixture(scope="module")
def model():
    return load_model("vancomycin")


@pytest.fixture(scope="module")
def posterior(model):
    return individualise(model, PATIENT)


@pytest.mark.parametrize("drug", [drug for drug in available_drugs() if (CARDS / drug / "model.safetensors").exists()])
def test_every_shipped_drug_answers_its_typical_patient(drug):
    card = load_card(drug)
    regimen = card.typical_regimen
    doses = tuple(Dose(regimen.interval_h * i, regimen.amount_mg, regimen.infusion_h, regimen.product) for i in range(3))
    found = individualise(load_model(drug), Patient("typical", doses, (), tuple(Covariate(k, v) for k, v in card.typical_patient.items())))
    assert found.diagnostics.rung == "prior"
    assert np.isfinite(predict(found, doses, np.linspace(0, 48, 20)).median).all()


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(model, posterior):
    assert torch.equal(individualise(model, PATIENT).z, posterior.z)
    assert not torch.equal(individualise(model, PATIENT, seed=1).z, posterior.z)


def test_the_order_of_levels_changes_nothing(model, posterior):
    shuffled = replace(PATIENT, samples=PATIENT.samples[::-1], doses=PATIENT.doses[::-1])
    assert torch.equal(individualise(model, shuffled).weight, posterior.weight)


def test_with_no_samples_the_posterior_is_the_prior(model, posterior):
    bare = individualise(model, replace(PATIENT, samples=()))
    assert bare.diagnostics.rung == "prior" and bare.diagnostics.k_hat is None
    assert torch.equal(bare.z, posterior.prior().z)
    assert torch.allclose(bare.weight, torch.full_like(bare.weight, 1 / len(bare.weight)))


def test_without_levels_doses_teach_nothing(model):
    one, two = (individualise(model, replace(PATIENT, samples=(), doses=d)) for d in ((), PATIENT.doses))
    assert torch.equal(one.z, two.z)


def test_more_levels_narrow_the_posterior(model):
    widths = []
    for levels in (0, 1, 3):
        clearance = parameters(individualise(model, replace(PATIENT, samples=PATIENT.samples[:levels])).resampled(500))["CL"]
        widths.append(np.log(clearance).std())
    assert widths[0] > widths[1] > widths[2]


def test_a_higher_trough_means_a_lower_clearance(model):
    def clearance(trough: float) -> float:
        return float(np.median(parameters(individualise(model, replace(PATIENT, samples=(Sample(23.5, trough),))).resampled(500))["CL"]))

    assert clearance(8.0) > clearance(16.0) > clearance(30.0)


def test_a_level_below_its_limit_lowers_the_prediction(model):
    measured, below = (
        predict(individualise(model, replace(PATIENT, samples=(s,))), PATIENT.doses, [23.5]).median for s in (Sample(23.5, 12.0), Sample(23.5, None, 3.0))
    )
    assert below < measured


def test_resampling_keeps_the_belief(posterior):
    at = np.array([20.0, 40.0])
    before, after = predict(posterior, PATIENT.doses, at), predict(posterior.resampled(4000), PATIENT.doses, at)
    np.testing.assert_allclose(before.median, after.median, rtol=0.01)
    np.testing.assert_allclose(before.interval(0.9)[1], after.interval(0.9)[1], rtol=0.02)


def test_the_area_is_the_integral_of_the_curve(posterior):
    time = np.linspace(0, 48, 40_001)
    concentration, area = curves(posterior.resampled(5), PATIENT.doses, time)
    np.testing.assert_allclose(np.trapezoid(concentration, time, axis=1), area[:, -1], rtol=1e-3)


def test_steady_state_area_is_dose_over_clearance(posterior):
    doses = [Dose(12 * i, 1000, 1) for i in range(600)]
    area = cumulative_auc(posterior, doses, [599 * 12.0, 600 * 12.0])
    settled = np.diff(area, axis=1)[:, 0] * parameters(posterior)["CL"] / 1000
    assert np.median(settled) == pytest.approx(1, rel=0.01)


FALLEN = replace(PATIENT, covariates=(*PATIENT.covariates, Covariate("SCR", 2.6, time_h=40.0)))


def test_when_renal_function_falls_clearance_falls_and_the_past_stays(model, posterior):
    """Creatinine doubles between two doses: less is cleared from then on, and what the earlier levels said of the time before hardly moves."""
    fallen = individualise(model, FALLEN)
    medians = [np.median(parameters(p.resampled(500))["CL"]) for p in (posterior, fallen)]
    assert medians[1] < 0.85 * medians[0]
    early, early_fallen = (predict(p.resampled(500), PATIENT.doses, [13.5, 23.5]).median for p in (posterior, fallen))
    np.testing.assert_allclose(early_fallen, early, rtol=0.15)
    late = [np.median(np.diff(cumulative_auc(p.resampled(500), PATIENT.doses, [48.0, 72.0]))) for p in (posterior, fallen)]
    assert late[1] > 1.1 * late[0]


def test_a_value_known_only_later_holds_before_it_too(model):
    early, late = (individualise(model, replace(PATIENT, covariates=(*PATIENT.covariates[:-1], Covariate("SCR", 1.3, time_h=t)))) for t in (-1.0, 30.0))
    assert torch.equal(early.weight, late.weight)


def test_the_posterior_that_knows_of_the_fall_is_close_to_the_exact_one(model):
    """Whose renal function halves mid-course: median AUC of the day after agrees within a third of the exact posterior's width."""
    population = rows(simulate(model.card, 400, torch.Generator().manual_seed(5), samples=3, changing=1.0).population, slice(0, 200))
    did = (population.history.until[:, 1] > 12).nonzero()[:8, 0]
    differences = []
    for i in did:
        one = rows(population, i[None])
        time = one.history.until[:, 1:] + torch.tensor([[0.0, 24.0]])
        exact = exact_posterior(model.card, one, draws=4000)
        with torch.no_grad():
            drawn, _ = climb(model, one, draws=1000, generator=torch.Generator().manual_seed(0))
            ours, theirs = (r.curves(one.doses, time)[1].double().diff(dim=-1)[0, :, 0].log() for r in (model.responses(drawn.z, one), exact.responses))
        mean = float(exact.weight @ theirs)
        sd = float((exact.weight @ (theirs - mean) ** 2).sqrt())
        differences.append((float(drawn.log_weight[0].double().exp() @ ours) - mean) / sd)
    assert np.abs(differences).mean() < 1 / 3


def test_probabilities_of_the_published_models_sum_to_one(posterior):
    assert sum(posterior.model_probability.values()) == pytest.approx(1)
    assert set(posterior.model_probability) == {m.name for m in posterior.card.published_models}


def test_unknown_and_unusual_covariates_are_said(model):
    few = individualise(model, replace(PATIENT, covariates=(Covariate("WT", 170.0),)))
    assert any("Serum creatinine is unknown" in c for c in few.cautions)
    assert any("170 kg" in c for c in few.cautions)


def test_a_draws_density_is_that_of_its_mixture(model):
    mixture = model.prior(Population.of(model.card, [PATIENT]).covariates)
    z = draw(mixture, 50, torch.Generator().manual_seed(0))
    torch.testing.assert_close(log_density(mixture, z)[0], mixture.log_prob(z[0][:, None])[:, 0], rtol=1e-4, atol=1e-3)


def test_one_patient_and_a_batch_agree(model):
    virtual = simulate(model.card, 6, torch.Generator().manual_seed(3), samples=2)
    together, _ = climb(model, virtual.population, draws=400, generator=torch.Generator().manual_seed(0))
    for i in range(6):
        alone, _ = climb(model, rows(virtual.population, torch.tensor([i])), draws=400, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(alone.log_weight[0], together.log_weight[i], rtol=1e-2, atol=2e-2)


def test_those_who_climb_draw_the_same_whoever_climbed_before_them(model):
    """Levels far from what is expected leave the first rung; the second patient climbs as he would alone."""
    odd = [replace(PATIENT, id=str(high), samples=(Sample(13.5, high), Sample(23.5, 2.0), Sample(47.0, high))) for high in (150.0, 180.0)]
    together, alone = individualise_all(model, odd, draws=200)[1], individualise(model, odd[1], draws=200)
    assert together.diagnostics.rung == alone.diagnostics.rung != "weighted"
    torch.testing.assert_close(together.z, alone.z, rtol=1e-3, atol=1e-3)


def test_the_laplace_rung_finds_the_same_posterior(model):
    """Both proposals aim at one target: where both are trusted, their clearances agree."""
    population = Population.of(model.card, [individualise(model, PATIENT).patient])
    with torch.no_grad():
        encoder = importance_sample(model, population, draws=4000, generator=torch.Generator().manual_seed(0))
        laplace = laplace_sample(model, population, encoder.z[0, encoder.log_weight[0].argmax()], draws=8000, generator=torch.Generator().manual_seed(1))
    assert bool(is_trusted(encoder)) and float(laplace.effective) > 100
    medians = [float((w.log_weight[0].exp() @ (1 / model.decoder(w.z).auc()[0, :, 0].double())).log()) for w in (encoder, laplace)]
    assert medians[0] == pytest.approx(medians[1], abs=0.04)


def test_impossible_levels_end_on_the_failed_rung_or_are_far_from_the_prior(model):
    """A level of 900 mg/L after 1 g cannot be explained; the ladder must not claim to trust it."""
    found = individualise(model, replace(PATIENT, samples=(Sample(13.5, 2.0), Sample(14.0, 900.0), Sample(23.0, 1.0))))
    assert found.diagnostics.rung != "weighted"
    if found.diagnostics.rung == "failed":
        assert any("cannot be trusted" in c for c in found.cautions)


def test_the_exact_posterior_with_no_levels_is_the_prior():
    card = load_card("vancomycin")
    virtual = simulate(card, 1, torch.Generator().manual_seed(0), samples=0)
    exact = exact_posterior(card, virtual.population)
    assert exact.effective == pytest.approx(len(exact.weight)) and exact.is_reliable


def test_the_posterior_is_close_to_the_exact_one(model):
    """A small draw of the benchmark: medians of clearance agree within a fifth of the posterior's own width."""
    virtual = simulate(model.card, 12, torch.Generator().manual_seed(11), samples=2)
    with torch.no_grad():
        drawn, _ = climb(model, virtual.population, draws=1000, generator=torch.Generator().manual_seed(0))
        differences = []
        for i in range(12):
            exact = exact_posterior(model.card, rows(virtual.population, torch.tensor([i])), draws=4000)
            truth, ours = (-(p.auc()[0, :, 0].double()).log() for p in (exact.pulses, model.decoder(drawn.z[i : i + 1])))
            weight = drawn.log_weight[i].exp()
            mean = float(exact.weight @ truth)
            sd = float((exact.weight @ (truth - mean) ** 2).sqrt())
            differences.append((float(weight @ ours) - mean) / sd)
    assert np.abs(differences).mean() < 0.2


def test_the_exact_posterior_agrees_with_brute_force():
    """Where the prior is a poor proposal (precise levels), the adapted draws give what very many prior draws give."""
    card = load_card("theophylline")
    virtual = simulate(card, 1, torch.Generator().manual_seed(4), samples=3)
    adapted = exact_posterior(card, virtual.population, draws=4000)
    brute = exact_posterior(card, virtual.population, draws=400_000)
    assert adapted.is_reliable and brute.is_reliable
    means = [float(e.weight @ e.pulses.auc()[0, :, 1].double().log()) for e in (adapted, brute)]
    sd = float((brute.weight @ (brute.pulses.auc()[0, :, 1].double().log() - means[1]) ** 2).sqrt())
    assert abs(means[0] - means[1]) < 0.15 * sd


def test_a_clearance_beyond_the_card_is_said_not_to_be_used(model):
    found = individualise(model, replace(PATIENT, covariates=tuple(Covariate(k, v) for k, v in (COVARIATES | {"SCR": 0.15}).items())))
    assert found.patient.covariate("CRCL") is None
    assert any("Cockcroft-Gault lies outside" in c for c in found.cautions)
