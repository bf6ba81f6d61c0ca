"""Is a dose said so that it cannot be misread?"""

import pytest

from pkvae_core.patient import Regimen
from pkvae_core.wording import amount_words, duration_words, intervals_words, plain, regimen_words, rounded, spell_words, times_out_of


@pytest.mark.parametrize(
    ("amount_mg", "words"), [(1000, "1,000 mg"), (0.5, "500 mcg"), (2.50, "2.5 mg"), (0.0125, "12.5 mcg"), (12500, "12,500 mg"), (1, "1 mg")]
)
def test_an_amount_has_separators_but_no_trailing_zero(amount_mg, words):
    assert amount_words(amount_mg) == words


@pytest.mark.parametrize(("hours", "words"), [(0.5, "30 min"), (1, "1 h"), (1.5, "1.5 h"), (24, "24 h"), (336, "14 days"), (50, "50 h")])
def test_a_duration_is_said_in_its_natural_unit(hours, words):
    assert duration_words(hours) == words


@pytest.mark.parametrize(("hours", "words"), [(14.4, "14 h"), (72, "3 days"), (480, "20 days"), (690, "4 weeks")])
def test_a_spell_is_said_roughly(hours, words):
    assert spell_words(hours) == words


@pytest.mark.parametrize(
    ("regimen", "words"),
    [
        (Regimen(750, 12, 1), "750 mg every 12 h, over 1 h"),
        (Regimen(200, 8), "200 mg every 8 h"),
        (Regimen(2000, 24, 24), "2,000 mg every 24 h as a continuous infusion"),
        (Regimen(1000, 12, 1.5, loading_amount_mg=2000, loading_infusion_h=2), "2,000 mg over 2 h once, then 1,000 mg every 12 h, over 1.5 h"),
    ],
)
def test_a_regimen_reads_as_an_order(regimen, words):
    assert regimen_words(regimen) == words


@pytest.mark.parametrize(("value", "words"), [(487.3, "487"), (1234.0, "1,230"), (12.34, "12.3"), (0.854, "0.854"), (0.05, "0.05"), (9.999, "10"), (0, "0")])
def test_a_result_has_three_significant_digits(value, words):
    assert rounded(value) == words


def test_a_plain_number_keeps_its_own_zeros():
    assert plain(100) == "100"


def test_a_chance_is_never_rounded_up():
    assert (times_out_of(0.4999), times_out_of(0.29), times_out_of(17 / 20, 20)) == ("49 of 100", "29 of 100", "17 of 20")


def test_an_interval_of_whole_weeks_is_said_in_weeks():
    assert regimen_words(Regimen(300, 672)) == "300 mg every 4 weeks" and regimen_words(Regimen(75, 168)) == "75 mg every week"
    assert regimen_words(Regimen(300, 36)) == "300 mg every 36 h"
    assert intervals_words((336, 672)) == "every 2, 4 weeks" and intervals_words((8, 12)) == "every 8, 12 h"
