"""Whose levels are learned from: a file, the questions that it leaves open, its problems, and who is in it?"""

import pandas as pd
import streamlit as st

from pages import literal
from pages.dose_parts.reading import list_problems, read_table, show_options, show_template
from pkvae_core.checks.own_model import Plan, reading_card, usable
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.summary import CohortSummary, summarise_cohort
from pkvae_core.patient import Patient
from pkvae_core.records.spreadsheet import MAX_BYTES, MAX_ROWS
from pkvae_core.wording import counted, plain, rounded

KEPT = "train_patients"


def choose_cohort(plan: Plan, units: dict) -> tuple[str, tuple[Patient, ...]] | None:
    """The name of the file and the patients in it who have a dose and a level; None while something is open. Both stay while the reader is on other pages."""
    card, key = reading_card(plan, **units), (plan.start, plan.beside, repr(sorted(units.items())))
    if st.session_state.get(KEPT, (None,))[0] != key:
        st.session_state.pop(KEPT, None)
        _ask_file(card, key, plan)
    if KEPT not in st.session_state:
        return None
    _, name, patients, problems = st.session_state[KEPT]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{literal(name)}**", width="content")
        st.button("Another file", icon=":material/swap_horiz:", type="tertiary", key="train_other", on_click=lambda: st.session_state.pop(KEPT, None))
    list_problems(problems)
    known = usable(patients)
    if not known:
        st.error(
            "No patient in this file has both a dose and a level: there is nothing to learn from. Correct what is listed above, or choose another file.",
            icon=":material/error:",
        )
        return None
    if idle := len(patients) - len(known):
        st.caption(f":material/info: {counted(idle, 'patient').capitalize()} without a dose or a level {'is' if idle == 1 else 'are'} left out.")
    show_summary(summarise_cohort(card, known))
    return name, known


def _ask_file(card: DrugCard, key: tuple, plan: Plan) -> None:
    drug = plan.rival
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover("Units and options", icon=":material/tune:"):
            overrides = show_options(drug or "blank", place="train_file", card=card)
        if drug:
            show_template(drug)
    file = st.file_uploader(f"Your cohort: CSV or Excel, up to {MAX_BYTES // 10**6} MB and {MAX_ROWS:,} rows", key="train_upload")
    if file is None:
        st.caption(
            ":material/lock: The file is read in the memory of this server. A model keeps no row of it: weights, counts, and the spread of the covariates."
        )
        return
    if read := read_table(file.file_id, file.getvalue(), drug or "blank", overrides, place="train_file", card=card):
        cohort = read[1]
        st.session_state[KEPT] = key, file.name, tuple(record.patient for record in cohort.records), cohort.problems
        st.rerun()


def show_summary(found: CohortSummary) -> None:
    """Who is in the cohort, in figures and a table of the covariates."""
    low, middle, high = found.levels_each
    shown = {
        "Patients": (f"{found.patients:,}", "with a dose and a level"),
        "Levels": (f"{found.levels:,}", f"{low} to {high} each, median {plain(middle, 1)}"),
        "Below their limit": (f"{100 * found.below_share:.1f} %", f"measured: {rounded(found.level_mg_per_L[0])}–{rounded(found.level_mg_per_L[2])} mg/L"),
        "Doses": (f"{found.doses:,}", f"{rounded(found.amount_mg[0])}–{rounded(found.amount_mg[2])} mg"),
        "Followed for": (f"{plain(found.span_h[0], 0)} h", f"median; at most {plain(found.span_h[1], 0)} h"),
    }
    for column, (label, (value, beside)) in zip(st.columns(len(shown)), shown.items(), strict=True):
        column.metric(label, value, beside, delta_color="off", delta_arrow="off")
    if found.covariates:
        rows = [(f"{c.label} ({c.unit})", rounded(c.median), f"{rounded(c.low)}–{rounded(c.high)}", f"{c.missing:,}") for c in found.covariates]
        st.table(pd.DataFrame(rows, columns=["Covariate", "Median", "Range", "Patients without it"]).set_index("Covariate"))
    else:
        st.caption(":material/info: No covariate that we know: everybody is described by one distribution.")
