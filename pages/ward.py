"""The ward: every patient of a file in one table, the most urgent first, each opening on the Dose page."""

import pandas as pd
import streamlit as st

from pages import literal, model, open_page
from pages.ward_parts.chosen import show_chosen
from pages.ward_parts.cohort import Ward, choose_ward
from pages.ward_parts.opened import go
from pages.ward_parts.running import Found, begin, failure, found, is_running, show_running, took, was_begun
from pages.ward_parts.table import filtered, show_table
from pkvae_core.insight.urgency import NOT_JUDGED, UNANSWERED
from pkvae_core.insight.ward_words import counted
from pkvae_core.report.ward import ward_table
from pkvae_core.wording import plain, rounded

NAMED = 4  # patients without an answer whose names stand above the table; the others are counted, and all are named inside

open_page()
go()


def page() -> None:
    st.title("The ward", anchor=False)
    st.markdown("A file of patients in, one table out: who is likely too high or too low, and which regimen fits better. The most urgent stands first.")
    ward = choose_ward()
    if ward and not was_begun(ward) and found() is None:
        begin(ward)
    with st.container(key="ward_running"):
        if is_running():
            show_running()
        elif why := failure():
            st.warning(why, icon=":material/warning:")
    result = found()
    if result is None:
        _offer(ward)
        return
    if ward is not None and ward.key == result.ward.key:
        _show(result)
        return
    st.warning("**Based on earlier data.** The file, the drug or the target has changed since this table was computed.", icon=":material/history:")
    _offer(ward)
    with st.container(key="earlier_ward"):
        _show(result)


def _offer(ward: Ward | None) -> None:
    """The button where a ward waits: what changed, or was cancelled, is computed when the reader says so."""
    if ward is not None and not is_running():
        number = ward.size
        st.button(f"Rank {number:,} patients", type="primary", icon=":material/play_arrow:", key="ward_run", on_click=begin, args=(ward,))


def _show(result: Found) -> None:
    ward, rows = result.ward, result.rows
    _show_who_has_no_rank(result)
    shown = filtered(rows)
    if not shown:
        st.info("No patient is like that. Take a filter away.", icon=":material/filter_alt_off:")
        return
    table, card = st.columns([64, 36], gap="medium")
    with table:
        show_table(ward, shown)
        _show_below(result)
    with card:
        show_chosen(ward, shown)


def _show_who_has_no_rank(result: Found) -> None:
    """Nobody is lost at the end of a long table: those for whom nobody answers are named here, with the sentence."""
    lost = [row for row in result.rows if row.urgency == UNANSWERED]
    if lost:
        names = ", ".join(literal(row.patient_id) for row in lost[:NAMED]) + (f" and {len(lost) - NAMED:,} more" if len(lost) > NAMED else "")
        with st.expander(f"Nobody answers for {names}: check the record", icon=":material/block:", key="ward_lost"):
            st.markdown("\n".join(f"- **{literal(row.patient_id)}**: {literal(row.reason)}" for row in lost))
    if waiting := counted(row.urgency for row in result.rows).get(NOT_JUDGED):
        who, stand = ("One patient", "This one stands") if waiting == 1 else (f"{waiting:,} patients", "They stand")
        st.caption(f":material/radio_button_unchecked: {who} cannot be judged yet; the card says why. {stand} after those who can.")


def _show_below(result: Found) -> None:
    """What the table rests on, and the table to take away."""
    ward, target = result.ward, result.ward.target
    with st.container(horizontal=True, vertical_alignment="center"):
        aimed = f"Target of the card: {target.label}, {plain(target.low or 0)} to {rounded(target.high or 0)} {target.unit}. " if target else ""
        st.caption(f"{aimed}Model {model(ward.drug).version}; {took(result)}. A click on a row chooses the patient, one on a heading sorts.", width="stretch")
        table = ward_table(result.rows, target, unit=ward.unit, unit_mg_per_L=ward.unit_mg_per_L)
        content = pd.DataFrame(table).to_csv(index=False).encode()
        st.download_button("Table (CSV)", content, f"pkvae-{ward.drug}-ward.csv", "text/csv", icon=":material/download:", on_click="ignore", key="ward_csv")


page()
