"""Opening a file: a table of patients (CSV or Excel) or a saved case, whatever it turns out to hold."""

import streamlit as st

from pages import clinical, drug_label, literal, model, models
from pages.dose_parts.fill import fill
from pages.dose_parts.opening import case_of, open_new
from pages.dose_parts.reading import list_problems, read_table, show_options, show_template
from pkvae_core.drugs.card import load_card
from pkvae_core.records.spreadsheet import MAX_BYTES, MAX_ROWS
from pkvae_core.records.table import Cohort
from pkvae_core.report import reopen


def show_upload() -> None:
    """The way in by file."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        drug = st.selectbox(
            "Drug in the file",
            clinical(),
            index=None,
            key="file_drug",
            placeholder="choose",
            format_func=drug_label,
            width=170,
            persist_state="session",
        )
        with st.popover("Units and options", icon=":material/tune:", disabled=drug is None):
            overrides = show_options(drug) if drug else {}
        if drug:
            show_template(drug)
    file = st.file_uploader(f"CSV, Excel or a saved case, up to {MAX_BYTES // 10**6} MB and {MAX_ROWS:,} rows", key="file")
    if file is None:
        st.session_state.pop("cohort", None)
        return
    content = file.getvalue()
    if file.name.lower().endswith(".json"):
        _open_saved(file.file_id, content)
    elif drug is None:
        st.info("Choose the drug in the file, and it opens.", icon=":material/arrow_upward:")
    else:
        _open_table(file.file_id, file.name, content, drug, overrides)


def _open_saved(file_id: str, content: bytes) -> None:
    """A case that was saved here before, with the answer it had."""
    if st.session_state.get("cohort_key") == file_id:
        return
    try:
        case, answer = reopen(content)
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return
    if case.drug in models() and case.unit not in load_card(case.drug).reporting_units:
        st.error(
            f"This case reports levels in {case.unit}, which the card of {case.drug} does not offer. Save it again in another unit.", icon=":material/error:"
        )
        return
    if case.drug not in models():
        st.error(
            f"This case is about {literal(case.drug)}, for which there is no model here. Import an own model on the Models page, or open another case.",
            icon=":material/error:",
        )
        return
    if why := load_card(case.drug).why_no_patient(case.patient):
        st.error(f"This case cannot be opened: {literal(why)}", icon=":material/error:")
        return
    open_new(case)
    fill(case, load_card(case.drug))
    st.session_state.update(cohort_key=file_id, form_filled=True)
    if answer and (caution := answer.caution(model(case.drug).version)):
        st.session_state["reopened"] = caution
    st.rerun()


def _open_table(file_id: str, name: str, content: bytes, drug: str, overrides: dict) -> None:
    """Its one patient opens, or the one that is chosen."""
    if read := read_table(file_id, content, drug, overrides):
        key, cohort = read
        list_problems(cohort.problems)
        _choose(key, name, drug, cohort, overrides)


def _choose(key: tuple, name: str, drug: str, cohort: Cohort, overrides: dict) -> None:
    """One patient opens by itself; several are chosen from."""
    if not cohort.records:
        st.error("No patient in this file can be used. Correct the errors listed above and upload it again.", icon=":material/error:")
        return
    ids = [record.patient.id for record in cohort.records]
    chosen = ids[0]
    if len(ids) > 1:
        chosen = st.selectbox(f"{len(ids)} patients in this file. Open", ids, index=None, key=f"patient_{key[0]}", placeholder="choose a patient")
    if chosen is None or st.session_state.get("cohort_key") == (key, chosen):
        return
    record = cohort.records[ids.index(chosen)]
    problems = tuple(p for p in cohort.problems if p.patient_id in (None, chosen))
    unit = overrides.get("concentration_unit", load_card(drug).concentration_unit)
    unit = unit if unit in load_card(drug).reporting_units else load_card(drug).concentration_unit
    case = case_of(drug, record.patient, cohort.origin[chosen], unit=unit, source=f"file {name}", label=chosen, now_h=record.asked_h, problems=problems)
    open_new(case)
    fill(case, load_card(drug))
    st.session_state.update(cohort_key=(key, chosen), form_filled=True, cohort=(key, cohort))
    st.rerun()
