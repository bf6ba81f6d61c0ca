"""Which case is the class working on? One of the library, named by a link, or the patient on the table."""

from urllib.parse import urlsplit

import streamlit as st

from pages import literal, models, open_case
from pages.dose_parts.fill import fill
from pages.dose_parts.opening import open_new
from pages.teach_parts.found import shipped
from pkvae_core.case import Case
from pkvae_core.drugs.card import load_card
from pkvae_core.insight.lessons import Lesson

OWN = "own"  # the patient on the table; never in a link
CHOICE = "teach_case"


def choose() -> tuple[str, Case, Lesson | None]:
    """Name, case and lesson; the lesson is None for the patient on the table."""
    names, case = _names(), open_case()
    asked = st.query_params.get("case")
    if asked and asked not in names:
        st.warning(f"There is no case “{literal(asked)}” in the library. Choose one below.", icon=":material/link_off:")
    elif asked and asked != st.session_state.get("teach_link"):  # a link was followed
        st.session_state[CHOICE] = asked
    st.session_state["teach_link"] = asked
    if st.session_state.get(CHOICE) not in names:
        st.session_state[CHOICE] = names[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Case", names, format_func={name: _label(name) for name in names}.__getitem__, key=CHOICE, on_change=_follow, width=420, persist_state="session"
        )
        _show_link(name)
    if name == OWN and case is not None:
        return name, case, None
    lesson = shipped()[name]
    return name, lesson.case, lesson


def _names() -> list[str]:
    own = [OWN] if open_case() is not None else []
    return [name for name, lesson in shipped().items() if lesson.case.drug in models()] + own


def _label(name: str) -> str:
    case = open_case()
    if name == OWN:
        return f"The patient on the table: {case.label if case else ''}"
    lesson = shipped()[name]
    return f"{lesson.order} · {lesson.title} ({load_card(lesson.case.drug).name.lower()})"


def _follow() -> None:
    """The address names the case, so that it can be sent around; the patient on the table is never named."""
    name = st.session_state[CHOICE]
    if name == OWN:
        st.query_params.clear()
    else:
        st.query_params["case"] = name
    st.session_state["teach_link"] = st.query_params.get("case")


def _show_link(name: str) -> None:
    """For a library case the link that opens it, and the way to the Dose page."""
    if name == OWN:
        return
    with st.popover("Link for the class", icon=":material/link:"):
        st.markdown("This link opens the case, with nothing chosen and nothing revealed:")
        st.code(link(name), language=None, wrap_lines=True)
    st.button("Put it on the table", icon=":material/prescriptions:", key="teach_open", on_click=_open, args=(name,), help="Opens the case on the Dose page.")


def link(name: str) -> str:
    """The address of this page with the case's name."""
    parts = urlsplit(st.context.url or "")
    return f"{parts.scheme}://{parts.netloc}{parts.path}?case={name}" if parts.netloc else f"/teach?case={name}"


def _open(name: str) -> None:
    """The library's case becomes the open case, on every page."""
    case = shipped()[name].case
    open_new(case)
    fill(case, load_card(case.drug))
    st.session_state.update(form_filled=True, is_editing=False, teach_goes="dose")
