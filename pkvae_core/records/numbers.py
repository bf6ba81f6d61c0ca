"""Which number stands in this cell, if any?"""

import math
import re
from functools import lru_cache
from typing import NamedTuple

MISSING_WORDS = frozenset({"", ".", "-", "?", "na", "nan", "n/a", "#n/a", "none", "null", "missing", "unknown", "nd", "not done"})
MISSING_CODES = frozenset({-99.0, -999.0, -9999.0})


class Number(NamedTuple):
    """`value` is None when nothing was recorded; `defect` says why the text is no number ("" when it is one, or missing)."""

    value: float | None
    defect: str = ""


@lru_cache(maxsize=100_000)
def number(text: str, decimal: str = ".") -> Number:
    """The number written in `text` with the file's decimal sign; ".", NA and -99 are missing. A formula is never evaluated."""
    if text.lower() in MISSING_WORDS:
        return Number(None)
    if is_formula(text):
        return Number(None, "is a formula, and formulas are not evaluated")
    other = "," if decimal == "." else "."
    if not re.fullmatch(rf"[-+]?(\d+(\{decimal}\d*)?|\{decimal}\d+)([eE][-+]?\d+)?", text):
        if re.fullmatch(rf"[-+]?\d+\{other}\d+", text):
            return Number(None, f'has a "{other}" where the other numbers of this file have a "{decimal}" or none: it may be a decimal sign or a thousand')
        return Number(None, "is not a number")
    value = float(text.replace(",", "."))
    if not math.isfinite(value):
        return Number(None, "is not a number")
    return Number(None if value in MISSING_CODES else value)


def is_formula(text: str) -> bool:
    """Would a spreadsheet calculate this text rather than show it?"""
    return text[:1] in ("=", "@") or (text[:1] in ("+", "-") and not re.fullmatch(r"[-+][\d.,]*([eE][-+]?\d+)?", text))
