"""Do intervals of 10 to 95 % hold what they promise, in everybody and in each group of patients?

Of every truth the posterior probability below it is counted; the central interval of a nominal level holds the truth when that probability lies in its middle
part. A level "below the limit of quantification" is known only to lie in an interval of probabilities, and counts in proportion (the non-randomised PIT of
Czado, Gneiting & Held 2009).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float

from pkvae_core.checks.accuracy import figure, subject_weights, weighted_mean
from pkvae_core.checks.strata import EVERYBODY, STRATA

NOMINAL = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
QUANTITIES = ("auc24", "trough", "peak", "concentration", "level")
LABELS = {
    "concentration": "True concentration when the next level is drawn",
    "level": "Next measured level",
}
EXPOSURES = {"auc24": "AUC24 at steady state", "trough": "Trough on the fifth day", "peak": "Peak on the fifth day"}  # of most cards, see `typical.labels`
Groups = Mapping[str, Callable[[int], bool]]


@dataclass(frozen=True)
class Case:
    """One truth in what was expected of it: the posterior probability below it lies from `low` to `high` (one number, unless it is a level below its limit).

    `earlier` counts the levels the posterior had seen; `strata` are the groups that this case speaks for.
    """

    quantity: str
    earlier: int
    subject: str
    low: float
    high: float
    strata: tuple[str, ...]


@dataclass(frozen=True)
class CoveragePoint:
    """Share of the truths that a central interval of `nominal` probability held, with its 95 % interval; shares from 0 to 1."""

    quantity: str
    label: str
    levels: str
    stratum: str
    nominal: float
    covered: float
    low95: float
    high95: float
    cases: int
    subjects: int


@dataclass(frozen=True)
class Coverage:
    """Coverage of one engine by quantity, number of earlier levels, stratum and nominal level; `left_out` says whom it could not answer for, and why."""

    engine: str
    points: tuple[CoveragePoint, ...]
    left_out: tuple[str, ...] = ()

    def select(self, *, quantity: str | None = None, levels: str | None = None, stratum: str | None = None, nominal: float | None = None):
        """The points with these properties, in order: tuple of CoveragePoint."""
        wanted = {"quantity": quantity, "levels": levels, "stratum": stratum, "nominal": nominal}
        return tuple(p for p in self.points if all(value is None or getattr(p, name) == value for name, value in wanted.items()))

    def there_is(self, name: str) -> tuple[str, ...]:
        """The values of "quantity", "levels" or "stratum" that occur, in order."""
        return tuple(dict.fromkeys(getattr(p, name) for p in self.points))

    def rows(self) -> tuple[dict[str, object], ...]:
        return tuple(asdict(p) for p in self.points)

    @property
    def sentence(self) -> str:
        """What the 90 % intervals held of everybody, quantity by quantity."""
        found = [_in_words(self.select(quantity=q, stratum=EVERYBODY, nominal=0.9)) for q in self.there_is("quantity")]
        return f"The 90 % intervals held the truth as follows. {'. '.join(found)}." if found else "There was nothing to check."


def _in_words(points: Sequence[CoveragePoint]) -> str:
    each = [f"{100 * p.covered:.1f} % of {p.cases:,}{'' if p.levels == 'all' else f' after {p.levels} levels'}" for p in points]
    return f"{points[0].label}: {', '.join(each)}"


def coverage_of(
    engine: str, cases: Sequence[Case], groups: Groups, *, exposures: Mapping[str, str] = EXPOSURES, left_out: Sequence[str] = (), seed: int = 0
) -> Coverage:
    """The coverage that these cases show, for each group of numbers of earlier levels and each stratum that has any; `exposures` names those of the card."""
    quantities, labels_of = tuple(q for q in QUANTITIES if any(c.quantity == q for c in cases)), {**exposures, **LABELS}
    there = {label for c in cases for label in c.strata}
    labels = [label for label in (EVERYBODY, *(s.label for s in STRATA)) if label in there]
    points: list[CoveragePoint] = []
    for quantity in quantities:
        for levels, belongs in groups.items():
            known = [c for c in cases if c.quantity == quantity and belongs(c.earlier)]
            for stratum in labels:
                points += _points(quantity, labels_of[quantity], levels, stratum, [c for c in known if stratum in c.strata], seed)
    return Coverage(engine, tuple(points), tuple(left_out))


def _points(quantity: str, label: str, levels: str, stratum: str, cases: Sequence[Case], seed: int) -> list[CoveragePoint]:
    if not cases:
        return []
    low, high = (np.array([getattr(c, name) for c in cases]) for name in ("low", "high"))
    subjects = {name: i for i, name in enumerate(dict.fromkeys(c.subject for c in cases))}
    weight = subject_weights([subjects[c.subject] for c in cases], len(subjects), replicates=1000, seed=seed) if len(subjects) < len(cases) else None
    found = []
    for nominal in NOMINAL:
        held = share_held(low, high, nominal)
        ends = wilson(float(held.mean()), len(cases)) if weight is None else _clustered(held, weight)
        found.append(CoveragePoint(quantity, label, levels, stratum, nominal, float(held.mean()), *ends, len(cases), len(subjects)))
    return found


def share_held(low: Float[np.ndarray, " case"], high: Float[np.ndarray, " case"], nominal: float) -> Float[np.ndarray, " case"]:
    """How much of each case's probabilities [low, high] lies in the central interval: 0 or 1 of a point, the shared part of an interval."""
    left, right = (1 - nominal) / 2, (1 + nominal) / 2
    width = high - low
    shared = np.clip(np.minimum(high, right) - np.maximum(low, left), 0, None)
    is_point = width < 1e-12
    return np.where(is_point, (low >= left) & (low <= right), shared / np.where(is_point, 1, width))


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of independent cases (Wilson 1927)."""
    z2 = 1.959964**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = np.sqrt(z2 * (share * (1 - share) / count + z2 / (4 * count**2))) / (1 + z2 / count)
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def _clustered(held: Float[np.ndarray, " case"], weight: Float[np.ndarray, "replicate case"]) -> tuple[float, float]:
    """The 95 % interval when whole subjects are drawn anew; nothing can be said from one subject."""
    found = figure(weighted_mean(held, weight))
    return (np.nan, np.nan) if found.low95 is None or found.high95 is None else (found.low95, found.high95)
