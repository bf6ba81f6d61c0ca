"""How far is a check, and how is it stopped?"""

from collections.abc import Callable

Progress = Callable[[int, int], None]  # (done, total); the total does not change from call to call


class Cancelled(Exception):
    """Raised by a caller's `Progress` to stop a check at its next step; no check catches it."""


def silent(done: int, total: int) -> None:
    """Tells nobody."""
