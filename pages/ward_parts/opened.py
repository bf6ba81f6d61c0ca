"""How does a patient of the ward come to the Dose page?"""

from dataclasses import replace

import streamlit as st

from pages import model
from pages.dose_parts.fill import fill
from pages.dose_parts.opening import case_of, open_new
from pages.ward_parts.cohort import Ward

GO = "ward_go"


def open_patient(ward: Ward, patient_id: str) -> None:
    """This patient as the open case, with the target of the ward; for a callback: `go` turns the page on the next run."""
    record = next(record for record in ward.cohort.records if record.patient.id == patient_id)
    card = model(ward.drug).card
    unit = ward.unit if ward.unit in card.reporting_units else card.concentration_unit
    problems = tuple(p for p in ward.cohort.problems if p.patient_id in (None, patient_id))
    source, origin = f"file {ward.name}", ward.cohort.origin[patient_id]
    case = case_of(ward.drug, record.patient, origin, unit=unit, source=source, label=patient_id, now_h=record.asked_h, problems=problems)
    open_new(replace(case, target=ward.target or case.target))
    fill(case, card)
    st.session_state.update({"form_filled": True, "is_editing": False, GO: True})


def go() -> None:
    """To the Dose page, where a patient was opened."""
    if st.session_state.pop(GO, False):
        st.switch_page("pages/dose.py")
