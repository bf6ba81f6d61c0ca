"""Prospective replay on the page: at each decision after a level, our regimen beside the one that was given."""

import streamlit as st

from pages import theme
from pages.checks_parts.exhibit import exhibit, says_who_is_missing
from pages.checks_parts.source import Source, counted
from pkvae_core.checks.replay import ALL, Replay
from pkvae_core.plots import replay as plots


def show_replay(source: Source, found: Replay) -> None:
    """Decision by decision, and on average by the number of levels known."""
    says_who_is_missing(found.left_out)
    st.markdown(found.sentence)
    if found.unclear:
        st.caption(f"{counted(found.unclear, 'decision').capitalize()} began no clear regimen (a single dose, or irregular gaps) and cannot be compared.")
    if not found.decisions:
        return
    left, right = st.columns(2)
    with left:
        read = "Above the dashed line our regimen would have had the better chance, below it the one given; open dots: none of ours met the target."
        figure = plots.decisions_figure(theme(), found.decisions)
        exhibit(source, "replay", figure, found.decision_rows(), title="Each decision, looked back at with the whole record", read=read)
    with right:
        read = "Ours should stand above given, and what was promised should agree with hindsight; whiskers: 95 % over patients."
        mine = [s for s in found.summaries if s.decisions and s.earlier_levels not in (ALL, "1+")]
        exhibit(source, "replay-mean", plots.summaries_figure(theme(), mine), found.rows(), title="Mean chance in target by levels known", read=read)
