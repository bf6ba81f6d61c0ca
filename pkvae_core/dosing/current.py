"""Which regimen is the patient on, and when is the next decision due?"""

from dataclasses import replace
from itertools import pairwise, takewhile

from pkvae_core.patient import Patient, Regimen

USUAL_INTERVALS_H = (4, 6, 8, 12, 18, 24, 36, 48, 72, 96, 168, 336, 672)
SAME = 0.2  # share by which a gap between two doses may miss its interval on a ward's clock


def current_regimen(patient: Patient) -> Regimen | None:
    """The regimen of the last equal doses (amount, infusion, product), from its next due dose on; None when there is no clear one.

    Clear means: the last two gaps between equal doses, or the only one, lie within a fifth of the same usual interval.
    """
    if not patient.doses:
        return None
    last = patient.doses[-1]
    equal = list(takewhile(lambda d: (d.amount_mg, d.infusion_h, d.product) == (last.amount_mg, last.infusion_h, last.product), reversed(patient.doses)))
    gaps = [later.time_h - earlier.time_h for later, earlier in pairwise(equal[:3])]
    if not gaps:
        return None
    interval = min(USUAL_INTERVALS_H, key=lambda usual: abs(usual - gaps[0]))
    if any(abs(gap - interval) > SAME * interval for gap in gaps) or last.infusion_h > interval:
        return None
    return Regimen(last.amount_mg, interval, last.infusion_h, last.time_h + interval, last.product)


def standing(patient: Patient, now_h: float | None = None) -> tuple[float, Regimen | None]:
    """Where the record stands, in its hours, and the current regimen from then on.

    Without a stated `now_h` that is where the next dose of the current regimen falls due, and not before the last thing known.
    """
    current = current_regimen(patient)
    last = max([item.time_h for item in (*patient.doses, *patient.samples)], default=0.0)
    due = max(current.start_h, last) if current else last
    now = due if now_h is None else now_h
    return now, current and replace(current, start_h=max(current.start_h, now))
