"""Which drug, which axes, which colour."""

import streamlit as st

from pages import open_case, shipped_models
from pkvae_core.insight.axes import Axis
from pkvae_core.insight.latent import LatentMap
from pkvae_core.insight.properties import Property
from pkvae_core.plots import latent as plots


def choose_drug() -> str:
    case, names = open_case(), {drug: each.card.name for drug, each in shipped_models().items()}
    drugs = list(names)
    known = drugs.index(case.drug) if case and case.drug in drugs else 0
    return st.selectbox("Drug", drugs, known, format_func=names.__getitem__, key="latent_drug", width=170, persist_state="session")


def choose_view(drug: str, population: LatentMap, axes: tuple[Axis, ...]) -> tuple[Axis, Axis, Property]:
    """Which axis runs across, which up, and what the colour says."""
    by_name, properties = {a.name: a for a in axes}, {p.name: p for p in population.varying}
    names = list(by_name)
    across, up = names.index("→CL"), names.index("→V")

    def worded(name: str) -> str:
        return f"{name} · {meaning_words(by_name[name])}"

    colour = st.selectbox(
        "Colour", list(properties), 2, format_func=lambda n: properties[n].label, key=f"latent_colour_{drug}", width=170, persist_state="session"
    )
    x = st.selectbox("Across", names, across, format_func=worded, key=f"latent_x_{drug}", width=200, persist_state="session")
    y = st.selectbox("Up", names, up, format_func=worded, key=f"latent_y_{drug}", width=200, persist_state="session")
    return by_name[x], by_name[y], properties[colour]


def meaning_words(axis: Axis) -> str:
    """What an axis goes with most closely, and how closely: "clearance +0.93"."""
    return f"{axis.meaning.property.label.lower()} {plots.signed(axis.meaning.rho)}"
