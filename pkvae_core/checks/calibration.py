"""Does an engine keep the promise of its intervals: on fresh virtual patients, whose truth is known, and on the levels of an uploaded cohort?

A virtual patient's last level is kept back; the engine sees the ones before it. Its exposures (those of `beliefs`), the true concentration at the time of the
level that was kept back, and that level itself are looked up in the posterior. On a cohort every level is forecast from what was known just before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pkvae_core.checks.accuracy import GROUPS
from pkvae_core.checks.coverage import Case, Coverage, coverage_of
from pkvae_core.checks.engines import Engine
from pkvae_core.checks.expected import Answers, asked, level_below, share_below
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.checks.strata import Stratum, strata, strata_of
from pkvae_core.checks.typical import exposures, labels
from pkvae_core.checks.virtual import Virtual, Wanted, fresh
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import course
from pkvae_core.patient import Patient, Sample

LEVELS = (0, 1, 2, 4)


@dataclass(frozen=True)
class _Group:
    """Virtual patients who have seen `earlier` levels and speak for some strata each."""

    earlier: int
    virtual: Virtual
    strata: tuple[tuple[str, ...], ...]


def virtual_coverage(
    engine: Engine,
    card: DrugCard,
    *,
    patients: int = 1000,
    levels: Sequence[int] = LEVELS,
    least_per_stratum: int = 0,
    is_wanted: Wanted | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Coverage:
    """Coverage on `patients` fresh virtual patients for each number of earlier levels, in all and by stratum.

    A stratum with fewer than `least_per_stratum` of them is filled up with patients of its own, who count in it alone.
    """
    groups = [group for n in levels for group in _groups(card, n, patients, least_per_stratum, is_wanted, 10 * seed + n)]
    total, done = sum(len(g.virtual.patients) for g in groups), 0
    cases: list[Case] = []
    left_out: list[str] = []
    for number, group in enumerate(groups):
        for found, problem in _virtual_cases(engine, group, seed=100 * seed + number, progress=progress, done=done, total=total):
            cases += found
            left_out += problem
        done += len(group.virtual.patients)
    return coverage_of(engine.name, cases, {str(n): n.__eq__ for n in levels}, exposures=labels(card), left_out=left_out, seed=seed)


def _groups(card: DrugCard, earlier: int, patients: int, least: int, is_wanted: Wanted | None, seed: int) -> Iterator[_Group]:
    everybody = fresh(card, patients, samples=earlier + 1, seed=seed, is_wanted=is_wanted)
    labels = tuple(strata_of(card, patient) for patient in everybody.patients)
    yield _Group(earlier, everybody, labels)
    for number, stratum in enumerate(strata(card), start=1):
        missing = least - sum(stratum.label in each for each in labels)
        if missing > 0:
            more = fresh(card, missing, samples=earlier + 1, seed=seed + 1_000_000 * number, is_wanted=_both(stratum, is_wanted))
            yield _Group(earlier, more, ((stratum.label,),) * missing)


def _both(stratum: Stratum, is_wanted: Wanted | None) -> Wanted:
    return lambda patient: stratum.holds(patient) and (is_wanted is None or is_wanted(patient))


@torch.no_grad()
def _virtual_cases(engine: Engine, group: _Group, *, seed: int, progress: Progress, done: int, total: int) -> Iterator[tuple[list[Case], list[str]]]:
    known = [replace(patient, samples=patient.samples[:-1]) for patient in group.virtual.patients]
    for answer in asked(engine, known, seed=seed, progress=progress, done=done, total=total):
        if isinstance(answer, dict):
            yield [], [f"patient {group.virtual.patients[i].id}: {why}" for i, why in answer.items()]
            continue
        virtual = group.virtual.only(answer.index)
        shares = _exposure_shares(answer, virtual) | _level_shares(answer, [p.samples[-1] for p in virtual.patients], virtual)
        yield (
            [
                Case(quantity, group.earlier, f"{done}+{virtual.patients[i].id}", float(low[i]), float(high[i]), group.strata[place])
                for quantity, (low, high) in shares.items()
                for i, place in enumerate(answer.index)
            ],
            [],
        )


def _exposure_shares(answer: Answers, virtual: Virtual) -> dict[str, np.ndarray]:
    """Posterior probability [2, subject] below the true exposures at steady state, with the covariates as they are at last."""
    names = ("auc24", "trough", "peak") if answer.card.main_metric == "peak" else ("auc24", "trough")
    truth, draws = (exposures(answer.card, responses, names) for responses in (virtual.truth, answer.responses))
    return {name: share_below(draws[name].numpy(), answer.weight, truth[name][:, 0].numpy()) for name in names}


def _level_shares(answer: Answers, samples: Sequence[Sample], virtual: Virtual | None = None) -> dict[str, np.ndarray]:
    """Posterior probability [2, subject] below one level of each patient; and below the true concentration, where it is known."""
    time = np.array([[s.time_h] for s in samples])
    concentration = answer.concentration(time)[:, :, 0]
    is_below = np.array([s.is_below_lloq for s in samples])
    level = np.array([s.lloq_mg_per_L if s.is_below_lloq else s.concentration_mg_per_L for s in samples], dtype=float)
    high = level_below(answer, concentration, level)
    found = {"level": np.stack([np.where(is_below, 0.0, high), high])}
    if virtual is None:
        return found
    doses = course(answer.card, [p.doses for p in virtual.patients])
    truth = virtual.truth.curves(doses, torch.as_tensor(time, dtype=torch.float32))[0][:, 0, 0].numpy()
    return {"concentration": share_below(concentration, answer.weight, truth), **found}


@torch.no_grad()
def cohort_coverage(engine: Engine, card: DrugCard, patients: Sequence[Patient], *, seed: int = 0, progress: Progress = silent) -> Coverage:
    """Coverage of every level of these patients, forecast from doses, levels and covariates before it; by the number of earlier levels (the keys of GROUPS)."""
    asks = [(patient.until(sample.time_h), sample) for patient in patients for sample in patient.samples if sample.trust > 0]
    cases: list[Case] = []
    left_out: list[str] = []
    for answer in asked(engine, [past for past, _ in asks], seed=seed, progress=progress):
        if isinstance(answer, dict):
            left_out += [f"patient {asks[i][0].id}, level at {asks[i][1].time_h:g} h: {why}" for i, why in answer.items()]
            continue
        low, high = _level_shares(answer, [asks[i][1] for i in answer.index])["level"]
        for j, i in enumerate(answer.index):
            past = asks[i][0]
            cases.append(Case("level", len(past.samples), past.id, float(low[j]), float(high[j]), strata_of(card, past)))
    return coverage_of(engine.name, cases, {"all": lambda n: True, **GROUPS}, left_out=left_out, seed=seed)
