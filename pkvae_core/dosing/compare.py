"""What if the regimen stays as it is, a dose is missed, comes late, treatment stops, or the patient changes?"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pkvae_core.dosing.course import past_doses, window_span
from pkvae_core.dosing.option import Option, judge, judge_spans
from pkvae_core.dosing.target import Target
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Covariate, Dose, Patient, Regimen
from pkvae_core.wording import plain


@dataclass(frozen=True, eq=False)
class Change:
    """The schedule after a change, and exposure with and without it between two hours of the patient's clock."""

    doses: tuple[Dose, ...]
    window_h: tuple[float, float]
    planned: Option
    changed: Option


def unchanged(posterior: Posterior, target: Target, current: Regimen, *, start_h: float) -> Option:
    """The present regimen, judged over the same hours as one that starts at `start_h`."""
    if target.window_h is None:
        return judge(posterior, target, current)
    shift = start_h - current.start_h
    return judge(posterior, replace(target, window_h=(target.window_h[0] + shift, target.window_h[1] + shift)), current)


DAY_H = 24.0


def past_day(posterior: Posterior, target: Target, until_h: float) -> Option | None:
    """The 24 hours before `until_h` as they were lived, for a patient whose doses follow no clear regimen; the option's regimen says the last dose only.

    None where treatment began later than that, and for the AUC of an interval, which has no length here.
    """
    given = past_doses(posterior, until_h)
    if not given or given[0].time_h > until_h - DAY_H or target.metric == "auc":
        return None
    last = given[-1]
    ended = Regimen(last.amount_mg, max(DAY_H, last.infusion_h), last.infusion_h, until_h, last.product)
    span = window_span(posterior, given, ended, (until_h - DAY_H, until_h), target.points)
    return judge_spans(replace(target, window_h=None), (ended,), (span,), np.asarray(posterior.weight, dtype=float))[0]


def what_if_missed(posterior: Posterior, target: Target, regimen: Regimen, which: int) -> Change:
    """The dose number `which` (0 is the first of the regimen) is not given; the others come as planned."""
    return _what_if(posterior, target, regimen, which, lambda doses: doses[:which] + doses[which + 1 :])


def what_if_late(posterior: Posterior, target: Target, regimen: Regimen, which: int, delay_h: float) -> Change:
    """The dose number `which` is given `delay_h` late; the others come as planned."""
    return _what_if(
        posterior, target, regimen, which, lambda doses: (*doses[:which], replace(doses[which], time_h=doses[which].time_h + delay_h), *doses[which + 1 :])
    )


def what_if_stopped(posterior: Posterior, target: Target, regimen: Regimen, which: int) -> Change:
    """From dose number `which` on, nothing more is given."""
    return _what_if(posterior, target, regimen, which, lambda doses: doses[:which])


def _what_if(posterior: Posterior, target: Target, regimen: Regimen, which: int, change: Callable[[tuple[Dose, ...]], tuple[Dose, ...]]) -> Change:
    """Judged over the target's window or, at steady state, from when that dose is due: over the intervals of a day for auc24, over one interval otherwise."""
    if which < 0:
        raise ValueError(f"dose number {which} is not a dose of this regimen; 0 is its first one.")
    due = regimen.start_h + which * regimen.interval_h
    intervals = math.ceil(24 / regimen.interval_h - 1e-9) if target.metric == "auc24" else 1
    begin, end = target.window_h or (due - regimen.start_h, due - regimen.start_h + intervals * regimen.interval_h)
    window = regimen.start_h + begin, regimen.start_h + end
    plan = regimen.doses(max(window[1], due + regimen.interval_h))
    altered = tuple(sorted(change(plan), key=lambda dose: dose.time_h))
    past, weight = past_doses(posterior, regimen.start_h), np.asarray(posterior.weight, dtype=float)
    lived = [window_span(posterior, (*past, *doses), regimen, window, target.points) for doses in (plan, altered)]
    planned, changed = judge_spans(target, (regimen, regimen), lived, weight)
    return Change(altered, window, planned, changed)


WHAT_IF = "what if"  # the source of a covariate that is supposed


def what_if_changed(posterior: Posterior, name: str, value: float, *, from_h: float) -> Posterior:
    """What the same engine would believe if this covariate took this value at `from_h` and kept it (see `supposed`)."""
    return posterior.revise(supposed(posterior, name, value, from_h=from_h))


def supposed(posterior: Posterior, name: str, value: float, *, from_h: float) -> Patient:
    """The record of the posterior's patient with this value from `from_h` on. What follows from it (a clearance) follows when an engine is asked; a supposed
    clearance takes a known creatinine with it, in inverse proportion, so that kidneys do not fail in one number and work in the other.

    Levels drawn later than `from_h` would be read as drawn under the new value, so it must not lie before them. Raises ValueError, in a sentence, for a
    covariate that the card does not have or that is not known until then, for a value beyond the card's hard range, and for such a time.
    """
    specs = {spec.name: spec for spec in posterior.card.covariates}
    if name not in specs:
        raise ValueError(f"{posterior.card.name} has no covariate {name!r}. The card has: {', '.join(specs) or 'none'}.")
    spec = specs[name]
    if posterior.patient.covariate(name, from_h) is None:
        raise ValueError(f"{spec.label.lower()} is not known until then, so it cannot change. Enter its present value first.")
    if not spec.allows(value):
        if why := spec.why_no_flag(value):
            raise ValueError(why)
        raise ValueError(f"{spec.label.lower()} {plain(value)} {spec.unit} lies outside {plain(spec.low)} to {plain(spec.high)} {spec.unit}. Check the value.")
    if any(s.time_h > from_h for s in posterior.patient.samples):
        raise ValueError("a level was drawn after the supposed change. Let it begin after the last level.")
    with_it = [Covariate("SCR", creatinine, from_h, WHAT_IF) for creatinine in _creatinine(posterior, name, value, from_h)]
    return _with(posterior.patient, Covariate(name, value, from_h, WHAT_IF), *with_it)


def _creatinine(posterior: Posterior, name: str, value: float, from_h: float) -> tuple[float, ...]:
    """The creatinine that goes with a supposed clearance; none where it is not known, not on the card, or would leave the card's range."""
    known, clearance = (posterior.patient.covariate(covariate, from_h) for covariate in ("SCR", "CRCL"))
    if name != "CRCL" or known is None or clearance is None:
        return ()
    creatinine = known * clearance / value
    return tuple(creatinine for spec in posterior.card.covariates if spec.name == "SCR" and spec.low <= creatinine <= spec.high)


def _with(patient: Patient, *supposed: Covariate) -> Patient:
    """In place of what the record holds for these covariates at or after their time."""
    since = {covariate.name: covariate.time_h for covariate in supposed}
    kept = tuple(c for c in patient.covariates if c.time_h < since.get(c.name, math.inf))
    return replace(patient, covariates=(*kept, *supposed))
