"""Profiles: how complex is each patient's profile, which model explains it, and who needs the complex one?"""

from datetime import datetime

import pandas as pd
import streamlit as st

from pages import chart, drug_label, literal, model, open_case, open_page, theme
from pages.checks_parts.jobs import Step
from pages.checks_parts.running import begin, is_running, outcomes, show_running
from pages.checks_parts.source import Source, choose_source
from pages.dose_parts.meals import begins
from pages.latent_parts.teaching import offer_example
from pages.profiles_parts.forms import show_forms
from pages.profiles_parts.measured import show_measured
from pages.profiles_parts.residual import show_contrast, show_residual
from pages.profiles_parts.rivals import are_fitted, classify_all, fits_of, rivals_of
from pages.profiles_parts.shapes import show_gallery
from pkvae_core.drugs.occasions import varies_between_occasions
from pkvae_core.drugs.population import typical_body
from pkvae_core.insight.hybrid import LEAST_P, NAMES, Classification
from pkvae_core.insight.meals import assumption_words, beginning, caution_words, meals_after
from pkvae_core.patient import Patient
from pkvae_core.plots import profiles as plots
from pkvae_core.records.units import concentration_factor
from pkvae_core.report.words import unit_words

CLASSES, RIVALS = "profile_classes", "profile_rivals"
FIRST = "the compartment models are fitted first, once per server: half a minute to a few minutes"
FITTING = "Fitting the compartment models to virtual patients"


def show_cohort(source: Source) -> tuple[list[Patient], list[Classification]]:
    """Classes of the chosen patients, once they were asked for; empty before."""
    outcome = outcomes(source).get(CLASSES)
    steps = [] if are_fitted(source.drug) else [_fitting(source.drug)]
    steps.append(Step(CLASSES, "Classifying the patients", lambda tick: classify_all(source, tick)))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Classify", type="primary", icon=":material/play_arrow:", disabled=is_running(source), on_click=begin, args=(source, steps))
        wait = "" if are_fitted(source.drug) else f"; {FIRST}"
        st.caption(f"{source.words()[0].upper()}{source.words()[1:]}. About 1 s a patient, in the background{wait}.")
    show_running()
    show_measured(source.drug)
    if outcome is None:
        return [], []
    if outcome.failure:
        st.warning(outcome.failure, icon=":material/warning:")
        return [], []
    patients, classes, left_out = outcome.result
    for sentence in left_out[:5]:
        st.caption(f":material/info: {sentence}")
    if not patients:
        return [], []
    number = sum(c.is_complex for c in classes)
    st.markdown(
        f"**{number} of {len(classes)}** patients are called complex. If all were one compartment, at most {LEAST_P * len(classes):.0f} should be, by chance: "
        f"at most {100 * LEAST_P:.0f} % of simple patients, whatever their doses and sampling times; what was measured stands above."
    )
    chart(plots.classes_figure(theme(), patients, classes), key="profile_classes_figure", alt="Score of every patient and how often simple ones score as high.")
    table = pd.DataFrame(
        {
            "Patient": [p.id for p in patients],
            "Levels": [len(p.samples) for p in patients],
            "Class": ["complex" if c.is_complex else "simple" for c in classes],
            "Best explained by": [c.best for c in classes],
            "Score (nats)": [round(c.score, 2) for c in classes],
            "Simple ones as high": [round(c.p, 3) for c in classes],
            "P(complex), even odds": [round(c.probability, 2) for c in classes],
        }
    )
    with st.expander("All patients", icon=":material/table_rows:"):
        st.dataframe(table, hide_index=True)
        st.download_button("Table (CSV)", table.to_csv(index=False).encode(), "pkvae-profiles.csv", "text/csv", icon=":material/download:", on_click="ignore")
    return patients, classes


def _fitting(drug: str) -> Step:
    """The compartment models of a drug that came without: half a minute, and minutes for a drug that has to be simulated."""
    return Step(RIVALS, FITTING, lambda tick: rivals_of(drug, tick))


def _offer_fit(source: Source) -> None:
    """Until the compartment models are there: a button that begins to fit them, and why they cannot be fitted, where that was found."""
    if (ended := outcomes(source).get(RIVALS)) and ended.failure:
        st.warning(f"{ended.failure[0].upper()}{ended.failure[1:]}", icon=":material/warning:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Fit the three models", icon=":material/play_arrow:", key="fit_rivals", disabled=is_running(source), on_click=begin,
            args=(source, [_fitting(source.drug)], literal(drug_label(source.drug))),
        )  # fmt: skip
        st.caption(f"{FIRST[0].upper()}{FIRST[1:]}. The page stays at your service meanwhile.")


def _say_visits(drug: str) -> None:
    """That most of the page knows no body which changes between visits."""
    if varies_between_occasions(card := model(drug).card):
        st.caption(
            f":material/event_repeat: {literal(card.name)} differs in the same patient from visit to visit. The VAE's curve follows that; the compartment "
            "fits, the evidence, the class and the contrast take all levels of a patient for those of one visit. With several visits, do not trust them."
        )


def _say_meals(meals: tuple[float, ...], clock: datetime | None) -> None:
    """Which meals the curve assumes, and that they fall at night where they do; nothing where meals do nothing."""
    if words := assumption_words(meals, clock):
        st.caption(f":material/restaurant: {words}")
    if clock and (words := caution_words(meals, clock)):
        st.warning(words, icon=":material/restaurant:")


def show_patient(source: Source, patients: list[Patient], classes: list[Classification]) -> None:
    """One patient's profile under the three models."""
    drug = source.drug
    st.header("One patient's profile", anchor=False)
    case = open_case()
    everyone = {f"patient {p.id}": (p, c) for p, c in zip(patients, classes, strict=True)}
    if case and case.drug == drug and case.patient.samples:
        everyone = {f"the open patient, {case.label}": (case.patient_as_weighed, None), **everyone}
    if not everyone:
        st.info("Classify the patients above, or open a patient on the Dose page; then one of them can be looked at here.", icon=":material/info:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Patient", list(everyone), key=f"profile_of_{drug}", width=320)
        is_log = st.toggle("Logarithmic scale", key="profile_log", persist_state="session")
    patient, known = everyone[chosen]
    clock = begins(case) if case and known is None else beginning(patient)
    if not are_fitted(drug):
        _offer_fit(source)
        return
    try:
        with st.spinner("Fitting the three models to this patient"):
            found, known = fits_of(drug, patient, known)
    except ValueError as error:
        st.warning(f"{str(error)[0].upper()}{str(error)[1:]}", icon=":material/warning:")
        return
    card = model(drug).card
    factor = concentration_factor(card.concentration_unit, card.molar_mass_g_per_mol)
    st.markdown(known.sentence)
    left, right = st.columns([64, 36])
    with left.container(border=True, height="stretch"):
        figure = plots.profile_figure(theme(), patient, found, unit_words(card.concentration_unit), unit_mg_per_L=factor, is_log=is_log)
        chart(figure, key="profile_figure", alt="Measured levels with the curves of one compartment, two compartments and the VAE, each with its 90 % band.")
    with right.container(border=True, height="stretch"):
        st.markdown("**What each model misses**")
        misses = [(f"{each.error_percent:.1f} %", f"{each.error_interval[0]:.1f} to {each.error_interval[1]:.1f} %") for each in found]
        evidence = [f"{known.evidence[name]:.1f}".replace("-", "−") for name in NAMES]
        rows = {plots.LABELS[each.name]: (*missed, nats) for each, missed, nats in zip(found, misses, evidence, strict=True)}
        st.table(pd.DataFrame(rows, index=["Misses the levels by", "its draws, 90 %", "log evidence (nats)"]).T)
        chart(plots.residuals_figure(theme(), patient, found), key="profile_residuals", alt="Residuals of the three models at every level.")
    _say_meals(meals_after(typical_body(card), patient.morning_h), clock)
    show_contrast(drug, patient)
    st.caption(
        "Misses in the table: root mean square of the median curve, in per cent of the mean level. A close fit is no evidence by itself: the evidence pays "
        "for flexibility. Compartment models are population fits to virtual patients of this drug, with a lag where it can be swallowed."
    )
    show_residual(drug, patient)


PATIENTS, SHAPES, FORMS = "Patients and cohorts", "Gallery of shapes", "ODE against VAE"
PARTS = {PATIENTS: ":material/groups:", SHAPES: ":material/stacked_line_chart:", FORMS: ":material/balance:"}


def show(part: str) -> None:
    """The part of the page that is open; the others do not run."""
    if part == SHAPES:
        show_gallery()
    elif part == FORMS:
        show_forms()
    elif source := choose_source():
        offer_example(source.drug)
        _say_visits(source.drug)
        show_patient(source, *show_cohort(source))
    else:
        show_running()


open_page()
st.title("Profiles", anchor=False)
st.markdown("One compartment, two, or more than that? Three models on the same levels, and the class that the evidence gives each patient.")
chosen_part = st.segmented_control(
    "Part", list(PARTS), default=PATIENTS, format_func=lambda p: f"{PARTS[p]} {p}", required=True, key="profiles_part", label_visibility="collapsed",
    persist_state="session",
)  # fmt: skip
show(chosen_part)
