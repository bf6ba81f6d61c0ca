"""Prospective dosing on the page: decisions of a record beside ours, and virtual patients dosed from day to day."""

import streamlit as st

from pages import model, theme
from pages.checks_parts.exhibit import exhibit, says_who_is_missing
from pages.checks_parts.source import Source
from pkvae_core.checks.loop import ClosedLoop
from pkvae_core.checks.replay import ALL, Replay
from pkvae_core.drugs.occasions import varies_between_occasions
from pkvae_core.plots import replay as plots
from pkvae_core.wording import counted


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


def show_loop(source: Source, found: ClosedLoop) -> None:
    """Virtual patients whom the model doses, level after level, while the truth answers."""
    says_who_is_missing(found.left_out)
    if not found.points:
        return
    st.markdown(found.sentence)
    if found.unsure or found.withheld:
        st.caption(
            f"{counted(found.unsure, 'recommendation').capitalize()} did not reach the target's least probability and were followed all the same; "
            f"{counted(found.withheld, 'recommendation')} were withheld, and the regimen in force went on."
        )
    if varies_between_occasions(model(source.drug).card):
        st.caption("These virtual patients stay the same from day to day, while PKVAE allows for another body at every visit: it doses them with more reserve.")
    left, right = st.columns(2)
    with left:
        read = "The line of an engine should rise with every level and stand above its own first regimen and the usual dose; whiskers: 95 % over patients."
        exhibit(
            source, "loop-kept", plots.loop_figure(theme(), found.points, "kept_in"), found.rows(), title="Where the regimen of each evening leads", read=read
        )
    with right:
        read = "The same for the exposure of each single day, which needs time to build up even under the right regimen."
        exhibit(source, "loop-day", plots.loop_figure(theme(), found.points, "in_target"), found.day_rows(), title="The exposure of each day", read=read)
