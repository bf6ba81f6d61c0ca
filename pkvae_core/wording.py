"""How is a dose said, so that it cannot be misread: thousands separator, leading zero, no trailing zero, mcg below 1 mg, "every 12 h"."""

import math
from collections.abc import Sequence

from pkvae_core.patient import Regimen


def plain(value: float, decimals: int = 3) -> str:
    """A number without trailing zeros: 1,000; 2.5; 0.25."""
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: float) -> str:
    """A result to three significant digits: 487; 1,230; 12.3; 0.85; ∞."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "∞"
    digits = 2 - math.floor(math.log10(abs(value)))
    return plain(round(value, digits), max(digits, 0))


def amount_words(amount_mg: float) -> str:
    """ "1,000 mg", "0.5 g" never; below 1 mg in micrograms: "500 mcg"."""
    return f"{plain(amount_mg * 1000)} mcg" if amount_mg < 1 else f"{plain(amount_mg)} mg"


def duration_words(hours: float) -> str:
    """ "30 min", "1.5 h", "14 days"."""
    if hours >= 48 and hours % 24 == 0:
        return f"{plain(hours / 24)} days"
    return f"{plain(hours * 60, 1)} min" if hours < 1 else f"{plain(hours, 2)} h"


def slow_unit(half_life_h: float) -> tuple[float, str]:
    """How many hours make the unit in which a half-life is said, and that unit: days from ten days on."""
    return (24.0, "days") if half_life_h >= 240 else (1.0, "h")


def every_words(interval_h: float) -> str:
    """ "every 12 h", "every 2 weeks": whole weeks from one week on."""
    weeks = interval_h / 168
    if weeks < 1 or weeks % 1:
        return f"every {plain(interval_h, 2)} h"
    return "every week" if weeks == 1 else f"every {weeks:.0f} weeks"


def intervals_words(intervals_h: Sequence[float]) -> str:
    """ "every 8, 12, 24 h", "every 2, 4 weeks" where all are whole weeks."""
    is_weeks = all(interval % 168 == 0 for interval in intervals_h)
    return f"every {', '.join(plain(interval / (168 if is_weeks else 1)) for interval in intervals_h)} {'weeks' if is_weeks else 'h'}"


def spell_words(hours: float) -> str:
    """About how long: "14 h", "3 days", "4 weeks"."""
    if hours < 48:
        return f"{hours:.0f} h"
    return f"{hours / 24:.0f} days" if hours < 21 * 24 else f"{hours / 168:.0f} weeks"


def regimen_words(regimen: Regimen) -> str:
    """ "750 mg every 12 h, over 1 h"; a loading dose comes first: "1,500 mg over 2 h once, then ..."."""
    every = f"{amount_words(regimen.amount_mg)} {every_words(regimen.interval_h)}"
    if regimen.is_continuous:
        every += " as a continuous infusion"
    elif regimen.infusion_h:
        every += f", over {duration_words(regimen.infusion_h)}"
    if regimen.loading_amount_mg is None:
        return every
    over = f" over {duration_words(regimen.loading_infusion_h)}" if regimen.loading_infusion_h else ""
    return f"{amount_words(regimen.loading_amount_mg)}{over} once, then {every}"


def times_out_of(probability: float, total: int = 100) -> str:
    """ "41 of 100", rounded down: a probability that misses a limit is never worded as if it met it."""
    return f"{math.floor(probability * total + 1e-9)} of {total}"


def counted(number: int, noun: str) -> str:
    """ "one patient", "1,200 levels"."""
    return f"one {noun}" if number == 1 else f"{number:,} {noun}s"
