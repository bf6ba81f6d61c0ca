"""Is the answer of every teaching case what the engine gives, and does every sentence of its debrief hold?"""

import re
from dataclasses import replace
from functools import cache

import pytest

from pkvae_core.case import Case
from pkvae_core.drugs.card import DrugCard, available_drugs
from pkvae_core.inference.answering import answer_for
from pkvae_core.insight.belief import EXPOSURE
from pkvae_core.insight.facts import FINDINGS, Facts, debrief, facts, figures, finding
from pkvae_core.insight.lessons import CASES, Lesson, lesson_names, lessons, read_lesson
from pkvae_core.patient import Covariate, Patient
from pkvae_core.vae.checkpoint import load_model

LESSONS = {lesson.name: lesson for lesson in lessons()}


@cache
def believe(case: Case):
    return answer_for(load_model(case.drug), case.patient_as_weighed)


@cache
def found(name: str, *, put_right: bool = False) -> Facts:
    lesson = LESSONS[name]
    case = lesson.remedy if put_right else lesson.case
    assert case is not None
    return facts(case, believe)


def told(lesson: Lesson) -> str:
    return debrief(lesson, found(lesson.name), found(lesson.name, put_right=True) if lesson.remedy else None)


@pytest.mark.parametrize("name", lesson_names())
def test_the_stated_answer_is_what_the_engine_gives(name):
    lesson = LESSONS[name]
    assert finding(lesson, found(name)) == lesson.answer


@pytest.mark.parametrize("name", lesson_names())
def test_a_case_has_one_right_choice_and_every_other_is_one_that_the_engine_could_give(name):
    lesson = LESSONS[name]
    assert [choice.when for choice in lesson.choices].count(lesson.answer) == 1
    assert len({choice.when for choice in lesson.choices}) == len(lesson.choices) >= 2
    assert all(choice.when in f"{FINDINGS[lesson.asks].__doc__} hardly anything, a little, a good deal, a lot" for choice in lesson.choices)


@pytest.mark.parametrize("name", lesson_names())
def test_a_debrief_is_filled_with_figures_and_holds_none_of_its_own(name):
    """Every number with a unit of a result comes from the engine: the template has only what the story or the card states."""
    lesson = LESSONS[name]
    said = told(lesson)
    assert "{" not in said and "no limit" not in said and "nan" not in said.lower().split()
    assert said != lesson.debrief and not re.search(r"\d (mg·h/L|L/h|bits|of 100)", lesson.debrief)


def test_the_library_has_ten_cases_or_more_in_order_on_several_drugs_that_are_there():
    drugs = {lesson.case.drug for lesson in LESSONS.values()}
    assert len(LESSONS) >= 10 and len(drugs) >= 3 and drugs <= set(available_drugs())
    assert [lesson.order for lesson in LESSONS.values()] == list(range(1, len(LESSONS) + 1))


def test_trough_or_auc_the_trough_is_where_wards_aim_and_was_expected():
    facts_ = found("trough-or-auc")
    assert 10 <= (facts_.case.patient.samples[0].concentration_mg_per_L or 0) <= 15 and not facts_.standings[0].is_odd
    assert facts_.ranking.best and facts_.ranking.best.companion["trough"][0] > 8


def test_early_level_narrows_the_exposure_less_though_it_teaches_more_bits():
    first, second = found("early-level").steps
    assert 0 < (first.narrowed(EXPOSURE) or 0) < 0.5 * (second.narrowed(EXPOSURE) or 0) and first.bits > second.bits


def test_tenfold_slip_is_named_as_ten_times_too_high_and_put_right_it_fits():
    assert "ten times too high" in told(LESSONS["tenfold-slip"])
    fixed = found("tenfold-slip", put_right=True)
    assert not any(s.is_odd for s in fixed.standings) and fixed.ranking.best


def test_swapped_tubes_are_named_as_exchanged_and_put_right_they_fit():
    assert "are exchanged" in told(LESSONS["swapped-tubes"])
    assert all(0.5 <= (s.concentration_mg_per_L or 0) <= 20 for s in LESSONS["swapped-tubes"].case.patient.samples), "each is one that wards see every day"
    fixed = found("swapped-tubes", put_right=True)
    assert not any(s.is_odd for s in fixed.standings) and fixed.ranking.best


def test_failing_kidney_the_level_is_not_in_balance_yet():
    facts_ = found("failing-kidney")
    trough_now, trough_then = facts_.case.patient.samples[-1].concentration_mg_per_L, facts_.beliefs[-1].interval(EXPOSURE)[0] / 24
    assert trough_now and trough_then > 1.5 * trough_now, "the average level at steady state lies far above today's trough"
    assert facts_.ranking.best and facts_.ranking.best.regimen.amount_mg / facts_.ranking.best.regimen.interval_h < 1000 / 12


def test_obese_clearance_grows_more_slowly_than_weight():
    """Against the card's typical patient, 79 kg: less clearance for each kilogram."""
    card = load_model("vancomycin").card
    usual = Case("", "vancomycin", card_patient(card), LESSONS["obese"].case.origin, 24, LESSONS["obese"].case.target, "mg/L", LESSONS["obese"].case.current)
    heavy, typical = found("obese").beliefs[0].interval("CL")[0] / 155, facts(usual, believe).beliefs[0].interval("CL")[0] / card.typical_patient["WT"]
    assert heavy < 0.95 * typical and found("obese").ranking.best


def card_patient(card: DrugCard) -> Patient:
    return replace(LESSONS["obese"].case.patient, covariates=tuple(Covariate(n, v) for n, v in card.typical_patient.items()))


def test_augmented_clearance_the_low_trough_was_expected():
    facts_ = found("augmented-clearance")
    assert not facts_.standings[0].is_odd and facts_.beliefs[0].interval("CL")[0] > 1.5 * 4


def test_below_the_limit_the_level_raises_clearance_and_lowers_exposure():
    (step,) = found("below-the-limit").steps
    assert step.after.interval("CL")[0] > 1.2 * step.before.interval("CL")[0] and (step.narrowed(EXPOSURE) or 0) > 0.3
    assert step.after.interval(EXPOSURE)[0] < step.before.interval(EXPOSURE)[0]


def test_still_distributing_the_level_is_high_expected_and_says_little_about_the_exposure():
    facts_ = found("still-distributing")
    assert not facts_.standings[0].is_odd and abs(facts_.steps[0].narrowed(EXPOSURE) or 0) < 0.15
    assert (facts_.steps[0].narrowed("V") or 0) > 1.5 * (facts_.steps[0].narrowed("CL") or 0)


def test_nothing_reaches_because_all_doses_are_too_low_and_the_model_answers():
    facts_ = found("nothing-reaches")
    assert "All available doses are too low" in (facts_.ranking.reason or "") and FINDINGS["who answers"](facts_) == "model"
    assert facts_.beliefs[-1].interval("CL")[0] > 1.5 * facts_.beliefs[0].interval("CL")[0], "by half or more"


def test_confident_prior_classical_answers_and_clearance_falls_severalfold():
    facts_ = found("confident-prior")
    assert FINDINGS["who answers"](facts_) == "classical" and "outside what PKVAE has learned" in told(LESSONS["confident-prior"])
    assert facts_.beliefs[0].interval("CL")[0] > 2 * facts_.beliefs[-1].interval("CL")[0]


def test_a_list_of_figures_begins_before_any_level():
    told_ = figures(found("early-level"))
    assert len(told_["CL"]) == 3 and told_["bits"][0] == "" and told_["CL"][1].endswith(")") and "L/h" in told_["CL"][1]


def test_a_defect_in_a_case_s_file_is_named(tmp_path):
    text = (CASES / "obese.toml").read_text("utf-8")
    for broken, message in (
        (text.replace('answer = "lower"', 'answer = "cheaper"'), "no choice is right"),
        (text.replace("now_h = 24", 'now_h = "late"'), "now_h"),
        (text.replace("[", "(", 1), "not valid TOML"),
    ):
        path = tmp_path / "broken.toml"
        path.write_text(broken, "utf-8")
        with pytest.raises(ValueError, match=f"broken.toml.*{message}"):
            read_lesson(path)
