"""How does a record become the open case?"""

from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from pages import open_case, set_case
from pkvae_core.case import Case
from pkvae_core.dosing.current import standing
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.patient import Patient
from pkvae_core.records.problems import Problem

UNDATED = Problem("warning", "the times are hours without a date: hour 0 is shown as today 00:00", "Give dates with clock times to see real ones.")


def wall_clock() -> datetime:
    """The reader's local time, to the minute."""
    zone = st.context.timezone
    return datetime.now(ZoneInfo(zone) if zone else None).replace(tzinfo=None, second=0, microsecond=0)


def case_of(
    drug: str,
    patient: Patient,
    origin: datetime | None,
    *,
    unit: str,
    source: str,
    label: str = "",
    now_h: float | None = None,
    problems: tuple[Problem, ...] = (),
) -> Case:
    """The case that opens with this patient; without a stated `now_h` it stands where the next dose falls due, or at the last thing known."""
    known = open_case() or earlier_case()
    keeps = known is not None and known.drug == drug
    now, current = standing(patient, now_h)
    return Case(
        label=label,
        drug=drug,
        patient=patient,
        origin=origin or wall_clock().replace(hour=0, minute=0),
        now_h=now,
        target=known.target if known and keeps else Target.of(load_card(drug)),
        unit=unit,
        current=current,
        source=source,
        problems=problems + ((UNDATED,) if origin is None and (patient.doses or patient.samples) else ()),
    )


def open_new(case: Case) -> None:
    """Another patient on the table: what was tried and compared for the last one is put away."""
    for name in [name for name in st.session_state if str(name).startswith("goal_")]:
        del st.session_state[name]  # the goal is the new case's own
    for name in ("trial", "compared", "accepted", f"product_{case.drug}", "with_loading", "cohort", "reopened"):
        st.session_state.pop(name, None)
    set_case(case)


def set_aside() -> None:
    """What is typed holds an error: no case is open, and the last one stays as the earlier one, whose answer is shown as such."""
    earlier = open_case() or earlier_case()
    set_case(None)
    if earlier is not None:
        st.session_state["earlier_case"] = earlier


def earlier_case() -> Case | None:
    """The case that was open before the typed data went wrong; None once they are whole, or another case is open."""
    return st.session_state.get("earlier_case")
