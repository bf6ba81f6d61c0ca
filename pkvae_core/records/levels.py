"""Which measured level does a row hold? Below the limit, missing, or not for us."""

from pkvae_core.patient import Sample
from pkvae_core.records.lines import Line
from pkvae_core.records.problems import Notes

LEAVE_OUT = "It is left out. Give the laboratory's limit (LLOQ) if the level was below it."


def sample_of(line: Line, notes: Notes, *, lloq_mg_per_L: float | None, has_cens: bool) -> Sample | None:
    """The level in this row of observation; None, and a note where something was written, when there is none to use."""
    value = line.level_mg_per_L
    if line.is_not_level:
        if value:
            notes.warn("MDV is 1, so the level in this row is not read", "Set MDV to 0 if it was measured.", line.row, "MDV")
        return None
    if line.level_text == "<":
        return Sample(line.time_h, None, value)
    limit = line.lloq_mg_per_L or lloq_mg_per_L
    if limit is not None and limit <= 0:
        notes.error(f"the limit of quantification is {limit:g}; it must be above 0", "Correct LLOQ, or leave it empty.", line.row, "LLOQ")
        return None
    if value is not None and value < 0:
        notes.error(f"DV is {value:g} mg/L; a concentration cannot be negative", "Leave it empty if it was not measured.", line.row, "DV")
        return None
    if line.cens not in (None, 0, 1):
        notes.warn(f"CENS is {line.cens}; only 1 (below the limit) can be read", "The level is left out. Correct CENS if it was measured.", line.row, "CENS")
        return None
    if line.level_text or line.cens == 1:
        return _below(line, line.lloq_mg_per_L or (value if line.cens == 1 and value else None) or limit, "the level is below a limit that is not given", notes)
    if value is None:
        notes.warn("a row of observation holds no level", "Nothing is read from it; use EVID 2 if a prediction is wanted there.", line.row, "DV")
        return None
    if value == 0:
        return _below(line, limit, "DV is 0 and no limit of quantification is given", notes)
    if limit is not None and value < limit and not has_cens:
        notes.warn(f"the level is below the limit of {limit:g} mg/L and read as such", "Correct LLOQ if the number is a valid result.", line.row, "DV")
        return Sample(line.time_h, None, limit)
    return Sample(line.time_h, value, limit)


def _below(line: Line, limit_mg_per_L: float | None, what: str, notes: Notes) -> Sample | None:
    if limit_mg_per_L is None:
        notes.warn(what, LEAVE_OUT, line.row, "DV")
        return None
    return Sample(line.time_h, None, limit_mg_per_L)
