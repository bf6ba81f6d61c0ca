"""Which meals does the prediction assume, and are these hours for a meal? Nothing where meals do nothing."""

from datetime import datetime

import streamlit as st

from pages import posterior_for
from pages.dose_parts.opening import UNDATED
from pkvae_core.case import Case
from pkvae_core.insight.meals import assumption_words, beginning, caution_words, meals_of_a_day


def begins(case: Case) -> datetime | None:
    """The clock time of the record's hour 0, where it is known."""
    return beginning(case.patient) if UNDATED in case.problems else case.clock(0)


def say_meals(case: Case) -> None:
    """The assumption in words, beside the chart whose ticks it explains."""
    if words := assumption_words(meals_of_a_day(posterior_for(case).responses), begins(case)):
        st.caption(f":material/restaurant: {words}")


def warn_of_meals(case: Case) -> None:
    """That the meals of a case with a clock fall at night."""
    if (clock := begins(case)) and (words := caution_words(meals_of_a_day(posterior_for(case).responses), clock)):
        st.warning(words, icon=":material/restaurant:")
