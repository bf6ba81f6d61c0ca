"""At which hours does a prediction assume meals, and what has to be said of that?

The network learned from patients who all ate at the same hours, lunch at 12:00 and supper at 18:00, and reads a level by how long after those it was drawn: no
other hours can be asked for. A record with clock times says which of its hours is the morning; of any other, hour 0 is taken for it.
"""

import math
from datetime import datetime, timedelta

from pkvae_core.patient import Patient
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.body import AnyBody
from pkvae_core.structural.recirculation import DAY_H, MORNING_CLOCK_H, Recirculating

WAKING = (6, 22)  # o'clock: a meal outside says that the record does not begin in the morning


def meals_of_a_day(responses: AnyResponses) -> tuple[float, ...]:
    """Hours of each day of the record at which a meal is assumed; none where meals do nothing."""
    now = responses.now
    morning_h = float(now.morning[0, 0]) if isinstance(now, Recirculating) and now.morning is not None else 0.0
    return meals_after(now, morning_h) if isinstance(now, AnyBody) else ()


def meals_after(body: AnyBody | None, morning_h: float | None) -> tuple[float, ...]:
    """The same of one kind of body, in a record whose morning is at this hour (at hour 0 where it is not known)."""
    return tuple(sorted(((morning_h or 0.0) + meal) % DAY_H for meal in body.meals_h)) if body else ()


def assumed_meals(responses: AnyResponses, from_h: float, to_h: float) -> tuple[float, ...]:
    """Every hour between these two at which a meal is assumed."""
    days = range(math.floor(from_h / DAY_H), math.floor(to_h / DAY_H) + 1)
    return tuple(hour for day in days for meal in meals_of_a_day(responses) if from_h <= (hour := DAY_H * day + meal) <= to_h)


def beginning(patient: Patient) -> datetime | None:
    """The clock time of the record's hour 0, on some day, where the record knows it."""
    return None if patient.morning_h is None else datetime(2000, 1, 1) + timedelta(hours=(MORNING_CLOCK_H - patient.morning_h) % DAY_H)


def meal_sentences(meals_of_day: tuple[float, ...], patient: Patient) -> tuple[str, ...]:
    """What is assumed of this record; nothing where meals do nothing."""
    return tuple(filter(None, (assumption_words(meals_of_day, beginning(patient)),)))


def assumption_words(meals_of_day: tuple[float, ...], begins: datetime | None) -> str:
    """The assumption with its hours, as clock times where the record `begins` at a known one; "" where meals do nothing."""
    if not meals_of_day:
        return ""
    rest = "Other meal hours are not modelled: the model learned from these alone."
    if begins is not None:
        return f"Meals bring the drug back, and are assumed every day at {_clocks(meals_of_day, begins)}. {rest}"
    hours, morning = " and ".join(f"{meal:g}" for meal in meals_of_day), datetime(2000, 1, 1, int(MORNING_CLOCK_H))
    return (
        f"Meals bring the drug back. The record has no clock times, so that its hour 0 is taken as {morning:%H:%M} and meals are assumed every day {hours} h "
        f"after that, at {_clocks(meals_of_day, morning)}. Write dates with clock times where that is wrong. {rest}"
    )


def caution_words(meals_of_day: tuple[float, ...], begins: datetime) -> str:
    """Where these are no hours for a meal, as in a case that was saved before records said their morning: what to do; else ""."""
    if all(WAKING[0] <= (begins + timedelta(hours=meal)).hour < WAKING[1] for meal in meals_of_day):
        return ""
    return (
        f"The record begins at {begins:%H:%M} and does not say when its morning is, so that meals are assumed at {_clocks(meals_of_day, begins)}: the second "
        "peaks stand at the wrong hours. Open the record anew from its file, or type it again: meals then follow its clock."
    )


def _clocks(meals_of_day: tuple[float, ...], begins: datetime) -> str:
    """To the nearest minute: hours in single precision are not exact."""
    return " and ".join(sorted(f"{begins + timedelta(hours=meal, seconds=30):%H:%M}" for meal in meals_of_day))
