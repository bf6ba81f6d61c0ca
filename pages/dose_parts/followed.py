"""A drug whose card gives no dose: why not, the curve with its band, the exposure, and how sure that is."""

import streamlit as st

from pages import chart, literal, posterior_for, theme
from pages.dose_parts.entitled import show_banner
from pages.dose_parts.export import show_report
from pages.dose_parts.judgement import before_levels, if_unchanged
from pages.dose_parts.outcome import metrics
from pages.dose_parts.shown import figure_words, per_mg_per_L
from pages.dose_parts.trust import show_trust
from pkvae_core.case import Case
from pkvae_core.dosing.follow import area_of_all_doses, no_recommendation
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.inference.posterior import Posterior
from pkvae_core.plots.dose import overlaid
from pkvae_core.report.curve import Curve, draw_curve
from pkvae_core.report.words import unit_words
from pkvae_core.wording import regimen_words

WHOLE_H = 24 * 365.0


def show_followed(case: Case) -> None:
    """Everything but a dose."""
    posterior = posterior_for(case)
    ranking = no_recommendation(posterior)
    st.info(f"**The card gives no dose.** {literal(posterior.card.why_no_dose)}", icon=":material/do_not_disturb_on:")
    is_answered = show_banner(case)
    seen, trust = st.columns([64, 36], gap="medium")
    with seen:
        if is_answered:
            st.header("Concentration", anchor=False)
            _show_curve(case)
            _show_exposure(case, posterior)
            _offer_report(case, ranking)
    with trust:
        st.header("How sure is the model?" if is_answered else "What to check", anchor=False)
        with st.container(border=True):
            show_trust(case, ranking, None)


def _show_curve(case: Case) -> None:
    """The whole course and two days on, beside what was expected before the levels."""
    own = _curve(case.digest, True, case)
    if own is None:
        st.caption("No dose is recorded yet: there is no curve to show.")
        return
    fans = {"After": own}
    if case.patient.samples and (before := _curve(case.digest, False, case)):
        fans["Before"] = before
    levels = [(case.clock(m.time_h).replace(tzinfo=None), m.level) for m in own.measured if not m.is_below and not m.is_left_out]
    figure = overlaid(
        [case.clock(float(t)).replace(tzinfo=None) for t in own.time_h],
        {name: [curve.quantiles[i].tolist() for i in (0, 2, 4)] for name, curve in fans.items()},
        levels,
        theme(),
        now=case.clock(case.now_h).replace(tzinfo=None),
        unit=unit_words(case.unit),
    )
    chart(figure, alt=f"Concentration over time, median and 90 % of likely concentrations; {len(own.measured)} levels.", key="followed_chart")
    words = "Line: median · shaded: 90 % of likely concentrations · ● measured level"
    st.caption(words + (" · dashed: what was expected before the levels" if len(fans) > 1 else ""))


@st.cache_resource(max_entries=16, show_spinner=False)
def _curve(digest: str, with_levels: bool, _case: Case) -> Curve | None:
    posterior = posterior_for(_case) if with_levels else before_levels(_case)
    return draw_curve(_case, posterior, _case.current, unit_factor=per_mg_per_L(_case), label="", before_h=WHOLE_H)


def _show_exposure(case: Case, posterior: Posterior) -> None:
    """If the regimen goes on, what it settles at; else the area under all that was given."""
    option = if_unchanged(case.digest, case)
    if option and case.current:
        st.markdown(f"If {literal(regimen_words(case.current))} goes on, at steady state:")
        for column, found in zip(st.columns(3), metrics(case, option), strict=False):
            column.metric(found["label"], found["value"], found["interval"], delta_color="off", delta_arrow="off")
    elif case.patient.doses:
        value, interval, unit = figure_words(case, "auc", *area_of_all_doses(posterior))
        st.metric("AUC of all doses given", f"{value} {unit}", f"90 %: {interval} {unit}", delta_color="off", delta_arrow="off")


def _offer_report(case: Case, ranking: Recommendation) -> None:
    st.button("Write report", icon=":material/description:", key="write_followed", on_click=_write, args=(case.digest,))
    show_report(case, ranking)


def _write(digest: str) -> None:
    st.session_state["accepted"] = digest, None
