"""How does heavy work go on while its reader looks elsewhere? One thread a run, one run at a time on this server, stopped when its session is gone.

The thread touches no Streamlit: it fills a `Status`, which the page reads. The session holds the `Job`, the thread does not: when the session
ends, the job is collected and its thread stops at the next tick.
"""

import atexit
import logging
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pkvae_core.checks.progress import Cancelled
from pkvae_core.checks.progress import Progress as Tick

GATE = threading.Semaphore(1)  # heavy work on this server, whoever asks: the other cores are for those who wait for an answer
PATIENCE_S = 0.2  # between two looks at whether a waiting job was cancelled
BREATH_S = 0.001  # given to other threads at every tick: Python loops would otherwise hold them up


@dataclass(frozen=True)
class Step:
    """One piece of work: `work(tick)` returns the result and calls `tick(done, total)` often."""

    name: str
    label: str
    work: Callable[[Tick], Any]


@dataclass
class Status:
    """What the thread writes and the page reads. A field is replaced whole, never changed in place."""

    steps: tuple[Step, ...]
    phase: Literal["waiting", "running", "finished", "cancelled"] = "waiting"
    at: int = 0  # the step that runs
    done: int = 0  # of `total` in this step
    total: int = 0
    step_began: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        return self.phase in ("finished", "cancelled")

    def seconds_left(self) -> float | None:
        """For the step that runs, at the pace so far; None before there is a pace."""
        return (time.monotonic() - self.step_began) * (self.total - self.done) / self.done if self.done else None


@dataclass(frozen=True)
class Outcome:
    """What one step came to: its result, or a sentence on why there is none; and how long it took."""

    result: Any
    failure: str
    seconds: float


class Job:
    """A run of several steps, begun at once. `outcomes` holds those that have ended, by name."""

    def __init__(self, steps: Sequence[Step], label: str = "", *, gate: threading.Semaphore = GATE):
        self.status, self.label, self.outcomes = Status(tuple(steps)), label, {}
        self._stopped = weakref.finalize(self, self.status.stop.set)
        self._thread = threading.Thread(target=_run, args=(self.status, self.outcomes, gate), name="checks", daemon=True)
        _RUNNING[self._thread] = self.status.stop
        self._thread.start()

    def cancel(self) -> None:
        """Stop at the next tick; what has ended stays."""
        self.status.stop.set()

    def wait(self, seconds: float) -> bool:
        """Whether the job was over within this time."""
        self._thread.join(seconds)
        return self.status.is_over


_RUNNING: "weakref.WeakKeyDictionary[threading.Thread, threading.Event]" = weakref.WeakKeyDictionary()


@atexit.register
def _stop_all() -> None:
    """Before Python goes: no thread may be left inside a tensor operation."""
    threads = list(_RUNNING.items())
    for _, stop in threads:
        stop.set()
    for thread, _ in threads:
        thread.join(2)


def _run(status: Status, outcomes: dict[str, Outcome], gate: threading.Semaphore) -> None:
    try:
        while not gate.acquire(timeout=PATIENCE_S):
            if status.stop.is_set():
                raise Cancelled
        try:
            status.phase = "running"
            for at, step in enumerate(status.steps):
                status.at = at
                outcomes[step.name] = _take(step, status)
        finally:
            gate.release()
    except Cancelled:
        status.phase = "cancelled"
    else:
        status.phase = "finished"


def _take(step: Step, status: Status) -> Outcome:
    """One step to its end. Any error ends this step alone, in words: nobody else would see an exception of this thread."""
    status.done, status.total, status.step_began = 0, 0, time.monotonic()

    def tick(done: int, total: int) -> None:
        status.done, status.total = done, total
        if status.stop.is_set():
            raise Cancelled
        time.sleep(BREATH_S)

    tick(0, 0)
    result, failure = None, ""
    try:
        result = step.work(tick)
    except ValueError as error:
        failure = str(error)
    except Cancelled:
        raise
    except Exception:
        logging.getLogger(__name__).exception("The check %s failed", step.name)
        failure = f"{step.label} stopped with an error of ours; the server's log says where."
    return Outcome(result, failure, time.monotonic() - status.step_began)
