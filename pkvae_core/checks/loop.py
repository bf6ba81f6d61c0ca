"""When the engine doses and the truth answers, how soon are virtual patients in target? A closed loop.

Fresh patients whose covariates stay as they are start on day 1. At each visit a level is drawn just before the next dose is due; the engine reads it, and the
regimen that it recommends begins with that dose. Beside each engine stand its own first regimen, kept without any level, and the usual dose by covariates (see
`trial`). Two questions for each day: where did the exposure of that day lie, and where will it lie if the regimen of that evening is kept for good?
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from pkvae_core.checks.accuracy import Figure, figure, subject_weights, weighted_mean
from pkvae_core.checks.courses import Course, daily, kept, measure
from pkvae_core.checks.engines import Engine
from pkvae_core.checks.levels import Row, figure_cells
from pkvae_core.checks.prescriber import plain_regimens, prescribe
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.checks.trial import USUAL, Question
from pkvae_core.checks.virtual import Virtual, Wanted, fresh
from pkvae_core.dosing.recommend import silence_of
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.regimens import SLOW_H
from pkvae_core.inference.posterior import Posterior

VISITS_H, DAYS = (24.0, 48.0, 96.0), 7
SLOW_VISITS_H, SLOW_DAYS = (168.0, 336.0, 672.0), 42  # of a drug that takes weeks to settle: a level each after one, two and four of them
NO_LEVELS = "{}, no levels"


@dataclass(frozen=True)
class LoopDay:
    """One patient's day in one arm: levels known by the evening, the regimen then in force, the day's true exposure, and where that regimen leads."""

    arm: str
    patient_id: str
    day: int
    levels_known: int
    amount_mg: float
    interval_h: float
    exposure: float
    kept_exposure: float


@dataclass(frozen=True)
class LoopPoint:
    """One arm on one day, in per cent of `patients` with 95 % intervals: the day's exposure below, in, above the target; `kept_in` if the regimen is kept."""

    arm: str
    day: int
    levels_known: float
    patients: int
    below: Figure
    in_target: Figure
    above: Figure
    kept_in: Figure


@dataclass(frozen=True)
class ClosedLoop:
    """Every day of every patient and arm. `unsure` counts recommendations that did not reach the target's least probability and were followed all the same,
    `withheld` those that the engine refused, when the regimen in force went on."""

    drug: str
    target: str
    unit: str
    points: tuple[LoopPoint, ...]
    days: tuple[LoopDay, ...]
    unsure: int
    withheld: int
    left_out: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Where the regimens of the last evening lead, with counts."""
        last = [p for p in self.points if p.day == max(q.day for q in self.points)]
        shown = ", ".join(f"{p.arm} {p.kept_in.value or 0:.0f} %" for p in last)
        return f"The regimens of day {last[0].day} lead the true {self.target} into target in: {shown} of {max(p.patients for p in last):,} virtual patients."

    def rows(self) -> tuple[Row, ...]:
        """One line for each arm and day."""
        return tuple(_point_row(point) for point in self.points)

    def day_rows(self) -> tuple[Row, ...]:
        """One line for each patient, arm and day."""
        return tuple(asdict(day) for day in self.days)


@dataclass
class _Tally:
    """What has been counted so far, and how far the trial is."""

    progress: Callable[[int], None]
    left_out: list[str]
    done: int = 0
    unsure: int = 0
    withheld: int = 0


def closed_loop(
    engines: Sequence[Engine],
    card: DrugCard,
    *,
    patients: int = 100,
    days: int | None = None,
    visits_h: tuple[float, ...] | None = None,
    is_wanted: Wanted | None = None,
    replicates: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> ClosedLoop:
    """Each engine, its first regimen alone, and the usual dose, on the same fresh virtual patients; a week with levels after one, two and four days, or as
    many weeks as a slow drug takes."""
    days, visits_h = days or (SLOW_DAYS if card.horizon_h >= SLOW_H else DAYS), visits_h or (SLOW_VISITS_H if card.horizon_h >= SLOW_H else VISITS_H)
    question = Question.of(card)
    virtual = fresh(card, patients, samples=0, seed=seed, changing=0.0, is_wanted=is_wanted)
    start = [Course(i, replace(p, doses=(), samples=())) for i, p in enumerate(virtual.patients)]
    total = len(engines) * patients * (1 + len(visits_h))
    tally, arms = _Tally(lambda done: progress(done, total), []), {}
    for engine in engines:
        first = _choose(engine, start, question.target, tally, seed)
        arms[engine.name] = _treat(engine, virtual, first, question.target, visits_h, tally, seed)
        arms[NO_LEVELS.format(engine.name)] = first
    arms[USUAL] = _usual(question, virtual, start)
    found = [day for arm, courses in arms.items() for day in _days(arm, virtual, courses, question.target, days)]
    points = [_point(arm, day, found, question, replicates, seed) for arm in arms for day in range(1, days + 1)]
    left_out = tuple(tally.left_out)
    return ClosedLoop(card.drug, question.target.label, question.target.unit, tuple(points), tuple(found), tally.unsure, tally.withheld, left_out)


def _treat(engine: Engine, virtual: Virtual, courses: list[Course], target: Target, visits_h: Sequence[float], tally: _Tally, seed: int) -> list[Course]:
    """A level at each visit, and the regimen that it leads to. Every engine meets the same measurement errors."""
    for number, hour in enumerate(visits_h, start=1):
        seen = measure(virtual, courses, hour, seed=seed + number)
        courses = _choose(engine, seen, target, tally, seed + number)
    return courses


def _choose(engine: Engine, courses: Sequence[Course], target: Target, tally: _Tally, seed: int) -> list[Course]:
    """Each course with the engine's regimen from the next dose on. Who cannot be answered at the start is left out, later goes on as before."""
    found = []
    for first in range(0, len(courses), 20):
        some = courses[first : first + 20]
        for one, belief in zip(some, engine.each([c.patient for c in some], seed=1000 * seed + first), strict=True):
            tally.done += 1
            tally.progress(tally.done)
            refusal = belief if isinstance(belief, str) else silence_of(belief)
            if isinstance(belief, Posterior) and refusal is None:
                found.append(_follow(one, belief, target, tally))
            elif one.regimens:
                tally.withheld += 1
                found.append(one)
            else:
                tally.left_out.append(f"{engine.name}, {one.patient.id}: {refusal}")
    return found


def _follow(one: Course, belief: Posterior, target: Target, tally: _Tally) -> Course:
    start_h = one.next_due(one.patient.samples[-1].time_h if one.patient.samples else 0.0)
    current, product = one.regimens[-1] if one.regimens else None, belief.card.typical_regimen.product
    advice = prescribe(belief, target, start_h=start_h, product=product, current=current)
    tally.unsure += advice.best is None
    return replace(one, regimens=(*one.regimens, advice.ranked[0].regimen))


def _usual(question: Question, virtual: Virtual, start: Sequence[Course]) -> list[Course]:
    """The available amount nearest to what covariates alone ask for, at the card's typical interval."""
    typical = question.card.typical_regimen
    regimens = [r for r in plain_regimens(question.card, start_h=0.0, product=typical.product) if r.interval_h == typical.interval_h]
    wanted = question.usual_mg(virtual.patients).tolist()
    return [replace(one, regimens=(min(regimens, key=lambda r: abs(r.amount_mg - mg)),)) for one, mg in zip(start, wanted, strict=True)]


def _days(arm: str, virtual: Virtual, courses: Sequence[Course], target: Target, days: int) -> list[LoopDay]:
    """Every day of these courses."""
    whole = [one.given_until(24.0 * days) for one in courses]
    if not whole:
        return []
    lived, leads = daily(virtual, whole, target, days), kept(virtual, whole, target, days)
    return [_day(arm, one, day, float(lived[i, day - 1]), float(leads[i, day - 1])) for i, one in enumerate(whole) for day in range(1, days + 1)]


def _day(arm: str, one: Course, day: int, exposure: float, kept_exposure: float) -> LoopDay:
    regimen = one.in_force(24.0 * day)
    known = sum(s.time_h < 24 * day for s in one.patient.samples)
    return LoopDay(arm, one.patient.id, day, known, regimen.amount_mg, regimen.interval_h, exposure, kept_exposure)


def _point(arm: str, day: int, days: Sequence[LoopDay], question: Question, replicates: int, seed: int) -> LoopPoint:
    ours = [d for d in days if (d.arm, d.day) == (arm, day)]
    weight = subject_weights(range(len(ours)), len(ours), replicates=replicates, seed=seed)
    lived, leads = (np.array([getattr(d, name) for d in ours], dtype=float) for name in ("exposure", "kept_exposure"))
    inside, stays = question.is_in(lived), question.is_in(leads)
    low = -np.inf if question.target.low is None else question.target.low
    below = lived < low
    figures = (figure(weighted_mean(100.0 * share, weight)) for share in (below, inside, ~inside & ~below, stays))
    known = float(np.mean([d.levels_known for d in ours])) if ours else 0.0
    return LoopPoint(arm, day, known, len(ours), *figures)


def _point_row(point: LoopPoint) -> Row:
    head: Row = {"arm": point.arm, "day": point.day, "levels_known": point.levels_known, "patients": point.patients}
    names = [f.name for f in fields(LoopPoint) if f.name not in head]
    return head | {key: value for name in names for key, value in figure_cells(f"{name}_percent", getattr(point, name)).items()}
