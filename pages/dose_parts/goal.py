"""What is aimed for: metric, bounds, MIC and hours, with the source of what the card says; and the unit of levels."""

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages import literal, set_case
from pages.dose_parts.shown import factor_of, unit_of
from pkvae_core.case import Case
from pkvae_core.dosing.target import METRICS, Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.parts import TargetSpec
from pkvae_core.report.words import unit_words

WINDOWS = {"At steady state": None, "First 24 h": (0.0, 24.0), "24 to 48 h": (24.0, 48.0), "48 to 72 h": (48.0, 72.0)}
OTHER = "Other hours"


def choose_goal(case: Case, card: DrugCard) -> None:
    """The widgets start from the case, and a change opens the case anew: nothing is aimed for that the strip does not say."""
    specs = {spec.metric: spec for spec in card.targets}
    metrics = [*specs, *(m for m in METRICS if m not in specs)]
    chosen = st.selectbox(
        "Aim for",
        metrics,
        index=metrics.index(case.target.metric),
        key=f"goal_{case.drug}",
        format_func=lambda m: specs[m].label if m in specs else METRICS[m][0],
    )
    if chosen != case.target.metric:
        _retarget(case, Target.from_spec(specs[chosen]) if chosen in specs else _own(case, chosen))
    asked = _numbers(case, f"{case.drug}_{case.target.metric}")
    show_unit(case, card)
    _sources(specs.get(case.target.metric), case.target)
    if asked != case.target:
        _retarget(case, asked)


def show_unit(case: Case, card: DrugCard) -> None:
    """In which unit levels are shown; another one opens the case anew."""
    unit = st.segmented_control("Show levels in", card.reporting_units, default=case.unit, key=f"goal_unit_{case.drug}", format_func=unit_words, required=True)
    if unit and unit != case.unit:
        set_case(replace(case, unit=unit))
        st.rerun()


def _numbers(case: Case, key: str) -> Target:
    """The target with the numbers on the screen; the one it was when they make no sense, which is said."""
    target, unit = case.target, "ratio to MIC" if case.target.divisor != 1 else unit_of(case, case.target.metric)
    left, right = st.columns(2)
    low = _bound(left, f"At least ({unit})", target.low, f"goal_low_{key}_{case.unit}", factor_of(case, target.metric))
    high = _bound(right, f"At most ({unit})", target.high, f"goal_high_{key}_{case.unit}", factor_of(case, target.metric))
    mic, level = target.mic_mg_per_L, target.threshold_mg_per_L
    if mic is not None:
        mic = left.number_input("MIC (mg/L)", value=mic, key=f"goal_mic_{key}", step=None, format="%g", help="The bounds are ratios to it.") or mic
    if target.metric == "time_above":
        level = left.number_input("Above which level (mg/L)", value=level, key=f"goal_level_{key}", step=None, format="%g")
    names = [*WINDOWS, OTHER]
    known = next((name for name, hours in WINDOWS.items() if hours == target.window_h), OTHER)
    when = right.selectbox("Counted over", names, index=names.index(known), key=f"goal_window_{key}")
    window_h = _other_hours(target, key) if when == OTHER else WINDOWS[when]
    try:
        return replace(target, low=low, high=high, mic_mg_per_L=mic, threshold_mg_per_L=level, window_h=window_h)
    except ValueError as error:
        st.warning(f"{str(error)[:1].upper()}{str(error)[1:]}", icon=":material/warning:")
        return target


def _bound(place: DeltaGenerator, label: str, bound: float | None, key: str, factor: float) -> float | None:
    """One bound in the shown unit; the bound itself, to the last digit, where nobody touched it."""
    shown = None if bound is None else float(f"{bound * factor:.6g}")
    typed = place.number_input(label, value=shown, key=key, step=None, format="%g")
    return bound if typed == shown else None if typed is None else typed / factor


def _other_hours(target: Target, key: str) -> tuple[float, float]:
    """Any hours, counted from the first new dose."""
    low, high = target.window_h or (0.0, 24.0)
    left, right = st.columns(2)
    begin = left.number_input("From hour", value=low, key=f"goal_from_{key}", step=None, format="%g", help="Counted from the first new dose.")
    end = right.number_input("To hour", value=high, key=f"goal_to_{key}", step=None, format="%g")
    return low if begin is None else begin, high if end is None else end


def _own(case: Case, metric: str) -> Target:
    """A metric that the card has no target for: bounds to be set by the reader, from a wide start."""
    low, high = {"time_above": (50.0, None), "auc": (case.target.low, case.target.high)}.get(metric, (1.0, 1000.0))
    level = 1.0 if metric == "time_above" else None
    return Target(metric, low, high, threshold_mg_per_L=level, least_probability=case.target.least_probability, toxicity_weight=0.0)


def _retarget(case: Case, target: Target) -> None:
    set_case(replace(case, target=target))
    st.session_state.pop("trial", None)
    st.rerun()


def _sources(spec: TargetSpec | None, target: Target) -> None:
    if spec is None:
        st.caption(":material/warning: Your own target: the card has no source for it.")
        return
    is_changed = (target.low, target.high) != (spec.low, spec.high)
    st.caption(f"{':material/edit: Changed from the card. ' if is_changed else ''}{literal(spec.note)}")
    with st.expander("Sources", icon=":material/menu_book:"):
        for source in spec.source:
            st.caption(literal(str(source)))
        if spec.unverified:
            st.caption(":material/warning: Part of this has no source that we found; the note says which.")
