"""What does an own model know, from whom, did it get better, and where does it end?"""

import json

import pandas as pd
import streamlit as st

from pages import chart, forget_answers, literal, model, open_case, set_case, theme
from pages.models_parts.trainings import trainings
from pages.models_parts.verdict import show_verdict
from pkvae_core.checks.own_model import validation_of
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.places import library
from pkvae_core.plots.models import learning_figure
from pkvae_core.vae.checkpoint import learning_curve
from pkvae_core.vae.library import pack, remove
from pkvae_core.wording import amount_words, plain, rounded


def show_own(drug: str) -> None:
    """The page of one own model."""
    card, provenance, folder = model(drug).card, model(drug).provenance, library() / drug
    _introduce(card, provenance)
    with st.container(border=True):
        st.header("Did it get better?", anchor=False)
        if found := validation_of(provenance):
            show_verdict(found, key=f"own_{drug}")
        else:
            st.info("Not checked on held-out patients: nothing says that it is better than another model.", icon=":material/info:")
    left, right = st.columns([60, 40])
    with left.container(border=True, height="stretch"):
        st.header("Where it ends", anchor=False)
        for limit in card.limits:
            st.markdown(f":orange[:material/do_not_disturb_on:] {literal(limit.text)}")
        _show_covariates(card)
    with right.container(border=True, height="stretch"):
        st.header("What may be given" if card.gives_dose else "What was given", anchor=False)
        _show_products(card)
    _show_files(drug, card, provenance)
    if (folder / "training.csv").is_file():
        st.header("How it was trained", anchor=False)
        st.caption("Negative bound on the probability of the levels: of the patients it learned from, and of those held out to say when to stop.")
        chart(learning_figure(theme(), learning_curve(folder)), key=f"own_loss_{drug}", alt="Negative bounds over the steps of training, member by member.")


def _introduce(card: DrugCard, provenance: dict) -> None:
    with st.container(border=True):
        st.header(literal(card.name), anchor=False)
        with st.container(horizontal=True, gap="small"):
            st.badge("Own model", color="orange", icon=":material/person_edit:")
            st.badge(f"Model {literal(provenance['version'])}", color="blue", icon=":material/deployed_code:")
            st.badge(f"Trained on {provenance['trained']}", color="gray")
            if not card.gives_dose:
                st.badge("Gives no dose", color="orange", icon=":material/warning:")
        training, members = provenance["training"], provenance.get("members", 1)
        start = training.get("start")
        came = f"adapted from {literal(start)}" if start else f"from scratch by {members} small networks, without any structural model"
        counts = f"{training['patients']:,} patients with {training['levels']:,} levels"
        st.write(f"Learned from the cohort {literal(provenance.get('cohort', ''))} ({counts}), {came}. No row of a patient is stored in it.")


def _show_covariates(card: DrugCard) -> None:
    rows = [(f"{c.label} ({c.unit})", f"{rounded(c.soft_low)}–{rounded(c.soft_high)}") for c in card.covariates]
    if rows:
        st.table(pd.DataFrame(rows, columns=["Covariate", "Range it knows"]).set_index("Covariate"))
    else:
        st.caption("It knows no covariate: everybody is described by one distribution.")


def _show_products(card: DrugCard) -> None:
    for product in card.products:
        low, high = min(product.amounts_mg), max(product.amounts_mg)
        every = ", ".join(plain(h) for h in product.intervals_h[:8]) + (" … h" if len(product.intervals_h) > 8 else " h")
        st.markdown(f"**{literal(product.label)}**: {amount_words(low)} to {amount_words(high)}, every {every}. {literal(product.note)}")


def _show_files(drug: str, card: DrugCard, provenance: dict) -> None:
    with st.container(border=True):
        st.header("Provenance and files", anchor=False)
        with st.container(horizontal=True):
            st.download_button("Export (zip)", lambda: pack(library() / drug), f"{drug}.zip", "application/zip", icon=":material/archive:", on_click="ignore")
            with st.popover("Delete", icon=":material/delete:"):
                st.markdown(f"**{literal(card.name)}** is deleted from this server for good. Export it first if it may be needed again.")
                st.button("Yes, delete it", key=f"delete_{drug}", on_click=_delete, args=(drug,))
        with st.expander("Provenance as stored (JSON)", icon=":material/data_object:"):
            st.json(json.dumps(provenance), expanded=1)


def _delete(drug: str) -> None:
    """Away, with the patient who was open on it."""
    remove(library() / drug)
    trainings().pop(drug, None)
    case = open_case()
    if case and case.drug == drug:
        set_case(None)
    st.session_state.pop("models_drug", None)
    forget_answers()
