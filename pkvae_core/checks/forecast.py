"""What would the model have said about each level just before it was drawn?"""

from dataclasses import dataclass

from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.observable import Observable, observable
from pkvae_core.inference.posterior import Posterior, individualise
from pkvae_core.patient import Patient, Sample
from pkvae_core.vae.vae import PKVAE


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
    expected = observable(posterior, sample.time_h)
    median = weighted_quantile(expected.concentration_mg_per_L, expected.weight, 0.5)
    low, high = expected.quantile(0.05), expected.quantile(0.95)
    return Outlook(float(median), low, high, coverage(expected, sample, low, high))


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
