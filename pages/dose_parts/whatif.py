"""What if the patient changes: a supposed clearance, creatinine or weight from now on, and what the regimen would then do. Never part of the case."""

import numpy as np
import streamlit as st

from pages import chart, literal, model, posterior_for, theme
from pages.dose_parts.curves import given, rounded_lists
from pages.dose_parts.outcome import counts
from pages.dose_parts.ranked import regimen_label
from pages.dose_parts.shown import NAMES, clock_words, figure_words, per_mg_per_L
from pkvae_core.case import Case
from pkvae_core.dosing.compare import supposed
from pkvae_core.dosing.option import Option, judge
from pkvae_core.dosing.recommend import Recommendation, recommend
from pkvae_core.drugs.changes import change_cautions, number_words
from pkvae_core.drugs.parts import CovariateSpec
from pkvae_core.inference.answering import answer_for
from pkvae_core.inference.posterior import Posterior, predict
from pkvae_core.inference.verdict import OUT, REFUSED, Entitlement
from pkvae_core.patient import Regimen
from pkvae_core.plots.dose import disturbed
from pkvae_core.report.curve import grid
from pkvae_core.report.words import percent_words, unit_words
from pkvae_core.wording import plain

STARTS_AT = {"CRCL": 0.5, "SCR": 2.0, "PNA": 2.0, "HCT": 0.85, "WT": 1.1}  # of the present value: kidneys at half, an older infant, blood lost, more water
SHORT = {"CRCL": "CrCl", "SCR": "SCr", "PNA": "Age", "HCT": "Hct", "WT": "Weight"}
BUTTONS = {"CRCL": "Clearance", "SCR": "Creatinine", "PNA": "Age", "HCT": "Haematocrit", "WT": "Weight"}
SMALL = 20.0  # an infant's weight moves in smaller steps
AHEAD_H = 96.0  # shown: four days, in which most changes show


def changeable(case: Case) -> list[CovariateSpec]:
    """The covariates on the card that change within days and are known of this patient."""
    specs, known = {spec.name: spec for spec in model(case.drug).card.covariates}, posterior_for(case).patient
    return [specs[name] for name in STARTS_AT if name in specs and known.covariate(name) is not None]


def show_what_if(case: Case, ranking: Recommendation, tried: Regimen) -> None:
    """The supposed value, typed or slid; then the regimen under it, the regimen that would be chosen, and both curves, by whoever may answer then."""
    specs = {BUTTONS[spec.name]: spec for spec in changeable(case)}
    if not specs:
        st.markdown("Nothing that could change is known of this patient: enter creatinine or weight first.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.segmented_control("What changes", list(specs), default=next(iter(specs)), key=f"whatif_{case.drug}", required=True)
        value = _ask_value(case, specs[str(label)])
    spec, from_h = specs[str(label)], supposed_from(case)
    if value is None:
        st.warning(f"Give a value in {spec.unit}.", icon=":material/warning:")
        return
    try:
        posterior = _supposed(case.digest, spec.name, value, case)
    except ValueError as error:
        st.warning(f"{str(error)[:1].upper()}{str(error)[1:]}", icon=":material/warning:")
        return
    if not _show_who_answers(posterior):
        return
    _say(case, ranking, tried, spec, value, posterior)
    _draw(case, tried, spec, value, posterior, from_h)


def supposed_from(case: Case) -> float:
    """The change begins now; where levels were drawn later, at the last one."""
    return max([case.now_h, *(s.time_h for s in case.patient.samples)])


def _ask_value(case: Case, spec: CovariateSpec) -> float | None:
    """A field and a slider over the card's whole range that follow each other; what is typed is never moved."""
    typed, slid = (f"whatif_{kind}_{case.digest}_{spec.name}" for kind in ("typed", "slid"))
    present = posterior_for(case).patient.covariate(spec.name) or spec.low
    step = 0.1 if spec.name == "SCR" else 0.05 if spec.high < SMALL else 1.0
    start = round(round(min(present * STARTS_AT[spec.name], spec.high) / step) * step, 2)
    st.session_state.setdefault(typed, start)
    st.session_state.setdefault(slid, min(max(start, spec.low), spec.high))

    def follow_slider() -> None:
        st.session_state[typed] = st.session_state[slid]

    def follow_field() -> None:
        value = st.session_state[typed]
        if value is not None and spec.low <= value <= spec.high:
            st.session_state[slid] = float(value)

    value = st.number_input(f"to ({spec.unit})", key=typed, step=None, format="%g", width=130, on_change=follow_field)
    st.slider(
        f"{spec.label} ({spec.unit}), now {number_words(spec.name, present)}",
        spec.low,
        spec.high,
        step=step,
        key=slid,
        format="%g",
        on_change=follow_slider,
        width=320,
    )
    return value


@st.cache_resource(max_entries=32, show_spinner=False)
def _supposed(digest: str, name: str, value: float, _case: Case) -> Posterior:
    return answer_for(model(_case.drug), supposed(posterior_for(_case), name, value, from_h=supposed_from(_case)))


def _show_who_answers(posterior: Posterior) -> bool:
    """Whether anybody answers for the patient as supposed; where the model does not, why."""
    found = posterior.entitlement or Entitlement()
    if found.verdict == REFUSED:
        st.error(literal(found.banner), icon=":material/block:")
    elif found.verdict == OUT:
        st.warning(literal(found.banner), icon=":material/swap_horiz:")
    return found.verdict != REFUSED


@st.cache_resource(max_entries=32, show_spinner=False)
def _then(digest: str, name: str, value: float, offered: tuple, _case: Case, _ranking: Recommendation) -> Recommendation:
    """The regimens that were ranked, ranked anew for the patient as supposed."""
    return recommend(_supposed(digest, name, value, _case), _case.target, [o.regimen for o in _ranking.distinct], current=_case.current)


def _say(case: Case, ranking: Recommendation, tried: Regimen, spec: CovariateSpec, value: float, posterior: Posterior) -> None:
    now, then = judge(posterior_for(case), case.target, tried), judge(posterior, case.target, tried)
    first = ranking.ranked[0].regimen
    chosen = _then(case.digest, spec.name, value, (first.product, first.loading_amount_mg), case, ranking)
    creatinine = posterior.patient.covariate("SCR") if spec.name == "CRCL" else None
    with_it = f", creatinine {plain(creatinine, 2)} mg/dL with it," if creatinine else ""
    st.markdown(
        f":violet-badge[:material/science: Hypothetical] If {spec.label.lower()} is **{plain(value)} {spec.unit}**{with_it} from "
        f"{clock_words(case, supposed_from(case))} on, {regimen_label(tried)} gives {NAMES[case.target.metric]} **{_figure(case, then)}** instead of "
        f"{_figure(case, now)}; in target **{counts(then)[1]} of 20** instead of {counts(now)[1]}."
    )
    best = chosen.best or chosen.ranked[0]
    words = (
        f"**{regimen_label(best.regimen)}** would be recommended then"
        if chosen.best
        else f"No regimen would meet the target then; **{regimen_label(best.regimen)}** would rank first"
    )
    today = f"today {regimen_label(first)}" if ranking.best else "today none"
    st.markdown(f"{words}, {percent_words(best.probability_in)} in target ({today}).")
    known = (*posterior_for(case).cautions, *change_cautions(posterior.card, posterior.patient), (posterior.entitlement or Entitlement()).banner)
    for caution in posterior.cautions:
        if caution not in known:  # that the value moves is supposed, no reason for doubt
            st.markdown(f":orange-badge[:material/warning: Check] {literal(caution)}")


def _figure(case: Case, option: Option) -> str:
    value, interval, unit = figure_words(case, case.target.metric, option.exposure_median, option.exposure_low90, option.exposure_high90)
    return f"{value} ({interval}) {unit}".rstrip()


def _draw(case: Case, tried: Regimen, spec: CovariateSpec, value: float, posterior: Posterior, from_h: float) -> None:
    end_h = case.now_h + max(AHEAD_H, 3 * tried.interval_h)
    doses = (*given(case), *tried.doses(end_h))
    time_h = grid(case.now_h, end_h, tried.doses(end_h))
    usual = predict(posterior_for(case), doses, time_h).median * per_mg_per_L(case)
    then = predict(posterior, doses, time_h)
    fan = np.stack([then.quantile(p) for p in (0.05, 0.5, 0.95)]) * per_mg_per_L(case)
    moments, at = [case.clock(t).replace(tzinfo=None) for t in time_h], case.clock(from_h).replace(tzinfo=None)
    present = posterior_for(case).patient.covariate(spec.name) or 0.0
    names = f"{SHORT[spec.name]} {number_words(spec.name, present)}", f"{SHORT[spec.name]} {plain(value)}"
    drawn = disturbed(moments, rounded_lists(usual), rounded_lists(fan), theme(), at=at, what="supposed change", unit=unit_words(case.unit), names=names)
    chart(
        drawn,
        alt=f"Concentration on {regimen_label(tried)}: median as things are, and median with 90 % band if {spec.label.lower()} changes.",
        key="whatif_chart",
    )
