"""Times: whatever way they are written, the hours between rows are the hours that passed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkvae_core.records.problems import DataError, Notes
from pkvae_core.records.times import Calendar, clock_hours, date_order, elapsed, morning_hour, read_zone

ZURICH = ZoneInfo("Europe/Zurich")


def hours_of(texts, *, zone=None, order=None, **options):
    notes = Notes("1")
    hours, origin = elapsed(texts, range(2, 2 + len(texts)), Calendar(order or date_order(texts, "TIME"), zone), notes, **options)
    return hours, origin, notes.problems


@given(st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)), min_size=1, max_size=8), st.timedeltas(timedelta(-9000), timedelta(9000)))
def test_moving_the_calendar_moves_nothing(moments, shift):
    def written(by):
        return [f"{(moment + by):%Y-%m-%d %H:%M:%S}" for moment in moments]

    def whole(by):
        return timedelta(days=by.days)

    before, origin, _ = hours_of(written(timedelta()))
    after, moved, _ = hours_of(written(whole(shift)))
    assert after == pytest.approx(before)
    assert origin and moved and moved - origin == whole(shift)
    assert min(before) == 0


@given(st.lists(st.datetimes(datetime(2023, 1, 1), datetime(2025, 1, 1)), min_size=2, max_size=6))
def test_with_a_zone_the_hours_are_those_that_passed(moments):
    moments = [moment.replace(second=0, microsecond=0, tzinfo=UTC) for moment in moments]
    local = [moment.astimezone(ZURICH) for moment in moments]
    hours, origin, problems = hours_of([f"{moment:%Y-%m-%d %H:%M%z}" for moment in local], zone=ZURICH)
    assert hours == pytest.approx([(moment - min(moments)) / timedelta(hours=1) for moment in moments])
    assert origin == min(moments) and not problems


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-05-03 08:30", "2024-05-04 20:00"],
        ["2024-05-03T08:30:00", "2024-05-04T20:00:00"],
        ["03.05.2024 08:30", "4.5.2024 20:00"],
        ["05/03/2024 8:30 am", "05/14/2024 8:00 pm"],
        ["3-May-2024 08:30", "4 May 24 20:00"],
        ["2024/05/03, 8h30", "2024/05/04, 20h00"],
    ],
)
def test_dates_are_read_in_many_spellings(texts):
    hours, origin, problems = hours_of(texts)
    assert hours[1] - hours[0] == pytest.approx(35.5 + 240 * ("14" in texts[1]))
    assert origin == datetime(2024, 5, 3, 8, 30) and not problems


def test_a_date_that_may_be_day_or_month_first_is_asked_about():
    with pytest.raises(DataError, match="YYYY-MM-DD"):
        date_order(["03/04/2024 08:00"], "TIME")
    assert date_order(["03/04/2024", "13/04/2024"], "TIME") == "dmy"
    assert date_order(["03/04/2024", "03/14/2024"], "TIME") == "mdy"


def test_an_hour_is_lost_when_clocks_go_forward_and_won_when_they_go_back():
    night = ["2024-03-30 20:00", "2024-03-31 08:00"]
    assert hours_of(night)[0] == [0, 12]
    assert hours_of(night, zone=ZURICH)[0] == [0, 11]
    assert hours_of(["2024-10-26 20:00", "2024-10-27 08:00"], zone=ZURICH)[0] == [0, 13]


def test_without_a_zone_a_change_of_clocks_is_said_and_otherwise_nothing():
    assert "summer time" in hours_of(["2024-03-30 20:00", "2024-04-01 08:00"])[2][0].message
    assert not hours_of(["2024-05-03 08:30", "2024-05-20 20:00"])[2]


def test_a_time_that_did_not_exist_is_an_error_and_one_that_happened_twice_a_warning():
    (lost,) = hours_of(["2024-03-31 02:30", "2024-03-31 08:00"], zone=ZURICH)[2]
    assert (lost.severity, lost.row) == ("error", 2) and "does not exist" in lost.message
    hours, _, (twice,) = hours_of(["2024-10-26 20:30", "2024-10-27 02:30"], zone=ZURICH)
    assert (twice.severity, twice.row) == ("warning", 3) and hours[1] == 6
    assert '"2024-10-27 02:30+01:00"' in twice.remedy
    assert hours_of(["2024-10-26 20:30", "2024-10-27 02:30+01:00"], zone=ZURICH)[0] == [0, 7]


def test_clock_times_without_a_date_are_hours_of_one_day():
    assert hours_of(["08:30", "9:15 pm"])[:2] == ([8.5, 21.25], None)
    (problem,) = hours_of(["20:00", "08:00"])[2]
    assert problem.severity == "error" and "DATE" in problem.remedy


def test_day_numbers_count_days():
    assert hours_of(["1 08:00", "2 07:30"])[0] == [32, 55.5]


@pytest.mark.parametrize("text", ["25:00", "12:60", "13:00 pm", "0:30 am", "8", "8:3", "noon"])
def test_what_no_clock_shows_is_no_clock_time(text):
    assert clock_hours(text) is None


@pytest.mark.parametrize(
    ("texts", "row", "words"),
    [
        (["0", "later"], 3, '"later" is not a time'),
        (["0", ""], 3, "the time is missing"),
        (["0", "=A1+1"], 3, "formula"),
        (["0", "1,5"], 3, "decimal"),
        (["2024-05-03 08:30", "2024-02-30 08:30"], 3, "exists"),
        (["2024-05-03 08:30", "2024-05-04"], 3, "no clock time"),
        (["2024-05-03 08:30", "36"], 3, "not a time"),
        (["1900-01-01 02:30"], 2, "1900"),
        (["5", "08:30"], 2, "some are clock times"),
        (["2024-05-03 08:30", "2024-05-03 08:30+02:00"], 2, "UTC"),
    ],
)
def test_a_time_that_cannot_be_read_is_an_error_at_its_row(texts, row, words):
    problems = hours_of(texts)[2]
    assert [(problem.severity, problem.row) for problem in problems] == [("error", row)]
    assert words in problems[0].message


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(DataError, match="Atlantis"):
        read_zone("Europe/Atlantis")


@pytest.mark.parametrize(
    ("texts", "origin", "hour"),
    [
        (["0", "12"], None, None),  # hours alone
        (["08:00", "20:00"], None, 8.0),  # counted from midnight
        (["1 20:00", "2 08:00"], None, 8.0),
        (["2026-03-01 08:00"], datetime(2026, 3, 1, 8), 0.0),
        (["2026-03-01 20:30"], datetime(2026, 3, 1, 20, 30), 11.5),
        (["2026-03-01 07:45"], datetime(2026, 3, 1, 7, 45), 0.25),
    ],
)
def test_the_morning_of_a_record_is_the_next_8_o_clock_after_its_hour_0(texts, origin, hour):
    assert morning_hour(texts, origin, 8.0) == hour
    assert morning_hour(texts, origin, None) is None
