"""Is the judgement of a level said so that it cannot be misread?"""

import pytest

from pkvae_core.dosing.option import judge
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.dosing.target import Target
from pkvae_core.insight.influence import Consequence
from pkvae_core.insight.level_words import (
    age_words,
    consequence_words,
    contradiction_words,
    left_out_words,
    place_words,
    reason_words,
    surprise_words,
    verdict_words,
)
from pkvae_core.insight.levels import Expectation, Standing
from pkvae_core.patient import Regimen, Sample
from tests.dosing.conftest import cohort

SAMPLE = Sample(1, 20.0)


def standing(
    share: float = 0.5, p_others: float = 0.5, *, n_others: int = 2, p_before: float = 0.5, sample: Sample = SAMPLE, is_explained: bool = True
) -> Standing:
    before, others = Expectation(15, 8, 25, share, p_before), Expectation(19, 14, 26, 0.5, p_others)
    return Standing(sample, before, others if n_others else before, n_others, is_explained, (19, 16, 23))


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.5, "higher than 10 of 20 such patients"),
        (0.96, "higher than 96 of 100 such patients"),
        (0.95, "higher than 19 of 20 such patients"),
        (0.9962, "higher than 996 of 1,000 such patients"),
        (1.0, "higher than 999 of 1,000 such patients"),
        (0.3, "lower than 14 of 20 such patients"),
        (0.0, "lower than 999 of 1,000 such patients"),
    ],
)
def test_a_percentile_is_a_number_of_such_patients_and_never_more_than_it_is(share, words):
    assert place_words(standing(share)) == words


def test_a_level_below_its_limit_says_how_many_are():
    assert place_words(standing(0.6, sample=Sample(1, None, 2.0))) == "below the laboratory's limit, as in 12 of 20 such patients"
    assert place_words(standing(0.0001, sample=Sample(1, None, 2.0))) == "below the laboratory's limit, as in fewer than 1 of 1,000 such patients"


@pytest.mark.parametrize(("p_value", "words"), [(0.43, "43 of 100 levels"), (0.0042, "4 of 1,000 levels"), (0.0001, "fewer than 1 of 1,000 levels")])
def test_a_p_value_is_a_number_of_levels(p_value, words):
    assert surprise_words(p_value) == words


def test_a_level_that_the_others_expected_is_as_expected_and_says_by_how_many():
    found = standing()
    assert verdict_words(found) == "as expected"
    assert reason_words(found, factor=1, unit="mg/L") == "From the other 2 levels 14–26 mg/L was to be expected (90 %); 50 of 100 levels lie this far off."


def test_a_level_to_be_checked_says_why_in_the_shown_unit_and_what_to_check():
    found = standing(p_others=0.004, n_others=1)
    assert verdict_words(found) == "check this level"
    said = reason_words(found, factor=2, unit="umol/L")
    assert said.startswith("From the other level 28–52 umol/L was to be expected (90 %); 4 of 1,000 levels") and said.endswith(
        "Check its clock time, its unit, and the doses before it."
    )


def test_a_level_unlike_anybody_s_is_held_against_such_patients():
    assert reason_words(standing(1.0, 0.4, p_before=0.0001), factor=1, unit="mg/L").startswith("Of such patients 8–25 mg/L")


def test_without_an_answer_from_the_others_a_level_is_not_judged_by_them():
    found = standing(p_others=0.0, is_explained=False)
    assert verdict_words(found) == "not judged" and "cannot be judged" in reason_words(found, factor=1, unit="mg/L")


def test_two_levels_that_contradict_each_other_are_not_taken_sides_with():
    assert contradiction_words([standing(p_others=0.001), standing(p_others=0.003), standing()]).startswith("2 levels do not fit each other")
    assert contradiction_words([standing(p_others=0.001), standing()]) == ""


def test_a_level_left_out_says_so_and_a_number_of_them_is_said():
    assert verdict_words(standing(p_others=0.0, sample=Sample(1, 20.0, trust=0))) == "left out"
    assert (left_out_words(1), left_out_words(3), left_out_words(0)) == ("1 level left out", "3 levels left out", "")


def test_the_weight_of_old_levels_is_explained_in_its_own_numbers():
    assert age_words(72) == (
        "A level 3 days old counts half, one 6 days old a quarter: its likelihood is raised to the power 0.5^(age / 3 days), its age counted back from now."
    )
    assert age_words(12).startswith("A level 12 h old counts half, one 24 h old a quarter")


def test_the_dose_without_a_level_is_named_only_when_it_is_another_one():
    target = Target("auc24", 400, 600, least_probability=0.25, toxicity_weight=1)
    option = judge(cohort([3.0]), target, Regimen(750, 12, 1))
    found = Recommendation(target, (option,), option, None, ())
    assert consequence_words(Consequence(Regimen(750, 12, 2), 0.5), found) == "the same dose"
    assert consequence_words(Consequence(Regimen(1250, 12, 1), 0.5), found) == "1,250 mg every 12 h"
    assert consequence_words(Consequence(None, 0.1, is_answered=False), found) == "nobody answers"
    assert consequence_words(Consequence(None, 0.1), found) == "no regimen meets the target"
    assert consequence_words(Consequence(None, 0.1), Recommendation(target, (option,), None, "", ())) == "no regimen meets the target either"
