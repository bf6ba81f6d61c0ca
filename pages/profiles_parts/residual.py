"""The residual model on one patient: one compartment times a learned correction, which is 1 until something is learned."""

import streamlit as st

from pages import chart, model, theme
from pages.profiles_parts.rivals import contrast_of, residual_of
from pkvae_core.checks.recorded import recorded
from pkvae_core.patient import Patient
from pkvae_core.plots import residual as plots
from pkvae_core.records.units import concentration_factor
from pkvae_core.report.words import unit_words


def show_residual(drug: str, patient: Patient) -> None:
    """What the textbook model misses in this patient, as a curve with its band."""
    st.subheader("What one compartment misses in this patient", anchor=False)
    st.markdown(
        "The residual model: one compartment times a learned correction that begins as 1, so that untrained it is the textbook's. What the drug's virtual "
        "patients had in common is its prior (grey); this patient's levels narrow it (blue)."
    )
    with st.spinner("Learning the correction"):
        found = residual_of(drug, patient)
    card = model(drug).card
    unit, factor = unit_words(card.concentration_unit), concentration_factor(card.concentration_unit, card.molar_mass_g_per_mol)
    left, right = st.columns([58, 42])
    with left.container(border=True, height="stretch"):
        chart(
            plots.corrected_figure(theme(), patient, found, unit, unit_mg_per_L=factor), key="residual_corrected",
            alt="Measured levels, the one-compartment curve, and the corrected curve with its 90 % band.",
        )  # fmt: skip
    with right.container(border=True, height="stretch"):
        chart(plots.correction_figure(theme(), found), key="residual_correction", alt="Correction by the hours since the last dose, before and after levels.")
    st.caption(_measured(drug))


def show_contrast(drug: str, patient: Patient) -> None:
    """Compartments against VAE on these levels, with interval and null."""
    try:
        with st.spinner("Asking the same of one-compartment patients, dosed and sampled alike"):
            found = contrast_of(drug, patient)
        st.markdown(found.sentence)
    except ValueError as error:
        st.caption(f"{str(error)[0].upper()}{str(error)[1:]}")


def _measured(drug: str) -> str:
    """How much closer the correction brings the curve, as recorded."""
    found = recorded("correction")
    if found is None or drug not in found["drugs"]:
        return "How much closer the correction comes to the truth is not measured yet for this drug: `python -m pkvae_core benchmark --of correction --record`."
    told = "; ".join(
        f"{cell['levels']} levels: {cell['textbook']:.1f} → {cell['corrected']:.1f} % (ratio {cell['ratio'][0]:.2f}, 95 % {cell['ratio'][1]:.2f} to "
        f"{cell['ratio'][2]:.2f}), 90 % band holds {100 * cell['coverage']:.0f} %, VAE "
        f"{cell['vae']:.1f} %"
        for cell in found["drugs"][drug]["cells"]
    )
    worse = [str(cell["levels"]) for cell in found["drugs"][drug]["cells"] if cell["ratio"][1] > 1]
    harm = f" With {' and '.join(worse)} levels the correction makes it worse: trust one compartment there." if worse else ""
    return (
        f"Median error of the whole profile, one compartment → with its correction, on {found['patients']} fresh virtual patients. {told}.{harm} "
        "Reproduce: `python -m pkvae_core benchmark --of correction --recorded`."
    )
