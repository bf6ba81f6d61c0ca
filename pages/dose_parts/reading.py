"""What does this table hold? Read with the drug's card; what the file leaves open is asked where it is opened, and its problems are listed."""

import streamlit as st

from pages import literal
from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.records.columns import MappingNeeded, meaning
from pkvae_core.records.problems import DataError, Problem, condensed
from pkvae_core.records.spreadsheet import open_table
from pkvae_core.records.table import AnalyteNeeded, Cohort, read_patients
from pkvae_core.records.template import template

NONE = "(none)"
SHOWN = 12  # problems listed before the rest is only counted


def show_template(drug: str) -> None:
    """An empty file of the right shape."""
    card = load_card(drug)
    usual = card.typical_regimen
    content = template(card.covariates, typical=card.typical_patient, amount_mg=usual.amount_mg, interval_h=usual.interval_h, infusion_h=usual.infusion_h)
    st.download_button("Template", content, f"pkvae-{drug}.csv", "text/csv", icon=":material/download:", on_click="ignore")


def show_options(drug: str, *, place: str = "file", card: DrugCard | None = None) -> dict:
    """What the file does not say itself; `place` tells the widgets of two pages apart. `card`: to read with, where it is not the drug's own."""
    card = card or load_card(drug)
    overrides = {
        "amount_unit": st.selectbox("Amounts are in", ["mg", "g", "ug"], index=0, key=f"{place}_amount_unit", persist_state="session"),
        "concentration_unit": st.selectbox(
            "Levels are in", list(dict.fromkeys([card.concentration_unit, *card.reporting_units, "ng/mL", "ug/L"])), key=f"{place}_unit_{drug}"
        ),
        "assume_infusion_h": st.number_input("Infusion without a duration lasts (h)", value=None, key=f"{place}_infusion", persist_state="session"),
        "lloq_mg_per_L": st.number_input("Lower limit of quantification (mg/L)", value=None, key=f"{place}_lloq", persist_state="session"),
        "time_zone": st.text_input("Time zone, if clocks changed", key=f"{place}_zone", placeholder="Europe/Zurich", persist_state="session") or None,
    }
    return {name: value for name, value in overrides.items() if value is not None}


def read_table(file_id: str, content: bytes, drug: str, overrides: dict, *, place: str = "file", card: DrugCard | None = None) -> tuple[tuple, Cohort] | None:
    """The patients, under a key of the file and the options it was read with: read once for each. None while a question is open or the file is refused."""
    overrides = overrides | _answers(file_id)
    key, kept = (file_id, drug, repr(sorted(overrides.items()))), "cohort" if place == "file" else f"{place}_cohort"
    if st.session_state.get(kept, (None,))[0] != key:
        try:
            st.session_state[kept] = key, read_patients(content, options=(card or load_card(drug)).read_options(**overrides))
        except MappingNeeded as question:
            _ask_columns(file_id, content, question)
            return None
        except AnalyteNeeded as question:
            if f"analytes_{file_id}" not in st.session_state:
                st.session_state[f"analytes_{file_id}"] = question.choices
                st.rerun()
            return None
        except DataError as error:
            st.error(literal(str(error)), icon=":material/error:")
            return None
    return st.session_state[kept]


def _answers(file_id: str) -> dict:
    """What was answered to this file's questions. Both stay open to change, also where an answer made the file unreadable."""
    found: dict = {"column_map": st.session_state.get(f"map_{file_id}", {})}
    if found["column_map"]:
        again = "Choose the columns again"
        st.button(again, icon=":material/undo:", type="tertiary", key=f"map_again_{file_id}", on_click=st.session_state.pop, args=(f"map_{file_id}", None))
    if choices := st.session_state.get(f"analytes_{file_id}"):
        asked = "The file holds levels of several analytes. Which is this drug?"
        chosen = st.radio(asked, choices, index=None, key=f"dvid_{file_id}", horizontal=True, persist_state="session")
        found |= {} if chosen is None else {"dvid": chosen}
    return found


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


def list_problems(problems: tuple[Problem, ...]) -> None:
    """The defects of the file, one line a kind; open where patients are lost to them."""
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
