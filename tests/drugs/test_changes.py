"""Covariates that changed: which, from what to what, when; and what to beware of."""

from typing import Any

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.changes import change_cautions, change_sentences, changes, marks
from pkvae_core.drugs.derived import complete
from pkvae_core.patient import Covariate, Dose, Patient

CARD = load_card("vancomycin")
Known = tuple[Any, ...]  # name, value, and hour where it has one


def covariate(known: Known) -> Covariate:
    return Covariate(*known)


def patient(*dated: Known) -> Patient:
    """A man of 64 on vancomycin since hour 0; `dated` are name, value and hour."""
    known = (("AGE", 64), ("SEX", 1), ("WT", 72), ("HT", 175))
    return complete(CARD, Patient("1", (Dose(0, 1000, 1),), (), tuple(map(covariate, (*known, *dated)))))


def sentences(*dated: Known) -> tuple[str, ...]:
    return change_sentences(CARD, patient(*dated), lambda time_h: f"at {time_h:g} h")


def test_a_fall_of_clearance_is_said_with_its_cause():
    """(140 - 64) 72 / 72 = 76 mL/min at 1 mg/dL."""
    assert sentences(("SCR", 1.0), ("SCR", 2.0, 30)) == (
        "Creatinine clearance fell from 76 to 38 mL/min at 30 h (serum creatinine 1 to 2 mg/dL): drug in the body clears at the new rate from then on.",
    )


def test_what_never_changed_and_what_was_only_repeated_is_not_said():
    assert sentences(("SCR", 1.0)) == ()
    assert sentences(("SCR", 1.0), ("SCR", 1.0, 30)) == ()


def test_a_chart_has_one_mark_for_each_moment_and_it_is_the_clearance():
    found = marks(CARD, patient(("SCR", 1.0), ("SCR", 2.0, 30), ("WT", 75, 30), ("WT", 72, 50)))
    assert [(mark.time_h, mark.label) for mark in found] == [(30, "CrCl 76 → 40"), (50, "CrCl 40 → 38")]


def test_of_many_changes_the_last_two_get_a_sentence_each():
    found = sentences(*(("SCR", 1.0 + i / 10, 24.0 * i) for i in range(6)))
    assert len([s for s in found if "clears at the new rate" in s]) == 2
    assert found[0].startswith("Before that") and "3 times, between 58 and 76 mL/min" in " ".join(found)


def test_a_creatinine_that_the_stated_clearance_does_not_follow_is_said():
    stated = (("SCR", 1.0), ("CRCL", 60), ("SCR", 2.0, 30), ("CRCL", 60, 30))
    assert sentences(*stated) == ("Serum creatinine rose from 1 to 2 mg/dL at 30 h: the clearance that is used does not follow it.",)


def test_creatinine_that_moves_quickly_is_cautioned_against_and_a_slow_one_is_not():
    """As in acute kidney injury: 0.3 mg/dL in 48 h, or half as much again in 7 days."""
    assert "rose quickly (1 to 1.3 mg/dL)" in change_cautions(CARD, patient(("SCR", 1.0), ("SCR", 1.3, 48)))[0]
    assert "fell quickly (2 to 1.2 mg/dL)" in change_cautions(CARD, patient(("SCR", 2.0), ("SCR", 1.2, 160)))[0]
    assert change_cautions(CARD, patient(("SCR", 1.0), ("SCR", 1.2, 48))) == ()
    assert change_cautions(CARD, patient(("SCR", 1.0), ("SCR", 2.0, 400))) == ()


def test_a_value_known_late_is_said_to_be_taken_for_the_time_before():
    (said,) = change_cautions(CARD, patient(("SCR", 1.0, 10)))
    assert said == "Serum creatinine is known only from 10 h after the first dose on: 1 mg/dL is taken for the time before."


def test_a_stated_clearance_that_cannot_be_followed_is_not_relied_on_in_silence():
    said = change_cautions(CARD, patient(("SCR", 1.0), ("CRCL", 20), ("SCR", 6.0, 400)))
    assert "would now be 3 mL/min, outside 5 to 300" in said[0] and "Do not rely on it" in said[0]


def test_only_covariates_of_the_card_are_spoken_of():
    theophylline = load_card("theophylline")
    found = changes(theophylline, Patient("1", (Dose(0, 200),), (), (Covariate("WT", 70), Covariate("WT", 75, 9), Covariate("SCR", 1), Covariate("SCR", 2, 9))))
    assert [change.label for change in found] == ["weight 70 → 75"]


def test_an_infant_s_age_that_the_course_left_behind_is_said():
    card, doses = load_card("phenobarbital"), tuple(Dose(12.0 * i, 4, 0.5) for i in range(17))
    young = Patient("2", doses, (), (Covariate("PNA", 2.0), Covariate("WT", 1.4)))
    (said,) = change_cautions(card, young)
    assert "2 days was given 8 days before" in said and "anew" in said
    told_again = Patient("2", doses, (), (Covariate("PNA", 2.0), Covariate("WT", 1.4), Covariate("PNA", 9.0, 168.0)))
    assert change_cautions(card, told_again) == ()


def test_a_flag_is_said_in_words_and_never_with_its_unit():
    card = load_card("two_sites")
    fed = Patient("1", (Dose(0, 200),), (), tuple(Covariate("FED", float(i % 2), 24.0 * i) for i in range(5)))
    first, *others = change_sentences(card, fed, lambda time_h: f"at {time_h:g} h")
    assert first == "Before that fed changed 2 times, between no and yes; each value holds until the next."
    assert others == [f"Fed changed from {way} at {at} h: the new value holds from then on." for way, at in (("no to yes", 72), ("yes to no", 96))]
    assert [mark.label for mark in marks(card, fed)][:2] == ["Fed no → yes", "Fed yes → no"]
