"""Each level: is it plausible, what does it do to the dose, and does it count?"""

from dataclasses import replace

import streamlit as st

from pages import open_case, posterior_for, set_case
from pages.dose_parts.shown import clock_words, per_mg_per_L
from pkvae_core.case import Case
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.inference.posterior import Posterior
from pkvae_core.inference.verdict import CAUTION, IN_DOMAIN
from pkvae_core.insight.influence import HALF_AN_HOUR, Consequence, Shift, if_moved, if_switched, shortlist
from pkvae_core.insight.level_words import age_words, consequence_words, contradiction_words, expected_words, place_words, reason_words, verdict_words
from pkvae_core.insight.levels import Believe, Standing, standings
from pkvae_core.report.words import interval_words, percent_words, unit_words
from pkvae_core.wording import duration_words, plain, rounded

BADGES = {
    "as expected": ":green-badge[:material/check: As expected]",
    "check this level": ":orange-badge[:material/warning: Check this level]",
    "not judged": ":gray-badge[:material/question_mark: Not judged]",
    "left out": ":gray-badge[:material/radio_button_unchecked: Left out]",
}
FIRST_HALF_LIFE_H = 72.0  # what the age weight starts with when it is switched on
HOURS = {"hours": 1.0, "days": 24.0}


def show_levels(case: Case, ranking: Recommendation) -> None:
    """One switch and one line for each level, then what more there is to know, and the weight of old ones."""
    if not case.patient.samples:
        return
    found = standings_of(case)
    for index, standing in enumerate(found):
        _show_level(case, ranking, index, standing)
    if words := contradiction_words(found):
        st.markdown(f":orange-badge[:material/warning: Check] {words}")
    with st.expander("More about one level", icon=":material/experiment:", key="level_details", on_change="rerun") as opened:
        if opened.open:
            _show_details(case, ranking, found)
    _show_age_weight(case)


def _show_level(case: Case, ranking: Recommendation, index: int, standing: Standing) -> None:
    """The switch is named by the level; below it where the level stands, and the dose without it (or with it, where it was left out)."""
    key, is_used = f"use_level_{index}", case.patient.samples[index].trust > 0
    st.session_state[key] = is_used
    with st.container(gap=None, key=f"level_{index}"):
        st.toggle(level_words(case, index), key=key, on_change=_switch, args=(index,), help="Switched off, the level stays in the record and does not count.")
        st.markdown(" ".join([BADGES[verdict_words(standing)], f"{_line(case, standing)}.", _effect(case, ranking, index)]))


def level_words(case: Case, index: int) -> str:
    """today 05:30: 14.8 mg/L. Plain, because a screen reader reads stars out."""
    sample, factor = case.patient.samples[index], per_mg_per_L(case)
    value = f"under {rounded((sample.lloq_mg_per_L or 0) * factor)}" if sample.is_below_lloq else rounded((sample.concentration_mg_per_L or 0) * factor)
    return f"{clock_words(case, sample.time_h)}: {value} {unit_words(case.unit)}"


def _line(case: Case, standing: Standing) -> str:
    """Higher than 9 of 20 such patients, 31.2 (16.4–50.1) expected; counts 71 %."""
    place = place_words(standing)
    weight = standing.sample.trust
    counts = f"; counts {percent_words(weight)}" if 0 < weight < 0.995 else ""
    return f"{place[:1].upper()}{place[1:]}, {expected_words(standing.before, per_mg_per_L(case))} expected{counts}"


def _effect(case: Case, ranking: Recommendation, index: int) -> str:
    if not ranking.ranked:
        return ""  # no dose that it could change
    without = "Without it" if case.patient.samples[index].trust > 0 else "With it"
    return f"{without}: **{consequence_words(_switched(case, ranking, index), ranking)}**."


def _switch(index: int) -> None:
    """This level counts, or not; what was recommended before is computed anew."""
    if case := open_case():
        set_case(case.with_level(index, is_used=st.session_state[f"use_level_{index}"]))


def _show_details(case: Case, ranking: Recommendation, found: tuple[Standing, ...]) -> None:
    """One level at a time: why it is as expected or not, and half an hour's difference."""
    index, factor, unit = 0, per_mg_per_L(case), unit_words(case.unit)
    if len(found) > 1:
        index = st.selectbox("Level", range(len(found)), format_func=lambda i: level_words(case, i), key="level_chosen") or 0
    standing = found[index]
    median, low, high = (value * factor for value in standing.fitted_mg_per_L)
    st.markdown(f"{reason_words(standing, factor=factor, unit=unit)} The curve now passes at {rounded(median)} {unit} ({interval_words(low, high)}).")
    for by_h in (-HALF_AN_HOUR, HALF_AN_HOUR):
        st.markdown(f"- {_had_it_been(case, ranking, _moved(case, ranking, index, by_h))}")
    st.markdown(f"- {_were_it_switched(case, ranking, index, standing)}")


def _had_it_been(case: Case, ranking: Recommendation, shift: Shift) -> str:
    """Drawn 30 min earlier: the curve is at 31 mg/L there, at 31.4 if refitted. The same dose, 64 % in target."""
    when = f"{duration_words(abs(shift.by_h))} {'earlier' if shift.by_h < 0 else 'later'}"
    curve, refitted = (rounded(value * per_mg_per_L(case)) for value in (shift.predicted_mg_per_L, shift.refitted_mg_per_L))
    return f"Drawn **{when}**: the curve is at {curve} {unit_words(case.unit)} there, at {refitted} if refitted. {_dose(ranking, shift.consequence)}"


def _were_it_switched(case: Case, ranking: Recommendation, index: int, standing: Standing) -> str:
    """Without it: 28.1 mg/L would be expected of it. 1,250 mg every 12 h, 61 % in target."""
    dose = _dose(ranking, _switched(case, ranking, index))
    if case.patient.samples[index].trust == 0:
        return f"**With it**: {dose[:1].lower()}{dose[1:]}"
    expected = standing.others.median_mg_per_L * per_mg_per_L(case)
    return f"**Without it**: {rounded(expected)} {unit_words(case.unit)} would be expected of it. {dose}"


def _dose(ranking: Recommendation, consequence: Consequence) -> str:
    if not consequence.is_answered:
        return "Nobody answers."
    if not ranking.ranked:
        return ""
    words = consequence_words(consequence, ranking)
    chance = percent_words(consequence.probability_in)
    return f"{words[:1].upper()}{words[1:]}, {chance} in target." if consequence.regimen else f"{words[:1].upper()}{words[1:]} ({chance} at best)."


def _show_age_weight(case: Case) -> None:
    """Off unless somebody asks; then how fast levels lose weight, in the record's own words."""
    half_life_h = case.level_half_life_h
    st.session_state["age_weight"] = half_life_h is not None
    st.toggle("Older levels count less", key="age_weight", on_change=_weigh, help="For a patient who has changed in a way that no covariate shows.")
    if half_life_h is None:
        return
    unit = st.session_state.setdefault("age_unit", "days")
    st.session_state["age_half_life"] = half_life_h / HOURS[unit]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input("Weight halves every", key="age_half_life", step=None, format="%g", width=150, on_change=_weigh_by)
        st.segmented_control("Unit", list(HOURS), key="age_unit", required=True, label_visibility="collapsed", persist_state="session")
    if problem := st.session_state.pop("age_problem", None):
        st.warning(problem, icon=":material/warning:")
    st.caption(f"{age_words(half_life_h)} Only a level drawn now counts in full.")


def _weigh() -> None:
    if case := open_case():
        set_case(replace(case, level_half_life_h=FIRST_HALF_LIFE_H if st.session_state["age_weight"] else None))


def _weigh_by() -> None:
    """The half-life that was typed; one that makes no sense is answered, and the old one stays."""
    typed, case = st.session_state["age_half_life"], open_case()
    if case is None:
        return
    try:
        set_case(replace(case, level_half_life_h=(typed or 0.0) * HOURS[st.session_state["age_unit"]]))
    except ValueError:
        st.session_state["age_problem"] = f"{plain(typed or 0)} {st.session_state['age_unit']} is no half-life. Give a number above 0."


def standings_of(case: Case) -> tuple[Standing, ...]:
    """Every level of the case, judged once."""
    return _standings(case.digest, case)


@st.cache_resource(max_entries=32, show_spinner=False)
def _standings(digest: str, _case: Case) -> tuple[Standing, ...]:
    return standings(_case, _believed_by(_case))


def _believed_by(case: Case) -> Believe:
    """The engine that answers, for records that differ in a level; whether it may speak is asked anew only where it is not beyond doubt already."""
    answering = posterior_for(case)
    if answering.entitlement is None or answering.entitlement.verdict in (IN_DOMAIN, CAUTION):
        return lambda other: answering if other == case else _revised(case.digest, other.digest, answering, other)
    return posterior_for


@st.cache_resource(max_entries=64, show_spinner=False)
def _revised(digest: str, other_digest: str, _answering: Posterior, _other: Case) -> Posterior:
    return _answering.revise(_other.patient_as_weighed)


def _offered(ranking: Recommendation) -> tuple:
    """What the candidates depend on beside the case: the product, and the loading dose."""
    first = ranking.ranked[0].regimen if ranking.ranked else None
    return (first.product, first.loading_amount_mg) if first else ()


def _switched(case: Case, ranking: Recommendation, index: int) -> Consequence:
    return _consequence(case.digest, _offered(ranking), index, case, ranking)


@st.cache_resource(max_entries=128, show_spinner=False)
def _consequence(digest: str, offered: tuple, index: int, _case: Case, _ranking: Recommendation) -> Consequence:
    """The dose with this level's switch the other way, among the regimens that were ranked, each with its best infusion."""
    return if_switched(_case, index, shortlist(_ranking), _believed_by(_case))


def _moved(case: Case, ranking: Recommendation, index: int, by_h: float) -> Shift:
    return _shift(case.digest, _offered(ranking), index, by_h, case, ranking)


@st.cache_resource(max_entries=128, show_spinner=False)
def _shift(digest: str, offered: tuple, index: int, by_h: float, _case: Case, _ranking: Recommendation) -> Shift:
    """The level, had it been drawn at another time."""
    return if_moved(_case, index, shortlist(_ranking), _believed_by(_case), by_h=by_h)
