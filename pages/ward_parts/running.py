"""How far is the ward, how is it stopped, and what has been found so far?"""

from dataclasses import dataclass

import streamlit as st

from pages import model
from pages.checks_parts.jobs import Job, Step, Tick
from pages.checks_parts.running import duration, said, share
from pages.ward_parts.cohort import Ward
from pkvae_core.insight.ward import WardRow, ranked, unread, ward

EVERY_S = 1.0
JOB, FOUND, STEP = "ward_job", "ward_found", "ward"


@dataclass(frozen=True)
class Found:
    """The rows, the most urgent first, whose they are and how long they took."""

    ward: Ward
    rows: tuple[WardRow, ...]
    seconds: float


def begin(asked: Ward) -> None:
    """Ask about this ward, in the background; a run that goes on is stopped."""
    cancel()
    answering = model(asked.drug)

    def work(tick: Tick) -> tuple[WardRow, ...]:
        records, rows = asked.cohort.records, {}
        tick(0, len(records))
        for place, row in ward(answering, records, asked.target):
            rows[place] = row
            tick(len(rows), len(records))
        return ranked([*(rows[place] for place in sorted(rows)), *unread(asked.cohort.problems)])

    st.session_state[JOB] = asked, Job([Step(STEP, "Asking about each patient", work)], asked.name)
    st.session_state["ward_begun"] = asked.key


def cancel() -> None:
    if JOB in st.session_state:
        st.session_state[JOB][1].cancel()


def found() -> Found | None:
    """The last ward that was computed whole in this session."""
    asked, job = st.session_state.get(JOB, (None, None))
    if job and (outcome := job.outcomes.get(STEP)) and not outcome.failure:
        st.session_state[FOUND] = Found(asked, outcome.result, outcome.seconds)
    return st.session_state.get(FOUND)


def is_running() -> bool:
    return JOB in st.session_state and not st.session_state[JOB][1].status.is_over


def was_begun(asked: Ward) -> bool:
    """Whether this very ward was asked about last, finished or not."""
    return st.session_state.get("ward_begun") == asked.key


def failure() -> str:
    """Why the last run has no result, in words; "" where it has one or goes on."""
    outcome = st.session_state[JOB][1].outcomes.get(STEP) if JOB in st.session_state else None
    return outcome.failure if outcome else ""


@st.fragment(run_every=EVERY_S)
def show_running() -> None:
    """The bar with the time left, redrawn by itself; once the run is over, the whole page is."""
    _, job = st.session_state[JOB]
    if job.status.is_over:
        st.rerun()
    bar, button = st.columns([84, 16], vertical_alignment="center")
    bar.progress(share(job.status), text=f"{said(job.status)} · {job.label}")
    button.button("Cancel", key="ward_cancel", icon=":material/close:", on_click=cancel, width="stretch")


def took(result: Found) -> str:
    """ "24 patients in about 3 s"."""
    number = len(result.rows)
    return f"{'one patient' if number == 1 else f'{number:,} patients'} in {duration(result.seconds)}"
