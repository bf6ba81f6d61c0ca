"""What does a textbook model miss in a drug's patients as a rule? A compartment model times a learned correction, which is 1 until something is learned.

    C(t) = C_textbook(t; eta) exp(sum_k w_k b_k(tau)),   tau: hours since the last dose,   w = m + L v,   v ~ Normal(0, I)
The b_k are straight lines between `knots_h` on a logarithmic clock. m and L L^T are learned from virtual patients (empirical Bayes): the textbook model is
fitted to each one's whole noise-free curve, and what is left of its logarithm, d = B w + e, is a linear mixed model, fitted by EM (Laird & Ware 1982).
With m = 0 and L = 0 (`Correction.untrained`) the model is the textbook's, exactly.
"""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, VirtualPatients, published_responses, simulate
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.mode import find_mode
from pkvae_core.structural.exponentials import Doses

KNOTS, CLOCK_H = 6, 0.25  # lines between knots even in ln(tau + CLOCK_H)
COHORT, POINTS, ROUNDS = 300, 40, 60
SEEN = 1e-2  # of a patient's highest concentration: below, a logarithm says nothing
OFFSET = 7_500_000_011


@dataclass(frozen=True)
class Correction:
    """Knots (h since the last dose), mean and root of the covariance of the weights, and the sd of what the lines cannot follow (of the logarithm)."""

    knots_h: Float[Tensor, " knot"]
    mean: Float[Tensor, " knot"]
    root: Float[Tensor, "knot knot"]
    left: float

    @classmethod
    def untrained(cls, knots_h: Float[Tensor, " knot"]) -> "Correction":
        """The correction that is 1 whatever the levels."""
        return cls(knots_h, torch.zeros(len(knots_h), dtype=torch.float64), torch.zeros(len(knots_h), len(knots_h), dtype=torch.float64), 0.0)

    def basis(self, since_h: Float[Tensor, "*batch time"]) -> Float[Tensor, "*batch time knot"]:
        """b_k(tau): 1 at knot k, 0 at the others, straight in between on the clock; constant beyond the last. 0 before the first dose (tau infinite)."""
        clock, knots = (since_h.clamp(max=1e6) + CLOCK_H).log(), (self.knots_h + CLOCK_H).log()
        gap = knots[1] - knots[0]
        inside = clock.clamp(float(knots[0]), float(knots[-1]))[..., None]
        return torch.where(since_h.isinf()[..., None], 0, (1 - ((inside - knots) / gap).abs()).clamp(min=0))

    def log_factor(self, normal: Float[Tensor, "*batch draw knot"], since_h: Float[Tensor, "*batch time"]) -> Float[Tensor, "*batch draw time"]:
        """sum_k w_k b_k(tau) for these v."""
        return (self.mean + normal @ self.root.T) @ self.basis(since_h).transpose(-1, -2)

    def factor(self, normal: Float[Tensor, "*batch draw knot"], since_h: Float[Tensor, "*batch time"]) -> Float[Tensor, "*batch draw time"]:
        """What the textbook's concentration is multiplied by."""
        return self.log_factor(normal, since_h).exp()


def since_last_dose(doses: Doses, time: Float[Tensor, "subject time"]) -> Float[Tensor, "subject time"]:
    """Hours since the last dose before each time; infinite before the first."""
    given = torch.where(doses.amount > 0, doses.time, torch.inf).double()
    gap = time.double()[..., None] - given[:, None]
    return torch.where(gap > 0, gap, torch.inf).min(-1).values


def knots_up_to(end_h: float) -> Float[Tensor, " knot"]:
    """Hours, even on the clock, from 0 to the end."""
    low, high = math.log(CLOCK_H), math.log(end_h + CLOCK_H)
    return torch.linspace(low, high, KNOTS, dtype=torch.float64).exp() - CLOCK_H


@torch.no_grad()
def learn_correction(textbook: PublishedModel, card: DrugCard, *, patients: int = COHORT, seed: int = 0) -> Correction:
    """From `patients` fresh virtual patients of the card's published models."""
    generator = torch.Generator().manual_seed(OFFSET + seed)
    drawn = simulate(card, patients, generator, samples=1, changing=0.0)
    dense, is_shown = whole_curves(drawn, generator)
    mode = find_mode(textbook, card, dense)
    fitted = published_responses(textbook, card, dense, mode.normal[:, None]).curves(dense.doses, dense.sample_time)[0][:, 0].double()
    since = since_last_dose(dense.doses, dense.sample_time)
    is_shown &= fitted > SEEN * fitted.max(1, keepdim=True).values
    missed = torch.where(is_shown, (dense.level.double().clamp(min=1e-9) / fitted.clamp(min=1e-9)).log(), 0)
    start = Correction.untrained(knots_up_to(float(since[is_shown].quantile(0.98))))
    return _mixed_model(start, missed, start.basis(since) * is_shown[..., None], is_shown)


def whole_curves(drawn: VirtualPatients, generator: torch.Generator) -> tuple[Population, Bool[Tensor, "subject time"]]:
    """The same patients with their true concentration as the level at many hours, dense after doses, and where it is high enough to speak of."""
    doses = drawn.population.doses
    subjects, number = len(doses.time), (doses.amount > 0).sum(1)
    which = (torch.rand(subjects, POINTS, generator=generator) * number[:, None]).long()
    start = doses.time.gather(1, which)
    later = torch.where((doses.amount > 0)[:, None] & (doses.time[:, None] > start[..., None]), doses.time[:, None], torch.inf).min(-1).values
    usual = torch.where(later.isfinite(), later - start, 0).max(1, keepdim=True).values
    gap = torch.where(later.isfinite(), later - start, torch.where(usual > 0, usual, 24.0))
    even = torch.rand(subjects, POINTS, generator=generator)
    time = (start + CLOCK_H * ((gap / CLOCK_H + 1) ** even - 1) + 1e-3).sort(1).values
    true = drawn.responses.curves(doses, time)[0][:, 0]
    is_shown = true > SEEN * true.max(1, keepdim=True).values
    everywhere = torch.ones_like(time)
    dense = replace(drawn.population, sample_time=time, level=true, is_below_lloq=~everywhere.bool(), is_sample=is_shown, trust=everywhere)
    return dense, is_shown


def _mixed_model(start: Correction, missed: Float[Tensor, "subject time"], basis: Float[Tensor, "subject time knot"], is_shown: Tensor) -> Correction:
    """EM for missed = basis w + e, w ~ Normal(mean, S), e ~ Normal(0, left^2), everything independent between patients."""
    count, size = is_shown.sum().double(), basis.shape[-1]
    mean, S, left = torch.zeros(size, dtype=torch.float64), 0.1 * torch.eye(size, dtype=torch.float64), torch.tensor(0.1, dtype=torch.float64)
    inner, cross = basis.transpose(1, 2) @ basis, (basis.transpose(1, 2) @ missed[..., None])[..., 0]
    for _ in range(ROUNDS):
        prior = torch.linalg.inv(S)
        spread = torch.linalg.inv(prior + inner / left**2)
        w = (spread @ (cross / left**2 + prior @ mean)[..., None])[..., 0]
        mean = w.mean(0)
        S = spread.mean(0) + (w - mean).T @ (w - mean) / len(w) + 1e-8 * torch.eye(size)
        rest = torch.where(is_shown, missed - (basis @ w[..., None])[..., 0], 0)
        left = (((rest**2).sum() + (inner * spread).sum()) / count).sqrt().clamp(min=1e-4)
    return Correction(start.knots_h, mean, torch.linalg.cholesky(S), float(left))
