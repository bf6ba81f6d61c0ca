"""Who is on the table, and what is aimed for: the strip above the answer."""

import re
from dataclasses import replace

import streamlit as st

from pages import model, posterior_for, set_case
from pages.dose_parts.shown import bounds_of, metric_name, unit_of
from pkvae_core.case import Case
from pkvae_core.dosing.target import METRICS, Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import clearance_of
from pkvae_core.report.words import unit_words
from pkvae_core.wording import plain, rounded

WINDOWS = {"At steady state": None, "First 24 h": (0.0, 24.0), "24 to 48 h": (24.0, 48.0), "48 to 72 h": (48.0, 72.0)}


def escaped(text: str) -> str:
    """A user's words, safe inside markdown."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~:$&@])", r"\\\1", text)


def show_strip(case: Case) -> None:
    """Patient, drug, kidneys with the weight that was used; then the target and the way back into the data."""
    card = model(case.drug).card
    with st.container(border=True, key="strip", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(horizontal=True, vertical_alignment="center", gap="medium", width="stretch"):
            st.markdown(f"# :material/person: {escaped(case.label) or 'Patient'}", width="content", anchors=False)
            st.markdown(" · ".join(_person(case)) or "nothing known of age, sex and size", width="content")
            if kidneys := _kidneys(case):
                st.markdown(kidneys, width="content", help=_clearance_help(case))
            st.markdown(" ".join(_badges(case, card)), width="content")
        with st.container(horizontal=True, width="content"):
            with st.popover(f"Target {bounds_of(case)}", icon=":material/target:"):
                _choose_target(case, card)
            is_editing = st.session_state.get("is_editing", False)
            st.button("Close data" if is_editing else "Edit data", icon=":material/edit:", key="edit", on_click=_flip)


def _flip() -> None:
    st.session_state["is_editing"] = not st.session_state.get("is_editing", False)


def _person(case: Case) -> list[str]:
    age, sex, weight, height = (case.patient.covariate(name) for name in ("AGE", "SEX", "WT", "HT"))
    return [
        *([] if sex is None else ["M" if sex == 1 else "F"]),
        *([] if age is None else [f"{plain(age, 1)} y"]),
        *([] if weight is None else [f"{plain(weight, 1)} kg"]),
        *([] if height is None else [f"{plain(height, 1)} cm"]),
    ]


def _kidneys(case: Case) -> str:
    creatinine, clearance = case.patient.covariate("SCR"), posterior_for(case).patient.covariate("CRCL")
    parts = ([f"SCr **{plain(creatinine, 2)}** mg/dL"] if creatinine else []) + (
        [f"CrCl **{rounded(clearance)}** mL/min{_weight_used(case)}"] if clearance else []
    )
    return " · ".join(parts)


def _weight_used(case: Case) -> str:
    found = clearance_of(case.patient)
    return f" ({found.weight_used.split(':')[0]})" if found and not _is_measured(case) else ""


def _is_measured(case: Case) -> bool:
    return any(c.name == "CRCL" and not c.source.startswith("Cockcroft") for c in case.patient.covariates)


def _clearance_help(case: Case) -> str | None:
    found = clearance_of(case.patient)
    return "Creatinine clearance as stated in the data." if _is_measured(case) else f"{found}." if found else None


def _badges(case: Case, card: DrugCard) -> list[str]:
    levels = len(case.patient.samples)
    found = [f":blue-badge[{card.name}]", f":gray-badge[{levels} {'level' if levels == 1 else 'levels'}]"]
    values = [c.value for c in case.patient.covariates if c.name == "SCR"]
    if len(values) > 1 and values[-1] != values[-2]:
        found.append(f":orange-badge[:material/trending_{'up' if values[-1] > values[-2] else 'down'}: SCr {values[-1] - values[-2]:+.2g}]")
    if warnings := [p for p in case.problems if p.severity == "warning"]:
        found.append(f":orange-badge[:material/warning: {len(warnings)} to check]")
    return found


def _choose_target(case: Case, card: DrugCard) -> None:
    """Metric, bounds, MIC and window; the source of what the card says; the unit of levels."""
    specs = {spec.metric: spec for spec in card.targets}
    metrics = [*specs, *(m for m in METRICS if m not in specs)]
    metric = st.selectbox(
        "Aim for", metrics, index=metrics.index(case.target.metric), key="target_metric", format_func=lambda m: specs[m].label if m in specs else METRICS[m][0]
    )
    if metric != case.target.metric:
        known = Target.from_spec(specs[metric]) if metric in specs else None
        _retarget(case, known or _own_target(case, metric))
    target, key = case.target, f"{case.drug}_{case.target.metric}"
    low, high = st.columns(2)
    chosen_low = low.number_input(f"At least ({unit_of_bound(target)})", value=target.low, key=f"target_low_{key}", step=None, format="%g")
    chosen_high = high.number_input(f"At most ({unit_of_bound(target)})", value=target.high, key=f"target_high_{key}", step=None, format="%g")
    mic = (
        st.number_input("MIC (mg/L)", value=target.mic_mg_per_L, key=f"target_mic_{key}", step=None, format="%g", help="The bounds are ratios to it.")
        if target.mic_mg_per_L
        else None
    )
    level = (
        st.number_input("Above which level (mg/L)", value=target.threshold_mg_per_L, key=f"target_level_{key}", format="%g")
        if metric == "time_above"
        else target.threshold_mg_per_L
    )
    names = list(WINDOWS)
    when = st.selectbox(
        "Counted over", names, index=list(WINDOWS.values()).index(target.window_h) if target.window_h in WINDOWS.values() else 0, key=f"target_window_{key}"
    )
    try:
        asked = replace(target, low=chosen_low, high=chosen_high, mic_mg_per_L=mic or target.mic_mg_per_L, threshold_mg_per_L=level, window_h=WINDOWS[when])
    except ValueError as error:
        st.warning(f"{str(error)[:1].upper()}{str(error)[1:]}", icon=":material/warning:")
        asked = target
    if asked != target:
        _retarget(case, asked)
    _sources(specs.get(metric), asked)
    unit = st.segmented_control("Show levels in", card.reporting_units, default=case.unit, key=f"unit_{case.drug}", format_func=unit_words, required=True)
    if unit and unit != case.unit:
        set_case(replace(case, unit=unit))
        st.rerun()


def unit_of_bound(target: Target) -> str:
    return "ratio to MIC" if target.divisor != 1 else target.unit


def _own_target(case: Case, metric: str) -> Target:
    """A metric that the card has no target for: the reader's own bounds, from a first guess that is plainly a guess."""
    first = {"time_above": (50.0, None), "auc": (case.target.low, case.target.high)}.get(metric, (1.0, 1000.0))
    return Target(
        metric, *first, threshold_mg_per_L=1.0 if metric == "time_above" else None, least_probability=case.target.least_probability, toxicity_weight=0.0
    )


def _retarget(case: Case, target: Target) -> None:
    set_case(replace(case, target=target))
    st.session_state.pop("trial", None)
    st.rerun()


def _sources(spec, asked: Target) -> None:
    if spec is None:
        st.caption(":material/warning: Your own target: the card has no source for it.")
        return
    changed = (asked.low, asked.high) != (spec.low, spec.high)
    st.caption(f"{'Changed from the card: ' if changed else ''}{spec.note}")
    for source in spec.source:
        st.caption(escaped(str(source)))


def target_words(case: Case) -> str:
    """AUC₂₄, steady state 400–600 mg·h/L."""
    return f"{metric_name(case.target, case.target.metric)} {bounds_of(case)} {unit_of(case, case.target.metric)}"
