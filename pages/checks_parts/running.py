"""How far is a run, how long will it take, and how is it stopped?"""

from collections.abc import Sequence

import streamlit as st

from pages.checks_parts.jobs import Job, Outcome, Status, Step
from pages.checks_parts.source import Source

KEPT = 6  # sources whose results a session keeps
EVERY_S = 1.0
JOBS = "checks_jobs"


def begin(source: Source, steps: Sequence[Step]) -> None:
    """Start these checks on this source. The results of the last few sources stay; older ones are dropped."""
    jobs: dict[str, list[Job]] = st.session_state.setdefault(JOBS, {})
    mine = jobs.pop(source.key, [])
    jobs[source.key] = [*mine, Job(steps, source.words())]
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


def share(status: Status) -> float:
    """How much of the run is done, each step counting the same."""
    within = min(1.0, status.done / status.total) if status.total else 0.0
    return (status.at + within) / len(status.steps)


def said(status: Status) -> str:
    """ "2 of 7: Goodness of fit, 40 of 200, about 12 s left for it"."""
    if status.stop.is_set():
        return "Stopping"
    if status.phase == "waiting":
        return "Waiting for another run on this server to end"
    steps = f"{status.at + 1} of {len(status.steps)}: " if len(status.steps) > 1 else ""
    words = f"{steps}{status.steps[status.at].label}"
    if status.total:
        words += f", {status.done:,} of {status.total:,}"
    left = status.seconds_left()
    return words + (f", {duration(left)} left for it" if left is not None else "")


def duration(seconds: float) -> str:
    """ "about 12 s", "about 3 min"."""
    return f"about {max(1, round(seconds))} s" if seconds < 100 else f"about {round(seconds / 60)} min"
