"""Opening a file: a table of patients (CSV or Excel) or a saved case, whatever it turns out to hold."""

import streamlit as st

from pages import model, models
from pages.dose_parts.draft import fill
from pages.dose_parts.opening import case_of, open_new
from pkvae_core.drugs.card import load_card
from pkvae_core.records.columns import MappingNeeded, meaning
from pkvae_core.records.problems import DataError, Problem, condensed
from pkvae_core.records.spreadsheet import MAX_BYTES, MAX_ROWS, open_table
from pkvae_core.records.table import AnalyteNeeded, Cohort, read_patients
from pkvae_core.records.template import template
from pkvae_core.report import reopen

NONE = "(none)"
SHOWN = 12  # problems listed before the rest is only counted


def show_upload() -> None:
    """The way in by file."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        drug = st.selectbox(
            "Drug in the file",
            list(models()),
            index=None,
            key="file_drug",
            placeholder="choose",
            format_func=lambda d: load_card(d).name,
            width=170,
            persist_state="session",
        )
        with st.popover("Units and options", icon=":material/tune:", disabled=drug is None):
            overrides = _options(drug) if drug else {}
        if drug:
            st.download_button("Template", _template(drug), f"pkvae-{drug}.csv", "text/csv", icon=":material/download:", on_click="ignore")
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


def _template(drug: str) -> bytes:
    card = load_card(drug)
    usual = card.typical_regimen
    return template(card.covariates, typical=card.typical_patient, amount_mg=usual.amount_mg, interval_h=usual.interval_h, infusion_h=usual.infusion_h)


def _options(drug: str) -> dict:
    """What the file does not say itself."""
    card = load_card(drug)
    overrides = {
        "amount_unit": st.selectbox("Amounts are in", ["mg", "g", "ug"], index=0, key="file_amount_unit", persist_state="session"),
        "concentration_unit": st.selectbox(
            "Levels are in", list(dict.fromkeys([card.concentration_unit, *card.reporting_units, "ng/mL", "ug/L"])), key=f"file_unit_{drug}"
        ),
        "assume_infusion_h": st.number_input("Infusion without a duration lasts (h)", value=None, key="file_infusion", persist_state="session"),
        "lloq_mg_per_L": st.number_input("Lower limit of quantification (mg/L)", value=None, key="file_lloq", persist_state="session"),
        "time_zone": st.text_input("Time zone, if clocks changed", key="file_zone", placeholder="Europe/Zurich", persist_state="session") or None,
    }
    return {name: value for name, value in overrides.items() if value is not None}


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
        st.error(f"This case is about {case.drug}, for which there is no model here. Train one, or open another case.", icon=":material/error:")
        return
    open_new(case)
    fill(case, load_card(case.drug))
    st.session_state.update(cohort_key=file_id, form_filled=True)
    if answer and (caution := answer.caution(model(case.drug).version)):
        st.session_state["reopened"] = caution
    st.rerun()


def _open_table(file_id: str, name: str, content: bytes, drug: str, overrides: dict) -> None:
    """Read once for each file and choice of options; a question that the file leaves open is asked here."""
    overrides = overrides | {"column_map": st.session_state.get(f"map_{file_id}", {})}
    if (dvid := st.session_state.get(f"dvid_{file_id}")) is not None:
        overrides["dvid"] = dvid
    key = (file_id, drug, repr(sorted(overrides.items())))
    if st.session_state.get("cohort", (None,))[0] != key:
        try:
            st.session_state["cohort"] = key, read_patients(content, options=load_card(drug).read_options(**overrides))
        except MappingNeeded as question:
            _ask_columns(file_id, content, question)
            return
        except AnalyteNeeded as question:
            st.radio("The file holds levels of several analytes. Which is this drug?", question.choices, index=None, key=f"dvid_{file_id}", horizontal=True)
            return
        except DataError as error:
            st.error(str(error), icon=":material/error:")
            return
    cohort: Cohort = st.session_state["cohort"][1]
    _list_problems(cohort.problems)
    _choose(key, name, drug, cohort, overrides)


def _ask_columns(file_id: str, content: bytes, question: MappingNeeded) -> None:
    """The mapping step: one choice for each of our columns that is not certain."""
    header = open_table(content).header
    with st.form(f"columns_{file_id}"):
        st.markdown("**Which column is which?** Only these are not certain.")
        chosen = {
            ours: st.selectbox(
                f"{meaning(ours).capitalize()} ({ours})", [NONE, *header], index=1 + header.index(theirs[0]) if theirs else 0, key=f"column_{file_id}_{ours}"
            )
            for ours, theirs in question.mapping.unsure.items()
        }
        if st.form_submit_button("Read the file"):
            known = st.session_state.get(f"map_{file_id}", {})
            st.session_state[f"map_{file_id}"] = known | {ours: "" if theirs == NONE else theirs for ours, theirs in chosen.items()}
            st.rerun()


def _list_problems(problems: tuple[Problem, ...]) -> None:
    lines = condensed(problems)
    if not lines:
        return
    errors = sum(line.startswith("error") for line in lines)
    with st.expander(
        f"{len(lines)} {'thing' if len(lines) == 1 else 'things'} to know about this file",
        expanded=errors > 0,
        icon=":material/error:" if errors else ":material/warning:",
    ):
        st.text("\n".join(lines[:SHOWN]) + (f"\nand {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""))


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
    asked = record.prediction_times[0].time_h if record.prediction_times else None
    unit = overrides.get("concentration_unit", load_card(drug).concentration_unit)
    unit = unit if unit in load_card(drug).reporting_units else load_card(drug).concentration_unit
    case = case_of(drug, record.patient, cohort.origin[chosen], unit=unit, source=f"file {name}", label=chosen, now_h=asked, problems=problems)
    open_new(case)
    fill(case, load_card(drug))
    st.session_state.update(cohort_key=(key, chosen), form_filled=True, cohort=(key, cohort))
    st.rerun()
