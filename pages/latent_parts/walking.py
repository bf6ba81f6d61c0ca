"""A walk: one slider for each axis, the curve following while it is dragged."""

import numpy as np
import streamlit as st

from pages import latent_map, model
from pages.dose_parts.curves import rounded_lists
from pages.latent_parts.known import course_of, everybody, patient_here, regimen_of
from pages.latent_parts.live import LIVE, POINTS, facts, scene, steps
from pages.latent_parts.view import meaning_words
from pkvae_core.insight.placement import latent_mean
from pkvae_core.insight.walk import Slide, decoded, walk
from pkvae_core.wording import regimen_words

OFFERED = 50  # chosen patients by name: a longer list is not read
FAMILIES = {"Latent axes": "is_latent", "Measured directions": "is_towards", "Principal components": "is_principal"}


def starts(drug: str, chosen: list[int]) -> dict[str, np.ndarray]:
    """Where a walk or a path can begin or end: names and points. The typical patient, the open one, the first of those chosen on the map."""
    population, here = latent_map(drug)[0], patient_here(drug)
    found = {"Population's centre": population.centre}
    if here:
        found[here[0].label] = latent_mean(here[1][-1])
    return found | {f"Virtual patient {i + 1:,}": population.z[i] for i in chosen[:OFFERED]}


@st.fragment
def show_walk(drug: str, chosen: list[int]) -> None:
    """Where from, along what; the sliders with the curve."""
    population, axes = latent_map(drug)
    st.header("A walk through the latent space", anchor=False)
    points = starts(drug, chosen)
    with st.container(horizontal=True):
        family = st.segmented_control("Along", list(FAMILIES), default="Latent axes", required=True, key=f"latent_walk_along_{drug}")
        start = st.selectbox("From", list(points), key=f"latent_walk_from_{drug}", width=240)
    along = [a for a in axes if getattr(a, FAMILIES[str(family)])]
    kept = f"latent_walk_{drug}"
    token = f"{family}|{start}|{points[start].tobytes().hex()}"
    if st.session_state.get(f"{kept}_token") != token:
        st.session_state[kept], st.session_state[f"{kept}_token"] = {}, token
    given = course_of(drug, 2, points=POINTS)
    slides = walk(model(drug), population, along, points[start], st.session_state[kept], given)
    origin = decoded(model(drug), population, points[start][None], given)
    key = f"walk-{drug}"

    def moved() -> None:
        st.session_state[kept] = {name: shift for name, shift in st.session_state[key]["moved"] or [] if shift}

    alt = f"Concentration after {regimen_words(regimen_of(drug))} at the point that the sliders stand for."
    data = scene(given, everybody(drug, 2, POINTS), now="Here", alt=alt, key="Band: nine tenths of the population. Dashed: where the walk starts.")
    data |= {"is_local": False, "token": token, "sliders": [_slider(s) for s in slides], "facts": facts(model(drug).card, origin, 0, "start")}
    data["fixed"] = [{"values": rounded_lists(origin.concentration[0]), "cls": "first", "name": "Start"}]
    LIVE(key=key, data=data, on_moved_change=moved)
    st.caption(
        f"After {regimen_words(regimen_of(drug))}. Each slider moves along its axis alone, from the population's 0.5th to its 99.5th percentile; 1 SD is the "
        "population's standard deviation along it. An axis is named by its closest rank correlation."
    )


def _slider(slide: Slide) -> dict:
    shift = slide.shift.tolist()
    words = ["start" if abs(s) < 1e-9 else f"{s:+.1f} SD".replace("-", "\u2212") for s in shift]
    return {
        "name": slide.axis.name,
        "meaning": meaning_words(slide.axis),
        "least": words[0],
        "most": words[-1],
        "shift": shift,
        "words": words,
        "now": slide.now,
        **steps(slide.frames),
    }
