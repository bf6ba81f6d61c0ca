"""When should the next level be drawn? A sentence that is computed when somebody asks."""

import streamlit as st

from pages import posterior_for
from pages.dose_parts.shown import clock_words
from pkvae_core.case import Case
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.insight.next_level import NextLevel, next_level
from pkvae_core.insight.next_level_words import best_words
from pkvae_core.wording import regimen_words

ELSEWHERE = "Draw sooner where that is in doubt. The Teach page shows every hour."


def show_next_level(case: Case, ranking: Recommendation) -> None:
    """Best next level: tomorrow 05:30, and what it is expected to bring; folded away, so that the page waits for nothing."""
    with st.expander("Best next level", icon=":material/more_time:", key="next_level", on_change="rerun") as opened:
        if opened.open and (found := _found(case, ranking)):
            st.markdown(best_words(found, clock_words(case, found.best.time_h) if found.best else ""))
            st.caption(f"If {regimen_words(found.regimen)} is given from now on and the patient stays as today. {ELSEWHERE}")


def _found(case: Case, ranking: Recommendation) -> NextLevel | None:
    first = ranking.ranked[0].regimen
    return _next_level(case.digest, (first.product, first.loading_amount_mg), case, ranking)


@st.cache_resource(max_entries=32, show_spinner="Looking for the best hour")
def _next_level(digest: str, offered: tuple, _case: Case, _ranking: Recommendation) -> NextLevel | None:
    return next_level(_case, posterior_for(_case), _ranking)
