"""When was it? Hours, clock times and dates become hours on one patient's clock, also where clocks change."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pkvae_core.records.numbers import number
from pkvae_core.records.problems import DataError, Notes

_CLOCK = re.compile(r"(\d{1,2})(?::|h)(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([ap])?\.?m?\.?", re.IGNORECASE)
_DATE = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})")
_NAMED_DATE = re.compile(r"(\d{1,2})[-. ]*([A-Za-z]{3})[a-z]*[-. ]*(\d{4}|\d{2})")
_STAMP = re.compile(r"(.+?)(?:\s*T\s*|\s*,\s*|\s+)(\d{1,2}(?::|h)\d{2}[\d:.]*(?:\s*[ap]\.?m\.?)?)\s*(Z|UTC|[-+]\d{2}:?\d{2})?", re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
EARLIEST_YEAR = 1950  # Excel shows a duration above 24 h as a day of January 1900
# Zones with summer time on either side of the Atlantic and in the south, to tell whether a missing zone matters.
_SUMMER_TIME = tuple(ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Sydney"))


@dataclass(frozen=True)
class Calendar:
    """How this file writes dates: `order` is dmy, mdy, ymd or ydm; `zone` is the local time zone, None when nobody said."""

    order: str = "ymd"
    zone: tzinfo | None = None


def read_zone(name: str | None) -> ZoneInfo | None:
    """The IANA time zone called `name`. Raises DataError when there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DataError(f'There is no time zone "{name}". Use a name such as Europe/Zurich or America/New_York.') from error


def date_order(texts: Iterable[str], column: str) -> str:
    """The order of day, month and year in a column of dates. Raises DataError when 03/04/2024 could be either."""
    parts = {(found[1], found[2], found[3], found[4]) for text in set(texts) if (found := _DATE.match(text))}
    if not parts or all(len(first) == 4 for first, *_ in parts):
        return "ymd"
    if all(sign == "." for _, sign, *_ in parts) or any(int(first) > 12 for first, *_ in parts if len(first) < 4):
        return "dmy"
    if any(int(second) > 12 for _, _, second, _ in parts):
        return "mdy"
    example = next("/".join(p[i] for i in (0, 2, 3)) for p in parts)
    raise DataError(f"{column}: a date such as {example} may be day/month or month/day. Write dates as YYYY-MM-DD.")


@lru_cache(maxsize=50_000)
def clock_hours(text: str) -> float | None:
    """Hours since midnight of a clock time such as 08:30, 8:30 pm or 08:30:15; None when it is none."""
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        return None
    hour, minute, second, half = int(found[1]), int(found[2]), int(found[3] or 0), (found[4] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half == "p")
    if hour > 23 or minute > 59 or second > 59:
        return None
    return hour + minute / 60 + second / 3600


@lru_cache(maxsize=50_000)
def date(text: str, order: str) -> datetime | None:
    """Midnight of the date in `text`; None when it is none."""
    if found := _NAMED_DATE.fullmatch(text.strip()):
        if found[2].lower() not in _MONTHS:
            return None
        day, month, year = int(found[1]), _MONTHS.index(found[2].lower()) + 1, found[3]
    elif found := _DATE.fullmatch(text.strip()):
        place = dict(zip("ymd" if len(found[1]) == 4 and order != "ydm" else order, (found[1], found[3], found[4]), strict=True))
        day, month, year = int(place["d"]), int(place["m"]), place["y"]
    else:
        return None
    try:
        return datetime(int(year) + (2000 if len(year) == 2 else 0), month, day)
    except ValueError:
        return None


@lru_cache(maxsize=200_000)
def stamp(text: str, order: str) -> datetime | None:
    """The moment in "2024-03-31 08:30", local; with an offset ("+01:00", "Z") where the text has one. None when it is no date with a clock time."""
    found = _STAMP.fullmatch(text.strip())
    if not found or (day := date(found[1], order)) is None or (hours := clock_hours(found[2])) is None:
        return None
    moment = day + timedelta(seconds=round(hours * 3600))
    if not found[3]:
        return moment
    if found[3].upper() in ("Z", "UTC"):
        return moment.replace(tzinfo=UTC)
    sign, digits = found[3][0], found[3][1:].replace(":", "")
    return moment.replace(tzinfo=timezone((-1 if sign == "-" else 1) * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))))


def elapsed(
    texts: Sequence[str], rows: Sequence[int], calendar: Calendar, notes: Notes, *, column: str = "TIME", unit_h: float = 1.0, decimal: str = "."
) -> tuple[list[float], datetime | None]:
    """Hours of one patient's rows, and the clock time of hour 0 where the file has dates: their earliest row.

    Each text is a number of `unit_h` hours, a clock time, a day number with a clock time ("2 08:30"), or a date with a clock time.
    What cannot be read is an error in `notes` and NaN in the result.
    """
    moments = [stamp(text, calendar.order) for text in texts]
    if any(moments):
        return _since_first([(text, row, moment) for text, row, moment in zip(texts, rows, moments, strict=True)], calendar, notes, column)
    hours = []
    for text, row in zip(texts, rows, strict=True):
        value = number(text, decimal)
        clock = _day_and_clock(text) if value.value is None else value.value * unit_h
        if clock is None:
            notes.error(_unread(text, value.defect), "Write hours (26.5), or a date with a clock time (2024-03-31 08:30).", row, column)
        hours.append(float("nan") if clock is None else clock)
    if any(":" in text for text in texts):
        _refuse_unclear_days(texts, rows, hours, notes, column, decimal)
    return hours, None


def morning_hour(texts: Sequence[str], origin: datetime | None, morning_clock_h: float | None) -> float | None:
    """The hour of a record, from 0 to 24, at which the patient's clock shows `morning_clock_h`; None where the record tells hours and no clock."""
    if morning_clock_h is None or (origin is None and all(_day_and_clock(text) is None or number(text).value is not None for text in texts)):
        return None
    begins = 0.0 if origin is None else origin.hour + origin.minute / 60 + origin.second / 3600
    return round(morning_clock_h - begins, 6) % 24


def _unread(text: str, defect: str) -> str:
    if not text:
        return "the time is missing"
    if (found := _STAMP.fullmatch(text)) or _DATE.fullmatch(text):
        return f'"{text}" is not a date and clock time that exists' if found else f'"{text}" has no clock time'
    return f'"{text}" {defect}' if "formula" in defect or "has a" in defect else f'"{text}" is not a time'


def _day_and_clock(text: str) -> float | None:
    """Hours in "08:30" or "2 08:30" (day 2)."""
    found = re.fullmatch(r"(?:(-?\d{1,4}) +)?(\S.*)", text)
    hours = clock_hours(found[2]) if found else None
    return None if found is None or hours is None else hours + 24 * int(found[1] or 0)


def _refuse_unclear_days(texts: Sequence[str], rows: Sequence[int], hours: Sequence[float], notes: Notes, column: str, decimal: str) -> None:
    """Clock times without a date must not go back, and must not be mixed with hours."""
    if any(number(text, decimal).value is not None for text in texts):
        notes.error("some times are hours and some are clock times", "Write all times of a patient in the same way.", rows[0], column)
    for before, after, text, row in zip(hours, hours[1:], texts[1:], rows[1:], strict=False):
        if after < before and not re.match(r"-?\d+ ", text):
            notes.error(f"the clock goes back to {text} and no date says on which day", "Add a column DATE (YYYY-MM-DD).", row, column)
            return


def _since_first(found: list[tuple[str, int, datetime | None]], calendar: Calendar, notes: Notes, column: str) -> tuple[list[float], datetime | None]:
    moments = []
    for text, row, moment in found:
        if moment is None:
            notes.error(_unread(text, ""), "Write a date with a clock time (2024-03-31 08:30), as in the other rows.", row, column)
        elif moment.year < EARLIEST_YEAR:
            notes.error(
                f'"{text}" is in the year {moment.year}',
                "Correct the date; Excel writes durations above 24 h in this way: write hours as plain numbers.",
                row,
                column,
            )
            moment = None
        elif moment.tzinfo is None and calendar.zone is not None:
            moment = _localised(moment, calendar.zone, text, row, notes, column)
        moments.append(moment)
    known = [moment for moment in moments if moment is not None]
    if len({moment.tzinfo is None for moment in known}) > 1:
        notes.error("some times have a distance from UTC and some have none", "Write all of them in the same way, or name the time zone.", found[0][1], column)
        return [float("nan")] * len(found), None
    if not known:
        return [float("nan")] * len(found), None
    origin = min(known)
    if origin.tzinfo is None:
        _warn_of_summer_time(known, notes, column)
    start = _utc(origin)
    hours = [float("nan") if moment is None else (_utc(moment) - start) / timedelta(hours=1) for moment in moments]
    return hours, origin.astimezone(calendar.zone) if calendar.zone else origin.replace(tzinfo=None)


def _utc(moment: datetime) -> datetime:
    """For differences: two moments of the same zone would be subtracted on the wall clock."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC)


def _localised(moment: datetime, zone: tzinfo, text: str, row: int, notes: Notes, column: str) -> datetime | None:
    """`moment` in `zone`; the first of the two when the clocks were put back, nothing when they were put forward over it."""
    first, second = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        notes.error(f'"{text}" does not exist in {zone}: the clocks were put forward', "Correct the time.", row, column)
        return None
    offset = f"{second:%z}"
    notes.warn(
        f'"{text}" happened twice in {zone}, when the clocks were put back; the first is taken',
        f'If it was the second, write "{text}{offset[:3]}:{offset[3:]}".',
        row,
        column,
    )
    return first


def _warn_of_summer_time(moments: Sequence[datetime], notes: Notes, column: str) -> None:
    if any(len({zone.utcoffset(moment) for moment in moments}) > 1 for zone in _SUMMER_TIME):
        notes.warn(
            "these dates include a change to or from summer time in many countries, and no time zone is given: clocks are taken as unchanged",
            "Name the time zone (such as Europe/Zurich) if the clocks changed: times may be off by one hour.",
            None,
            column,
        )
