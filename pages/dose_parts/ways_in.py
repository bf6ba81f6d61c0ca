"""The three ways in, on one screen: an example in one click, a file, or typing."""

from functools import cache
from pathlib import Path

import streamlit as st

from pages import ROOT, clinical, set_case
from pages.dose_parts.draft import clear, fields
from pages.dose_parts.fill import fill
from pages.dose_parts.form import show_form
from pages.dose_parts.opening import open_new
from pages.dose_parts.upload import show_upload
from pkvae_core.case import Case
from pkvae_core.drugs.card import load_card

EXAMPLES = ROOT / "assets" / "examples"
IN_SIGHT = 5


def show_ways_in() -> None:
    """Examples and upload side by side, the form below them."""
    examples, upload = st.columns(2, gap="medium")
    with examples.container(border=True, height="stretch"):
        st.header("Open an example", anchor=False)
        _show_examples()
    with upload.container(border=True, height="stretch"):
        st.header("Upload a file", anchor=False)
        show_upload()
    with st.container(border=True, key="typing"):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.header("Type a patient", width="content", anchor=False)
            st.button("Empty the form", icon=":material/restart_alt:", type="tertiary", on_click=_empty)
        show_form()


def _show_examples() -> None:
    """The first ones in sight, the others a click away, their drugs named."""
    paths = sorted(EXAMPLES.glob("*.json"), key=lambda path: (len(path.stem.split("-")[0]), path.stem))  # 2 before 10
    offered = [path for path in paths if example(path.name).drug in clinical()]
    for path in offered[:IN_SIGHT]:
        _offer(path)
    more = offered[IN_SIGHT:]
    drugs = dict.fromkeys(load_card(example(path.name).drug).name.lower() for path in more)
    with st.expander(f"{len(more)} more: {', '.join(drugs)}"):
        for path in more:
            _offer(path)
    st.caption("All of them are synthetic.")


def _offer(path: Path) -> None:
    case = example(path.name)
    words, button = st.columns([68, 32], vertical_alignment="center")
    words.markdown(f"**{load_card(case.drug).name}** · {case.source}")
    button.button(case.label, key=f"example_{path.stem}", on_click=_open_example, args=(path.name,), width="stretch")


@cache
def example(name: str) -> Case:
    """A synthetic case that is shipped."""
    return Case.from_json((EXAMPLES / name).read_bytes())


def _open_example(name: str) -> None:
    case = example(name)
    open_new(case)
    fill(case, load_card(case.drug))
    st.session_state.update(form_filled=True, is_editing=False)


def _empty() -> None:
    set_case(None)
    clear(fields()["drug"])
    st.session_state.pop("form_seen", None)
