"""How far is a run, and how long will it take, in words?"""

from pages.checks_parts.jobs import Status


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
