"""Are the numbers on a time axis few and readable, whatever the drug's pace?"""

from datetime import datetime, timedelta

import pytest

from pkvae_core.plots.elapsed import MOST_LABELS, clock_format, elapsed


@pytest.mark.parametrize(("span_h", "unit"), [(48, "hours"), (168, "hours"), (240, "days"), (4 * 672, "weeks"), (8736, "weeks")])
def test_time_is_told_in_hours_days_or_weeks_with_few_labels(span_h, unit):
    clock = elapsed(span_h)
    assert clock.unit == unit and span_h / clock.hours / clock.tick <= MOST_LABELS


def test_months_are_labelled_by_their_dates_alone():
    start = datetime(2026, 3, 9, 6)
    assert "%H" in clock_format([start, start + timedelta(days=5)]) and "%H" not in clock_format([start, start + timedelta(days=90)])
