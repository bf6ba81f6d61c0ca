"""Which etas are likeliest for each patient under one published model, and how sharply: the mode of MAP-Bayes and its Laplace covariance.

In the space of standard normals u (eta = L u, omega = L L^T) the log-posterior is
    height(u) = sum_j trust_j log p(y_j | C_j(u)) - |u|^2 / 2 + const,
climbed by damped Gauss-Newton steps (Levenberg 1944, Marquardt 1963) for a whole batch of patients at once. The curvature is the expected information,
    I + J^T W J,   J = dC/du,   W = 1/v + (v'/v)^2 / 2,   v = a^2 + (b C)^2   (combined error; the second term is what the sd itself tells),
the one of FOCE with interaction (Lindstrom & Bates 1990). Doses and covariates may do what they like: J comes from central differences.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, published_responses, rows
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.importance import log_likelihood_of
from pkvae_core.residual_error import ResidualError

STEPS = 40
DIFFERENCE = 1e-2  # standard deviations: small for the curve's bends, large for single precision
GAIN_LEFT = 1e-5  # nats that the last step may still promise: 0.004 standard deviations off, just above the noise of single precision
ARRIVED = 1e-2  # nats within which a patient who got stuck in that noise counts as having arrived
LONGEST_STEP = 3.0  # standard deviations: further away a parabola says nothing, and bodies are such as nobody has
FIRST_DAMPING, LARGEST_DAMPING = 1e-3, 1e6


@dataclass(frozen=True)
class Mode:
    """The mode [subject eta] of each patient's standard normals, the Cholesky factor of the Laplace covariance there, and log p(levels, u) at the mode."""

    normal: Float[Tensor, "subject eta"]
    scale: Float[Tensor, "subject eta eta"]
    height: Float[Tensor, " subject"]
    is_converged: Bool[Tensor, " subject"]

    @property
    def log_evidence(self) -> Float[Tensor, " subject"]:
        """Laplace's approximation of log p(levels)."""
        size = self.normal.shape[1]
        return self.height + 0.5 * size * math.log(2 * math.pi) + self.scale.diagonal(dim1=-2, dim2=-1).log().sum(-1)


@dataclass(frozen=True)
class _Place:
    """What the log-posterior looks like around one point of each patient."""

    normal: Float[Tensor, "subject eta"]
    height: Float[Tensor, " subject"]
    slope: Float[Tensor, "subject eta"]
    curvature: Float[Tensor, "subject eta eta"]


def log_prior(normal: Float[Tensor, "*batch eta"]) -> Float[Tensor, "*batch"]:
    """Log-density of standard normals."""
    return -0.5 * normal.square().sum(-1) - 0.5 * normal.shape[-1] * math.log(2 * math.pi)


def _counts(population: Population) -> Float[Tensor, "subject sample"]:
    return population.trust.double() * population.is_sample


def score_and_information(
    concentration: Float[Tensor, "subject sample"],
    observed: Float[Tensor, "subject sample"],
    is_below_lloq: Bool[Tensor, "subject sample"],
    error: ResidualError,
) -> tuple[Float[Tensor, "subject sample"], Float[Tensor, "subject sample"]]:
    """Slope of each level's log-likelihood in the true concentration, and its information (expected; of a level below its limit that of M3)."""
    sd = error.sd(concentration)
    deviation = (observed - concentration) / sd
    sd_slope = error.proportional**2 * concentration / sd  # d sd / d C
    score = deviation / sd + sd_slope / sd * (deviation.square() - 1)
    information = 1 / sd.square() + 2 * (sd_slope / sd).square()
    hazard = torch.exp(-0.5 * deviation.square() - 0.5 * math.log(2 * math.pi) - torch.special.log_ndtr(deviation))
    deviation_slope = -(1 + deviation * sd_slope) / sd
    below = hazard * deviation_slope, (hazard * (hazard + deviation)).clamp(min=0) * deviation_slope.square()
    return torch.where(is_below_lloq, below[0], score), torch.where(is_below_lloq, below[1], information)


def _look(model: PublishedModel, card: DrugCard, population: Population, normal: Float[Tensor, "subject eta"]) -> _Place:
    """Height, slope and curvature at `normal`: one evaluation of 1 + 2 x eta neighbours."""
    size = normal.shape[1]
    nudge = DIFFERENCE * torch.eye(size, dtype=torch.float64)
    neighbours = normal[:, None] + torch.cat([torch.zeros_like(nudge[:1]), nudge, -nudge])
    concentration = published_responses(model, card, population, neighbours).curves(population.doses, population.sample_time)[0].double()
    jacobian = (concentration[:, 1 : size + 1] - concentration[:, size + 1 :]) / (2 * DIFFERENCE)  # subject eta sample
    here, counts = concentration[:, 0], _counts(population)
    score, information = score_and_information(here, population.level.double(), population.is_below_lloq, model.error)
    score, information = torch.where(counts > 0, score, 0), torch.where(counts > 0, information, 0)
    slope = (jacobian * (counts * score)[:, None]).sum(-1) - normal
    curvature = torch.eye(size, dtype=torch.float64) + (jacobian * (counts * information)[:, None]) @ jacobian.transpose(1, 2)
    return _Place(normal, log_likelihood_of(population, here[:, None], model.error)[:, 0] + log_prior(normal), slope, curvature)


def find_mode(model: PublishedModel, card: DrugCard, population: Population) -> Mode:
    """The mode of each patient by damped Gauss-Newton from the typical patient on; patients who have arrived are left alone."""
    place = _look(model, card, population, torch.zeros(len(population.covariates), model.normals(population.occasions.shape[1]), dtype=torch.float64))
    if not bool(_is_finite(place).all()):
        raise ValueError(f"{model.name or 'this model'} of {card.name} gives no finite levels for its typical patient; its estimates are out of all bounds.")
    damping = torch.full_like(place.height, FIRST_DAMPING)
    is_converged = torch.zeros(len(place.height), dtype=torch.bool)
    for _ in range(STEPS):
        on_the_way = (~is_converged & (damping < LARGEST_DAMPING)).nonzero()[:, 0]
        here = rows(place, on_the_way)
        step = _within(_step(here, damping[on_the_way]))
        promised = _promised(here)
        is_converged[on_the_way] = promised < GAIN_LEFT
        moving = promised >= GAIN_LEFT
        if not bool(moving.any()):
            break
        on_the_way, here, step = on_the_way[moving], rows(here, moving), step[moving]
        there = _look(model, card, rows(population, on_the_way), here.normal + step)
        gain = torch.where(_is_finite(there), there.height - here.height, -torch.inf)
        kept = gain / ((step * here.slope).sum(-1) - 0.5 * (step * (here.curvature @ step[..., None])[..., 0]).sum(-1))  # of what the parabola promised
        place = _moved(place, rows(there, gain > 0), on_the_way[gain > 0])
        damping[on_the_way] *= torch.where(kept > 0.75, 0.1, torch.where(kept > 0.25, 1.0, 5.0))
    return Mode(place.normal, inverse_root(place.curvature), place.height, _promised(place) < ARRIVED)


def _is_finite(place: _Place) -> Bool[Tensor, " subject"]:
    """Whether everything there is a number: where it is not, no further step could be told."""
    return place.height.isfinite() & place.slope.isfinite().all(-1) & place.curvature.isfinite().all(-1).all(-1)


def _promised(place: _Place) -> Float[Tensor, " subject"]:
    """What the parabola says is still to be gained (nats): half the Newton decrement."""
    return 0.5 * (_step(place, torch.zeros_like(place.height)) * place.slope).sum(-1)


def _step(here: _Place, damping: Float[Tensor, " subject"]) -> Float[Tensor, "subject eta"]:
    damped = here.curvature + torch.diag_embed(here.curvature.diagonal(dim1=-2, dim2=-1) * damping[:, None])
    return torch.linalg.solve(damped, here.slope)


def _within(step: Float[Tensor, "subject eta"]) -> Float[Tensor, "subject eta"]:
    return step * (LONGEST_STEP / step.norm(dim=1, keepdim=True).clamp(min=LONGEST_STEP))


def _moved(place: _Place, there: _Place, index: Tensor) -> _Place:
    return _Place(*(getattr(place, name).index_copy(0, index, getattr(there, name)) for name in ("normal", "height", "slope", "curvature")))


def inverse_root(curvature: Float[Tensor, "*subject eta eta"]) -> Float[Tensor, "*subject eta eta"]:
    """Lower-triangular L with L L^T the inverse of the curvature, which is at least the prior's (the identity).

    With the axes in reverse order the curvature is M M^T; M in the first order again is upper-triangular, and L the transpose of its inverse: one Cholesky
    factor only, so that levels known to a millionth and etas that they do not move at all are as good as any.
    """
    upper = torch.linalg.cholesky(curvature.flip(-1, -2)).flip(-1, -2)
    return torch.linalg.solve_triangular(upper, torch.eye(curvature.shape[-1], dtype=curvature.dtype), upper=True).transpose(-1, -2)
