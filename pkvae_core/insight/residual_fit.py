"""What does the textbook model miss in this patient? Etas and correction together, from the levels, around the textbook's own answer.

Both are standard normals a priori: u makes the etas, v the correction's weights. Gauss-Newton steps from u at the textbook's mode and v = 0 climb
    sum_j log p(y_j | C_j) - |u|^2/2 - |v|^2/2
with the score and information of each level (as `inference.mode`); the covariance is the inverse of the curvature there. Where the correction is untrained,
nothing moves: the first step is 0, because u is at its mode and C does not depend on v.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import Population, published_responses
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.importance import log_likelihood_of
from pkvae_core.inference.mode import DIFFERENCE, find_mode, inverse_root, score_and_information
from pkvae_core.insight.residual_model import Correction, since_last_dose
from pkvae_core.patient import Patient

STEPS, HALVINGS, DRAWS, SHOWN = 6, 4, 400, 120
Normals = Float[Tensor, "subject normal"]


@dataclass(frozen=True)
class ResidualModel:
    """A textbook model of a drug, and the correction learned for it."""

    card: DrugCard
    textbook: PublishedModel
    correction: Correction

    @property
    def size(self) -> int:
        """Standard normals of one patient: those of the etas, then those of the correction."""
        return len(self.textbook.variance) + len(self.correction.mean)

    def logs(self, population: Population, normal: Float[Tensor, "subject draw normal"], time: Float[Tensor, "subject time"]) -> tuple[Tensor, Tensor]:
        """Textbook concentration (mg/L) and logarithm of the correction [subject draw time] of patients with these normals."""
        etas = len(self.textbook.variance)
        curve = published_responses(self.textbook, self.card, population, normal[..., :etas]).curves(population.doses, time)[0].double()
        return curve, self.correction.log_factor(normal[..., etas:], since_last_dose(population.doses, time))

    def curves(self, population: Population, normal: Float[Tensor, "subject draw normal"], time: Float[Tensor, "subject time"]) -> Tensor:
        """Corrected concentration, mg/L."""
        curve, log_correction = self.logs(population, normal, time)
        return curve * log_correction.exp()


@torch.no_grad()
def residual_mode(model: ResidualModel, population: Population) -> tuple[Normals, Float[Tensor, "subject normal normal"]]:
    """The mode of each patient's normals, and the root of the covariance there. Where a step does not climb, it is halved, and left out in the end."""
    textbook = find_mode(model.textbook, model.card, population)
    place = torch.cat([textbook.normal, torch.zeros(len(textbook.normal), len(model.correction.mean), dtype=torch.float64)], 1)
    for _ in range(STEPS):
        slope, curvature = _look(model, population, place)
        step = torch.linalg.solve(curvature, slope)
        height = _height(model, population, place)
        for halving in range(HALVINGS):
            there = place + 0.5**halving * step
            place = torch.where((_height(model, population, there) > height)[:, None], there, place)
            step = torch.where((place == there).all(1)[:, None], 0, step)
            if not bool(step.any()):
                break
    curvature = _look(model, population, place)[1]
    return place, inverse_root(curvature)


def _height(model: ResidualModel, population: Population, place: Normals) -> Float[Tensor, " subject"]:
    curves = model.curves(population, place[:, None], population.sample_time)
    return log_likelihood_of(population, curves, model.textbook.error)[:, 0] - 0.5 * place.square().sum(1)


def _look(model: ResidualModel, population: Population, place: Normals) -> tuple[Normals, Float[Tensor, "subject normal normal"]]:
    """Slope and curvature of the log-posterior, by central differences in every normal."""
    nudge = DIFFERENCE * torch.eye(model.size, dtype=torch.float64)
    curves = model.curves(population, place[:, None] + torch.cat([torch.zeros_like(nudge[:1]), nudge, -nudge]), population.sample_time)
    jacobian = (curves[:, 1 : model.size + 1] - curves[:, model.size + 1 :]) / (2 * DIFFERENCE)
    score, information = score_and_information(curves[:, 0], population.level.double(), population.is_below_lloq, model.textbook.error)
    counts = population.trust.double() * population.is_sample
    score, information = torch.where(counts > 0, counts * score, 0), torch.where(counts > 0, counts * information, 0)
    slope = (jacobian * score[:, None]).sum(-1) - place
    return slope, torch.eye(model.size, dtype=torch.float64) + (jacobian * information[:, None]) @ jacobian.transpose(1, 2)


@dataclass(frozen=True)
class ResidualFit:
    """One patient's textbook curve and the corrected one (mg/L), and the correction (a factor) by the hours since the last dose, after the levels and before
    any. Bands have rows 5 %, 50 %, 95 %."""

    time_h: Float[np.ndarray, " time"]
    textbook: Float[np.ndarray, " time"]
    corrected: Float[np.ndarray, "edge time"]
    since_h: Float[np.ndarray, " since"]
    correction: Float[np.ndarray, "edge since"]
    before: Float[np.ndarray, "edge since"]


@torch.no_grad()
def residual_fit(model: ResidualModel, patient: Patient, time_h: Float[np.ndarray, " time"], *, draws: int = DRAWS, seed: int = 0) -> ResidualFit:
    """Textbook, correction and their product. Raises ValueError where the textbook model needs a covariate that is unknown."""
    patient = complete(model.card, patient)
    if unknown := [name for name in model.textbook.covariates if patient.covariate(name) is None]:
        raise ValueError(f"the textbook model needs {' and '.join(unknown)} of patient {patient.id}. Add it.")
    population, time = Population.of(model.card, [patient]), torch.as_tensor(time_h, dtype=torch.float32)[None]
    centre, root = residual_mode(model, population)
    noise = torch.randn(draws, model.size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    normal = centre + noise @ root[0].T
    mode = find_mode(model.textbook, model.card, population).normal[:, None]
    plain = published_responses(model.textbook, model.card, population, mode).curves(population.doses, time)[0][0, 0]
    corrected = model.curves(population, normal[None], time)[0]
    since_h = torch.linspace(0, float(model.correction.knots_h[-1]), SHOWN, dtype=torch.float64)
    factors = (model.correction.factor(table[:, -len(model.correction.mean) :], since_h) for table in (normal, noise))
    return ResidualFit(np.asarray(time_h), plain.double().numpy(), _edges(corrected), since_h.numpy(), *(_edges(factor) for factor in factors))


def _edges(draws: Float[Tensor, "draw time"]) -> Float[np.ndarray, "edge time"]:
    return np.quantile(draws.numpy(), (0.05, 0.5, 0.95), axis=0)
