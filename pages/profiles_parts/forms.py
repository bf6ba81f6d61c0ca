"""ODE against VAE, with measured figures instead of adjectives."""

import streamlit as st

from pages import shipped_models, sign
from pkvae_core.report.forms import Aspect, aspects


def show_forms() -> None:
    """The table, one row an aspect; on a phone, one card an aspect."""
    names = {drug: each.card.name for drug, each in shipped_models().items()}
    drug = st.selectbox("Size and time are those of", list(names), format_func=names.__getitem__, key="forms_drug", width=260, persist_state="session")
    sign(shipped_models()[drug].version)
    for aspect in aspects(drug):
        _show(aspect)
    st.caption("No figure stands here that was not recorded. The command under each prints it; without `--recorded` it is measured again.")


def _show(aspect: Aspect) -> None:
    with st.container(border=True):
        st.markdown(f"**{aspect.name}**")
        ode, vae, measured = st.columns([25, 25, 50])
        ode.caption("Compartments (ODE)")
        ode.markdown(aspect.ode)
        vae.caption("VAE")
        vae.markdown(aspect.vae)
        measured.caption("Measured")
        for figure in aspect.figures:
            measured.markdown(f"{figure.words[0].upper()}{figure.words[1:]}" if figure.sentence else ":gray[Not measured yet.]")
            measured.caption(f"`{figure.command}`")
