"""Accepting a regimen: the report as PDF and HTML, and the case as JSON."""

import re

import streamlit as st

from pages import posterior_for
from pages.dose_parts.judgement import if_unchanged, judged
from pages.dose_parts.levels import standings_of
from pages.dose_parts.opening import wall_clock
from pages.dose_parts.second import second_opinion
from pkvae_core.case import Case
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.patient import Regimen
from pkvae_core.report import compose, html_report, pdf_report, save_answer
from pkvae_core.wording import regimen_words


def show_report(case: Case, ranking: Recommendation) -> None:
    """The three files of the accepted regimen; a regimen accepted for other data is gone."""
    digest, regimen = st.session_state.get("accepted", ("", None))
    if digest != case.digest:
        return
    pdf, html, saved = _files(case, ranking, regimen)
    name = f"pkvae-{re.sub(r'[^A-Za-z0-9]+', '-', case.label).strip('-').lower() or 'patient'}-{case.drug}"
    with st.container(border=True, key="report"):
        st.markdown(f":green-badge[:material/task_alt: Report ready] {_said(case, regimen)}. The prescriber decides.")
        with st.container(horizontal=True):
            st.download_button("PDF, one page", pdf, f"{name}.pdf", "application/pdf", icon=":material/picture_as_pdf:", type="primary", on_click="ignore")
            st.download_button("HTML", html, f"{name}.html", "text/html", icon=":material/html:", on_click="ignore")
            st.download_button("Case as JSON", saved, f"{name}.json", "application/json", icon=":material/data_object:", on_click="ignore")


def _said(case: Case, regimen: Regimen | None) -> str:
    if regimen:
        return regimen_words(regimen)
    return "No regimen meets the target" if posterior_for(case).card.gives_dose else "Concentrations and exposure, no dose"


def _files(case: Case, ranking: Recommendation, regimen: Regimen | None) -> tuple[bytes, str, str]:
    """Written once for each accepted regimen."""
    known = st.session_state.get("report_files")
    if known and known[0] == (case.digest, regimen):
        return known[1]
    posterior = posterior_for(case)
    option = judged(case.digest, (regimen,), case)[0] if regimen else None
    report = compose(
        case,
        posterior,
        option,
        printed=wall_clock(),
        recommendation=ranking,
        unchanged=if_unchanged(case.digest, case),
        standings=standings_of(case),
        second=second_opinion(case, ranking),
    )
    files = pdf_report(report), html_report(report), save_answer(case, posterior, option)
    st.session_state["report_files"] = (case.digest, regimen), files
    return files
