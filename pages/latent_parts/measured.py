"""What the axes measure, and which dimensions are in use."""

import streamlit as st

from pages import chart, latent_use, theme
from pkvae_core.checks.recorded import recorded
from pkvae_core.insight.axes import Axis
from pkvae_core.insight.dimensions import IN_USE, Use
from pkvae_core.insight.latent import LatentMap
from pkvae_core.plots import axes as plots

HARDLY = 0.05  # bits: less than this is next to nothing


def show_meaning(population: LatentMap, axes: tuple[Axis, ...]) -> None:
    st.header("What the axes measure", anchor=False)
    st.caption(f"Spearman's rank correlation on these {len(population.z):,} patients. →: the direction in which a property grows. PC: principal component.")
    with st.container(key="wide_table"):
        chart(plots.meaning_figure(theme(), axes), key="latent_meaning", alt="Table of rank correlations of every axis with every property.")


def show_dimensions(drug: str) -> None:
    use = latent_use(drug)
    st.header("Dimensions in use", anchor=False)
    st.markdown(sentence(use))
    chart(plots.use_figure(theme(), use), key="latent_use", alt=f"Bars: what {use.levels} levels teach in each dimension, in bits. {sentence(use)}")
    st.caption(
        f"On {use.patients:,} fresh virtual patients with {use.levels} levels each. In use: the variance of E[z | levels] over patients exceeds {IN_USE:g}. "
        "Bits: how far the belief moves from that before the levels (KL divergence), by the encoder alone; whiskers: 95 %."
    )
    if said := other_sizes(drug):
        st.caption(said)


def other_sizes(drug: str) -> str | None:
    """What models of other sizes lose, as recorded; None where it was not measured for this drug."""
    found = recorded("latent-size") or {"drugs": {}}
    if drug not in found["drugs"]:
        return None
    each = [f"{row['latent']} latents {row['short'][0]:.2f} ({row['short'][1]:.2f} to {row['short'][2]:.2f})" for row in found["drugs"][drug]["sizes"]]
    return (
        f"Held-out evidence of other sizes, {found['steps']:,} steps of training each, in nats a patient short of the models that made {found['patients']} "
        f"fresh patients (95 %): {', '.join(each)}. Reproduce: `python -m pkvae_core benchmark --of latent-size --recorded`."
    ).replace("-0.", "−0.")


def sentence(use: Use) -> str:
    """**5 of 5 dimensions in use**, and how much levels teach in all of them together."""
    said = (
        f"**{use.in_use} of {len(use.dimensions)} dimensions in use.** {use.levels} levels teach {use.bits:.2f} bits about a patient in all of them together."
    )
    hardly = [d.name for d in use.dimensions if d.bits < HARDLY]
    return said + (f" In {_listed(hardly)} they teach next to nothing (below {HARDLY:g} bits)." if hardly else "")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
