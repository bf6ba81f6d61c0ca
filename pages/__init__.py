"""What pages share: the shell, the open case, the loaded models, cached verbs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import punctuation
from typing import Any

import plotly.graph_objects as go
import streamlit as st
import torch
from streamlit.components.v2 import component
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import Page

from pkvae_core.case import DISCLAIMER, Case
from pkvae_core.drugs.card import CARDS, available_drugs
from pkvae_core.inference.answering import answer_for
from pkvae_core.inference.posterior import Posterior, individualise
from pkvae_core.insight.axes import Axis, axes
from pkvae_core.insight.dimensions import Use, dimensions
from pkvae_core.insight.latent import LatentMap, map_population
from pkvae_core.plots.theme import Theme
from pkvae_core.vae.checkpoint import PKVAE, load_model
from pkvae_core.vae.library import fingerprint, load_library

ROOT = Path(__file__).parents[1]
BRAND = ROOT / "assets" / "brand"
PAGES = {
    "Clinic": [("dose", "Dose a patient", ":material/prescriptions:"), ("ward", "The ward", ":material/groups:")],
    "Teach": [("teach", "How a level changes belief", ":material/school:")],
    "Research": [
        ("latent", "Latent space", ":material/bubble_chart:"),
        ("profiles", "Profiles", ":material/show_chart:"),
        ("checks", "Model checks", ":material/monitoring:"),
    ],
    "About": [("models", "Models", ":material/fact_check:")],
}


def shell() -> Page:
    """Everything around a page: browser title, theme, logo, navigation. Returns the page that was asked for."""
    st.set_page_config(page_title="PKVAE", page_icon=str(BRAND / "icon.png"), layout="wide")
    st.logo(str(BRAND / "logo.svg"), size="large", icon_image=str(BRAND / "icon.svg"))
    st.html(BRAND / "style.css")
    navigation = {
        group: [st.Page(ROOT / "pages" / f"{name}.py", title=title, icon=icon, default=name == "dose") for name, title, icon in entries]
        for group, entries in PAGES.items()
    }
    page = st.navigation(navigation)
    st.session_state["shell_is_open"] = True
    return page


def open_page() -> None:
    """First line of every page: makes it stand alone.

    In a server that has not served `app.py` yet, a deep link runs the page's file by itself;
    then the shell is built here and the same link runs again, inside it.
    """
    if "shell_is_open" not in st.session_state:
        shell()
        st.rerun()
    if open_case() is None and (lost := st.session_state.pop("lost_model", None)):
        sentence = f"The open patient was answered by the own model {literal(lost)}, which is no longer in the library: the patient was closed."
        st.warning(f"{sentence} Import the model again on the Models page, or open the patient with another one.", icon=":material/no_sim:")


@contextmanager
def footer(place: DeltaGenerator) -> Iterator[None]:
    """The line under every page: what this is, and which models speak: of the open patient, else of every real drug, until the page says it better.

    Drawn before the page: it stands there even where the page stops early.
    """
    with place:
        theme_watch = component("pkvae_theme_watch", js=(ROOT / "assets" / "components" / "theme_watch.js").read_text("utf-8"))
        theme_watch(key="theme_watch", on_theme_change=lambda: None, height=1)
        st.session_state["foot"] = st.empty()
    case = open_case()
    sign(*([posterior_for(case).version] if case and case.drug in clinical() else [model(drug).version for drug in clinical()]))
    try:
        yield
    finally:
        st.session_state.pop("foot", None)


def sign(*versions: str) -> None:
    """Name the models whose answers this page shows in the line under it, where that is not the open patient's."""
    if foot := st.session_state.get("foot"):
        foot.caption(f"{DISCLAIMER} {'Model' if len(versions) == 1 else 'Models'}: {literal(', '.join(versions))}.")


def open_case() -> Case | None:
    """The patient on the table, on whichever page; None before one was opened, and once its own model was deleted."""
    case = st.session_state.get("open_case")
    if case is not None and case.drug not in models():
        set_case(None)
        st.session_state["lost_model"] = case.drug
        return None
    return case


def set_case(case: Case | None) -> None:
    """Put this case on the table; every page answers for it from the next run on."""
    st.session_state["open_case"] = case
    st.session_state.pop("earlier_case", None)


def models() -> dict[str, PKVAE]:
    """The model of every drug that has been trained, then the own models of the library; the Models page names the cards without one."""
    return shipped_models() | _own_models(fingerprint())[0]


@st.cache_resource(show_spinner="Loading the models")
def shipped_models() -> dict[str, PKVAE]:
    """The models that come with the program, read once per server: those that give a dose first, so that a page opens on one of them."""
    torch.set_num_threads(1)  # one thread per operation: many sessions share the cores
    found = [load_model(drug) for drug in available_drugs() if (CARDS / drug / "model.safetensors").exists()]
    return {model.card.drug: model for model in sorted(found, key=lambda model: not model.card.gives_dose)}


@st.cache_resource(max_entries=2, show_spinner="Loading own models")
def _own_models(fingerprint: tuple) -> tuple[dict[str, PKVAE], tuple[str, ...]]:
    """The models of the library, read again whenever one was added, replaced or removed; and a sentence for each that cannot be read."""
    return load_library()


def damaged_models() -> tuple[str, ...]:
    """A sentence for each model of the library that cannot be read."""
    return _own_models(fingerprint())[1]


def is_own(drug: str) -> bool:
    """Whether this is a model of the library, not a shipped one."""
    return drug not in shipped_models()


def drug_label(drug: str) -> str:
    """What a drug is called where one is chosen: "Vancomycin"; "Vancomycin, ward 7 (own model)"."""
    return f"{model(drug).card.name} (own model)" if is_own(drug) else model(drug).card.name


def forget_answers() -> None:
    """Nothing that another model said under the same name may stand: caches start anew after a model came into the library, or left it."""
    st.cache_data.clear()
    _posterior.clear()
    _latent_posterior.clear()
    _own_models.clear()


def clinical() -> list[str]:
    """The drugs that the pages under Clinic offer, own models included: no synthetic one ever."""
    return [drug for drug, each in models().items() if not each.card.synthetic]


def model(drug: str) -> PKVAE:
    """The model of this drug. KeyError when there is none."""
    return models()[drug]


def posterior_for(case: Case) -> Posterior:
    """What is believed about this patient by whoever may answer (see `answer_for`), computed once per state of the case and of the model."""
    return _posterior((case.digest, model(case.drug).version), case)


@st.cache_resource(max_entries=64, show_spinner=False)
def _posterior(key: tuple[str, str], _case: Case) -> Posterior:
    return answer_for(model(_case.drug), _case.patient_as_weighed)


def latent_posterior(case: Case) -> Posterior:
    """What the drug's own VAE believes about this patient, entitled to answer or not: only it has a place in the latent space."""
    answering = posterior_for(case)
    return answering if answering.z is not None else _latent_posterior(case.digest, case)


@st.cache_resource(max_entries=16, show_spinner=False)
def _latent_posterior(digest: str, _case: Case) -> Posterior:
    return individualise(model(_case.drug), _case.patient_as_weighed)


@st.cache_resource(max_entries=8, show_spinner="Drawing the population")
def latent_map(drug: str) -> tuple[LatentMap, tuple[Axis, ...]]:
    """The same 5,000 virtual patients of this drug for everybody, and what the axes measure on them."""
    found = map_population(model(drug), 5000, torch.Generator().manual_seed(2026))
    return found, axes(found)


@st.cache_resource(max_entries=8, show_spinner="Asking which dimensions are in use")
def latent_use(drug: str) -> Use:
    """Which latent dimensions of this drug are in use, measured on the same virtual patients for everybody."""
    return dimensions(model(drug), torch.Generator().manual_seed(2026))


def literal(text: str) -> str:
    """What a user typed, for use inside Markdown: every character stands for itself."""
    return re.sub(f"([{re.escape(punctuation)}])", r"\\\1", text)


def theme() -> Theme:
    """The theme the reader has chosen, for charts."""
    return "dark" if st.context.theme.type == "dark" else "light"


def chart(figure: go.Figure, *, alt: str, key: str, **options) -> Any:
    """Draw a figure as we made it; nothing is ever sent to a chart server."""
    config = {
        "displayModeBar": False,
        "displaylogo": False,
        "showSendToCloud": False,
        "scrollZoom": False,
    }
    return st.plotly_chart(figure, theme=None, width="stretch", key=key, alt=alt, config=config, **options)
