"""What do we believe about this patient, and what will the concentration be?"""

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import Population, course
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.importance import unweighted
from pkvae_core.inference.ladder import climb
from pkvae_core.patient import Dose, Patient
from pkvae_core.records.covariates import CLEARANCE_NEEDS
from pkvae_core.structural.exponentials import disposition, superpose
from pkvae_core.vae.vae import PKVAE


@dataclass(frozen=True)
class Diagnostics:
    """How the answer was reached: the rung of the ladder, the raw weights' effective draws out of `draws`, and Pareto k-hat (None for the prior)."""

    rung: str
    effective_draws: float
    draws: int
    k_hat: float | None
    milliseconds: float


@dataclass(frozen=True)
class Posterior:
    """Weighted draws of one patient's latent z under one drug's model. Weights sum to 1."""

    model: PKVAE
    patient: Patient
    z: Float[Tensor, "draw latent"]
    weight: Float[Tensor, " draw"]
    model_probability: dict[str, float]
    diagnostics: Diagnostics
    cautions: tuple[str, ...] = ()
    seed: int = 0

    def prior(self) -> "Posterior":
        """What was believed before the levels: the same patient without them."""
        return individualise(self.model, replace(self.patient, samples=()), draws=len(self.z), seed=self.seed)

    def resampled(self, count: int) -> "Posterior":
        """The same belief as `count` draws of equal weight (systematic resampling, deterministic)."""
        edges = self.weight.cumsum(0).clamp(max=1 - 1e-12)
        index = torch.searchsorted(edges, (torch.arange(count, dtype=edges.dtype) + 0.5) / count)
        return replace(self, z=self.z[index], weight=torch.full((count,), 1 / count, dtype=self.weight.dtype))


@dataclass(frozen=True)
class Prediction:
    """True concentrations (no residual error) of each draw at each time, just before any dose given at that time."""

    time_h: Float[np.ndarray, " time"]
    concentration_mg_per_L: Float[np.ndarray, "draw time"]
    weight: Float[np.ndarray, " draw"]

    def quantile(self, probability: float) -> Float[np.ndarray, " time"]:
        return weighted_quantile(self.concentration_mg_per_L, self.weight, probability)

    @property
    def median(self) -> Float[np.ndarray, " time"]:
        return self.quantile(0.5)

    @property
    def mean(self) -> Float[np.ndarray, " time"]:
        return self.weight @ self.concentration_mg_per_L

    def interval(self, probability: float) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end of the central interval of this probability."""
        return self.quantile(0.5 - probability / 2), self.quantile(0.5 + probability / 2)


def individualise(model: PKVAE, patient: Patient, *, draws: int = 1000, seed: int = 0) -> Posterior:
    """The posterior of one patient by the ladder (see `climb`); without levels, the prior. Same seed, same answer."""
    started = clock.perf_counter()
    patient = complete(model.card, patient)
    population = Population.of(model.card, [patient])
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        if not patient.samples:
            rungs, drawn = ["prior"], unweighted(model, population, model.prior(population.covariates), draws=draws, generator=generator)
        else:
            drawn, rungs = climb(model, population, draws=draws, generator=generator)
    rung = rungs[0]
    diagnostics = Diagnostics(
        rung, float(drawn.effective[0]), draws, None if rung == "prior" else float(drawn.k_hat[0]), 1e3 * (clock.perf_counter() - started)
    )
    weight = drawn.log_weight[0].double().softmax(0)
    shares = weight @ drawn.log_member[0].double().exp()
    names = [m.name for m in model.card.published_models]
    return Posterior(model, patient, drawn.z[0], weight, dict(zip(names, shares.tolist(), strict=True)), diagnostics, _cautions(model, patient, rung), seed)


def _cautions(model: PKVAE, patient: Patient, rung: str) -> tuple[str, ...]:
    """What the reader must know before trusting the answer."""
    cautions = []
    if rung == "failed":
        cautions.append("The levels do not fit what this model has learned: its answer cannot be trusted. Check times, units and doses, and do not dose by it.")
    for spec in model.card.covariates:
        value = patient.covariate(spec.name)
        if value is None and spec.name == "CRCL" and all(patient.covariate(name) is not None for name in CLEARANCE_NEEDS):
            cautions.append(
                f"{spec.label} by Cockcroft-Gault lies outside {spec.low:g} to {spec.high:g} {spec.unit}: it is not used. Check creatinine, age and weight."
            )
        elif value is None:
            cautions.append(f"{spec.label} is unknown: the answer averages over patients of all values.")
        elif not spec.soft_low <= value <= spec.soft_high:
            cautions.append(f"{spec.label} {value:g} {spec.unit} lies outside {spec.soft_low:g} to {spec.soft_high:g}, the range this model was made for.")
        if len({c.value for c in patient.covariates if c.name == spec.name}) > 1:
            cautions.append(f"{spec.label} changed during the course: the latest value is used for all of it.")
    return tuple(cautions)


def predict(posterior: Posterior, doses: Sequence[Dose], time_h: Sequence[float] | np.ndarray) -> Prediction:
    """Concentration of each draw at each time after these doses (all of them: the past and what is planned)."""
    return Prediction(np.asarray(time_h, float), curves(posterior, doses, time_h)[0], posterior.weight.numpy())


def cumulative_auc(posterior: Posterior, doses: Sequence[Dose], time_h: Sequence[float] | np.ndarray) -> Float[np.ndarray, "draw time"]:
    """Exact area under each draw's curve from the first dose to each time (mg h/L); the difference of two columns is a window's AUC."""
    return curves(posterior, doses, time_h)[1]


def curves(
    posterior: Posterior, doses: Sequence[Dose], time_h: Sequence[float] | np.ndarray
) -> tuple[Float[np.ndarray, "draw time"], Float[np.ndarray, "draw time"]]:
    """Concentration (mg/L) and its integral (mg h/L) of each draw at each time, in one pass."""
    with torch.no_grad():
        pulses = posterior.model.decoder(posterior.z[None])
        time = torch.as_tensor(np.asarray(time_h, np.float32))[None]
        concentration, area = superpose(pulses, course(posterior.model.card, [doses]), time)
    return concentration[0].numpy(), area[0].numpy()


def parameters(posterior: Posterior) -> dict[str, Float[np.ndarray, " draw"]]:
    """Clearance CL (L/h), volume at steady state V (L) and terminal half-life (h) of each draw (see `disposition`)."""
    with torch.no_grad():
        return {name: value[0].numpy() for name, value in disposition(posterior.model.decoder(posterior.z[None])).items()}
