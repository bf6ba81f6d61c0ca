"""A straight path from one patient to another: what the space holds between them."""

import streamlit as st

from pages import latent_map, model
from pages.dose_parts.curves import rounded_lists
from pages.latent_parts.known import course_of, everybody, regimen_of
from pages.latent_parts.live import LIVE, POINTS, facts, scene, steps
from pages.latent_parts.walking import starts
from pkvae_core.insight.walk import straight
from pkvae_core.wording import regimen_words

GHOSTS = 4  # intervals between the thin lines


def ends_of(names: list[str]) -> tuple[int, int]:
    """Which two come first: the last two chosen dots, else the open patient and the dot, else the centre and whoever there is."""
    return (len(names) - 2, len(names) - 1) if len(names) > 2 else (0, len(names) - 1)


@st.fragment
def show_path(drug: str, chosen: list[int]) -> None:
    """From whom to whom, a slider from 0 to 1, the curves of the steps between."""
    st.header("A straight path between two patients", anchor=False)
    points = starts(drug, chosen)
    names = list(points)
    if len(names) < 2:
        st.markdown("Choose a dot on the map, or two (hold Shift for the second), or open a patient on the Dose page: the path leads from one to the other.")
        return
    first, last = ends_of(names)
    signature = hash(tuple(names))
    with st.container(horizontal=True):
        one = st.selectbox("From", names, first, key=f"latent_path_from_{drug}_{signature}", width=240)
        other = st.selectbox("To", names, last, key=f"latent_path_to_{drug}_{signature}", width=240)
    if one == other:
        st.markdown("Choose two different patients.")
        return
    given = course_of(drug, 2, points=POINTS)
    position, frames = straight(model(drug), latent_map(drug)[0], (points[one], points[other]), given)
    key = "Thin lines: a quarter, a half and three quarters of the way. Band: nine tenths of the population."
    alt = f"Concentration after {regimen_words(regimen_of(drug))} on the way from {one} to {other}."
    data = scene(given, everybody(drug, 2, POINTS), now="Here", alt=alt, key=key)
    curves = rounded_lists(frames.concentration)
    each = (len(curves) - 1) // GHOSTS
    data |= {
        "is_local": True,
        "token": f"{points[one].tobytes().hex()}{points[other].tobytes().hex()}",
        "facts": [
            fact | {"from": f"{fact['from']}; to {end}"}
            for fact, end in zip(facts(model(drug).card, frames, 0, "from"), steps(frames)["facts"][-1], strict=True)
        ],
        "fixed": [{"values": curves[0], "cls": "first", "name": one}, {"values": curves[-1], "cls": "last", "name": other}],
        "between": curves[each:-1:each],
        "sliders": [
            {
                "name": "On the way",
                "meaning": "",
                "least": one,
                "most": other,
                "shift": position.tolist(),
                "words": [f"{p:.0%}".replace("%", " %") for p in position],
                "now": len(position) // 2,
                **steps(frames),
            }
        ],
    }
    LIVE(key=f"path-{drug}", data=data)
