"""In which unit does time pass on an axis: hours, days or weeks, so that its numbers stay readable?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

UNITS = (("hours", 1.0, 168.0, (12, 24)), ("days", 24.0, 31 * 24.0, (1, 2, 3, 7)), ("weeks", 168.0, float("inf"), (1, 2, 4, 8, 13, 26, 52)))
MOST_LABELS = 14


@dataclass(frozen=True)
class Elapsed:
    """`hours` make one `unit`; `tick` units lie between two labels."""

    unit: str
    hours: float
    tick: float

    @property
    def title(self) -> str:
        return self.unit.capitalize()


def clock_format(moments: Sequence[datetime]) -> str:
    """How clock times are written below an axis: hour and day, and only the date where weeks are shown."""
    return "%H:%M\n%a %d" if moments[-1] - moments[0] <= timedelta(weeks=3) else "%-d %b"


def elapsed(span_h: float) -> Elapsed:
    """Hours up to a week, days up to a month, weeks beyond."""
    unit, hours, steps = next((unit, hours, steps) for unit, hours, longest_h, steps in UNITS if span_h <= longest_h)
    return Elapsed(unit, hours, next((step for step in steps if span_h / hours / step <= MOST_LABELS), steps[-1]))
