"""Whose covariates are looked into: virtual patients of the drug, or an uploaded cohort with whatever its file says of the patients?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from pages import literal, model
from pages.checks_parts.source import SIZES, Source
from pages.dose_parts.reading import list_problems, read_table, show_options, show_template
from pkvae_core.drugs.card import load_card
from pkvae_core.records.other_columns import with_other_columns
from pkvae_core.records.spreadsheet import MAX_BYTES, MAX_ROWS
from pkvae_core.wording import counted

VIRTUAL, UPLOADED = "Virtual patients of this drug", "A cohort of yours"
LEVELS = {4: "4", 8: "8", 10: "10", 0: "1 to 10, as in practice"}
PLACE = "covariates_file"


@dataclass(frozen=True)
class Asked:
    """Who is asked; the groups that coded columns of a file stand for, and what could not be read of them."""

    source: Source
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def choose_cohort(drug: str) -> Asked | None:
    """The row of choices; None while no file has been chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = st.segmented_control("Looked into", [VIRTUAL, UPLOADED], default=VIRTUAL, required=True, key="covariates_kind", persist_state="session")
        if kind == VIRTUAL:
            count = st.selectbox("Patients", SIZES[2:], 1, format_func=lambda n: f"{n:,}", key="covariates_size", width=110, persist_state="session")
            levels = st.selectbox("Levels each", list(LEVELS), format_func=LEVELS.__getitem__, key="covariates_levels", width=190, persist_state="session")
            seed = st.number_input("Draw", 0, 9999, 1, key="covariates_seed", width=110, help="Another number draws other patients.")
            return Asked(Source(drug, None, None, count, levels or None, seed))
    return _uploaded(drug)


def _uploaded(drug: str) -> Asked | None:
    """The cohort that was uploaded for this drug, which stays while the reader is on other pages."""
    kept = f"covariates_cohort_of_{drug}"
    if kept not in st.session_state:
        _ask_file(drug, kept)
    if kept not in st.session_state:
        return None
    name, patients, words, notes, problems = st.session_state[kept]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{name}**: {counted(len(patients), 'patient')} with {counted(sum(len(p.samples) for p in patients), 'level')}.", width="content")
        st.button("Another file", icon=":material/swap_horiz:", type="tertiary", key="covariates_forget", on_click=_forget, args=(kept,))
    list_problems(problems)
    return Asked(Source(drug, None, patients, name=name), words, notes)


def _ask_file(drug: str, kept: str) -> None:
    """A file, with the questions that it leaves open."""
    with st.container(border=True):
        st.caption("Every other column of the file is taken as a covariate too, numbers as they stand, words as groups. Nothing leaves this server.")
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.popover("Units and options", icon=":material/tune:"):
                overrides = show_options(drug, place=PLACE)
            show_template(drug)
        file = st.file_uploader(
            f"Patients on {model(drug).card.name.lower()}: CSV or Excel, up to {MAX_BYTES // 10**6} MB and {MAX_ROWS:,} rows", key=f"{PLACE}_{drug}"
        )
        if file is None:
            return
        content = file.getvalue()
        if read := read_table(file.file_id, content, drug, overrides, place=PLACE):
            cohort, chosen = read[1], {"column_map": st.session_state.get(f"map_{file.file_id}", {})}
            patients = tuple(r.patient for r in cohort.records if r.patient.samples)
            if not patients:
                list_problems(cohort.problems)
                st.error("No patient in this file can be used: it needs patients without errors who have a level.", icon=":material/error:")
                return
            found = with_other_columns(content, options=load_card(drug).read_options(**(overrides | chosen)), patients=patients)
            problems = tuple(p for p in cohort.problems if not p.message.startswith("columns that are not read"))
            st.session_state[kept] = literal(file.name), found.patients, found.words, found.notes, problems
            st.rerun()


def _forget(kept: str) -> None:
    """Back to the choice of a file."""
    st.session_state.pop(kept, None)
    st.session_state.pop(f"{PLACE}_cohort", None)
