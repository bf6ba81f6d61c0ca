"""VPC and goodness of fit on the page: does the model make patients like these, and where does it miss?"""

from collections.abc import Mapping

import streamlit as st

from pages import model, theme
from pages.checks_parts.exhibit import exhibit, says_who_is_missing
from pages.checks_parts.source import Source
from pkvae_core.checks.fit import Fit
from pkvae_core.checks.vpc import VPC
from pkvae_core.plots import fit as fits
from pkvae_core.plots import vpc as vpcs
from pkvae_core.records.units import concentration_factor
from pkvae_core.report.words import unit_words


def unit_of(source: Source) -> tuple[str, float]:
    """The unit that this drug's levels are reported in, and how many mg/L one of it is."""
    card = model(source.drug).card
    return unit_words(card.concentration_unit), concentration_factor(card.concentration_unit, card.molar_mass_g_per_mol)


def show_vpc(source: Source, checks: Mapping[tuple[str, bool], VPC]) -> None:
    """Plain and prediction-corrected beside each other, over the time since the last or the first dose."""
    says_who_is_missing(next(iter(checks.values())).left_out)
    axes = list(dict.fromkeys(axis for axis, _ in checks))
    axis = st.segmented_control("Time", axes, default=axes[0], required=True, format_func=vpcs.AXES.__getitem__, key="checks_axis", persist_state="session")
    for column, corrected in zip(st.columns(2), (False, True), strict=True):
        with column:
            _show_one(source, checks[axis, corrected])
    plain = checks[axis, False]
    if plain.below:
        read = "The line, the share of levels below the limit of quantification, should run inside the bands, which hold 95 % of the simulated cohorts."
        rows = [dict(vars(b)) for b in plain.below]
        exhibit(source, "vpc-below", vpcs.below_figure(theme(), plain), rows, title="Levels below the limit of quantification", read=read)


def _show_one(source: Source, check: VPC) -> None:
    unit, factor = unit_of(source)
    read = "Each line, a percentile of the measured levels, should run inside the bands of its colour, which hold 95 % of the simulated cohorts."
    if check.is_corrected:
        read = "The same with every level scaled to the typical prediction of its bin, so that doses and covariates blur it no more."
    figure = vpcs.vpc_figure(theme(), check, unit, unit_mg_per_L=factor)
    name, title = ("pcvpc", "Prediction-corrected VPC") if check.is_corrected else ("vpc", "Visual predictive check (VPC)")
    exhibit(source, name, figure, check.rows(), title=title, read=read, found=check.sentence)


def show_fit(source: Source, fit: Fit) -> None:
    """Observed against predicted, residuals, and NPDE with their tests."""
    says_who_is_missing(fit.left_out)
    unit, factor = unit_of(source)
    rows = fit.rows()
    st.markdown(fit.sentence)
    first, second = st.columns(2)
    with first:
        read = "Points scatter evenly around the dashed line when doses and covariates alone foresee the levels without bias."
        exhibit(
            source,
            "fit-pred",
            fits.observed_figure(theme(), fit, "PRED", unit, unit_mg_per_L=factor),
            rows,
            title="Measured against population prediction",
            read=read,
        )
    with second:
        read = "After the patient's own levels the points should lie close around the dashed line, with no bend at either end."
        exhibit(
            source,
            "fit-ipred",
            fits.observed_figure(theme(), fit, "IPRED", unit, unit_mg_per_L=factor),
            rows,
            title="Measured against individual prediction",
            read=read,
        )
    for column, against, title in zip(st.columns(2), ("time_after_dose_h", "IPRED"), ("time after the dose", "prediction"), strict=True):
        with column:
            read = "The band of the running median should hold the zero line everywhere; some 95 % of the points lie between the dotted lines."
            figure = fits.residual_figure(theme(), fit, "IWRES", against, fit.trend(against, "IWRES"), unit, unit_mg_per_L=factor)
            exhibit(source, f"fit-iwres-{against}", figure, rows, title=f"Individual weighted residuals against {title}", read=read)
    first, second = st.columns(2)
    with first:
        read = "The bars should follow the dashed normal curve: too wide, the model is too sure; shifted, it is biased."
        exhibit(source, "npde", fits.npde_figure(theme(), fit), rows, title="NPDE against the normal curve", read=read)
    with second:
        read = "The band of the running median should hold the zero line at all times, early and late in the course."
        figure = fits.residual_figure(theme(), fit, "NPDE", "time_h", fit.trend("time_h", "NPDE"), unit, unit_mg_per_L=factor)
        exhibit(source, "npde-time", figure, rows, title="NPDE against time", read=read)
