"""Who is on the table, and what is aimed for: the strip above the answer."""

import streamlit as st

from pages import is_own, literal, model, posterior_for
from pages.dose_parts.goal import choose_goal, show_unit
from pages.dose_parts.shown import bounds_of
from pkvae_core.case import Case
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.changes import changes, number_words, short_words, value_words
from pkvae_core.insight.level_words import left_out_words
from pkvae_core.wording import plain

SHOWN = ("AGE", "SEX", "WT", "HT", "SCR", "CRCL")  # which have words of their own


def show_strip(case: Case) -> None:
    """Patient, drug, kidneys with the weight that was used; then the target and the way back into the data."""
    card = model(case.drug).card
    with st.container(border=True, key="strip", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="stretch"):
            st.markdown(f"# :material/person: {literal(case.label) or 'Patient'}", width="content", anchors=False)
            st.markdown(" · ".join(_person(case)) or "nothing known of the patient", width="content")
            if kidneys := _kidneys(case):
                st.markdown(kidneys, width="content")
            st.markdown(" ".join(_badges(case, card)), width="content")
        with st.container(horizontal=True, width="content"):
            if card.gives_dose:
                with st.popover(f"Target {bounds_of(case)}", icon=":material/target:"):
                    choose_goal(case, card)
            else:
                show_unit(case, card)
            is_editing = st.session_state.get("is_editing", False)
            st.button("Close data" if is_editing else "Edit data", icon=":material/edit:", key="edit", on_click=_flip)


def _flip() -> None:
    st.session_state["is_editing"] = not st.session_state.get("is_editing", False)


def _person(case: Case) -> list[str]:
    age, sex, weight, height = (case.patient.covariate(name) for name in ("AGE", "SEX", "WT", "HT"))
    return [
        *([] if sex is None else ["M" if sex == 1 else "F"]),
        *([] if age is None else [f"{plain(age, 1)} y"]),
        *([] if weight is None else [f"{plain(weight, 2 if weight < 10 else 1)} kg{_was(case, 'WT')}"]),
        *([] if height is None else [f"{plain(height, 1)} cm"]),
        *_others(case),
    ]


def _others(case: Case) -> list[str]:
    """What else the card asks for and the record knows: Postnatal age 7 days, CYP3A5 expresser: yes."""
    found = []
    for spec in model(case.drug).card.covariates:
        value = case.patient.covariate(spec.name)
        if spec.name not in SHOWN and value is not None:
            shown = f"{':' if spec.is_flag else ''} {value_words(spec, value)}"
            found.append(f"{spec.label}{shown}{_was(case, spec.name)}")
    return found


def _kidneys(case: Case) -> str:
    creatinine, clearance = case.patient.covariate("SCR"), posterior_for(case).patient.covariate("CRCL")
    parts = [f"SCr **{number_words('SCR', creatinine)}** mg/dL{_was(case, 'SCR')}"] if creatinine else []
    parts += [f"CrCl **{number_words('CRCL', clearance)}** mL/min{_was(case, 'CRCL')}{_weight_used(case)}"] if clearance else []
    return " · ".join(parts)


def _was(case: Case, name: str) -> str:
    """ ", was 92": the value before the latest one, where it was another."""
    found = [change for change in changes(model(case.drug).card, posterior_for(case).patient) if change.spec.name == name]
    return f", was {short_words(found[-1].spec, found[-1].before)}" if found else ""


def _weight_used(case: Case) -> str:
    """Which weight went into Cockcroft-Gault, or that the chart states the clearance."""
    source = [c.source for c in posterior_for(case).patient.covariates if c.name == "CRCL"][-1]
    return f" ({source.split(', ')[1].split(':')[0]})" if source.startswith("Cockcroft") else " (stated)"


def _badges(case: Case, card: DrugCard) -> list[str]:
    levels = len(case.patient.samples)
    own = [":orange-badge[own model]"] if is_own(case.drug) else []
    found = [f":blue-badge[{literal(card.name)}]", *own, f":gray-badge[{levels} {'level' if levels == 1 else 'levels'}]"]
    if case.left_out:
        found.append(f":orange-badge[{left_out_words(len(case.left_out))}]")
    if case.level_half_life_h is not None and levels:
        found.append(":orange-badge[older levels count less]")
    values = [c.value for c in case.patient.covariates if c.name == "SCR"]
    if len(values) > 1 and values[-1] != values[-2]:
        found.append(f":orange-badge[:material/trending_{'up' if values[-1] > values[-2] else 'down'}: SCr {values[-1] - values[-2]:+.2g}]")
    if warnings := [p for p in case.problems if p.severity == "warning"]:
        found.append(f":orange-badge[:material/warning: {len(warnings)} to check]")
    return found
