"""How well are doses and levels predicted in patients whom nothing was learned from? Cross-validation, whole patients at a time.

A learner makes an engine of the training patients; the engine then answers about the held-out ones, from each one's own earlier data only. The shipped VAE and
MAP with a published model learn nothing from any fold, so that every patient is held out for them; a population fit is made anew on each training set.
What is predicted: every dose whose level followed (see `occasions`), and every level (see `forecast`).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from pkvae_core.checks.accuracy import GROUPS, Figure, figure, subject_weights, weighted_mean, weighted_median
from pkvae_core.checks.engines import Engine
from pkvae_core.checks.forecast import TOGETHER, LevelForecast, forecast_each
from pkvae_core.checks.levels import Row, figure_cells
from pkvae_core.checks.occasions import DosePrediction, predict_doses
from pkvae_core.checks.paired import PairedRatio, paired_ratio
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.patient import Patient

ALL = "all"


@dataclass(frozen=True)
class Learner:
    """A name and a way from training patients to an engine. Raises ValueError where they teach it nothing."""

    name: str
    learn: Callable[[Sequence[Patient]], Engine]


def shipped(engine: Engine) -> Learner:
    """An engine that learns nothing from the cohort."""
    return Learner(engine.name, lambda training: engine)


@dataclass(frozen=True)
class Score:
    """How one engine's doses did: error (predicted - given)/given in per cent, its median (MdPE), its median size (MdAPE), the share within 20 and 30 %, and
    the share of doses given that lie inside the 90 % interval; each with its 95 % interval when whole patients are drawn anew. `no_dose` counts levels that
    no dose at all would have exceeded."""

    engine: str
    fold: str
    earlier_levels: str
    n: int
    patients: int
    no_dose: int
    MdPE: Figure
    MdAPE: Figure
    within_20: Figure
    within_30: Figure
    coverage_90: Figure


@dataclass(frozen=True)
class CrossValidation:
    """Predictions of held-out doses and levels by engine; `fold_of` says in which fold each patient was held out, from 1 on.

    `scores`: over all folds by the number of earlier levels, then by fold. `against`: level forecasts of the first engine over each other one's.
    """

    folds: int
    fold_of: dict[str, int]
    doses: tuple[DosePrediction, ...]
    levels: dict[str, tuple[LevelForecast, ...]]
    scores: tuple[Score, ...]
    against: dict[str, PairedRatio]
    left_out: tuple[str, ...]

    def score(self, engine: str, *, fold: str = ALL, earlier_levels: str = ALL) -> Score:
        """The one score of this engine, fold and number of earlier levels."""
        return next(s for s in self.scores if (s.engine, s.fold, s.earlier_levels) == (engine, fold, earlier_levels))

    @property
    def sentence(self) -> str:
        """What each engine's doses were worth after a level, with counts."""
        said = []
        for engine in self.levels:
            score = self.score(engine, earlier_levels="1+")
            value = score.MdAPE.value
            said.append(f"{engine}: none" if value is None else f"{engine}: half of the {score.n:,} doses within {value:.0f} % of the dose given")
        return f"{len(self.fold_of):,} patients in {self.folds} folds. After at least one level, {'; '.join(said)}."

    def rows(self) -> tuple[Row, ...]:
        """One line for each score."""
        return tuple(_score_row(score) for score in self.scores)

    def dose_rows(self) -> tuple[Row, ...]:
        """One line for each dose."""
        return tuple({**asdict(d), "fold": self.fold_of[d.patient_id], "error_percent": d.percent_error} for d in self.doses)


def split(patients: Sequence[Patient], folds: int, *, seed: int = 0) -> dict[str, int]:
    """The fold of each patient, 1 to `folds`: shuffled, and as even as can be. Raises ValueError when there are fewer patients than folds."""
    if not 2 <= folds <= len(patients):
        raise ValueError(f"cross-validation needs 2 folds or more, each with a patient: {folds} asked for, of a cohort of {len(patients)}. Choose others.")
    order = np.random.default_rng(seed).permutation(len(patients))
    return {patients[int(i)].id: rank % folds + 1 for rank, i in enumerate(order)}


def cross_validate(
    learners: Sequence[Learner], patients: Sequence[Patient], *, folds: int = 5, replicates: int = 1000, seed: int = 0, progress: Progress = silent
) -> CrossValidation:
    """Every learner on every fold's training patients, asked about that fold's held-out ones. Patients without an answer are named in `left_out`."""
    fold_of = split(patients, folds, seed=seed)
    answered, left_out = [], []
    for number, learner in enumerate(learners):
        for fold in range(1, folds + 1):
            done = number * len(patients) + sum(f < fold for f in fold_of.values())
            held_out = _hold_out(learner, patients, fold_of, fold, seed, lambda more, done=done: progress(done + more, len(learners) * len(patients)))
            answered += held_out[0]
            left_out += held_out[1]
    doses = tuple(d for found, _ in answered for d in found)
    levels = {learner.name: tuple(level for _, (name, found) in answered if name == learner.name for level in found) for learner in learners}
    scores = tuple(score for learner in learners for score in _scores(learner.name, doses, fold_of, folds, replicates, seed))
    first, *others = levels
    against = {name: paired_ratio(levels[first], levels[name], replicates=replicates, seed=seed) for name in others}
    return CrossValidation(folds, fold_of, doses, levels, scores, against, tuple(left_out))


def _hold_out(
    learner: Learner, patients: Sequence[Patient], fold_of: dict[str, int], fold: int, seed: int, progress: Callable[[int], None]
) -> tuple[list[tuple[tuple[DosePrediction, ...], tuple[str, tuple[LevelForecast, ...]]]], list[str]]:
    """(doses, (engine, levels)) of each held-out patient of this fold, and why the others have none."""
    held_out = [p for p in patients if fold_of[p.id] == fold]
    try:
        engine = replace(learner.learn([p for p in patients if fold_of[p.id] != fold]), name=learner.name)
    except ValueError as error:
        progress(len(held_out))
        return [], [f"{learner.name}, fold {fold}: {error}"]
    answered, left_out = [], []
    for first in range(0, len(held_out), TOGETHER):
        some = held_out[first : first + TOGETHER]
        draw = seed + 1000 * fold + first
        for patient, doses, levels in zip(some, predict_doses(engine, some, seed=draw), forecast_each(engine, some, seed=draw), strict=True):
            if isinstance(doses, str) or isinstance(levels, str):
                left_out.append(f"{learner.name}, {patient.id}: {doses if isinstance(doses, str) else levels}")
            else:
                answered.append((doses, (learner.name, levels)))
        progress(first + len(some))
    return answered, left_out


def _scores(engine: str, doses: Sequence[DosePrediction], fold_of: dict[str, int], folds: int, replicates: int, seed: int) -> list[Score]:
    """Over all folds by the number of earlier levels, then by fold."""
    ours = [d for d in doses if d.engine == engine]
    groups = {ALL: ours} | {group: [d for d in ours if belongs(d.earlier_levels)] for group, belongs in GROUPS.items()}
    pooled = [_score(engine, ALL, group, found, replicates, seed) for group, found in groups.items()]
    each = [_score(engine, str(fold), ALL, [d for d in ours if fold_of[d.patient_id] == fold], replicates, seed) for fold in range(1, folds + 1)]
    return pooled + each


def _score(engine: str, fold: str, earlier_levels: str, doses: Sequence[DosePrediction], replicates: int, seed: int) -> Score:
    subjects = sorted({d.patient_id for d in doses})
    weight = subject_weights([subjects.index(d.patient_id) for d in doses], len(subjects), replicates=replicates, seed=seed)
    percent = np.array([d.percent_error for d in doses], dtype=float)
    shares = (abs(percent) <= 20, abs(percent) <= 30, np.array([d.is_covered for d in doses], dtype=bool))
    within_20, within_30, coverage_90 = (figure(weighted_mean(100.0 * share, weight)) for share in shares)
    MdPE, MdAPE = figure(weighted_median(percent, weight)), figure(weighted_median(abs(percent), weight))
    no_dose = sum(d.predicted_mg == 0 for d in doses)
    return Score(engine, fold, earlier_levels, len(doses), len(subjects), no_dose, MdPE, MdAPE, within_20, within_30, coverage_90)


def _score_row(score: Score) -> Row:
    head = {name: getattr(score, name) for name in ("engine", "fold", "earlier_levels", "n", "patients", "no_dose")}
    names = ("MdPE", "MdAPE", "within_20", "within_30", "coverage_90")
    return head | {cell: value for name in names for cell, value in figure_cells(f"{name}_percent", getattr(score, name)).items()}
