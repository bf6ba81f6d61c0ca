"""How does a model that was exported elsewhere come into this library?"""

import streamlit as st

from pages import damaged_models, forget_answers, literal
from pkvae_core.vae.library import MOST_BYTES, library, read_in


def show_import() -> None:
    """A packed model, checked before anything is written."""
    with st.container(border=True):
        st.header("Import a model", anchor=False)
        file = st.file_uploader(f"A model that was exported here or elsewhere (zip, up to {MOST_BYTES // 10**6} MB)", key="import_file")
        if file is not None:
            with st.container(horizontal=True, vertical_alignment="bottom"):
                st.text_input("Under another name (optional)", key="import_name", width=280)
                st.button("Import", icon=":material/unarchive:", key="import_go", on_click=_import, args=(file.getvalue(),))
        if said := st.session_state.pop("import_said", None):
            kind, sentence = said
            (st.error if kind == "error" else st.success)(sentence, icon=":material/error:" if kind == "error" else ":material/inventory_2:")
        for sentence in damaged_models():
            st.error(literal(sentence), icon=":material/broken_image:")
        st.caption(f":material/folder: The library is the folder {literal(str(library()))}; the environment variable PKVAE_MODELS names another one.")


def _import(content: bytes) -> None:
    try:
        key = read_in(content, name=st.session_state.get("import_name", "").strip())
    except ValueError as error:
        st.session_state["import_said"] = "error", literal(f"{str(error)[:1].upper()}{str(error)[1:]}")
        return
    forget_answers()
    st.session_state["import_said"] = "done", f"{literal(key)} is in the library: every page offers it beside the shipped models."
