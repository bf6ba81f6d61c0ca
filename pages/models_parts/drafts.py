"""Which models were trained, or half trained, and wait to be taken into the library, to be gone on with, or to be thrown away?"""

from pathlib import Path

import streamlit as st

from pages import forget_answers, literal
from pages.models_parts.trainings import begin, running, trainings
from pages.models_parts.verdict import show_verdict
from pkvae_core.checks.own_model import Plan, asked, validation_of
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.library import NEEDED, drafts, remove, take_in


def show_drafts() -> None:
    """One card for each; nothing when there are none. Those being trained stand above, with their bars."""
    if said := st.session_state.pop("drafts_said", None):
        kind, sentence = said
        (st.error if kind == "error" else st.success)(sentence, icon=":material/error:" if kind == "error" else ":material/inventory_2:")
    busy = {each.card.drug for each in running()}
    folders = [each for each in sorted(drafts().iterdir()) if each.is_dir() and each.name not in busy] if drafts().is_dir() else []
    for folder in folders:
        plan = asked(folder)
        if plan is not None:
            with st.container(border=True):
                _show(folder, plan)


def _show(folder: Path, plan: Plan) -> None:
    is_whole = all((folder / name).is_file() for name in NEEDED)
    st.header(f"{literal(plan.name)}: {'trained, not yet in the library' if is_whole else 'training was interrupted'}", anchor=False)
    start = f"adapted from {plan.start}" if plan.start else "from scratch"
    st.caption(f"Cohort {literal(plan.cohort)}, {start}{', a trial run of no clinical use' if plan.is_fast else ''}.")
    for failure in _failures(folder.name):
        st.warning(literal(failure), icon=":material/warning:")
    verdict = _show_figures(folder) if is_whole else None
    with st.container(horizontal=True):
        if is_whole:
            st.button(
                "Save into the library",
                type="primary" if verdict == "better" else "secondary",
                icon=":material/library_add:",
                key=f"take_{folder.name}",
                on_click=_take_in,
                args=(folder,),
            )
        if not is_whole or _is_unchecked(folder, plan):
            _offer_resume(folder, plan)
        with st.popover("Discard", icon=":material/delete:"):
            st.markdown("The model and its figures are deleted for good.")
            st.button("Yes, discard it", key=f"discard_{folder.name}", on_click=_discard, args=(folder,))


def _failures(key: str) -> list[str]:
    training = trainings().get(key)
    return [outcome.failure for outcome in training.job.outcomes.values() if outcome.failure] if training else []


def _show_figures(folder: Path) -> str | None:
    """Shows what the folds found; returns the verdict, None where there is none."""
    try:
        provenance = load_model(folder).provenance
    except ValueError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return None
    if found := validation_of(provenance):
        show_verdict(found, key=f"draft_{folder.name}")
        return found.verdict
    st.info("This model was not held against anybody: nothing says that it is better than the shipped one.", icon=":material/info:")
    return None


def _is_unchecked(folder: Path, plan: Plan) -> bool:
    return bool(plan.folds) and '"validation"' not in (folder / "model.json").read_text(encoding="utf-8")


def _offer_resume(folder: Path, plan: Plan) -> None:
    """Go on with the same patients: those of this server's memory, else the file has to be opened again."""
    training = trainings().get(folder.name)
    if training is None:
        st.caption("To go on, train again under the same name with the same file and settings: this server no longer has the patients.")
        return
    st.button("Resume", icon=":material/resume:", key=f"resume_{folder.name}", on_click=_resume, args=(folder.name,))


def _resume(key: str) -> None:
    training = trainings()[key]
    try:
        begin(training.plan, training.card, training.patients)
    except ValueError as error:
        st.session_state["drafts_said"] = "error", literal(str(error))


def _take_in(folder: Path) -> None:
    try:
        key = take_in(folder)
    except ValueError as error:
        st.session_state["drafts_said"] = "error", literal(str(error))
        return
    trainings().pop(key, None)
    forget_answers()
    st.session_state["drafts_said"] = "done", f"{literal(key)} is in the library: every page offers it beside the shipped models."


def _discard(folder: Path) -> None:
    remove(folder)
    trainings().pop(folder.name, None)
