"""Which meals does the prediction assume, and are these hours for a meal? Nothing where meals do nothing."""

import streamlit as st

from pages import posterior_for
from pages.dose_parts.opening import UNDATED
from pkvae_core.case import Case
from pkvae_core.insight.meals import assumption_words, caution_words, meals_of_a_day


def say_meals(case: Case) -> None:
    """The assumption in words, beside the chart whose ticks it explains."""
    if words := assumption_words(meals_of_a_day(posterior_for(case).responses), None if UNDATED in case.problems else case.clock(0)):
        st.caption(f":material/restaurant: {words}")


def warn_of_meals(case: Case) -> None:
    """That the record does not begin in the morning, where its clock is known."""
    if UNDATED not in case.problems and (words := caution_words(meals_of_a_day(posterior_for(case).responses), case.clock(0))):
        st.warning(words, icon=":material/restaurant:")
