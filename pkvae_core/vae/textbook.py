"""What is a PKVAE as a textbook draws it? Two small networks, one grid of 24 hours, one dose: for teaching, trained in seconds, and not enough.

encoder  q(z | x) = Normal(mu(x), diag sigma(x)^2)          x: the concentrations at the 24 hours of the grid
sample   z = mu + sigma eps,   eps ~ Normal(0, I)           (reparameterisation)
decoder  p(x | z, dose) = Normal(f(z, dose), s^2 I)
ELBO     E_q[log p(x | z, dose)] - beta KL(q(z | x) || Normal(0, I))
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import VirtualPatients, course, simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.patient import Dose
from pkvae_core.structural.exponentials import Doses
from pkvae_core.vae.decoder import perceptron

GRID, LATENT, WIDTH = 24, 8, 64
DOSES = (0.5, 0.75, 1.0, 1.25, 1.5)  # times the card's typical dose: what it is trained on
PROFILES, BATCH, STEPS, LEARNING_RATE = 8192, 256, 6000, 2e-3
TOLD_EVERY = 100


def grid_h(card: DrugCard) -> Float[np.ndarray, " time"]:
    """The 24 hours after the dose: evenly spaced over two of the card's typical intervals, at least a day."""
    end = max(24.0, 2 * card.typical_regimen.interval_h)
    return np.linspace(end / GRID, end, GRID)


@dataclass(frozen=True)
class Profiles:
    """Virtual patients after one dose: who they are, the dose (multiple of the typical one), true and measured concentrations on the grid (mg/L)."""

    patients: VirtualPatients
    dose: Float[Tensor, " subject"]
    true: Float[Tensor, "subject time"]
    measured: Float[Tensor, "subject time"]


def one_dose(card: DrugCard, multiple: Float[Tensor, " subject"]) -> Doses:
    """The typical dose at hour 0, times each subject's multiple, as the card's typical product is given."""
    usual = card.typical_regimen
    doses = course(card, [[Dose(0.0, usual.amount_mg, usual.infusion_h, usual.product)]])
    alike = Doses(*(getattr(doses, name).expand(len(multiple), 1) for name in ("time", "amount", "duration", "route")))
    return replace(alike, amount=alike.amount * multiple[:, None])


@torch.no_grad()
def profiles(card: DrugCard, count: int, generator: torch.Generator) -> Profiles:
    """`count` virtual patients of the card's published models, measured at every hour of the grid with those models' residual error."""
    patients = simulate(card, count, generator, samples=1, changing=0.0)
    dose = torch.tensor(DOSES)[torch.randint(len(DOSES), (count,), generator=generator)]
    time = torch.as_tensor(grid_h(card), dtype=torch.float32).expand(count, -1)
    true = patients.responses.curves(one_dose(card, dose), time)[0][:, 0]
    each = torch.stack([MODELS[m.name].error.sd(true) for m in card.published_models])
    sd = each.gather(0, patients.model.view(1, -1, 1).expand(1, *true.shape))[0]
    return Profiles(patients, dose, true, true + sd * torch.randn(true.shape, generator=generator))


class TextbookVAE(nn.Module):
    """Encoder and decoder, each with one hidden layer. Concentrations are in units of `scale` (mg/L)."""

    def __init__(self, scale: float):
        super().__init__()
        self.scale = scale
        self.encoder = perceptron(GRID, WIDTH, 2 * LATENT)
        self.decoder = perceptron(LATENT + 1, WIDTH, GRID)
        self.log_sd = nn.Parameter(torch.tensor(-1.0))

    def encode(self, measured: Float[Tensor, "subject time"]) -> Normal:
        """q(z | x)."""
        mean, log_sd = self.encoder(measured / self.scale).chunk(2, -1)
        return Normal(mean, log_sd.clamp(-7, 3).exp())

    def decode(self, z: Float[Tensor, "*batch latent"], dose: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch time"]:
        """Concentrations on the grid (mg/L) after this multiple of the typical dose."""
        return self.scale * nn.functional.softplus(self.decoder(torch.cat([z, dose[..., None].log()], -1)))

    def parts(self, measured: Float[Tensor, "subject time"], dose: Float[Tensor, " subject"], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Reconstruction, -E[log p(x | z, dose)], and KL(q || prior), in nats a patient."""
        q = self.encode(measured)
        z = q.loc + q.scale * torch.randn(q.loc.shape, generator=generator)
        likelihood = Normal(self.decode(z, dose) / self.scale, self.log_sd.exp())
        reconstruction = -likelihood.log_prob(measured / self.scale).sum(-1).mean()
        return reconstruction, kl_divergence(q, Normal(0.0, 1.0)).sum(-1).mean()


@dataclass(frozen=True)
class Lesson:
    """How far a training has come: the parts of the negative ELBO (nats a patient) at each `step` told so far, and the model as it is."""

    card: DrugCard
    beta: float
    model: TextbookVAE
    steps: int
    step: tuple[int, ...] = ()
    reconstruction: tuple[float, ...] = ()
    divergence: tuple[float, ...] = ()

    @property
    def is_over(self) -> bool:
        return bool(self.step) and self.step[-1] == self.steps

    @property
    def elbo(self) -> float:
        """The ELBO at the end (nats a patient), whatever beta it was trained with."""
        return -self.reconstruction[-1] - self.divergence[-1]


def teach(card: DrugCard, *, beta: float = 1.0, seed: int = 0, steps: int = STEPS) -> Iterator[Lesson]:
    """The training, told every 100 steps. Raises ValueError when beta is negative."""
    if not (math.isfinite(beta) and beta >= 0):
        raise ValueError(f"beta is {beta}; give 0 or a positive number.")
    generator = torch.Generator().manual_seed(seed)
    seen = profiles(card, PROFILES, generator)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = TextbookVAE(float(seen.true.mean()))
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    lesson, told = Lesson(card, beta, model, steps), []
    for step in range(1, steps + 1):
        some = torch.randint(PROFILES, (BATCH,), generator=generator)
        reconstruction, divergence = model.parts(seen.measured[some], seen.dose[some], generator)
        optimiser.zero_grad(set_to_none=True)
        (reconstruction + beta * divergence).backward()
        optimiser.step()
        told.append((reconstruction.item(), divergence.item()))
        if step % TOLD_EVERY == 0 or step == steps:
            means = torch.tensor(told).mean(0).tolist()
            lesson = replace(lesson, step=(*lesson.step, step), reconstruction=(*lesson.reconstruction, means[0]), divergence=(*lesson.divergence, means[1]))
            told = []
            yield lesson


@dataclass(frozen=True)
class AtWork:
    """One patient on the way through: what was measured, what the encoder says, z for one eps, and what the decoder makes of many z (mg/L)."""

    time_h: Float[np.ndarray, " time"]
    dose: float
    true: Float[np.ndarray, " time"]
    measured: Float[np.ndarray, " time"]
    mean: Float[np.ndarray, " latent"]
    sd: Float[np.ndarray, " latent"]
    eps: Float[np.ndarray, " latent"]
    z: Float[np.ndarray, " latent"]
    decoded: Float[np.ndarray, " time"]
    many: Float[np.ndarray, "draw time"]
    is_as_given: bool  # the dose asked for is the one that was measured


@torch.no_grad()
def at_work(lesson: Lesson, *, patient: int = 0, eps_seed: int = 0, asked_dose: float | None = None, draws: int = 200) -> AtWork:
    """The model at work on virtual patient number `patient` (not one of training's); `asked_dose` decodes another dose than was given."""
    generator = torch.Generator().manual_seed(77_000_003 + patient)
    one = profiles(lesson.card, 1, generator)
    given = float(one.dose[0])
    dose = torch.tensor([asked_dose or given])
    time = torch.as_tensor(grid_h(lesson.card), dtype=torch.float32)[None]
    true = one.patients.responses.curves(one_dose(lesson.card, dose), time)[0][0, 0]
    q = lesson.model.encode(one.measured)
    noise = torch.Generator().manual_seed(eps_seed)
    eps = torch.randn(1, LATENT, generator=noise)
    z = q.loc + q.scale * eps
    many = q.loc + q.scale * torch.randn(draws, LATENT, generator=noise)
    decoded, fan = lesson.model.decode(z, dose)[0], lesson.model.decode(many, dose.expand(draws))
    tables = (one.measured[0], q.loc[0], q.scale[0], eps[0], z[0], decoded, fan)
    return AtWork(grid_h(lesson.card), float(dose), true.numpy(), *(table.numpy() for table in tables), is_as_given=float(dose) == given)


@torch.no_grad()
def dimensions_in_use(lesson: Lesson, *, patients: int = 500, least: float = 0.01) -> int:
    """Latent dimensions whose mean differs between patients: variance of E[z | x] above `least` (Burda 2016)."""
    fresh = profiles(lesson.card, patients, torch.Generator().manual_seed(78_000_017))
    return int((lesson.model.encode(fresh.measured).loc.var(0) > least).sum())
