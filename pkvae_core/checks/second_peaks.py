"""Does a model that was never told of recirculation foresee who has a second peak, and when? Asked of patients whom it did not learn from.

A second peak: of the maxima that rise over their surroundings by more than `PROMINENCE` of the profile's highest concentration (topographic prominence), the
later of the two highest, whichever is the higher; the first and the last sample can be no maximum. Levels below their limit count as 0. Of each held-out
patient every second level is given, once from the first level on and once from the second, for in a common schedule one half may hold everybody's second peak
and the other nobody's; the posterior median over the whole profile is searched for a second peak within `WITHIN_H` of the observed one. A false alarm is a
second peak of the median where all of the patient's levels show none.

Beside it stands what the levels given show by themselves, and what the median shows once all levels are given: a peak that not even then appears was too small
to be told from the residual error, or can't be drawn by the model. The median of curves whose peaks lie at different hours has none; so also the share of the
posterior's draws that have a second peak is told, which is its probability.
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
from pkvae_core.inference.posterior import Posterior, individualise_all, predict
from pkvae_core.patient import Patient
from pkvae_core.vae.vae import PKVAE

PROMINENCE, WITHIN_H = 0.10, 2.0
FEWEST_LEVELS = 6  # of which three are given
GRID, DRAWS = 400, 200

Learn = Callable[[Sequence[Patient], int], PKVAE]  # (training patients, fold) -> the model


@dataclass(frozen=True)
class Foreseen:
    """When one held-out patient's second peak was seen in all levels and foreseen from every second one (h); None where there was none.

    `shown_h`: by the levels given alone; `described_h`: by the median with all levels given; `probability`: of a second peak at whatever hour, every second
    level given; `errors`: median over level, less 1, of the levels that were kept back and lie above their limit.
    """

    patient_id: str
    observed_h: float | None
    foreseen_h: float | None
    shown_h: float | None = None
    described_h: float | None = None
    probability: float = 0.0
    errors: tuple[float, ...] = ()

    @property
    def is_hit(self) -> bool:
        return self.meets(self.foreseen_h)

    def meets(self, found_h: float | None) -> bool:
        """Whether a second peak found at this hour is the observed one."""
        return self.observed_h is not None and found_h is not None and abs(found_h - self.observed_h) <= WITHIN_H


@dataclass(frozen=True)
class SecondPeaks:
    """Everybody, in the order of the file."""

    patients: tuple[Foreseen, ...]
    folds: int

    @property
    def having(self) -> list[Foreseen]:
        return [p for p in self.patients if p.observed_h is not None]

    @property
    def others(self) -> list[Foreseen]:
        return [p for p in self.patients if p.observed_h is None]

    @property
    def hits(self) -> int:
        return sum(p.is_hit for p in self.having)

    @property
    def alarms(self) -> int:
        return sum(p.foreseen_h is not None for p in self.others)

    @property
    def sentence(self) -> str:
        """Sensitivity and false alarms, each with its count and its 95 % interval."""
        anywhere = sum(p.foreseen_h is not None for p in self.having)
        return (
            f"Second peaks: {share(self.hits, len(self.having))} of those observed are foreseen within {WITHIN_H:g} h ({anywhere} at whatever hour); "
            f"{share(self.alarms, len(self.others))} of the patients without one are told of one. {len(self.patients)} patients, {self.folds} folds by patient."
        )

    @property
    def beside(self) -> str:
        """What the given levels show alone, and what all levels make of the median."""
        shown, described = (sum(p.meets(getattr(p, name)) for p in self.having) for name in ("shown_h", "described_h"))
        also = sum(p.described_h is not None for p in self.others)
        return (
            f"The levels given show {shown} of the {len(self.having)} by themselves. With all levels given, the median has {described} of them within "
            f"{WITHIN_H:g} h, and a second peak in {also} of the {len(self.others)} others."
        )

    @property
    def probable(self) -> str:
        """The probability of a second peak where one was observed and where none was, and how well it tells the two apart."""
        yes, no = (np.array([p.probability for p in part]) for part in (self.having, self.others))
        if min(len(yes), len(no)) < 2:
            return f"The probability of a second peak is {100 * np.concatenate([yes, no]).mean():.0f} % in the mean."
        area, low, high = separation(yes, no)
        return (
            f"The probability of a second peak is {100 * yes.mean():.0f} % in the mean where one was observed and {100 * no.mean():.0f} % elsewhere; area "
            f"under the ROC curve {area:.2f} (95 % interval {low:.2f} to {high:.2f})."
        )

    @property
    def missed(self) -> str:
        """How far the median is from the levels that were kept back."""
        errors = np.abs([e for p in self.patients for e in p.errors])
        if not len(errors):
            return "No level that was kept back lies above its limit."
        return (
            f"Of the levels kept back, {len(errors)} lie above their limit; the median is off by {100 * np.median(errors):.0f} % in the median, and within "
            f"30 % for {share(int((errors <= 0.3).sum()), len(errors))}."
        )


def share(count: int, total: int) -> str:
    """3 of 15 (20 %, 95 % interval 7 to 45)."""
    if not total:
        return "0 of 0"
    interval = binomtest(count, total).proportion_ci(method="wilson")
    return f"{count} of {total} ({100 * count / total:.0f} %, 95 % interval {100 * interval.low:.0f} to {100 * interval.high:.0f})"


def separation(yes: Float[np.ndarray, " one"], no: Float[np.ndarray, " other"]) -> tuple[float, float, float]:
    """Area under the ROC curve with its 95 % interval (DeLong 1988): how often one of the first is above one of the others."""
    wins = (yes[:, None] > no) + 0.5 * (yes[:, None] == no)
    sd = float(np.sqrt(wins.mean(1).var(ddof=1) / len(yes) + wins.mean(0).var(ddof=1) / len(no)))
    area = float(wins.mean())
    return area, max(0.0, area - 1.96 * sd), min(1.0, area + 1.96 * sd)


def second_peak_h(time_h: Float[np.ndarray, " time"], concentration: Float[np.ndarray, " time"]) -> float | None:
    """When the later of this profile's two highest maxima is; None where there are fewer than two."""
    found, _ = find_peaks(concentration, prominence=max(PROMINENCE * float(concentration.max()), 1e-12))
    if len(found) < 2:
        return None
    return float(time_h[max(sorted(found, key=lambda i: -concentration[i])[:2])])


def observed(patient: Patient) -> float | None:
    """When all of a patient's levels show a second peak."""
    level = [0.0 if s.is_below_lloq else s.concentration_mg_per_L or 0.0 for s in patient.samples]
    return second_peak_h(np.array([s.time_h for s in patient.samples]), np.array(level, dtype=float))


def half(patient: Patient, first: int = 0) -> Patient:
    """The patient with every second level, from level number `first` on (0 or 1)."""
    return replace(patient, samples=patient.samples[first::2])


def foresee(model: PKVAE, patients: Sequence[Patient], first: int = 0) -> list[Foreseen]:
    """What each patient's posterior shows, every second level given (see `half`), and all."""
    given, whole = individualise_all(model, [half(p, first) for p in patients]), individualise_all(model, patients)
    return [_foreseen(p, first, some, everything) for p, some, everything in zip(patients, given, whole, strict=True)]


def _foreseen(patient: Patient, first: int, given: Posterior, whole: Posterior) -> Foreseen:
    time = np.linspace(min(d.time_h for d in patient.doses), patient.samples[-1].time_h, GRID)
    kept_back = [(s.time_h, s.concentration_mg_per_L) for s in patient.samples[1 - first :: 2] if s.concentration_mg_per_L]
    hours, level = np.array(kept_back).reshape(-1, 2).T
    drawn = predict(given.resampled(DRAWS), patient.doses, time).concentration_mg_per_L
    return Foreseen(
        patient.id,
        observed(patient),
        second_peak_h(time, _median(given, patient, time)),
        shown_h=observed(half(patient, first)),
        described_h=second_peak_h(time, _median(whole, patient, time)),
        probability=float(np.mean([second_peak_h(time, curve) is not None for curve in drawn])),
        errors=tuple((_median(given, patient, hours) / level - 1).tolist()) if kept_back else (),
    )


def _median(posterior: Posterior, patient: Patient, time_h: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    found = predict(posterior, patient.doses, time_h)
    return weighted_quantiles(found.concentration_mg_per_L, found.weight, (0.5,))[0]


def second_peaks(learn: Learn, patients: Sequence[Patient], *, folds: int, seed: int = 0, progress: Progress) -> tuple[SecondPeaks, SecondPeaks]:
    """Cross-validated by patient, given every second level from the first on, and from the second on. Raises ValueError where nobody has enough levels."""
    enough = [p for p in patients if p.doses and len(p.samples) >= FEWEST_LEVELS]
    if len(enough) < folds:
        raise ValueError(f"{len(enough)} patients have a dose and {FEWEST_LEVELS} levels or more; {folds} folds need as many at least.")
    fold_of = split(enough, folds, seed=seed)
    found: tuple[dict[str, Foreseen], dict[str, Foreseen]] = ({}, {})
    for fold in sorted(set(fold_of.values())):
        progress(fold - 1, folds)
        held_out = [p for p in enough if fold_of[p.id] == fold]
        model = learn([p for p in enough if fold_of[p.id] != fold], fold)
        for first, answers in enumerate(found):
            answers |= {each.patient_id: each for each in foresee(model, held_out, first)}
    from_first, from_second = (SecondPeaks(tuple(answers[p.id] for p in enough), folds) for answers in found)
    return from_first, from_second
