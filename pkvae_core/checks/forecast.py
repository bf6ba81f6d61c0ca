"""What would the model have said about each level just before it was drawn?"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from pkvae_core.checks.engines import Engine
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.observable import Observable, observable
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Dose, Patient, Sample

TOGETHER = 8  # patients asked about at once

Key = tuple[Hashable, ...]


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


def forecast(engine: Engine, patients: Sequence[Patient], *, seed: int = 0, progress: Progress = silent) -> tuple[LevelForecast, ...]:
    """Every level of every patient, in time order, each seen from just before it: no level or dose from that moment on, no covariate of a later one.

    Levels drawn at the same moment do not know of each other. Raises the engine's ValueError where it cannot answer (see `forecast_each`).
    """
    found = forecast_each(engine, patients, seed=seed, progress=progress)
    for each in found:
        if isinstance(each, str):
            raise ValueError(each)
    return tuple(level for each in found if not isinstance(each, str) for level in each)


def forecast_each(engine: Engine, patients: Sequence[Patient], *, seed: int = 0, progress: Progress = silent) -> list[tuple[LevelForecast, ...] | str]:
    """The forecasts of each patient (see `forecast`), or the sentence that says why there are none. Groups of patients share a seed."""
    found: list[tuple[LevelForecast, ...] | str] = []
    for first in range(0, len(patients), TOGETHER):
        found += _forecast_group(engine, patients[first : first + TOGETHER], seed + first // TOGETHER)
        progress(len(found), len(patients))
    return found


def _forecast_group(engine: Engine, patients: Sequence[Patient], seed: int) -> list[tuple[LevelForecast, ...] | str]:
    """One request to the engine for everything that these patients need: what was known before each level, and the same without the levels."""
    needed = {key: past for patient in patients for sample in patient.samples for key, past in _seen(patient, sample)}
    beliefs = dict(zip(needed, engine.each(list(needed.values()), seed=seed), strict=True))
    return [_forecast_patient(patient, beliefs) for patient in patients]


def _seen(patient: Patient, sample: Sample) -> tuple[tuple[Key, Patient], tuple[Key, Patient]]:
    """What is known just before this level without and with the earlier levels. Without levels a belief depends on the covariates alone."""
    past = patient.until(sample.time_h)
    blank = replace(past, samples=())
    return ((past.id, past.covariates), blank), ((past.id, past.covariates, sample.time_h) if past.samples else (past.id, past.covariates), past)


def _forecast_patient(patient: Patient, beliefs: Mapping[Key, Posterior | str]) -> tuple[LevelForecast, ...] | str:
    found = []
    for sample in patient.samples:
        (prior_key, _), (posterior_key, past) = _seen(patient, sample)
        prior, posterior = beliefs[prior_key], beliefs[posterior_key]
        if isinstance(prior, str) or isinstance(posterior, str):
            return prior if isinstance(prior, str) else str(posterior)
        a_priori = outlook(prior, past.doses, sample)
        a_posteriori = outlook(posterior, past.doses, sample) if past.samples else a_priori
        found.append(LevelForecast(patient.id, sample, len(past.samples), a_priori, a_posteriori, posterior.cautions))
    return tuple(found)


def outlook(posterior: Posterior, doses: Sequence[Dose], sample: Sample) -> Outlook:
    """What this posterior expects of a level at the time of `sample`, after these doses."""
    expected = observable(replace(posterior, patient=replace(posterior.patient, doses=tuple(doses))), sample.time_h)
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
