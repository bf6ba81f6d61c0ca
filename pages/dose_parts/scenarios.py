"""What if a dose of this regimen is missed, comes late, or treatment stops?"""

import numpy as np
import streamlit as st

from pages import chart, posterior_for, theme
from pages.dose_parts.curves import given, rounded_lists
from pages.dose_parts.outcome import counts
from pages.dose_parts.shown import NAMES, clock_words, figure_words, per_mg_per_L
from pkvae_core.case import Case
from pkvae_core.dosing.compare import Change, what_if_late, what_if_missed, what_if_stopped
from pkvae_core.dosing.option import Option
from pkvae_core.inference.posterior import predict
from pkvae_core.patient import Regimen
from pkvae_core.plots.dose import disturbed
from pkvae_core.report.curve import grid
from pkvae_core.report.words import unit_words
from pkvae_core.wording import plain

DOSES = 6  # which of the first doses may be the one that goes wrong


def show_scenarios(case: Case, regimen: Regimen) -> None:
    """One disturbance at a time, against the plan."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control("What happens", ["missed", "late", "stopped"], default="missed", key="scenario", required=True, persist_state="session")
        times = [regimen.start_h + i * regimen.interval_h for i in range(DOSES)]
        which = st.selectbox(
            "From the dose" if kind == "stopped" else "The dose",
            range(DOSES),
            index=1,
            format_func=lambda i: clock_words(case, times[i]),
            key="scenario_dose",
            width=220,
        )
        delay_h = (
            st.number_input("Late by (h)", value=4.0, key="scenario_delay", step=1.0, width=130, format="%g", persist_state="session")
            if kind == "late"
            else 0.0
        )
    if delay_h is None or delay_h < 0 or (kind == "late" and delay_h == 0):
        st.warning("Give a delay above 0 h.", icon=":material/warning:")
        return
    change = _change(case, regimen, str(kind), which, delay_h)
    st.markdown(_sentence(case, change))
    _draw(case, regimen, change, times[which], {"missed": "missed dose", "late": f"late by {plain(delay_h)} h", "stopped": "stopped"}[str(kind)])


def _change(case: Case, regimen: Regimen, kind: str, which: int, delay_h: float) -> Change:
    posterior = posterior_for(case)
    if kind == "late":
        return what_if_late(posterior, case.target, regimen, which, delay_h)
    return (what_if_missed if kind == "missed" else what_if_stopped)(posterior, case.target, regimen, which)


def _sentence(case: Case, change: Change) -> str:
    begin, end = (clock_words(case, t) for t in change.window_h)
    before, after = (_figure(case, option) for option in (change.planned, change.changed))
    exposure = f"From {begin} to {end}: {NAMES[case.target.metric]} **{after}** instead of {before}"
    return f"{exposure}; in target **{counts(change.changed)[1]} of 20** instead of {counts(change.planned)[1]}."


def _figure(case: Case, option: Option) -> str:
    value, interval, unit = figure_words(case, case.target.metric, option.exposure_median, option.exposure_low90, option.exposure_high90)
    return f"{value} {unit} ({interval})"


def _draw(case: Case, regimen: Regimen, change: Change, at_h: float, what: str) -> None:
    end_h = max(at_h + 3 * regimen.interval_h, change.window_h[1])
    past, planned = given(case), regimen.doses(end_h)
    resumed = () if what == "stopped" else tuple(d for d in planned if d.time_h >= max(change.window_h[1], at_h + regimen.interval_h) - 1e-6)
    altered = tuple(d for d in (*change.doses, *resumed) if d.time_h < end_h)
    time_h = grid(case.now_h, end_h, planned + altered)
    posterior = posterior_for(case)
    usual = predict(posterior, past + planned, time_h).median * per_mg_per_L(case)
    curve = predict(posterior, past + altered, time_h)
    fan = np.stack([curve.quantile(p) for p in (0.05, 0.5, 0.95)]) * per_mg_per_L(case)
    moments = [case.clock(t).replace(tzinfo=None) for t in time_h]
    at, names = case.clock(at_h).replace(tzinfo=None), ("as planned", what.split(" ")[0])
    drawn = disturbed(moments, rounded_lists(usual), rounded_lists(fan), theme(), at=at, what=what, unit=unit_words(case.unit), names=names)
    chart(drawn, alt=f"Concentration with the dose at {clock_words(case, at_h)} {what}, beside the planned course.", key="scenario_chart")
