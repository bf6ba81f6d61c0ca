"""Had we been asked at each decision: what would we have given, against what was given and what happened next?

Each patient is walked through in time. A decision is the first dose after a new level; we see what was known just before it. The regimen that was begun and
the one that we recommend are then judged by the belief that knows the whole record, at steady state, with the patient's covariates of that hour. Nobody
received our regimen: its exposure is the model's estimate, and a judge that is also the adviser is lenient with its own advice (`judge` names another).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from pkvae_core.checks.accuracy import GROUPS, Figure, figure, subject_weights, weighted_mean
from pkvae_core.checks.engines import Engine
from pkvae_core.checks.levels import Row, figure_cells
from pkvae_core.checks.occasions import decisions
from pkvae_core.checks.prescriber import as_of, begun, prescribe
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.dosing.current import current_regimen
from pkvae_core.dosing.option import Option, judge_all
from pkvae_core.dosing.recommend import silence_of
from pkvae_core.dosing.target import Target
from pkvae_core.inference.posterior import Posterior, predict
from pkvae_core.patient import Dose, Patient, Regimen

TOGETHER = 8
ALL = "all"


@dataclass(frozen=True)
class Decision:
    """One decision. Probabilities (per cent) and median exposures (unit of the target) are those of the belief with hindsight, `expected_...` of that before.

    `is_offered`: the best regimen reached the least probability of the target; else it is the likeliest one. The next level is the first measured one after the
    decision: as reported, as we expected it of the doses given, and as our regimen would have made it (medians; the last with hindsight); None without one.
    """

    patient_id: str
    decided_h: float
    earlier_levels: int
    given_mg: float
    given_interval_h: float
    ours_mg: float
    ours_interval_h: float
    ours_infusion_h: float
    is_offered: bool
    expected_in_given: float
    expected_in_ours: float
    below_given: float
    in_given: float
    above_given: float
    exposure_given: float
    below_ours: float
    in_ours: float
    above_ours: float
    exposure_ours: float
    next_level_h: float | None
    next_level_mg_per_L: float | None
    next_level_expected_mg_per_L: float | None
    next_level_with_ours_mg_per_L: float | None


@dataclass(frozen=True)
class ReplaySummary:
    """Mean probabilities (per cent) below, in and above target under the regimens given and under ours; `difference` in target, ours minus given; `promised`:
    the mean probability in target that we gave ours before, which hindsight should confirm; `alike`: decisions in which our daily dose lies within 20 % of the
    one given. All with 95 % intervals when whole patients are drawn anew."""

    earlier_levels: str
    decisions: int
    patients: int
    below_given: Figure
    in_given: Figure
    above_given: Figure
    below_ours: Figure
    in_ours: Figure
    above_ours: Figure
    difference: Figure
    promised: Figure
    alike: Figure


@dataclass(frozen=True)
class Replay:
    """Every decision with a clear regimen; `unclear` have none (a single dose, or irregular gaps). `left_out` says why others could not be answered."""

    engine: str
    judge: str
    target: str
    unit: str
    decisions: tuple[Decision, ...]
    summaries: tuple[ReplaySummary, ...]
    unclear: int
    left_out: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What hindsight makes of both, with counts."""
        found = self.summaries[0]
        if found.in_given.value is None or found.in_ours.value is None:
            return "No decision with a clear regimen follows a level in these records."
        head = f"{found.decisions:,} decisions after a level in {found.patients:,} patients. With hindsight ({self.judge}), the regimens given reach the target"
        return (
            f"{head} with a probability of {found.in_given.value:.0f} % on average, ours with {found.in_ours.value:.0f} %: an estimate, nobody received ours."
        )

    def rows(self) -> tuple[Row, ...]:
        """One line for each number of earlier levels."""
        return tuple(_summary_row(summary) for summary in self.summaries)

    def decision_rows(self) -> tuple[Row, ...]:
        """One line for each decision."""
        return tuple(asdict(decision) for decision in self.decisions)


def replay(
    engine: Engine,
    patients: Sequence[Patient],
    target: Target,
    *,
    judge: Engine | None = None,
    replicates: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> Replay:
    """Every decision after a level of every patient; `judge` looks back (the adviser itself unless another engine is named)."""
    found: list[Decision] = []
    left_out: list[str] = []
    unclear, looking_back = 0, judge or engine
    for first in range(0, len(patients), TOGETHER):
        some = patients[first : first + TOGETHER]
        asked = [(p, t) for p in some for t in decisions(p) if any(s.time_h < t for s in p.samples)]
        clear = [(p, t, regimen) for p, t in asked if (regimen := begun(p, t)) is not None]
        unclear += len(asked) - len(clear)
        then = engine.each([p.until(t) for p, t, _ in clear], seed=seed + first)
        needed = {p.id: p for p, _, _ in clear}
        later = dict(zip(needed, looking_back.each(list(needed.values()), seed=seed + first), strict=True))
        for (patient, decided_h, given), belief in zip(clear, then, strict=True):
            decision = _decide(belief, later[patient.id], target, patient, given)
            if isinstance(decision, str):
                left_out.append(f"{patient.id}, {decided_h:g} h: {decision}")
            else:
                found.append(decision)
        progress(first + len(some), len(patients))
    groups = {ALL: found} | {name: [d for d in found if belongs(d.earlier_levels)] for name, belongs in GROUPS.items() if name not in ("0", "1+")}
    summaries = tuple(_summary(name, some, replicates, seed) for name, some in groups.items())
    return Replay(engine.name, looking_back.name, target.label, target.unit, tuple(found), summaries, unclear, tuple(left_out))


def _decide(then: Posterior | str, later: Posterior | str, target: Target, patient: Patient, given: Regimen) -> Decision | str:
    """One decision, or why it cannot be replayed."""
    if isinstance(then, str) or isinstance(later, str):
        return then if isinstance(then, str) else str(later)
    if (silence := silence_of(then) or silence_of(later)) is not None:
        return silence
    recommendation = prescribe(then, target, start_h=given.start_h, product=given.product, current=current_regimen(then.patient))
    ours = recommendation.ranked[0].regimen
    expected_given = judge_all(then, target, (given,))[0].probability_in
    was, would = judge_all(as_of(later, given.start_h), target, (given, ours))
    return Decision(
        patient_id=patient.id,
        decided_h=given.start_h,
        earlier_levels=len(then.patient.samples),
        given_mg=given.amount_mg,
        given_interval_h=given.interval_h,
        ours_mg=ours.amount_mg,
        ours_interval_h=ours.interval_h,
        ours_infusion_h=ours.infusion_h,
        is_offered=recommendation.best is not None,
        expected_in_given=100 * expected_given,
        expected_in_ours=100 * recommendation.ranked[0].probability_in,
        **_outcome("given", was),
        **_outcome("ours", would),
        **_next_level(then, later, patient, ours),
    )


def _outcome(side: str, option: Option) -> dict[str, Any]:
    """What hindsight makes of one regimen."""
    percent = {"below": option.probability_below, "in": option.probability_in, "above": option.probability_above}
    return {f"{name}_{side}": 100 * p for name, p in percent.items()} | {f"exposure_{side}": option.exposure_median}


def _next_level(then: Posterior, later: Posterior, patient: Patient, ours: Regimen) -> dict[str, Any]:
    """The first measured level after the decision."""
    names = ("next_level_h", "next_level_mg_per_L", "next_level_expected_mg_per_L", "next_level_with_ours_mg_per_L")
    sample = next((s for s in patient.samples if s.time_h > ours.start_h and not s.is_below_lloq), None)
    if sample is None:
        return dict.fromkeys(names)
    past = tuple(d for d in patient.doses if d.time_h < ours.start_h)
    given = tuple(d for d in patient.doses if d.time_h < sample.time_h)
    values = (_median(then, given, sample.time_h), _median(later, (*past, *ours.doses(sample.time_h)), sample.time_h))
    return dict(zip(names, (sample.time_h, sample.concentration_mg_per_L, *values), strict=True))


def _median(posterior: Posterior, doses: Sequence[Dose], time_h: float) -> float:
    return float(predict(posterior, doses, [time_h]).median[0])


def _summary(earlier_levels: str, decided: Sequence[Decision], replicates: int, seed: int) -> ReplaySummary:
    subjects = sorted({d.patient_id for d in decided})
    weight = subject_weights([subjects.index(d.patient_id) for d in decided], len(subjects), replicates=replicates, seed=seed)

    def mean(values: Sequence[float]) -> np.ndarray:
        return weighted_mean(np.array(values, dtype=float), weight)

    names = ("below_given", "in_given", "above_given", "below_ours", "in_ours", "above_ours")
    means = {name: mean([getattr(d, name) for d in decided]) for name in names}
    daily = [(d.ours_mg / d.ours_interval_h) / (d.given_mg / d.given_interval_h) for d in decided]
    figures = {name: figure(values) for name, values in means.items()}
    difference, promised = figure(means["in_ours"] - means["in_given"]), figure(mean([d.expected_in_ours for d in decided]))
    alike = figure(mean([100.0 * (0.8 <= ratio <= 1.2) for ratio in daily]))
    return ReplaySummary(earlier_levels, len(decided), len(subjects), **figures, difference=difference, promised=promised, alike=alike)


def _summary_row(summary: ReplaySummary) -> Row:
    head: Row = {"earlier_levels": summary.earlier_levels, "decisions": summary.decisions, "patients": summary.patients}
    names = [f.name for f in fields(ReplaySummary) if f.name not in head]
    return head | {key: value for name in names for key, value in figure_cells(f"{name}_percent", getattr(summary, name)).items()}
