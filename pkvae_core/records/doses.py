"""Which doses does a row stand for? Durations, additional doses and steady state, written out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pkvae_core.patient import Dose
from pkvae_core.records.lines import Line
from pkvae_core.records.problems import Notes

MAX_DOSES = 2000


@dataclass(frozen=True)
class Prescribing:
    """How doses are read: `products` maps the file's words for a product (or route, or compartment), in lower case, to the card's.

    `is_infused` speaks of the first product (""), `infused_products` of the others by name. A dose without a duration is a bolus unless `assume_infusion_h`.
    """

    products: Mapping[str, str]
    is_infused: bool = False
    infused_products: frozenset[str] = frozenset()
    assume_infusion_h: float | None = None
    steady_state_h: float = 240.0
    absorption_h: float = 12.0  # for so long a dose that is not infused may still raise levels

    def infuses(self, product: str) -> bool:
        return product in self.infused_products or (product == "" and self.is_infused)


def doses_of(line: Line, rules: Prescribing, notes: Notes) -> list[Dose]:
    """Every dose that this row stands for, in time; none, and a note, when it cannot be read."""
    amount = line.amount_mg
    if not _amount_is_usable(line, notes):
        return []
    if (product := _product(line, rules, notes)) is None:
        return []
    duration = _duration(line, product, rules, notes)
    if duration is None or not _repeats_are_usable(line, duration, notes):
        return []
    assert amount is not None
    before = _steady_state_count(line, rules, notes) if line.steady_state else 0
    step = line.interval_h or 0.0
    return [Dose(line.time_h + i * step, amount, duration, product) for i in range(-before, line.additional + 1)]


def _amount_is_usable(line: Line, notes: Notes) -> bool:
    if line.amount_mg is None:
        notes.error("a dose has no amount", "Write the amount into AMT, or remove the row if nothing was given.", line.row, "AMT")
    elif line.amount_mg < 0:
        notes.error(f"the amount of a dose is {line.amount_mg:g}; it cannot be negative", "Correct AMT.", line.row, "AMT")
    elif line.amount_mg == 0 and line.rate_mg_per_h:
        notes.error("a rate without an amount cannot be read", "Write the amount of the infusion into AMT.", line.row, "AMT")
    elif line.amount_mg == 0:
        notes.warn("a dose of 0 is left out", "Remove the row if nothing was given; otherwise write the amount.", line.row, "AMT")
    return bool(line.amount_mg and line.amount_mg > 0)


def _product(line: Line, rules: Prescribing, notes: Notes) -> str | None:
    """The card's name of the product; None, and an error, when the file's word is none of those that the drug knows."""
    if line.product is None or not rules.products:
        return ""
    if not line.product:
        notes.warn("the dose names no product; the drug's first is taken", "Write the product into every row of a dose.", line.row, "PRODUCT")
        return ""
    if (name := rules.products.get(line.product.lower())) is None:
        notes.error(f'"{line.product[:40]}" is no product of this drug', f"Use one of {', '.join(rules.products)}.", line.row, "PRODUCT")
    return name


def _duration(line: Line, product: str, rules: Prescribing, notes: Notes) -> float | None:
    """Duration of the infusion in h, 0 for a bolus; None, and an error, when RATE and DUR cannot be followed."""
    rate, duration = line.rate_mg_per_h, line.duration_h
    if rate is not None and rate < 0:
        notes.error(
            "RATE is negative: a rate or duration that a model estimates (-1, -2) cannot be read", "Write the rate, or the duration into DUR.", line.row, "RATE"
        )
        return None
    if duration is not None and duration < 0:
        notes.error(f"the infusion lasts {duration:g} h; it cannot be negative", "Correct DUR.", line.row, "DUR")
        return None
    by_rate = line.amount_mg / rate if rate and line.amount_mg else None
    if by_rate is not None and duration and not math.isclose(by_rate, duration, rel_tol=0.01):
        notes.error(f"AMT and RATE make an infusion of {by_rate:.3g} h, but DUR says {duration:.3g} h", "Correct one of them, or empty RATE.", line.row, "DUR")
        return None
    known = duration or by_rate
    if known and rules.products and not rules.infuses(product):
        notes.error(
            "the dose has a duration, but its product is not infused", "Name the infused product in a column PRODUCT, or empty the duration.", line.row, "DUR"
        )
        return None
    if known or not rules.infuses(product):
        return known or 0.0
    if rules.assume_infusion_h is not None:
        notes.warn(
            f"the dose has no duration; {rules.assume_infusion_h:g} h is assumed", "Write the duration into DUR (hours) if it is known.", line.row, "DUR"
        )
        return rules.assume_infusion_h
    notes.warn(
        "this drug is infused, but the dose has no duration; it is read as a bolus",
        "Write the duration into DUR (hours), or assume one for the whole file.",
        line.row,
        "DUR",
    )
    return 0.0


def _repeats_are_usable(line: Line, duration_h: float, notes: Notes) -> bool:
    """May ADDL, II and SS be followed?"""
    count = len(notes.problems)
    repeats = bool(line.additional or line.steady_state)
    if line.additional < 0 or line.additional > MAX_DOSES:
        notes.error(f"ADDL is {line.additional}; it must lie between 0 and {MAX_DOSES:,}", "Correct ADDL.", line.row, "ADDL")
    if line.steady_state not in (0, 1):
        notes.error(f"SS is {line.steady_state}; only 1 (steady state) can be read", "Write the earlier doses as rows of their own.", line.row, "SS")
    if repeats and not (line.interval_h and line.interval_h > 0):
        notes.error("ADDL or SS is given without an interval above 0 in II", "Write the dosing interval in hours into II.", line.row, "II")
    elif line.interval_h and not repeats:
        notes.warn("II is given without ADDL or SS; one dose is read", "Write the number of further doses into ADDL if there were any.", line.row, "II")
    elif repeats and line.interval_h and duration_h > line.interval_h * (1 + 1e-9):
        notes.error(
            f"an infusion of {duration_h:g} h is longer than its interval of {line.interval_h:g} h",
            "Correct the duration (in hours, not minutes) or II.",
            line.row,
            "DUR",
        )
    return not any(problem.severity == "error" for problem in notes.problems[count:])


def _steady_state_count(line: Line, rules: Prescribing, notes: Notes) -> int:
    """Earlier doses that stand for steady state: as many as fit into the horizon."""
    assert line.interval_h is not None
    count = min(MAX_DOSES, math.ceil(rules.steady_state_h / line.interval_h))
    notes.warn(
        f"steady state (SS=1) is read as {count} earlier doses, one every {line.interval_h:g} h",
        f"Write the doses out if {count * line.interval_h:g} h are not enough to reach it.",
        line.row,
        "SS",
    )
    return count
