"""Typing values that changed during the course: creatinine, clearance, weight, each from its date on."""

from datetime import timedelta

import streamlit as st

from pages.dose_parts.draft import dateable, filled, replace_rows, rows, title
from pages.dose_parts.editor import show_editor
from pkvae_core.drugs.card import DrugCard


def show_later_button() -> None:
    """The way to a second value; one number is the usual case and stays one field."""
    if not _is_shown():
        st.button("Add a later value", icon=":material/event_repeat:", type="tertiary", key="open_later", on_click=_reveal)


def show_later(card: DrugCard) -> None:
    """A builder for one moment, and the table of all of them; nothing until it is asked for."""
    if not _is_shown():
        return
    with st.container(key="later"):
        st.markdown("**Later values**", help="The number above holds until the first date here, each value until the next.")
        _builder(card)
        if rows("later"):
            show_editor("later", card)


def _is_shown() -> bool:
    return bool(rows("later")) or st.session_state.get("later_is_open", False)


def _reveal() -> None:
    st.session_state["later_is_open"] = True


def _builder(card: DrugCard) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.datetime_input("measured at", value=None, key="build_later", format="YYYY-MM-DD", step=timedelta(minutes=5), width=190)
        for spec in dateable(card):
            st.number_input(title(spec, with_unit=True), value=None, step=None, format="%g", key=f"build_later_{spec.name}", width=165)
        st.button("Add value", icon=":material/add:", key="add_later", on_click=_build, args=(card,))


def _build(card: DrugCard) -> None:
    """Append one moment; whether its values can be true is the file reader's affair."""
    when = st.session_state["build_later"]
    typed = {spec.name: st.session_state[f"build_later_{spec.name}"] for spec in dateable(card)}
    if when is None or all(value is None for value in typed.values()):
        st.session_state["build_problem"] = "Give the time and at least one value."
        return
    new = {"When": f"{when:%Y-%m-%d %H:%M}"} | {name: "" if value is None else f"{value:.10g}" for name, value in typed.items()}
    replace_rows("later", [row for row in rows("later") if filled(row)] + [new])
    for name in typed:
        st.session_state[f"build_later_{name}"] = None
