"""Who is to be looked at first? A patient's chances against the target's two alarms, as one of eight words, and the order of the words.

The order is that of the words, from "likely too high" to "nobody answers". A chance above the toxicity alarm comes before one below the inefficacy alarm, each
once it reaches `POSSIBLE` (1 in 5); from `LIKELY` (1 in 2) on, it is called likely. Within these words the greater chance of that alarm comes first, in whole
per cent, then the exposure that lies further out, then the order of the file; within "off target" and "no alarm" the smaller chance in target. So whoever has
at least 1 chance in 5 of being too high stands in the order of that chance, before everybody else. Both limits are our own choice: at 1 in 10,
a patient on vancomycin in the middle of the target and with one level would be called perhaps too high, and told to keep the dose. Patients who cannot be
judged, and those for whom nobody answers, have no chances to be ordered by: they stand last, each with the sentence that says why, and pages count them above
the table.
"""

from dataclasses import dataclass

POSSIBLE, LIKELY = 0.2, 0.5


@dataclass(frozen=True)
class Urgency:
    """One word: `label` for the reader, `mark` that says it without colour, and what it `means`."""

    name: str
    label: str
    mark: str
    means: str

    @property
    def rank(self) -> int:
        """0 is to be looked at first."""
        return URGENCIES.index(self)

    @property
    def words(self) -> str:
        return f"{self.mark} {self.label}"


TOO_HIGH = Urgency("too high", "Likely too high", "▲", "at least 1 chance in 2 of an exposure above the toxicity alarm")
PERHAPS_HIGH = Urgency("perhaps high", "Perhaps too high", "△", "at least 1 chance in 5 above the toxicity alarm")
TOO_LOW = Urgency("too low", "Likely too low", "▼", "at least 1 chance in 2 below the inefficacy alarm")
PERHAPS_LOW = Urgency("perhaps low", "Perhaps too low", "▽", "at least 1 chance in 5 below the inefficacy alarm")
OFF_TARGET = Urgency("off target", "Off target", "◇", "neither alarm, but less than the least chance in target that is asked for")
NO_ALARM = Urgency("no alarm", "No alarm", "●", "neither alarm, and chance enough in target")
NOT_JUDGED = Urgency("not judged", "Not judged", "○", "no target, or neither a clear regimen nor a day of doses to judge")
UNANSWERED = Urgency("unanswered", "Nobody answers", "✕", "the record has to be checked first")
URGENCIES = (TOO_HIGH, PERHAPS_HIGH, TOO_LOW, PERHAPS_LOW, OFF_TARGET, NO_ALARM, NOT_JUDGED, UNANSWERED)


@dataclass(frozen=True)
class Chances:
    """In target, above the toxicity alarm, below the inefficacy alarm; None where the target states no such alarm."""

    in_target: float
    too_high: float | None
    too_low: float | None


def urgency_of(chances: Chances, *, least_probability: float) -> Urgency:
    """The word for these chances (see the top of this file)."""
    high, low = chances.too_high or 0.0, chances.too_low or 0.0
    if high >= POSSIBLE:
        return TOO_HIGH if high >= LIKELY else PERHAPS_HIGH
    if low >= POSSIBLE:
        return TOO_LOW if low >= LIKELY else PERHAPS_LOW
    return OFF_TARGET if chances.in_target < least_probability else NO_ALARM


def order(urgency: Urgency, chances: Chances | None, median: float) -> tuple[float, ...]:
    """Sorts by urgency, ascending; equals keep the order they come in. `median` is that of the exposure."""
    if chances is None:
        return (urgency.rank,)
    if urgency in (TOO_HIGH, PERHAPS_HIGH):
        return urgency.rank, -round(chances.too_high or 0.0, 2), -median
    if urgency in (TOO_LOW, PERHAPS_LOW):
        return urgency.rank, -round(chances.too_low or 0.0, 2), median
    return urgency.rank, round(chances.in_target, 2)
