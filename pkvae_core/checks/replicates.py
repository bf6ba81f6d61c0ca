"""What levels would the model expect of the same patients, dosed and sampled the same way: whole cohorts simulated from its prior, residual error included."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from pkvae_core.checks.engines import Engine
from pkvae_core.checks.expected import Answers, asked, residual_sd
from pkvae_core.checks.progress import Progress
from pkvae_core.exposure import weighted_quantile
from pkvae_core.patient import Patient, Sample


@dataclass(frozen=True)
class Levels:
    """The levels of a cohort, one row each: whose, when, after which time since the last dose, and what was measured (mg/L; the limit where `is_below`)."""

    subject: Int[np.ndarray, " level"]
    patient: tuple[str, ...]
    time_h: Float[np.ndarray, " level"]
    time_after_dose_h: Float[np.ndarray, " level"]
    measured: Float[np.ndarray, " level"]
    is_below: Bool[np.ndarray, " level"]


@dataclass(frozen=True)
class Replicates:
    """A cohort's levels, the a-priori median of the true concentration at each (PRED, mg/L), and the same cohort simulated many times (mg/L)."""

    levels: Levels
    PRED: Float[np.ndarray, " level"]
    simulated: Float[np.ndarray, "replicate level"]
    left_out: tuple[str, ...]


def usable(patients: Sequence[Patient]) -> tuple[list[Patient], list[str]]:
    """The patients with their trusted levels after the first dose, and a sentence for everything left out."""
    kept, left_out = [], []
    for patient in patients:
        first = min((d.time_h for d in patient.doses), default=np.inf)
        samples = tuple(s for s in patient.samples if s.trust > 0 and s.time_h > first)
        if len(samples) < len(patient.samples):
            left_out.append(f"patient {patient.id}: {len(patient.samples) - len(samples)} levels not after a dose, or not trusted")
        if samples:
            kept.append(replace(patient, samples=samples))
    return kept, left_out


def levels_of(patients: Sequence[Patient]) -> Levels:
    """The levels of these patients, patient by patient in time order."""
    each = [(i, p, s) for i, p in enumerate(patients) for s in p.samples]
    measured = [s.lloq_mg_per_L if s.is_below_lloq else s.concentration_mg_per_L for _, _, s in each]
    return Levels(
        np.array([i for i, _, _ in each], dtype=int),
        tuple(p.id for _, p, _ in each),
        np.array([s.time_h for _, _, s in each], dtype=float),
        np.array([_since_dose(p, s) for _, p, s in each], dtype=float),
        np.array(measured, dtype=float),
        np.array([s.is_below_lloq for _, _, s in each], dtype=bool),
    )


def _since_dose(patient: Patient, sample: Sample) -> float:
    return sample.time_h - max(d.time_h for d in patient.doses if d.time_h < sample.time_h)


@torch.no_grad()
def replicate(engine: Engine, patients: Sequence[Patient], *, replicates: int, seed: int, progress: Progress) -> Replicates:
    """`replicates` cohorts of levels, each patient's from one a-priori draw: what the engine believes without any level."""
    kept, left_out = usable(patients)
    generator = np.random.default_rng(seed)
    answered: list[Patient] = []
    PRED, simulated = [], []
    bare = [replace(p, samples=tuple(replace(s, trust=0.0) for s in p.samples)) for p in kept]  # on how many visits they were drawn may matter
    for answer in asked(engine, bare, seed=seed, progress=progress):
        if isinstance(answer, dict):
            left_out += [f"patient {kept[i].id}: {why}" for i, why in answer.items()]
            continue
        own = [kept[i] for i in answer.index]
        concentration, is_sample = at_samples(answer, own)
        PRED += [weighted_quantile(c, w, 0.5)[is_mine] for c, w, is_mine in zip(concentration, answer.weight, is_sample, strict=True)]
        simulated.append(_measured(answer, concentration, replicates, generator)[:, is_sample])
        answered += own
    if not answered:
        raise ValueError("no level can be checked: no patient has a level after a dose that the model can answer for.")
    return Replicates(levels_of(answered), np.concatenate(PRED), np.concatenate(simulated, 1), tuple(left_out))


def at_samples(answer: Answers, patients: Sequence[Patient]) -> tuple[Float[np.ndarray, "subject draw sample"], Bool[np.ndarray, "subject sample"]]:
    """True concentration (mg/L) of each draw at each patient's own samples, padded, and which of them are real."""
    number = np.array([len(p.samples) for p in patients])
    time = np.array([[s.time_h for s in p.samples] + [p.samples[-1].time_h] * (number.max() - len(p.samples)) for p in patients])
    return answer.concentration(time), np.arange(number.max()) < number[:, None]


def _measured(
    answer: Answers, concentration: Float[np.ndarray, "subject draw sample"], replicates: int, generator: np.random.Generator
) -> Float[np.ndarray, "replicate subject sample"]:
    """Measured levels of one draw a replicate, chosen by its weight and for each patient apart, with the residual error of one published model."""
    row, found = np.arange(replicates), []
    for each, weight, member in zip(concentration, answer.weight, answer.member, strict=True):
        drawn = generator.choice(len(weight), size=replicates, p=weight / weight.sum())
        true, share = each[drawn], member[drawn].cumsum(1)
        chosen = (generator.random((replicates, 1)) * share[:, -1:] > share).sum(1)
        sd = np.stack([residual_sd(error, true) for error in answer.errors])
        found.append(true + sd[chosen, row] * generator.standard_normal(true.shape))
    return np.stack(found, 1)
