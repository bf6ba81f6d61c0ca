"""What is shown of a patient whose model gives no dose: levels, and the concentrations on the doses given and on the current regimen carried on."""

from datetime import datetime

import numpy as np
import streamlit as st

from pages import chart, literal, model, posterior_for, theme
from pages.dose_parts.curves import continued, future_times, given, past_times, rounded_lists
from pages.dose_parts.entitled import badge_of, show_banner, show_looked_at
from pages.dose_parts.shown import per_mg_per_L
from pkvae_core.case import Case
from pkvae_core.inference.posterior import predict
from pkvae_core.patient import Regimen
from pkvae_core.plots.dose import overlaid
from pkvae_core.report.words import unit_words
from pkvae_core.wording import regimen_words


def show_followed(case: Case) -> None:
    """The curve with its band, and how sure the model is."""
    card = model(case.drug).card
    st.info(
        f"**The model {literal(card.name)} gives no dose.** It was learned from a cohort alone, which does not say what is safe or what helps: "
        "it follows levels and forecasts concentrations.",
        icon=":material/do_not_disturb_on:",
    )
    if not show_banner(case):
        return
    left, right = st.columns([64, 36], gap="medium")
    with left:
        st.header("Concentration", anchor=False)
        _draw(case)
    with right:
        st.header("How sure is the model?", anchor=False)
        with st.container(border=True):
            posterior = posterior_for(case)
            badge, sentence = badge_of(case, posterior)
            st.markdown(f"{badge} {sentence}")
            show_looked_at(case)
            for caution in posterior.cautions:
                st.markdown(f":orange-badge[:material/warning: Check] {literal(caution)}")


def _draw(case: Case) -> None:
    """Median and 90 % of likely concentrations, past and to come."""
    usual = model(case.drug).card.typical_regimen
    time_h = past_times(case) + future_times(case, case.current or Regimen(usual.amount_mg, usual.interval_h, start_h=case.now_h))
    doses = (*given(case), *(continued(case).doses(time_h[-1]) if case.current else ()))
    found, unit = predict(posterior_for(case), doses, time_h), per_mg_per_L(case)
    fan = rounded_lists(unit * np.stack([found.quantile(p) for p in (0.05, 0.5, 0.95)]))
    levels = [
        (_moment(case, s.time_h), s.concentration_mg_per_L * unit)
        for s in case.patient.samples
        if s.concentration_mg_per_L and s.trust and s.time_h >= time_h[0]
    ]
    figure = overlaid([_moment(case, t) for t in time_h], {"PKVAE": fan}, levels, theme(), now=_moment(case, case.now_h), unit=unit_words(case.unit))
    on = f"on {regimen_words(case.current)} carried on" if case.current else "after the last dose"
    chart(figure, key="followed_chart", alt=f"Concentration, median and 90 % of likely concentrations, with the measured levels; from now {on}.")
    st.caption(f"Line: median. Shaded: 90 % of likely concentrations. ● measured level. From now {on}.")


def _moment(case: Case, time_h: float) -> datetime:
    """The local clock time, as the chart draws it."""
    return case.clock(time_h).replace(tzinfo=None)
