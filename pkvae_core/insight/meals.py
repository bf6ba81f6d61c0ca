"""At which hours does a prediction assume meals, and what has to be said of that?

The network learned from patients who all ate at the same hours of the record's day, and reads a level by how long after those it was drawn: no other hours can
be asked for.
"""

import math
from datetime import datetime, timedelta

from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.body import AnyBody
from pkvae_core.structural.recirculation import DAY_H

WAKING = (6, 22)  # o'clock: a meal outside says that the record does not begin in the morning


def meals_of_a_day(responses: AnyResponses) -> tuple[float, ...]:
    """Hours of each day of the record at which a meal is assumed; none where meals do nothing."""
    return responses.now.meals_h if isinstance(responses.now, AnyBody) else ()


def assumed_meals(responses: AnyResponses, from_h: float, to_h: float) -> tuple[float, ...]:
    """Every hour between these two at which a meal is assumed."""
    days = range(math.floor(from_h / DAY_H), math.floor(to_h / DAY_H) + 1)
    return tuple(hour for day in days for meal in meals_of_a_day(responses) if from_h <= (hour := DAY_H * day + meal) <= to_h)


def assumption_words(meals_of_day: tuple[float, ...], begins: datetime | None) -> str:
    """The assumption with its hours, as clock times where the record `begins` at a known one; "" where meals do nothing."""
    if not meals_of_day:
        return ""
    after = f"{' and '.join(f'{meal:g}' for meal in meals_of_day)} h after the record begins"
    hours = after if begins is None else f"at {_clocks(meals_of_day, begins)}, {after}"
    return f"Meals bring the drug back, and are assumed every day {hours}. Other meal hours are not modelled: the model learned from these alone."


def caution_words(meals_of_day: tuple[float, ...], begins: datetime) -> str:
    """Where these are no hours for a meal: that the record should begin in the morning; else ""."""
    if all(WAKING[0] <= (begins + timedelta(hours=meal)).hour < WAKING[1] for meal in meals_of_day):
        return ""
    return (
        f"The record begins at {begins:%H:%M}, so that meals are assumed at {_clocks(meals_of_day, begins)}: the second peaks stand at the wrong hours. "
        "Begin the record with a morning dose."
    )


def _clocks(meals_of_day: tuple[float, ...], begins: datetime) -> str:
    return " and ".join(f"{begins + timedelta(hours=meal):%H:%M}" for meal in meals_of_day)
