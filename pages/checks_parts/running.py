"""How far is a run, how long will it take, and how is it stopped?"""

from collections.abc import Sequence

import streamlit as st

from pages.checks_parts.jobs import Job, Outcome, Step
from pages.checks_parts.pace import duration, said, share
from pages.checks_parts.source import Source

__all__ = ["begin", "duration", "is_running", "outcomes", "said", "share", "show_running"]
KEPT = 6  # sources whose results a session keeps
EVERY_S = 1.0
JOBS = "checks_jobs"


def begin(source: Source, steps: Sequence[Step], label: str = "") -> None:
    """Start these checks on this source; `label` says on whom, where it is not the source. The results of the last few sources stay; older ones are dropped."""
    jobs: dict[str, list[Job]] = st.session_state.setdefault(JOBS, {})
    mine = jobs.pop(source.key, [])
    jobs[source.key] = [*mine, Job(steps, label or source.words())]
    for old in list(jobs)[:-KEPT]:
        for job in jobs.pop(old):
            job.cancel()


def outcomes(source: Source) -> dict[str, Outcome]:
    """What has ended so far for this source, by name; a check that ran again counts by its last run."""
    return {name: outcome for job in st.session_state.get(JOBS, {}).get(source.key, []) for name, outcome in dict(job.outcomes).items()}


def is_running(source: Source) -> bool:
    return any(not job.status.is_over for job in st.session_state.get(JOBS, {}).get(source.key, []))


def show_running() -> None:
    """The bars of all runs of this session that are not over, redrawn by themselves; nothing when there are none."""
    if running := _running():
        _bars(len(running), _ended())


def _running() -> list[Job]:
    return [job for jobs in st.session_state.get(JOBS, {}).values() for job in jobs if not job.status.is_over]


def _ended() -> int:
    return sum(len(job.outcomes) for jobs in st.session_state.get(JOBS, {}).values() for job in jobs)


@st.fragment(run_every=EVERY_S)
def _bars(count: int, ended: int) -> None:
    """One bar a run. When a check or a run has ended since the page was drawn, the whole page is drawn again."""
    running = _running()
    if (len(running), _ended()) != (count, ended):
        st.rerun()
    for i, job in enumerate(running):
        status = job.status
        bar, button = st.columns([84, 16], vertical_alignment="center")
        bar.progress(share(status), text=f"{said(status)} · {job.label}")
        button.button("Cancel", key=f"checks_cancel_{i}", icon=":material/close:", on_click=job.cancel, width="stretch")
