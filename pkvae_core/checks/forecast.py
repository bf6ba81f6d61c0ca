"""What would the model have said about each level just before it was drawn?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import ndtr

from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.posterior import Posterior, individualise, predict
from pkvae_core.patient import Patient, Sample
from pkvae_core.residual_error import ResidualError
from pkvae_core.vae.vae import PKVAE


@dataclass(frozen=True)
class Observable:
    """What the laboratory may report: y ~ sum over draws d and published models m of w_d p_m Normal(C_d, a_m^2 + (b_m C_d)^2), mg/L."""

    concentration_mg_per_L: np.ndarray  # [draw], true concentration
    weight: np.ndarray  # [draw], sums to 1
    errors: tuple[tuple[float, ResidualError], ...]  # probability of a published model, its residual error

    def probability_below(self, level_mg_per_L: float) -> float:
        """P(y < level). A draw without any error (no concentration yet, none but proportional error) is a step."""
        distance = level_mg_per_L - self.concentration_mg_per_L
        step = np.where(distance > 0, np.inf, -np.inf)
        sds = (np.hypot(e.additive_mg_per_L, e.proportional * self.concentration_mg_per_L) for _, e in self.errors)
        parts = (p * (self.weight @ ndtr(np.divide(distance, sd, out=step.copy(), where=sd > 0))) for (p, _), sd in zip(self.errors, sds, strict=True))
        return float(sum(parts))

    def quantile(self, probability: float) -> float:
        """The level that y stays below with `probability`; 0 where the error model reaches below zero, because no laboratory reports less."""
        top = self.concentration_mg_per_L.max()
        highest = top + 10 * max(e.additive_mg_per_L + e.proportional * top for _, e in self.errors)
        if highest == 0 or self.probability_below(0) >= probability:
            return 0.0
        return float(root_scalar(lambda level: self.probability_below(level) - probability, bracket=(0, highest), xtol=1e-6).root)


@dataclass(frozen=True)
class Outlook:
    """What was expected of one level: median of the true concentration, 90 % interval of the observation (mg/L); and how much of the level it covered."""

    median_mg_per_L: float
    low90_mg_per_L: float
    high90_mg_per_L: float
    coverage: float


@dataclass(frozen=True)
class LevelForecast:
    """One level, forecast without it: `a_priori` from doses and covariates (PRED), `a_posteriori` from the earlier levels as well (IPRED)."""

    patient_id: str
    sample: Sample
    n_earlier: int
    a_priori: Outlook
    a_posteriori: Outlook
    cautions: tuple[str, ...] = ()


def forecast(model: PKVAE, patient: Patient, *, draws: int = 1000, seed: int = 0) -> tuple[LevelForecast, ...]:
    """Every level of the patient, in time order, each seen from just before it: no level, dose or covariate from that moment on.

    Levels drawn at the same moment do not know of each other.
    """
    return tuple(_forecast_level(model, patient.until(sample.time_h), sample, draws, seed) for sample in patient.samples)


def _forecast_level(model: PKVAE, past: Patient, sample: Sample, draws: int, seed: int) -> LevelForecast:
    posterior = individualise(model, past, draws=draws, seed=seed)
    return LevelForecast(past.id, sample, len(past.samples), outlook(posterior.prior(), sample), outlook(posterior, sample), posterior.cautions)


def outlook(posterior: Posterior, sample: Sample) -> Outlook:
    """What this posterior expects of a level at the time of `sample`."""
    prediction = predict(posterior, posterior.patient.doses, np.array([sample.time_h]))
    expected = Observable(prediction.concentration_mg_per_L[:, 0].astype(float), prediction.weight, errors_of(posterior.model_probability))
    low, high = expected.quantile(0.05), expected.quantile(0.95)
    return Outlook(float(prediction.median[0]), low, high, coverage(expected, sample, low, high))


def errors_of(model_probability: Mapping[str, float]) -> tuple[tuple[float, ResidualError], ...]:
    """The residual error of each published model and the probability that it is the right one."""
    return tuple((p, MODELS[name].error) for name, p in model_probability.items())


def coverage(expected: Observable, sample: Sample, low: float, high: float) -> float:
    """1 when the 90 % interval holds the level, 0 when not.

    Of a level "below LLOQ" only y < LLOQ is known; it counts with P(low <= y <= high | y < LLOQ), which keeps the mean over all levels at 90 %
    when the model is right (the non-randomised PIT of Czado, Gneiting & Held 2009). Leaving such levels out would not.
    """
    if sample.concentration_mg_per_L is not None:
        return float(low <= sample.concentration_mg_per_L <= high)
    assert sample.lloq_mg_per_L is not None
    below = expected.probability_below(sample.lloq_mg_per_L)
    return max(min(below, 0.95) - 0.05, 0.0) / below if below > 0 else 0.0
