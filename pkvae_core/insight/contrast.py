"""By how much does the VAE come closer to a patient's levels than compartment models do, how sure is that, and would a simple patient look the same?

Each posterior draw of each model misses the levels by its normalised RMSE (%). The contrast is that of the better compartment model less that of the VAE, draw
by draw. A close fit is no evidence by itself: a flexible model comes closer to anybody's levels. So the same contrast is taken of patients who truly are one
compartment, with this patient's doses, covariates and sampling times.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import Population, published_responses, rows
from pkvae_core.inference.evidence import sample_etas
from pkvae_core.inference.importance import importance_sample
from pkvae_core.insight.hybrid import DRAWS, SEED_OFFSET, Rivals, one_compartment_twins
from pkvae_core.patient import Patient

TWINS = 60


@dataclass(frozen=True)
class Contrast:
    """Points (% of the mean level) by which the best compartment fit misses more than the VAE: posterior median and 90 % interval; and the medians of the
    one-compartment twins who have a measured level."""

    median: float
    low90: float
    high90: float
    twins: Float[np.ndarray, " twin"]

    @property
    def share(self) -> float:
        """How many of the twins show as large a contrast."""
        return float((self.twins >= self.median).mean())

    @property
    def sentence(self) -> str:
        low, high = np.quantile(self.twins, (0.05, 0.95))
        than, word = _points(self.median).split(" ")
        return (
            f"Draw by draw, the better of the two compartment curves misses the levels by {than} points {word} than the VAE's (median of the draws; 90 %: "
            f"{_points(self.low90)} to {_points(self.high90)}). The medians of {len(self.twins)} one-compartment patients dosed and sampled alike lie, 90 % of "
            f"them, between {_points(float(low))} and {_points(float(high))}; {100 * self.share:.0f} % show as much or more."
        )


def _points(difference: float) -> str:
    """1.9 less; 6.6 more."""
    return f"{abs(difference):.1f} {'less' if difference < 0 else 'more'}"


@torch.no_grad()
def contrast(rivals: Rivals, patient: Patient, *, twins: int = TWINS, seed: int = 0) -> Contrast:
    """Of this patient, who must have a measured level, and of as many twins. Raises ValueError otherwise."""
    population = Population.of(rivals.card, [complete(rivals.card, patient)])
    own = _contrasts(rivals, population, seed)[0]
    if not bool(own.isfinite().all()):
        raise ValueError(f"patient {patient.id} has no level above its limit; nothing can be contrasted. Add one.")
    same = rows(population, torch.zeros(twins, dtype=torch.long))
    others = _contrasts(rivals, one_compartment_twins(rivals, same, torch.Generator().manual_seed(SEED_OFFSET + 7 + seed)), seed).median(1).values
    low, middle, high = own.quantile(torch.tensor([0.05, 0.5, 0.95]).double()).tolist()
    return Contrast(middle, low, high, others[others.isfinite()].numpy())


def _contrasts(rivals: Rivals, population: Population, seed: int) -> Float[Tensor, "subject draw"]:
    """Best compartment model less VAE, draw by draw; NaN for a subject without a measured level."""
    errors = []
    for model in (rivals.one, rivals.two):
        found = sample_etas(model, rivals.card, population, draws=DRAWS, generator=torch.Generator().manual_seed(seed))
        curves = published_responses(model, rivals.card, population, found.normal).curves(population.doses, population.sample_time)[0]
        errors.append(_misses(population, curves, found.log_weight, seed + 1))
    drawn = importance_sample(rivals.model, population, draws=DRAWS, generator=torch.Generator().manual_seed(seed))
    learned = rivals.model.responses(drawn.z, population).curves(population.doses, population.sample_time)[0]
    return torch.minimum(*errors) - _misses(population, learned, drawn.log_weight, seed + 2)


def _misses(population: Population, curves: Float[Tensor, "subject draw sample"], log_weight: Float[Tensor, "subject draw"], seed: int) -> Tensor:
    """Normalised RMSE (%) of draws taken again by their weights."""
    is_measured = (population.is_sample & ~population.is_below_lloq)[:, None].double()
    count = is_measured.sum(-1)
    mean_square = ((curves.double() - population.level[:, None]) ** 2 * is_measured).sum(-1) / count
    error = 100 * mean_square.sqrt() * count / (population.level[:, None].double() * is_measured).sum(-1)
    again = torch.multinomial(log_weight.double().exp(), error.shape[1], replacement=True, generator=torch.Generator().manual_seed(seed))
    return error.gather(1, again)
