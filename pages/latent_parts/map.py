"""The map: every virtual patient as a dot, the open patient as an area with the path that the levels took."""

import streamlit as st

from pages import literal, theme
from pages.latent_parts.known import patient_here
from pages.latent_parts.scene import MAP, add_patient, scene
from pkvae_core.case import Case
from pkvae_core.inference.posterior import Posterior
from pkvae_core.insight.axes import Axis
from pkvae_core.insight.latent import LatentMap
from pkvae_core.insight.placement import Placement, means, place
from pkvae_core.insight.properties import Property
from pkvae_core.plots import latent as plots
from pkvae_core.plots.standalone import standalone_html


def draw_map(drug: str, population: LatentMap, across: Axis, up: Axis, colour: Property, chosen: list[int]) -> list[int]:
    """The map with the open patient on it; returns the numbers of the patients that the reader has chosen now."""
    dress, here, key = theme(), patient_here(drug), f"map-{drug}"
    data = scene(dress, population, across, up, colour)
    data["words"]["alt"] = f"Map of {len(population.z):,} virtual patients: {across.name} across, {up.name} up, coloured by {colour.label.lower()}."
    data |= {"token": f"{across.name}|{up.name}", "chosen": chosen}
    marks = _marks(*here, across, up) if here else None
    if marks:
        add_patient(data, *marks)
    picked = MAP(key=key, data=data, on_chosen_change=lambda: None).get("chosen")
    if marks:
        st.caption(_explained(*marks))
    title = f"{drug.capitalize()}: {len(population.z):,} virtual patients in latent coordinates"

    def figure_file() -> bytes:
        figure = plots.map_figure(dress, population, across, up, colour)
        if marks:
            plots.add_patient(figure, dress, *marks)
        return standalone_html(figure, dress, title=title)

    help = "One file that opens in any browser without a network; its camera saves a PNG at three times the size."
    st.download_button("Figure (HTML)", figure_file, f"pkvae-{drug}-map.html", "text/html", icon=":material/download:", on_click="ignore", help=help)
    return chosen if picked is None else [int(number) for number in picked]


def _marks(case: Case, beliefs: tuple[Posterior, ...], across: Axis, up: Axis) -> tuple[str, Placement, Placement | None, list[tuple[float, float]]]:
    """The patient's name, where the belief lies before any level and now, and its mean after 0, 1, 2 ... levels."""
    before = place(beliefs[0], across, up)
    now = place(beliefs[-1], across, up) if len(beliefs) > 1 else None
    steps = [(float(x), float(y)) for x, y in zip(across.coordinate(means(beliefs)), up.coordinate(means(beliefs)), strict=True)]
    return case.label, before, now, steps


def _explained(label: str, before: Placement, now: Placement | None, steps: list[tuple[float, float]]) -> str:
    count = len(steps) - 1
    levels = f", solid with {count} level{'s' if count > 1 else ''}" if count else ""
    path = " Numbers: the mean after so many levels." if count else " 0: the mean."
    return f"Outlines hold nine tenths of what the model believes of {literal(label)}: dashed before any level{levels}.{path} {_shape(before, now)}"


def _shape(before: Placement, now: Placement | None) -> str:
    """Which of the two outlines is a Gaussian's ellipse, and why."""
    drawn = {"dashed": before} | ({"solid": now} if now else {})
    said = [f"the {name} one is {_outline(placement)}" for name, placement in drawn.items()]
    return f"T{' and '.join(said)[1:]}."


def _outline(placement: Placement) -> str:
    agreement = f"{placement.agreement:.0%}".replace("%", " %")
    if placement.is_gaussian:
        return f"an ellipse (like Gaussian draws, they share {agreement} of the area with it)"
    return f"the contour of the draws (not Gaussian: they share only {agreement} of the area with an ellipse)"
