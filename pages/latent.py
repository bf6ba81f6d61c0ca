"""Latent space: where do patients lie, what do the coordinates measure, and which curves do they stand for?"""

import numpy as np
import streamlit as st

from pages import chart, latent_map, latent_posterior, literal, model, open_case, open_page, shipped_models, theme
from pkvae_core.insight.latent import (
    Axis,
    Bundle,
    LatentMap,
    Property,
    coordinates,
    course_times,
    decode,
    place,
    shares,
    spread,
    typical_regimen,
    walk,
)
from pkvae_core.plots import latent as plots
from pkvae_core.wording import regimen_words, rounded


def choose_drug() -> str:
    case, names = open_case(), {drug: each.card.name for drug, each in shipped_models().items()}
    drugs = list(names)
    return st.selectbox(
        "Drug",
        drugs,
        drugs.index(case.drug) if case and case.drug in drugs else 0,
        format_func=names.__getitem__,
        key="latent_drug",
        width=170,
        persist_state="session",
    )


def choose_view(drug: str, population: LatentMap, axes: tuple[Axis, ...]) -> tuple[Axis, Axis, Property]:
    """Which axis runs across, which up, and what the colour says."""
    by_name, properties = {a.name: a for a in axes}, {p.name: p for p in population.properties}
    names = list(by_name)
    across, up = names.index("→CL"), names.index("→V")

    def worded(name: str) -> str:
        meaning = by_name[name].meaning
        return f"{name} · {meaning.property.label.lower()} {plots.signed(meaning.rho)}"

    colour = st.selectbox(
        "Colour", list(properties), 2, format_func=lambda n: properties[n].label, key=f"latent_colour_{drug}", width=190, persist_state="session"
    )
    x = st.selectbox("Across", names, across, format_func=worded, key=f"latent_x_{drug}", width=220, persist_state="session")
    y = st.selectbox("Up", names, up, format_func=worded, key=f"latent_y_{drug}", width=220, persist_state="session")
    return by_name[x], by_name[y], properties[colour]


def draw_map(drug: str, population: LatentMap, across: Axis, up: Axis, colour: Property) -> list[int]:
    """The map with the open patient on it; returns the numbers of the patients that the reader chose."""
    figure = plots.map_figure(theme(), population, across, up, colour)
    case, outlines = open_case(), ""
    alt = f"Map of {len(population.z):,} virtual patients: {across.name} across, {up.name} up, coloured by {colour.label.lower()}."
    if case and case.drug == drug:
        posterior, count = latent_posterior(case), len(case.patient.samples)
        now = place(posterior, across, up) if count else None
        plots.add_patient(figure, theme(), case.label, place(posterior.prior(), across, up), now)
        levels = f", solid with {count} level{'s' if count > 1 else ''}" if count else ""
        outlines = f"Outlines hold nine tenths of what the model believes of {literal(case.label)}: dashed before any level{levels}. Star: the mean."
    event = chart(figure, alt=alt, key=f"map-{drug}-{across.name}-{up.name}-{colour.name}", is_explorable=True, on_select="rerun")
    if outlines:
        st.caption(outlines)
    return sorted({int(point["customdata"]) for point in event["selection"]["points"] if "customdata" in point})


def draw_curves(drug: str, population: LatentMap, chosen: list[int]) -> None:
    """What the chosen patients' concentrations would be after the card's typical regimen."""
    card, case, everyone = model(drug).card, open_case(), range(len(population.z))
    regimen = typical_regimen(card)
    end_h = 4 * regimen.interval_h
    doses = regimen.doses(end_h)
    time_h = course_times(doses, end_h)

    def bundle(z: np.ndarray) -> Bundle:
        return Bundle.of(time_h, decode(model(drug), z, doses, time_h))

    picked = bundle(population.z[chosen]) if chosen else None
    own = latent_posterior(case).resampled(400).z if case and case.drug == drug else None
    mine = None if own is None else bundle(own.numpy())
    number = "One chosen patient" if len(chosen) == 1 else f"{len(chosen):,} chosen patients" if chosen else f"All {len(population.z):,} virtual patients"
    st.header(number, anchor=False)
    st.caption(f"Decoded after {regimen_words(regimen)}. Line: median; dark band: middle 50 %; light band: middle 90 %.")
    names = {"population": "All patients", "chosen": "Chosen", "patient": case.label if case else ""}
    chart(plots.curves_figure(theme(), bundle(population.z), picked, mine, names), key="latent_curves", alt=f"Concentration curves: {number.lower()}.")
    of = chosen or everyone
    with st.container(horizontal=True):
        for known in (p for p in population.properties if p.is_pharmacokinetic):
            median, low, high = spread(known, of)
            interval = f"90 %: {rounded(low)}–{rounded(high)}" if len(of) > 1 else None
            st.metric(known.label, f"{rounded(median)} {known.unit}", interval, delta_color="off", delta_arrow="off", width="content")
    parts = shares(population.property("published_model"), of)
    st.caption("From " + ", ".join(f"{name} {share:.0%}".replace("%", " %") for name, share in parts.items()) + ".")


def draw_axes(drug: str, population: LatentMap, axes: tuple[Axis, ...], across: Axis) -> None:
    """What every axis measures, and a walk along one of them."""
    left, right = st.columns([60, 40])
    with left.container(border=True, height="stretch"):
        st.header("What the axes measure", anchor=False)
        st.caption(f"Spearman's rank correlation on these {len(population.z):,} patients. →: the direction in which a property grows. PC: principal component.")
        chart(plots.meaning_figure(theme(), axes), key="latent_meaning", alt="Table of rank correlations of every axis with every property.")
    with right.container(border=True, height="stretch"):
        st.header("A walk along one axis", anchor=False)
        name = st.segmented_control("Axis", [a.name for a in axes], default=across.name, required=True, key=f"latent_walk_{drug}")
        axis = next(a for a in axes if a.name == name)
        positions, points = walk(axis, population.z)
        regimen = typical_regimen(model(drug).card)
        doses = regimen.doses(2 * regimen.interval_h)
        time_h = course_times(doses, 2 * regimen.interval_h)
        figure = plots.walk_figure(theme(), axis, positions, time_h, decode(model(drug), points, doses, time_h))
        chart(figure, key="latent_walking", alt=f"Curves of seven points along {axis.name}, from the 2nd to the 98th percentile of the population.")
        st.caption(f"From the population's centre, {axis.name} alone moves from its 2nd to its 98th percentile. After {regimen_words(regimen)}.")


open_page()
st.title("Latent space", anchor=False)
with st.container(horizontal=True, vertical_alignment="bottom"):
    drug = choose_drug()
    population, axes = latent_map(drug)
    across, up, colour = choose_view(drug, population, axes)
st.caption(
    "Each dot is a virtual patient, placed where the model reads its whole true curve. Click a dot, or take the lasso above the map; double-click clears."
)
left, right = st.columns([60, 40])
with left.container(border=True, height="stretch"):
    chosen = draw_map(drug, population, across, up, colour)
with right.container(border=True, height="stretch"):
    draw_curves(drug, population, chosen)
    table = coordinates(population, axes, chosen or range(len(population.z)))
    st.download_button("Coordinates (CSV)", table.to_csv().encode(), f"pkvae-{drug}-latent.csv", "text/csv", icon=":material/download:", on_click="ignore")
draw_axes(drug, population, axes, across)
