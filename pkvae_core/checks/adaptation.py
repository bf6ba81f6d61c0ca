"""Did a model that learned from a cohort get better for such patients, or should the shipped one be kept? Asked of patients whom it did not learn from.

Whole patients are held out, a fold at a time. In each fold a model is learned anew from the other patients; then every level of the held-out ones is forecast
from what was known just before it, by that model, by the shipped one and by MAP-Bayes, which learn from no fold. The errors are compared on the same levels,
and their ratio's 95 % interval comes from drawing whole patients anew.

The rule. The figure is the root mean square of ln(forecast / level) of the new model over that of the rival, all levels of held-out patients.
  too small: fewer than `LEAST_PATIENTS` patients or `LEAST_LEVELS` levels were forecast by both, or the interval reaches from below `1 / FAR` to above `FAR`;
  worse: the whole interval lies above 1; or the 90 % bands of the new model hold less than 90 % of the levels for certain (the whole interval of that
    share lies below 90 %), and less than the rival's do;
  better: the whole interval lies below 1;
  not distinguishable: anything else.
Only "better" is a reason to leave the shipped model.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from pydantic import TypeAdapter

from pkvae_core.checks.accuracy import Figure, summarise
from pkvae_core.checks.engines import Engine, classical, vae
from pkvae_core.checks.fitted import fitted
from pkvae_core.checks.folds import CrossValidation, Learner, cross_validate, shipped
from pkvae_core.checks.forecast import LevelForecast
from pkvae_core.checks.paired import PairedRatio, paired_ratio
from pkvae_core.checks.progress import Progress
from pkvae_core.drugs.card import DrugCard
from pkvae_core.patient import Patient
from pkvae_core.vae.vae import PKVAE

NEW, SHIPPED, MAP, FIT = "new model", "shipped model", "averaged MAP-Bayes", "population fit with MAP"
LEAST_PATIENTS, LEAST_LEVELS = 20, 40  # below, a bootstrap of patients is not to be believed
FAR = 1.25  # an interval that holds both a quarter better and a quarter worse says nothing
FOLDS = 5
DRAWS = 500
MOST_FITTED = 150  # patients up to whom a classical population fit is made in every fold, where no published model can be asked
WHOLE = 1000  # ticks of a fold's training, whatever its own number of steps

Verdict = Literal["better", "not distinguishable", "worse", "too small"]
Learn = Callable[[Sequence[Patient], int, Progress], PKVAE]  # (training patients, fold, tick) -> the model; fold 0 is everybody


@dataclass(frozen=True)
class EngineScore:
    """How one engine's forecasts of held-out levels did: their number, MAPE and MdAPE in per cent, RMSE in mg/L, share of the levels in the 90 % interval."""

    levels: int
    patients: int
    MAPE: Figure
    MdAPE: Figure
    RMSE_mg_per_L: Figure
    coverage_90: Figure


@dataclass(frozen=True)
class Comparison:
    """The new model's errors over a rival's on the same held-out levels: all of them, and those that had one or more before them."""

    rival: str
    all_levels: PairedRatio
    later_levels: PairedRatio
    verdict: Verdict
    sentence: str


@dataclass(frozen=True)
class Validation:
    """What the folds showed. `comparisons`: the shipped model first where there is one. `left_out`: whom an engine could not answer for, and why."""

    folds: int
    patients: int
    scores: dict[str, EngineScore]
    comparisons: tuple[Comparison, ...]
    left_out: tuple[str, ...]

    @property
    def verdict(self) -> Verdict | None:
        """Against the first rival; None where there is nobody to compare with."""
        return self.comparisons[0].verdict if self.comparisons else None

    @property
    def sentence(self) -> str:
        """The verdict in words, and what to do."""
        if not self.comparisons:
            return "There is nothing to compare with: no shipped model, no published model and no population fit could be asked. Judge by the figures alone."
        return self.comparisons[0].sentence

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Validation":
        """What `to_dict` wrote, also after a passage through JSON."""
        return TypeAdapter(cls).validate_python(values)


@dataclass(frozen=True)
class Rivals:
    """Who stands beside the new model: the shipped one where there is one, and the card whose published models MAP-Bayes goes by, if it has any."""

    card: DrugCard
    shipped: PKVAE | None = None

    def learners(self, patients: int) -> list[Learner]:
        """They learn nothing from the cohort; where no published model can be asked, a plain population fit learns from each fold."""
        found = [shipped(replace(vae(self.shipped, draws=DRAWS), name=SHIPPED))] if self.shipped else []
        published = self.shipped.card if self.shipped else self.card
        if published.published_models:
            found.append(shipped(replace(classical(published, draws=DRAWS), name=MAP)))
        if not found and patients <= MOST_FITTED:
            found.append(replace(fitted(self.card), name=FIT))
        return found


def validate(learn: Learn, patients: Sequence[Patient], rivals: Rivals, *, folds: int = FOLDS, seed: int = 0, progress: Progress) -> Validation:
    """The new model beside its rivals on held-out patients. Raises ValueError where there are fewer patients than folds."""
    usable = [p for p in patients if p.doses and p.samples]
    told = _Told(progress, folds)
    learners = [Learner(NEW, told.learning(learn)), *rivals.learners(len(usable))]
    found = cross_validate(learners, usable, folds=folds, seed=seed, progress=told.asking)
    return _validation(found, seed)


class _Told:
    """One count of progress over the trainings of all folds, which take nearly all of the time, and the questions between them."""

    def __init__(self, progress: Progress, folds: int):
        self.progress, self.total, self.fold, self.done = progress, folds * WHOLE, 0, 0

    def learning(self, learn: Learn) -> Callable[[Sequence[Patient]], Engine]:
        def learned(training: Sequence[Patient]) -> Engine:
            self.fold += 1
            model = learn(training, self.fold, self._tick)
            self.done = self.fold * WHOLE
            return vae(model, draws=DRAWS)

        return learned

    def _tick(self, done: int, total: int) -> None:
        self.done = (self.fold - 1) * WHOLE + (WHOLE * done // total if total else 0)
        self.progress(self.done, self.total)

    def asking(self, done: int, total: int) -> None:
        """A question tells how far the trainings are, so that a caller can stop it."""
        self.progress(self.done, self.total)


def _validation(found: CrossValidation, seed: int) -> Validation:
    scores = {name: _score(levels, seed) for name, levels in found.levels.items() if levels}
    rivals = [name for name in found.levels if name != NEW and found.levels[name]]
    comparisons = tuple(_compared(found.levels, name, scores, seed) for name in rivals) if found.levels[NEW] else ()
    return Validation(found.folds, len(found.fold_of), scores, comparisons, found.left_out)


def _score(levels: Sequence[LevelForecast], seed: int) -> EngineScore:
    summary = summarise(levels, seed=seed)["all"]
    known = summary.IPRED
    return EngineScore(summary.n, summary.n_subjects, known.MAPE, known.MdAPE, known.RMSE, known.coverage_90)


def _compared(levels: dict[str, tuple[LevelForecast, ...]], rival: str, scores: dict[str, EngineScore], seed: int) -> Comparison:
    ours, theirs = levels[NEW], levels[rival]
    ratio = paired_ratio(ours, theirs, seed=seed)
    later = paired_ratio([f for f in ours if f.n_earlier], [f for f in theirs if f.n_earlier], seed=seed)
    verdict = judge(ratio, scores[NEW].coverage_90, scores[rival].coverage_90)
    return Comparison(rival, ratio, later, verdict, sentence(verdict, rival, ratio, scores[NEW].coverage_90))


def judge(ratio: PairedRatio, ours: Figure, theirs: Figure) -> Verdict:
    """The rule at the head of this file; `ours` and `theirs` are the shares of levels within the 90 % intervals, in per cent."""
    low, high = ratio.log_RMSE.low95, ratio.log_RMSE.high95
    if low is None or high is None or ratio.n_subjects < LEAST_PATIENTS or ratio.n < LEAST_LEVELS or (low < 1 / FAR and high > FAR):
        return "too small"
    is_too_sure = ours.high95 is not None and ours.high95 < 90 and (ours.value or 0) < (theirs.value or 0)
    if low > 1 or is_too_sure:
        return "worse"
    return "better" if high < 1 else "not distinguishable"


def sentence(verdict: Verdict, rival: str, ratio: PairedRatio, coverage: Figure) -> str:
    """The verdict with its figures, and what to do."""
    found = ratio.log_RMSE
    keep = f"keep the {rival}" if rival == SHIPPED else f"rather trust the {rival}"
    if found.value is None or found.low95 is None or found.high95 is None:
        return f"Your cohort is too small to tell: {keep}."
    between = f"95 % interval {found.low95:.2f} to {found.high95:.2f}; {ratio.n:,} levels of {ratio.n_subjects:,} patients"
    figures = f"{found.value:.2f} times that of the {rival} ({between})"
    if verdict == "too small":
        return f"Your cohort is too small to tell, {keep}. The error of the new model is {figures}."
    if verdict == "better":
        return f"Better: the error of the new model on patients it had not seen is {figures}."
    if verdict == "not distinguishable":
        return f"Not distinguishable: the error of the new model on patients it had not seen is {figures}. Nothing is gained by it: {keep}."
    if found.low95 > 1:
        return f"Worse, {keep}: the error of the new model on patients it had not seen is {figures}."
    return f"Too sure of itself, {keep}: its 90 % intervals held {coverage.value:.0f} % of the levels. The error of the new model is {figures}."


RULE = (
    "The figure is the root mean square of ln(forecast / level) of the new model over that of its rival, on levels of patients it did not learn from. "
    "Better or worse is said only when the whole 95 % interval of the ratio lies below or above 1. A new model whose 90 % intervals certainly hold less "
    "than 90 % of the levels, and less than its rival's, counts as worse whatever its error. Your cohort is too small to tell with fewer than "
    f"{LEAST_PATIENTS} patients or {LEAST_LEVELS} levels, or when the interval reaches from below {1 / FAR:.1f} to above {FAR}. "
    "Only “better” is a reason to leave the shipped model."
)
