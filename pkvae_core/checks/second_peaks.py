"""Does a model that was never told of recirculation foresee who has a second peak, and when? Asked of patients whom it did not learn from.

A second peak: of the maxima that rise over their surroundings by more than `PROMINENCE` of the profile's highest concentration (topographic prominence), the
second highest; the first and the last sample can be no maximum. Levels below their limit count as 0. Of each held-out patient every second level is given,
the first one included; the posterior median over the whole profile is searched for a second peak within `WITHIN_H` of the observed one. A false alarm is a
second peak of the median where all of the patient's levels show none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.signal import find_peaks
from scipy.stats import binomtest

from pkvae_core.checks.folds import split
from pkvae_core.checks.progress import Progress
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.inference.posterior import individualise_all, predict
from pkvae_core.patient import Patient
from pkvae_core.vae.vae import PKVAE

PROMINENCE, WITHIN_H = 0.10, 2.0
FEWEST_LEVELS = 6  # of which three are given
GRID = 400

Learn = Callable[[Sequence[Patient], int], PKVAE]  # (training patients, fold) -> the model


@dataclass(frozen=True)
class Foreseen:
    """When one held-out patient's second peak was seen in all levels and foreseen from every second one (h); None where there was none."""

    patient_id: str
    observed_h: float | None
    foreseen_h: float | None

    @property
    def is_hit(self) -> bool:
        return self.observed_h is not None and self.foreseen_h is not None and abs(self.foreseen_h - self.observed_h) <= WITHIN_H


@dataclass(frozen=True)
class SecondPeaks:
    """Everybody, in the order of the file."""

    patients: tuple[Foreseen, ...]
    folds: int

    @property
    def sentence(self) -> str:
        """Sensitivity and false alarms, each with its count and its 95 % interval."""
        having = [p for p in self.patients if p.observed_h is not None]
        others = [p for p in self.patients if p.observed_h is None]
        hits, alarms = sum(p.is_hit for p in having), sum(p.foreseen_h is not None for p in others)
        anywhere = sum(p.foreseen_h is not None for p in having)
        return (
            f"Second peaks: {_share(hits, len(having))} of those observed are foreseen within {WITHIN_H:g} h ({anywhere} at whatever hour); "
            f"{_share(alarms, len(others))} of the patients without one are told of one. {len(self.patients)} patients, {self.folds} folds by patient."
        )


def _share(count: int, total: int) -> str:
    if not total:
        return "0 of 0"
    interval = binomtest(count, total).proportion_ci(method="wilson")
    return f"{count} of {total} ({100 * count / total:.0f} %, 95 % interval {100 * interval.low:.0f} to {100 * interval.high:.0f})"


def second_peak_h(time_h: Float[np.ndarray, " time"], concentration: Float[np.ndarray, " time"]) -> float | None:
    """When the second highest maximum of this profile is; None where there are fewer than two."""
    found, _ = find_peaks(concentration, prominence=max(PROMINENCE * float(concentration.max()), 1e-12))
    if len(found) < 2:
        return None
    return float(time_h[sorted(found, key=lambda i: -concentration[i])[1]])


def observed(patient: Patient) -> float | None:
    """When all of a patient's levels show a second peak."""
    level = [0.0 if s.is_below_lloq else s.concentration_mg_per_L or 0.0 for s in patient.samples]
    return second_peak_h(np.array([s.time_h for s in patient.samples]), np.array(level))


def foresee(model: PKVAE, patients: Sequence[Patient]) -> list[float | None]:
    """When each patient's posterior median shows a second peak, every second level given."""
    halves = [replace(p, samples=p.samples[::2]) for p in patients]
    found = []
    for patient, posterior in zip(patients, individualise_all(model, halves), strict=True):
        time = np.linspace(min(d.time_h for d in patient.doses), patient.samples[-1].time_h, GRID)
        predicted = predict(posterior, patient.doses, time)
        median = weighted_quantiles(predicted.concentration_mg_per_L, predicted.weight, (0.5,))[0]
        found.append(second_peak_h(time, median))
    return found


def second_peaks(learn: Learn, patients: Sequence[Patient], *, folds: int, seed: int = 0, progress: Progress) -> SecondPeaks:
    """Cross-validated by patient. Raises ValueError where nobody has enough levels."""
    enough = [p for p in patients if p.doses and len(p.samples) >= FEWEST_LEVELS]
    if len(enough) < folds:
        raise ValueError(f"{len(enough)} patients have a dose and {FEWEST_LEVELS} levels or more; {folds} folds need as many at least.")
    fold_of, found = split(enough, folds, seed=seed), {}
    for fold in sorted(set(fold_of.values())):
        progress(fold - 1, folds)
        held_out = [p for p in enough if fold_of[p.id] == fold]
        model = learn([p for p in enough if fold_of[p.id] != fold], fold)
        found |= {p.id: Foreseen(p.id, observed(p), at) for p, at in zip(held_out, foresee(model, held_out), strict=True)}
    return SecondPeaks(tuple(found[p.id] for p in enough), folds)
