"""How are chances, intervals and clock times said to a prescriber? (Amounts and regimens: pkvae_core.wording.)"""

from datetime import datetime
from itertools import accumulate, pairwise

from pkvae_core.patient import Dose
from pkvae_core.wording import amount_words, duration_words, plain, rounded


def interval_words(low: float, high: float) -> str:
    """408–642."""
    return f"{rounded(low)}–{rounded(high)}"


def bounds_words(low: float | None, high: float | None) -> str:
    """A target's bounds: 400–600, at least 400, at most 600."""
    if low is None or high is None:
        return f"at most {rounded(high)}" if high is not None else f"at least {rounded(low)}" if low is not None else ""
    return interval_words(low, high)


def significant(value: float) -> str:
    """An input as it was given, to four significant digits and without trailing zeros: 16.4, 1,234, 0.0125."""
    return plain(float(f"{value:.4g}"), 9)


def dose_words(dose: Dose) -> str:
    """1,000 mg over 1 h."""
    return amount_words(dose.amount_mg) + (f" over {duration_words(dose.infusion_h)}" if dose.infusion_h else "")


def percent_words(probability: float) -> str:
    """86 %; never 0 % or 100 % for what is only nearly so."""
    if 0 < probability < 0.005:
        return "under 1 %"
    return "over 99 %" if 0.995 <= probability < 1 else f"{probability:.0%}".replace("%", " %")


def twentieths(probabilities: tuple[float, ...]) -> tuple[int, ...]:
    """Probabilities that sum to 1, in twentieths that sum to 20: the steps of their rounded running sum."""
    ends = [round(20 * total) for total in accumulate(probabilities)]
    return tuple(end - start for start, end in pairwise((0, *ends)))


def moment_words(moment: datetime) -> str:
    """Tue 10 Mar 2026, 18:00."""
    return f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M}"


def day_words(moment: datetime, now: datetime) -> str:
    """Tue 10 Mar, 18:00; with the year where it is not that of `now`."""
    return f"{moment:%a} {moment.day} {moment:%b, %H:%M}" if moment.year == now.year else moment_words(moment)


def unit_words(unit: str) -> str:
    """A unit with its micro sign: µg/mL."""
    return f"µ{unit[1:]}" if unit.startswith("u") else unit


AREAS = {"ng/mL": "ng·h/mL", "ug/L": "µg·h/L"}  # units of levels so small that areas go with them; beside all others areas stay in mg·h/L


def area_unit(unit: str) -> str | None:
    """The unit of areas that goes with this unit of levels: "ng·h/mL"; None where they stay in mg·h/L."""
    return AREAS.get(unit)
