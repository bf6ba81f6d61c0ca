"""How far can the classes be trusted, as recorded: false alarms, patients told apart, calibration."""

import streamlit as st

from pkvae_core.checks.recorded import recorded


def show_measured(drug: str) -> None:
    """The recorded figures of this drug, beside the classification."""
    found = recorded("complexity")
    if found is None or drug not in found["drugs"]:
        st.caption("How often a simple patient is called complex is not measured yet for this drug: `python -m pkvae_core benchmark --of complexity --record`.")
        return
    each, nominal = found["drugs"][drug], 100 * found["nominal"]
    false, called, roc = each["false_alarms"], each["called_complex"], each["roc"]
    shown = {
        "Simple patients called complex": (_percent(false), _interval(false)),
        "Patients of this drug called complex": (_percent(called), _interval(called)),
        "Told apart (area under ROC)": (f"{roc['area']:.2f}", f"0.5 is chance (95 %: {roc['low95']:.2f} to {roc['high95']:.2f})"),
    }
    for column, (label, (value, beside)) in zip(st.columns(3), shown.items(), strict=True):
        column.metric(label, value, beside, delta_color="off", delta_arrow="off", border=True, height="stretch")
    note = (
        " The published models of this drug are one compartment themselves: its patients are simple too, every one called complex is a false alarm, and an "
        "area near 0.5 is right."
        if each["is_one_compartment"]
        else ""
    )
    if any(fit.get("is_settled") is False for fit in each.get("rivals", {}).get("fits", [])):
        note += " A compartment model's fit had not settled when its rounds ended."
    said = "; ".join(f"said {row['said']:.2f}, true {row['complex']:.2f} ({row['patients']:,})" for row in each["calibration"])
    st.caption(
        f"Nominal: at most {nominal:.0f} % of simple patients. Measured on virtual patients of both kinds, 1 to 10 levels each; the simple ones come from "
        f"{each.get('simple_from', 'the one-compartment fit itself')}; ROC and calibration on "
        f"{found['labelled']:,} of each.{note} P(complex): {said}. Reproduce: `python -m pkvae_core benchmark --of complexity --recorded`."
    )


def _percent(share: dict) -> str:
    return f"{100 * share['share']:.1f} %"


def _interval(share: dict) -> str:
    return f"{share['called']} of {share['of']} (95 %: {100 * share['low95']:.1f} to {100 * share['high95']:.1f} %)"
