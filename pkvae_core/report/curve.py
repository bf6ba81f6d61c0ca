"""What does the report's chart show: the curve with its bands, the levels, the doses, and the clock?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from jaxtyping import Float

from pkvae_core.case import Case
from pkvae_core.drugs.changes import Change, marks
from pkvae_core.inference.posterior import Posterior, predict
from pkvae_core.patient import Dose, Regimen

BEFORE_H, AFTER_H = 72.0, 48.0
AFTER_SHARE = 0.25  # of a course that is shown whole, where that is more
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Measured:
    """One measured level in the reporting unit; `is_below`: it is the laboratory's limit, and the level lies under it; `is_left_out`: it does not count."""

    time_h: float
    level: float
    is_below: bool
    is_left_out: bool = False


@dataclass(frozen=True)
class Curve:
    """Concentrations in `unit` at `time_h`: QUANTILES under the regimen, and the median if the current regimen goes on."""

    time_h: Float[np.ndarray, " time"]
    quantiles: Float[np.ndarray, "quantile time"]
    unchanged: Float[np.ndarray, " time"] | None
    unit: str
    now_h: float
    measured: tuple[Measured, ...]
    dose_times_h: tuple[float, ...]
    ticks: tuple[tuple[float, datetime], ...]
    band: tuple[float | None, float | None] | None
    label: str
    earlier: str
    changes: tuple[Change, ...] = ()


def draw_curve(case: Case, posterior: Posterior, regimen: Regimen | None, *, unit_factor: float, label: str, before_h: float = BEFORE_H) -> Curve | None:
    """The curve from the first dose, at most `before_h` before now, to two days, a quarter of what is shown, or three intervals after it; None when there is
    no dose, given or planned.

    `unit_factor` turns mg/L into the case's unit.
    """
    given = tuple(dose for dose in case.patient.doses if dose.time_h < case.now_h)
    goes_on = case.current if case.current != regimen else None
    if not given and regimen is None:
        return None
    first_h = min([case.now_h, *(dose.time_h for dose in given)])
    start_h = max(first_h, case.now_h - before_h)
    end_h = case.now_h + max([AFTER_H, AFTER_SHARE * (case.now_h - start_h), *(3 * r.interval_h for r in (regimen, goes_on) if r)])
    doses, unchanged = ((*given, *(r.doses(end_h) if r else ())) for r in (regimen, goes_on))
    time_h = grid(start_h, end_h, (*doses, *unchanged))
    factor = case.target.divisor * unit_factor
    return Curve(
        time_h=time_h,
        quantiles=_quantiles(posterior, doses, time_h, QUANTILES) * unit_factor,
        unchanged=_quantiles(posterior, unchanged, time_h, (0.5,))[0] * unit_factor if goes_on else None,
        unit=case.unit,
        now_h=case.now_h,
        measured=tuple(_measured(case, start_h, end_h, unit_factor)),
        dose_times_h=tuple(dose.time_h for dose in doses if dose.time_h >= start_h),
        ticks=clock_ticks(case, start_h, end_h),
        band=(case.target.low and case.target.low * factor, case.target.high and case.target.high * factor)
        if case.target.metric in ("trough", "peak")
        else None,
        label=label,
        changes=tuple(change for change in marks(posterior.card, posterior.patient) if start_h <= change.time_h <= end_h),
        earlier="The curve begins three days before now; everything earlier was counted." if first_h < start_h else "",
    )


def _quantiles(posterior: Posterior, doses: Sequence[Dose], time_h: np.ndarray, probabilities: Sequence[float]) -> Float[np.ndarray, "quantile time"]:
    """Quantiles of the concentration in mg/L; zero without a dose."""
    if not doses:
        return np.zeros((len(probabilities), len(time_h)))
    prediction = predict(posterior, doses, time_h)
    return np.stack([prediction.quantile(p) for p in probabilities])


def grid(start_h: float, end_h: float, doses: Sequence[Dose]) -> Float[np.ndarray, " time"]:
    """Some 240 times, and those at, just after and at the end of each dose, so that peaks are sharp."""
    edges = [t for dose in doses for t in (dose.time_h, dose.time_h + 0.01, dose.time_h + dose.infusion_h)]
    return np.unique(np.concatenate([np.linspace(start_h, end_h, 240), [t for t in edges if start_h <= t <= end_h]]))


def clock_ticks(case: Case, start_h: float, end_h: float, *, most: int = 9) -> tuple[tuple[float, datetime], ...]:
    """Hours to label, on the clock: every 6 or 12 hours, or every few days, at most `most` of them."""
    days = math.ceil((end_h - start_h) / 24 / (most - 1))
    step = timedelta(hours=next((step for step in (6, 12) if (end_h - start_h) / step < most - 1), 24 * days))
    moment, ticks = case.clock(start_h).replace(hour=0, minute=0, second=0, microsecond=0, fold=0), []
    while (time_h := case.hours(moment)) <= end_h:
        ticks += [(time_h, moment)] if time_h >= start_h else []
        moment += step
    return tuple(ticks)


def _measured(case: Case, start_h: float, end_h: float, unit_factor: float):
    for sample in case.patient.samples:
        level = sample.lloq_mg_per_L if sample.is_below_lloq else sample.concentration_mg_per_L
        if start_h <= sample.time_h <= end_h and level is not None:
            yield Measured(sample.time_h, level * unit_factor, sample.is_below_lloq, sample.trust == 0)
