"""Train on your cohort: from nothing, or from a shipped model that adapts; in the background, resumable, held against others on patients it has not seen."""

from dataclasses import replace

import streamlit as st

from pages import shipped_models
from pages.models_parts.cohort_file import choose_cohort
from pages.models_parts.drafts import show_drafts
from pages.models_parts.import_own import show_import
from pages.models_parts.progress import show_trainings
from pages.models_parts.trainings import begin, running
from pkvae_core.checks.adaptation import FOLDS, LEAST_LEVELS, LEAST_PATIENTS
from pkvae_core.checks.own_model import Plan, card_of
from pkvae_core.patient import Patient
from pkvae_core.vae.library import free_key
from pkvae_core.wording import counted

ADAPT, SCRATCH = "Adapt a shipped model", "Learn from scratch"
NOBODY = "nobody"
ROUTES = {"iv": "Into the vein", "oral": "By mouth"}


def show_training() -> None:
    """The whole view: what goes on, what waits to be taken in, and a new start."""
    show_trainings()
    show_drafts()
    st.header("Train on your cohort", anchor=False)
    st.markdown(
        "Learn from the patients of a file, however few levels each has and whenever they were drawn. No structural model is needed. "
        "Afterwards the new model forecasts patients it has not seen, beside the shipped model and MAP-Bayes, and you decide whether to take it in."
    )
    with st.container(border=True):
        start = _choose_start()
        if start and (cohort := choose_cohort(*start)):
            _offer(replace(start[0], cohort=cohort[0]), start[1], cohort[1])
    show_import()


def _choose_start() -> tuple[Plan, dict] | None:
    """Where the model starts from, and what a file of an unknown drug does not say itself; None before a drug is chosen."""
    names = {drug: each.card.name for drug, each in shipped_models().items()}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        way = st.segmented_control("Start", [ADAPT, SCRATCH], default=ADAPT, required=True, key="train_way", persist_state="session")
        if way == ADAPT:
            start = st.selectbox(
                "Shipped model", list(names), None, format_func=names.__getitem__, key="train_start", placeholder="choose", width=200, persist_state="session"
            )
            if start is None:
                return None
            st.caption("Card, products, targets and limits stay; decoder and prior adapt on a leash to the original.")
            if not shipped_models()[start].is_dose_proportional:
                st.caption(":material/hourglass: Every dose of this drug has to be simulated at every step: adapting takes hours, not minutes.")
            return Plan("draft", "", start=start), {}
        beside = st.selectbox(
            "Compare with", [NOBODY, *names], format_func=lambda d: names.get(d, "No shipped model"), key="train_beside", width=200, persist_state="session"
        )
        if beside != NOBODY:
            st.caption("The file is read with that drug's card; the new model learns nothing from it, gives no dose and has no target.")
            return Plan("draft", "", beside=beside, assay_cv_percent=_choose_assay(), has_peaks=_has_peaks()), {}
        route = st.segmented_control("Doses are", list(ROUTES), default="iv", required=True, format_func=ROUTES.__getitem__, key="train_route")
        molar = st.number_input("Molar mass (g/mol), for µmol/L", value=None, key="train_molar", width=210, persist_state="session")
        plan = Plan("draft", "", assay_cv_percent=_choose_assay(), has_peaks=_has_peaks())
        return plan, {"route": route, "molar_mass_g_per_mol": molar if molar and molar > 0 else None}


def _choose_assay() -> float | None:
    """The laboratory's own error; None where it is left empty, or makes no sense, which is said."""
    given = st.number_input(
        "Laboratory's error (CV, %)",
        value=None,
        key="train_assay",
        width=190,
        persist_state="session",
        help="As the laboratory states it. What the learned model misses beyond this error is its own misfit, and widens its bands. Empty: not known.",
    )
    if given is not None and not 0 < given <= 100:
        st.error("A coefficient of variation lies above 0 and up to 100 %; it is not used.", icon=":material/error:")
        return None
    return given


def _has_peaks() -> bool:
    return st.toggle(
        "Second peaks",
        key="train_peaks",
        persist_state="session",
        help="For rich profiles that may have second peaks. Most starts draw two peaks as one: many are tried, and the best are kept.",
    )


def _offer(plan: Plan, units: dict, patients: tuple[Patient, ...]) -> None:
    """Name, folds and the one button. What was typed stays when it cannot be started."""
    levels = sum(len(p.samples) for p in patients)
    if len(patients) < LEAST_PATIENTS or levels < LEAST_LEVELS:
        who = f"{counted(len(patients), 'patient').capitalize()} with {counted(levels, 'level')} {'is' if len(patients) == 1 else 'are'}"
        few = f"{who} too few to show that a model got better (at least {LEAST_PATIENTS} and {LEAST_LEVELS})."
        st.warning(f"**Your cohort is too small, keep the shipped model.** {few} You can try nevertheless.", icon=":material/group:")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.text_input("Name of the new model", key="train_name", placeholder="Vancomycin, ward 7", width=280, persist_state="session")
        folds = st.selectbox(
            "Held-out check", [FOLDS, 10, 3, 0], format_func=lambda k: f"{k} folds" if k else "none", key="train_folds", width=130, persist_state="session"
        )
        is_fast = st.toggle("Trial run", key="train_fast", help="A minute or so, to see the way: of no clinical use.", persist_state="session")
        is_wanted = st.button("Start training", type="primary", icon=":material/play_arrow:", key="train_go", disabled=not (name or "").strip())
    if folds:
        st.caption(f"The training runs {folds + 1} times: once on everybody, then {folds} times without the patients who are forecast.")
    if is_wanted:
        _begin(replace(plan, name=name, folds=min(folds, len(patients)), is_fast=is_fast), units, patients)


def _begin(plan: Plan, units: dict, patients: tuple[Patient, ...]) -> None:
    """Start, unless the name is taken or the cohort teaches nothing, which is said."""
    try:
        free_key(plan.name)
        begin(plan, card_of(plan, patients, **units), patients)
    except ValueError as error:
        st.error(f"{str(error)[:1].upper()}{str(error)[1:]}", icon=":material/error:")
        return
    st.toast(f"Training has begun{', after the one that runs' if len(running()) > 1 else ''}.", icon=":material/model_training:")
    st.rerun()
