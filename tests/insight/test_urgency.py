"""Does the order of a ward follow the chances against the two alarms?"""

from hypothesis import given
from hypothesis import strategies as st

from pkvae_core.insight.urgency import (
    LIKELY,
    NO_ALARM,
    NOT_JUDGED,
    OFF_TARGET,
    PERHAPS_HIGH,
    PERHAPS_LOW,
    POSSIBLE,
    TOO_HIGH,
    TOO_LOW,
    UNANSWERED,
    URGENCIES,
    Chances,
    order,
    urgency_of,
)

SHARE = st.floats(0, 1)


def word(chances: Chances):
    return urgency_of(chances, least_probability=0.25)


def place(chances: Chances, median: float = 500.0) -> tuple[float, ...]:
    return order(word(chances), chances, median)


def test_each_word_has_its_chances():
    assert word(Chances(0.2, LIKELY, 0.0)) is TOO_HIGH
    assert word(Chances(0.2, POSSIBLE, 0.9)) is PERHAPS_HIGH
    assert word(Chances(0.2, 0.09, LIKELY)) is TOO_LOW
    assert word(Chances(0.2, 0.09, POSSIBLE)) is PERHAPS_LOW
    assert word(Chances(0.24, 0.09, 0.09)) is OFF_TARGET
    assert word(Chances(0.25, 0.09, 0.09)) is NO_ALARM


@given(SHARE, SHARE, SHARE, SHARE)
def test_whoever_may_be_too_high_stands_by_that_chance_before_everybody_else(high, low, other_high, other_low):
    """In whole per cent, as it is shown."""
    mine, other = Chances(0.1, high, low), Chances(0.1, other_high, other_low)
    if high >= POSSIBLE and round(high, 2) > round(other_high, 2):
        assert place(mine) < place(other)


@given(SHARE, SHARE)
def test_below_the_toxic_alarm_the_greater_chance_of_too_low_comes_first(low, other_low):
    if low >= POSSIBLE and round(low, 2) > round(other_low, 2):
        assert place(Chances(0.1, 0.0, low)) < place(Chances(0.1, 0.0, other_low))


def test_of_two_who_are_surely_beyond_an_alarm_the_one_further_out_comes_first():
    assert place(Chances(0, 1.0, 0), 2000) < place(Chances(0, 0.9999, 0), 1000)
    assert place(Chances(0, 0, 1.0), 50) < place(Chances(0, 0, 1.0), 200)


def test_an_alarm_that_the_target_does_not_state_raises_nobody():
    assert word(Chances(0.9, None, None)) is NO_ALARM
    assert word(Chances(0.1, None, 0.6)) is TOO_LOW


def test_those_without_chances_stand_last_and_marks_tell_the_words_apart():
    last = [order(each, None, 0.0) for each in (NOT_JUDGED, UNANSWERED)]
    assert sorted([place(Chances(1.0, 0.0, 0.0)), *last]) == [place(Chances(1.0, 0.0, 0.0)), *last]
    assert len({each.mark for each in URGENCIES}) == len({each.name for each in URGENCIES}) == len(URGENCIES)
