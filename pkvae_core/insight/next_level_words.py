"""How is it said when the next level would help most?"""

from pkvae_core.insight.belief_words import bits_words
from pkvae_core.insight.next_level import Expected, NextLevel
from pkvae_core.wording import plain

NOT_WORTH_IT = "Another level would hardly change the dose, whenever it is drawn."


def points_words(gain: float) -> str:
    """ "7 points", "under 1 point", of a hundred."""
    points = round(100 * gain)
    return "under 1 point" if points < 1 else "1 point" if points == 1 else f"{points} points"


def best_words(found: NextLevel, when: str) -> str:
    """Best next level: tomorrow 05:30. What it is expected to bring, or that no level is worth it. `when` is the clock time of the best."""
    best = found.best
    if best is None:
        return NOT_WORTH_IT
    return f"Best next level: **{when}**. {expected_words(best)}"


def expected_words(expected: Expected) -> str:
    """What a level at this time is expected to bring, on average over what the laboratory may report."""
    width, chance = expected.relative_width, round(100 * expected.gain_in)
    inside = f" (its chance in target by {chance})" if chance > 0 else ""
    narrower = f" and narrows the 90 % interval of the exposure by {plain(100 * (1 - width), 0)} %" if width is not None and width < 0.995 else ""
    return f"On average it lifts the score of the best regimen by {points_words(expected.gain)} of 100{inside}{narrower}; {bits_words(expected.bits)}."
