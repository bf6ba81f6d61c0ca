"""What does a course of each screened drug look like: when levels are asked for, how long courses go on, and how the flow begins there?"""

from dataclasses import dataclass

from pkvae_core.vae.state_jump import Flow


@dataclass(frozen=True)
class Courses:
    """Hours after a dose (or meal) that count as soon, and after the last dose; the longer course: doses, interval (h), labelled amount (mg), doses of the
    longest taught one; the levels (mg/L) among which a clean curve is judged; doses whose jump is judged."""

    soon_h: float
    long_after_h: float
    long_doses: int
    interval_h: float
    amount_mg: float
    taught_doses: int
    seen_mg_per_L: tuple[float, float]
    judged_doses: tuple[int, ...]
    flow: Flow


COURSES = {
    "phenytoin": Courses(24.0, 120.0, 240, 12.0, 150.0, 72, (0.5, 60.0), (10, 40, 70, 120), Flow((0.5, 10.0, 300.0))),
    "omalizumab": Courses(336.0, 2000.0, 72, 672.0, 300.0, 24, (1.0, 240.0), (3, 10, 20, 50), Flow((50.0, 300.0, 1500.0))),
    "mycophenolate": Courses(12.0, 48.0, 72, 12.0, 500.0, 24, (0.1, 60.0), (3, 10, 20, 50), Flow((0.3, 1.5, 20.0), groups=6, unseen=6, has_meals=True)),
}
