"""Latent space: where do patients lie, what do the coordinates measure, and which curves do they stand for?"""

import streamlit as st

from pages import drug_label, latent_map, latent_posterior, literal, model, open_case, open_page, sign
from pages.latent_parts.between import show_path
from pages.latent_parts.covariates import show_covariates
from pages.latent_parts.curves import draw_curves, offer_coordinates
from pages.latent_parts.map import draw_map
from pages.latent_parts.measured import show_dimensions, show_meaning
from pages.latent_parts.teaching import offer_example
from pages.latent_parts.view import choose_drug, choose_view
from pages.latent_parts.walking import OFFERED, show_walk
from pkvae_core.insight.latent import has_latent_space


def explore(drug: str) -> None:
    """The map beside the curves of those who are chosen on it."""
    left, right = st.columns([60, 40])
    with left.container(border=True, height="stretch"):
        view(drug)
    with right.container(border=True, height="stretch"):
        draw_curves(drug, chosen_of(drug))
        offer_coordinates(drug, *latent_map(drug), chosen_of(drug))


@st.fragment
def view(drug: str) -> None:
    """Another axis or colour redraws the map alone; another choice of patients the whole page."""
    population, axes = latent_map(drug)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        across, up, colour = choose_view(drug, population, axes)
    chosen = draw_map(drug, population, across, up, colour, chosen_of(drug))
    if chosen != chosen_of(drug):
        st.session_state[f"latent_chosen_{drug}"] = chosen
        st.rerun()


def chosen_of(drug: str) -> list[int]:
    """The numbers of the patients that are chosen on the map."""
    return st.session_state.get(f"latent_chosen_{drug}", [])


def travel(drug: str) -> None:
    """The ways through the space, from and to the chosen patients."""
    if len(chosen_of(drug)) > OFFERED:
        st.caption(f"Walks and paths offer the first {OFFERED} of the {len(chosen_of(drug)):,} chosen patients by name.")
    for show in (show_walk, show_path):
        with st.container(border=True):
            show(drug, chosen_of(drug))


def explain(drug: str) -> None:
    """What the axes measure, and which dimensions carry anything: the same for every view."""
    left, right = st.columns([60, 40])
    with left.container(border=True, height="stretch"):
        show_meaning(*latent_map(drug))
    with right.container(border=True, height="stretch"):
        show_dimensions(drug)


def say_whether_the_patient_is_here(drug: str) -> None:
    """Why the open patient is not on the map, where one is open."""
    case = open_case()
    if case and case.drug != drug:
        st.caption(f"{literal(case.label)} takes {literal(drug_label(case.drug))}: choose it above to see this patient on the map.")
    elif case and latent_posterior(case).z is None:
        st.caption(f"{literal(case.label)} is not on the map: this drug's answer does not come from one latent space.")


open_page()
st.title("Latent space", anchor=False)
with st.container(horizontal=True, vertical_alignment="bottom"):
    drug = choose_drug()
    st.caption("Each dot is a virtual patient, placed where the model reads its whole true curve. Click a dot, or draw around some; double-click clears.")
sign(model(drug).version)
offer_example(drug)
if has_latent_space(model(drug)):
    say_whether_the_patient_is_here(drug)
    explore(drug)
    travel(drug)
    explain(drug)
else:
    st.info("This drug's model is an ensemble: its members each have a latent space of their own, so that there is no one map to draw.", icon=":material/info:")
show_covariates(drug)
