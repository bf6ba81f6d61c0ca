"""The example patient of a teaching drug: synthetic drugs are not offered under Clinic, where other examples are opened."""

import streamlit as st

from pages import ROOT, model, open_case
from pages.dose_parts.opening import open_new
from pages.dose_parts.ways_in import example

EXAMPLES = ROOT / "assets" / "examples"


def offer_example(drug: str) -> None:
    """For a synthetic drug, that it is one, and a button that opens its example patient on the pages beside Clinic."""
    if not model(drug).card.synthetic:
        return
    file = f"teaching-{drug.replace('_', '-')}.json"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("Synthetic: no real drug", color="orange", icon=":material/warning:")
        case = open_case()
        if (case is None or case.drug != drug) and (EXAMPLES / file).exists():
            patient = example(file)
            st.button(f"Open {patient.label}", icon=":material/person:", key="open_teaching_example", on_click=open_new, args=(patient,), help=patient.source)
