"""The map: every virtual patient as a dot, the open patient as an area with the path that the levels took."""

import streamlit as st

from pages import chart, literal, theme
from pages.latent_parts.known import patient_here
from pkvae_core.case import Case
from pkvae_core.inference.posterior import Posterior
from pkvae_core.insight.axes import Axis
from pkvae_core.insight.latent import LatentMap
from pkvae_core.insight.placement import Placement, means, place
from pkvae_core.insight.properties import Property
from pkvae_core.plots import latent as plots
from pkvae_core.plots.standalone import standalone_html


def draw_map(drug: str, population: LatentMap, across: Axis, up: Axis, colour: Property) -> list[int]:
    """The map with the open patient on it; returns the numbers of the patients that the reader chose."""
    figure, here = plots.map_figure(theme(), population, across, up, colour), patient_here(drug)
    alt = f"Map of {len(population.z):,} virtual patients: {across.name} across, {up.name} up, coloured by {colour.label.lower()}."
    words = _add_patient(figure, *here, across, up) if here else ""
    event = chart(figure, alt=alt, key=f"map-{drug}-{across.name}-{up.name}-{colour.name}", is_explorable=True, on_select="rerun")
    if words:
        st.caption(words)
    dress, title = theme(), f"{drug.capitalize()}: {len(population.z):,} virtual patients in latent coordinates"
    st.download_button(
        "Figure (HTML)",
        lambda: standalone_html(figure, dress, title=title),
        f"pkvae-{drug}-map.html",
        "text/html",
        icon=":material/download:",
        on_click="ignore",
        help="One file that opens in any browser without a network; its camera saves a PNG. The camera above the map saves an SVG.",
    )
    return sorted({int(point["customdata"]) for point in event["selection"]["points"] if "customdata" in point})


def _add_patient(figure, case: Case, beliefs: tuple[Posterior, ...], across: Axis, up: Axis) -> str:
    """Draws the areas and the path; returns the sentence that explains them."""
    before = place(beliefs[0], across, up)
    now = place(beliefs[-1], across, up) if len(beliefs) > 1 else None
    steps = [(float(x), float(y)) for x, y in zip(across.coordinate(means(beliefs)), up.coordinate(means(beliefs)), strict=True)]
    plots.add_patient(figure, theme(), case.label, before, now, steps)
    count = len(beliefs) - 1
    levels = f", solid with {count} level{'s' if count > 1 else ''}" if count else ""
    path = " Numbers: the mean after so many levels." if count else " 0: the mean."
    return f"Outlines hold nine tenths of what the model believes of {literal(case.label)}: dashed before any level{levels}.{path} {_shape(before, now)}"


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
