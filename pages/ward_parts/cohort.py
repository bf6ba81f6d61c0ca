"""Whose ward is it: a file of patients, or the synthetic example, and which exposure is aimed for?"""

from dataclasses import dataclass
from hashlib import sha256

import streamlit as st

from pages import ROOT, clinical, drug_label, literal, model, open_case, sign
from pages.dose_parts.reading import list_problems, read_table, show_options, show_template
from pkvae_core.dosing.target import Target
from pkvae_core.records.spreadsheet import MAX_BYTES, MAX_ROWS
from pkvae_core.records.table import Cohort, read_patients
from pkvae_core.records.units import concentration_factor

EXAMPLE, EXAMPLE_DRUG = ROOT / "assets" / "examples" / "ward-vancomycin.csv", "vancomycin"


@dataclass(frozen=True)
class Ward:
    """The patients of one file, and what is asked about them; `unit` is that of the levels in the file, `key` changes with any of it."""

    name: str
    drug: str
    cohort: Cohort
    metric: str
    unit: str
    key: str

    @property
    def target(self) -> Target | None:
        """The card's; None where it states none."""
        return Target.from_spec(model(self.drug).card.target(self.metric)) if self.metric else None

    @property
    def unit_mg_per_L(self) -> float:
        return concentration_factor(self.unit, model(self.drug).card.molar_mass_g_per_mol)

    @property
    def size(self) -> int:
        """Every patient of the file, also those whose rows hold errors."""
        return len({r.patient.id for r in self.cohort.records} | {p.patient_id for p in self.cohort.problems if p.severity == "error" and p.patient_id})


def choose_ward() -> Ward | None:
    """The row of choices on top and the file below it; None while something is still open, which is said."""
    drugs = [drug for drug in clinical() if model(drug).card.targets]  # urgency is measured against a target
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        case = open_case()
        first = case.drug if case and case.drug in drugs else EXAMPLE_DRUG if EXAMPLE_DRUG in drugs else drugs[0]
        if st.session_state.get("ward_drug") not in drugs:  # nothing chosen yet, or an own model that is gone
            st.session_state["ward_drug"] = first
        drug = st.segmented_control("Drug", drugs, required=True, format_func=drug_label, key="ward_drug", persist_state="session")
        assert drug  # one is always chosen
        sign(model(drug).version)
        specs = {spec.metric: spec for spec in model(drug).card.targets}
        usual = next((metric for metric, spec in specs.items() if spec.is_default), "")
        metric = usual
        if len(specs) > 1:
            place = list(specs).index(usual)
            metric = st.selectbox(
                "Aim for", list(specs), place, format_func=lambda m: specs[m].label, key=f"ward_metric_{drug}", width=300, persist_state="session"
            )
    opened = _file(drug)
    if opened is None:
        return None
    name, content, cohort, unit = opened
    key = sha256(repr((content, drug, metric, model(drug).version)).encode()).hexdigest()[:16]
    return Ward(name, drug, cohort, metric or "", unit, key)


def _file(drug: str) -> tuple[str, str, Cohort, str] | None:
    """Name, what identifies its content and reading, patients and unit of levels of the file for this drug, kept while the reader is on other pages."""
    kept = f"ward_file_of_{drug}"
    if kept not in st.session_state:
        _ask_file(drug, kept)
    if kept not in st.session_state:
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{st.session_state[kept][0]}**", width="content")
        st.button("Another file", icon=":material/swap_horiz:", type="tertiary", key="ward_another", on_click=st.session_state.pop, args=(kept, None))
    list_problems(st.session_state[kept][2].problems)
    return st.session_state[kept]


def _ask_file(drug: str, kept: str) -> None:
    """A file, with the questions that it leaves open, or the example in one click."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.popover("Units and options", icon=":material/tune:"):
                overrides = show_options(drug, place="ward_file")
            show_template(drug)
            if drug == EXAMPLE_DRUG:
                st.button("Example: a synthetic ward of 24", icon=":material/science:", key="ward_example", on_click=_open_example, args=(kept,))
        file = st.file_uploader(
            f"Patients on {model(drug).card.name.lower()}: CSV or Excel, up to {MAX_BYTES // 10**6} MB and {MAX_ROWS:,} rows", key=f"ward_upload_{drug}"
        )
        if file is None:
            return
        if read := read_table(file.file_id, file.getvalue(), drug, overrides, place="ward_file"):
            key, cohort = read
            if not cohort.records:
                list_problems(cohort.problems)
                st.error("No patient in this file can be used. Correct the errors listed above and upload it again.", icon=":material/error:")
                return
            st.session_state[kept] = literal(file.name), repr(key), cohort, overrides.get("concentration_unit", model(drug).card.concentration_unit)
            st.rerun()


def _open_example(kept: str) -> None:
    """Virtual patients, written as any ward's file is."""
    card = model(EXAMPLE_DRUG).card
    cohort = read_patients(EXAMPLE, options=card.read_options())
    st.session_state[kept] = "Synthetic example: 24 virtual patients", "example", cohort, card.concentration_unit
