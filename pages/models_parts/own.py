"""What does an own model know, from whom, did it get better, and where does it end?"""

import json

import pandas as pd
import streamlit as st

from pages import chart, forget_answers, literal, model, open_case, set_case, theme
from pages.models_parts.trainings import trainings
from pages.models_parts.verdict import show_verdict
from pkvae_core.checks.own_model import validation_of
from pkvae_core.drugs.card import DrugCard
from pkvae_core.plots.models import loss_figure
from pkvae_core.vae.library import library, loss_curve, pack, remove
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
        st.header("What was given", anchor=False)
        _show_products(card)
    _show_files(drug, card, provenance)
    if curve := loss_curve(folder):
        st.header("How it was trained", anchor=False)
        step = [int(value) for value in curve["step"]]
        losses = {name: values for name, values in curve.items() if name != "step"}
        chart(loss_figure(theme(), step, losses), key=f"own_loss_{drug}", alt="Parts of the loss over the steps of training.")


def _introduce(card: DrugCard, provenance: dict) -> None:
    with st.container(border=True):
        st.header(literal(card.name), anchor=False)
        with st.container(horizontal=True, gap="small"):
            st.badge("Own model", color="orange", icon=":material/person_edit:")
            st.badge(f"Model {literal(provenance['version'])}", color="blue", icon=":material/deployed_code:")
            st.badge(f"Trained on {provenance['trained']}", color="gray")
            if not card.gives_dose:
                st.badge("Gives no dose", color="orange", icon=":material/warning:")
        start = provenance.get("start")
        came = f"adapted from {literal(str(start))}" if start else "from scratch, without any structural model"
        counts = ", ".join(f"{value:,} {name}" for name, value in provenance.get("counts", {}).items() if isinstance(value, int))
        st.write(f"Learned from the cohort {literal(str(provenance.get('cohort', '')))}{f' ({counts})' if counts else ''}, {came}.")


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
