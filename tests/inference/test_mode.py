"""The mode of MAP-Bayes and its curvature, against cases worked out by hand, by an independent optimiser, and by another program."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import norm

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population, published_responses, rows, simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.importance import log_likelihood_of
from pkvae_core.inference.mode import find_mode, inverse_root, score_and_information
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.residual_error import ResidualError, log_likelihood

CARD = load_card("vancomycin")
DOSE = Dose(0.0, 1000.0)
COVARIATES = (Covariate("WT", 70), Covariate("CRCL", 80))


def bolus(variance: dict[str, float], error: ResidualError, *, CL: float = 4.0, V1: float = 50.0, covariance: dict | None = None) -> PublishedModel:
    """One compartment, the same typical values for everybody."""
    same = {"CL": CL, "V1": V1}
    return PublishedModel(
        "bolus", "vancomycin", "", "", "", "", ("WT",), lambda c: {k: v * torch.ones_like(c["WT"]) for k, v in same.items()}, variance, error, (), covariance
    )


def population(*samples: Sample, doses: tuple[Dose, ...] = (DOSE,)) -> Population:
    return Population.of(CARD, [Patient("1", doses, samples, COVARIATES)])


def test_in_the_linear_gaussian_limit_the_mode_is_the_shrunken_mean():
    """Levels right after a bolus are D/V: ln y = ln(D/V) - eta + e, e of sd b, so eta is normal with mean n w2 d/(n w2 + b2), d the mean deviation."""
    b, w2, levels = 0.02, 0.04, (23.0, 23.6, 22.7)
    found = find_mode(bolus({"V1": w2}, ResidualError(b, 0.0)), CARD, population(*(Sample(1e-4, y) for y in levels)))
    deviation = math.log(1000 / 50) - np.log(levels).mean()
    shrunken = len(levels) * w2 * deviation / (len(levels) * w2 + b**2)
    variance = w2 * b**2 / (len(levels) * w2 + b**2)
    assert bool(found.is_converged)
    assert float(found.normal) * math.sqrt(w2) == pytest.approx(shrunken, abs=1.5 * b**2)  # what the error's own dependence on C may shift
    assert float(found.scale) ** 2 * w2 == pytest.approx(variance, rel=0.01)


def test_without_error_the_mode_goes_through_the_levels():
    """Two levels fix k = ln(C1/C2)/(t2 - t1) and V = D/C0 of a bolus."""
    k, V = math.log(15 / 6) / 10, 1000 / (15 * math.exp(2 * math.log(15 / 6) / 10))
    model = bolus({"CL": 0.2, "V1": 0.1}, ResidualError(1e-3, 0.0))
    found = find_mode(model, CARD, population(Sample(2, 15.0), Sample(12, 6.0)))
    parameters = model.at({"WT": torch.tensor([70.0])}, found.normal[:, None])
    assert float(parameters["V1"]) == pytest.approx(V, rel=1e-3) and float(parameters["CL"]) == pytest.approx(k * V, rel=1e-3)


def test_without_levels_the_mode_is_the_typical_patient_and_the_curvature_the_priors():
    found = find_mode(bolus({"CL": 0.2, "V1": 0.1}, ResidualError(0.2, 1.0)), CARD, population())
    assert not found.normal.any() and torch.equal(found.scale[0], torch.eye(2).double())
    assert float(found.log_evidence) == pytest.approx(0, abs=1e-12)


def test_an_independent_optimiser_finds_the_same_mode_with_full_omega_and_a_level_below_the_limit():
    omega = np.array([[0.2, 0.05], [0.05, 0.1]])
    error = ResidualError(0.15, 0.8)
    times, levels = np.array([1.0, 8.0, 30.0]), np.array([14.0, 11.0, 2.0])  # the last one: below 2 mg/L

    def minus_height(eta: np.ndarray) -> float:
        CL, V = 4 * math.exp(eta[0]), 50 * math.exp(eta[1])
        C = 1000 / V * np.exp(-CL / V * times)
        sd = np.sqrt(0.8**2 + (0.15 * C) ** 2)
        fit = norm.logpdf(levels[:2], C[:2], sd[:2]).sum() + norm.logcdf((2.0 - C[2]) / sd[2])
        return -fit + 0.5 * eta @ np.linalg.solve(omega, eta)

    model = bolus({"CL": 0.2, "V1": 0.1}, error, covariance={("CL", "V1"): 0.05})
    found = find_mode(model, CARD, population(Sample(1, 14.0), Sample(8, 11.0), Sample(30, None, 2.0)))
    eta = np.linalg.cholesky(omega) @ found.normal[0].numpy()
    np.testing.assert_allclose(eta, minimize(minus_height, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10}).x, atol=1e-3)


@dataclass(frozen=True)
class _ByRates(PublishedModel):
    """The fictional tobramycin model of posologyr's tests: etas on ke and V, k12 and k21 fixed."""

    def at(self, covariates, normal):
        ke = 0.21 * (80 / 67.8) ** 0.89 * (65 / 66.4) ** -1.09 * torch.exp(math.sqrt(0.08075) * normal[..., 0])
        V = 19.8 * (65 / 66.4) ** 0.80 * torch.exp(math.sqrt(0.01203) * normal[..., 1])
        return {"CL": ke * V, "V1": V, "Q": 0.041 * V, "V2": 0.041 / 0.12 * V}


def test_another_program_finds_the_same_mode():
    """posologyr (C. Leven, github.com/levenc/posologyr, tests/testthat/test_doseoptim.R): ETA_ke -0.6828811, ETA_V -0.0663349."""
    model = _ByRates("posologyr", "tobramycin", "", "", "", "", ("WT",), lambda c: {}, {"ke": 0.08075, "V": 0.01203}, ResidualError(0.198, 0.0), ())
    found = find_mode(model, CARD, population(Sample(1.0, 25.0), Sample(14.0, 5.5), doses=(Dose(0, 500, 0.5),)))
    eta = found.normal[0].numpy() * np.sqrt([0.08075, 0.01203])
    np.testing.assert_allclose(eta, [-0.6828811, -0.0663349], atol=5e-4)


@pytest.mark.parametrize("is_below", [False, True])
@pytest.mark.parametrize("concentration", [0.5, 4.0, 30.0])
def test_the_score_is_the_derivative_of_the_log_likelihood(concentration, is_below):
    C = torch.tensor([[concentration]], dtype=torch.float64, requires_grad=True)
    observed, below, error = torch.tensor([[3.0]], dtype=torch.float64), torch.tensor([[is_below]]), ResidualError(0.2, 1.0)
    (slope,) = torch.autograd.grad(log_likelihood(C, observed, below, error).sum(), C)
    score, information = score_and_information(C.detach(), observed, below, error)
    assert float(score) == pytest.approx(float(slope), rel=1e-9) and float(information) > 0


def test_the_information_is_the_mean_square_of_the_score():
    """Fisher: E[score^2] = information, here by averaging over simulated levels."""
    error, C = ResidualError(0.2, 1.0), torch.full((1, 200_000), 8.0, dtype=torch.float64)
    observed = C + error.sd(C) * torch.randn(C.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    score, information = score_and_information(C, observed, torch.zeros_like(C, dtype=torch.bool), error)
    assert float(score.square().mean()) == pytest.approx(float(information[0, 0]), rel=0.02)


def test_two_levels_of_half_trust_count_as_one():
    model = bolus({"CL": 0.2, "V1": 0.1}, ResidualError(0.2, 1.0))
    halves = find_mode(model, CARD, population(Sample(4, 9.0, trust=0.5), Sample(4, 9.0, trust=0.5)))
    one = find_mode(model, CARD, population(Sample(4, 9.0)))
    assert torch.allclose(halves.normal, one.normal, atol=1e-4) and torch.allclose(halves.scale, one.scale, atol=1e-4)


def test_in_a_batch_everybody_gets_the_same_mode_as_alone():
    virtual = simulate(CARD, 6, torch.Generator().manual_seed(4), samples=3).population
    model = MODELS["thomson2009"]
    together = find_mode(model, CARD, virtual)
    for i in range(6):
        alone = find_mode(model, CARD, rows(virtual, torch.tensor([i])))
        assert torch.allclose(alone.normal[0], together.normal[i], atol=1e-2)  # both stop within the noise of single precision


def test_no_neighbour_of_the_mode_is_higher():
    virtual = simulate(CARD, 40, torch.Generator().manual_seed(5), samples=4).population
    model = MODELS["colin2019"]
    found = find_mode(model, CARD, virtual)
    directions = torch.randn(50, len(model.variance), dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    near = found.normal[:, None] + 0.3 * directions / directions.norm(dim=1, keepdim=True)
    concentration = published_responses(model, CARD, virtual, near).curves(virtual.doses, virtual.sample_time)[0]
    heights = log_likelihood_of(virtual, concentration, model.error) - 0.5 * near.square().sum(-1) - 0.5 * 3 * math.log(2 * math.pi)
    assert (heights < found.height[:, None]).all()


def test_levels_that_are_left_out_do_not_count():
    model, levels = bolus({"CL": 0.2, "V1": 0.1}, ResidualError(0.2, 1.0)), (Sample(2, 15.0), Sample(8, 40.0))
    without = find_mode(model, CARD, population(levels[0], replace(levels[1], trust=0.0)))
    assert torch.equal(without.normal, find_mode(model, CARD, population(levels[0])).normal)


def test_the_root_of_the_covariance_is_lower_triangular_and_stands_the_stiffest_curvature():
    """Levels known to a millionth beside an eta that they do not move: the curvature's axes differ by fourteen orders of magnitude."""
    stiff = torch.eye(3, dtype=torch.float64)
    stiff[:2, :2] += 1e14 * torch.tensor([[1.0, 0.5], [0.5, 0.3]])
    random = torch.randn(4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for curvature in (stiff[None], torch.eye(3) + random @ random.transpose(1, 2)):
        root = inverse_root(curvature)
        assert torch.equal(root, root.tril())
        assert torch.allclose(root.transpose(1, 2) @ curvature @ root, torch.eye(3, dtype=torch.float64).expand_as(curvature), atol=1e-6)


def test_a_model_without_finite_levels_is_refused_in_words():
    with pytest.raises(ValueError, match="gives no finite levels for its typical patient"):
        find_mode(bolus({"CL": 0.1}, ResidualError(0.1, 0.1), V1=math.nan), CARD, population(Sample(1.0, 10.0)))
