"""What the chosen patients' concentrations would be after the card's typical regimen, and who they are."""

from collections.abc import Sequence

import streamlit as st

from pages import chart, latent_map, model, theme
from pages.latent_parts.known import INTERVALS, bundle_of, course_of, everybody, patient_here, regimen_of
from pkvae_core.insight.axes import Axis, coordinates
from pkvae_core.insight.latent import LatentMap, shares, spread
from pkvae_core.plots import latent as plots
from pkvae_core.wording import regimen_words, rounded


def draw_curves(drug: str, chosen: list[int]) -> None:
    """Median and bands of the chosen, beside the population and the open patient; their parameters; which published models they come from."""
    population, given, here = latent_map(drug)[0], course_of(drug, INTERVALS), patient_here(drug)
    picked = bundle_of(drug, population.z[chosen], given) if chosen else None
    own = here[1][-1].resampled(400).z if here else None
    mine = None if own is None else bundle_of(drug, own.float().numpy(), given)
    number = "One chosen patient" if len(chosen) == 1 else f"{len(chosen):,} chosen patients" if chosen else f"All {len(population.z):,} virtual patients"
    st.header(number, anchor=False)
    st.caption(f"Decoded after {regimen_words(regimen_of(drug))}. Line: median; dark band: middle 50 %; light band: middle 90 %.")
    names = {"population": "All patients", "chosen": "Chosen", "patient": here[0].label if here else ""}
    figure = plots.curves_figure(theme(), everybody(drug, INTERVALS), picked, mine, names)
    chart(figure, key="latent_curves", alt=f"Concentration curves: {number.lower()}.")
    _describe(drug, population, chosen or range(len(population.z)))


def _describe(drug: str, population: LatentMap, of: Sequence[int]) -> None:
    with st.container(horizontal=True):
        for known in (p for p in population.properties if p.is_pharmacokinetic or p.name == "complexity"):
            median, low, high = spread(known, of)
            interval = f"90 %: {rounded(low)}–{rounded(high)}" if len(of) > 1 else None
            label = "From one compartment" if known.name == "complexity" else known.label
            st.metric(label, f"{rounded(median)} {known.unit}", interval, delta_color="off", delta_arrow="off", width="content", help=_help(known.name))
    parts = shares(population.property("published_model"), of)
    origin = "a made-up model" if model(drug).card.synthetic else ", ".join(f"{name} {share:.0%}".replace("%", " %") for name, share in parts.items())
    simple = "" if any(p.name in ("complexity", "target") for p in population.properties) else " All of them have one compartment."
    st.caption(f"From {origin}.{simple}")


def _help(name: str) -> str | None:
    if name != "complexity":
        return None
    return (
        "How far the best one-compartment curve stays from this patient's true response into the vein, typically, "
        "each hour counted by the exposure that falls into it."
    )


def offer_coordinates(drug: str, population: LatentMap, axes: tuple[Axis, ...], chosen: list[int]) -> None:
    """The chosen patients, or all, as a table to take away."""

    def table() -> bytes:
        return coordinates(population, axes, chosen or range(len(population.z))).to_csv().encode()

    st.download_button("Coordinates (CSV)", table, f"pkvae-{drug}-latent.csv", "text/csv", icon=":material/download:", on_click="ignore")
