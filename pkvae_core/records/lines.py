"""What does one row of the file say? Its cells become numbers in our units, and what kind of event it is."""

from collections.abc import Mapping
from dataclasses import dataclass

from pkvae_core.records.cells import Cells
from pkvae_core.records.numbers import is_formula, number
from pkvae_core.records.problems import Notes

OBSERVATION, DOSE, OTHER, RESET, RESET_AND_DOSE = range(5)
BELOW_WORDS = frozenset({"blq", "bql", "bloq", "blod", "lloq", "<lloq", "<loq", "< lloq", "< loq", "below", "undetectable", "not detected"})
NUMERIC = ("AMT", "RATE", "DUR", "EVID", "MDV", "ADDL", "II", "SS", "CENS", "LLOQ")
WHOLE = ("EVID", "MDV", "ADDL", "SS", "CENS")


@dataclass(slots=True)
class Line:
    """One row: amounts in mg, levels in mg/L, times in h; None where the file has nothing.

    `level_text` is "<" when the level was below `level_mg_per_L`, "below" when it was below an unnamed limit; `product` is None without such a column.
    """

    place: int
    row: int
    time_h: float
    time_text: str
    evid: int
    amount_mg: float | None = None
    rate_mg_per_h: float | None = None
    duration_h: float | None = None
    level_mg_per_L: float | None = None
    level_text: str = ""
    is_not_level: bool = False
    cens: int | None = None
    lloq_mg_per_L: float | None = None
    additional: int = 0
    interval_h: float | None = None
    steady_state: int = 0
    product: str | None = None
    analyte: str = ""

    @property
    def is_dose(self) -> bool:
        return self.evid in (DOSE, RESET_AND_DOSE)


def read_line(cells: Cells, place: int, row: int, time_h: float, time_text: str, notes: Notes) -> Line:
    """Row `place` of the mapped columns. A cell that should be a number and is none becomes an error in `notes`."""
    values: dict[str, float] = {}
    for ours in NUMERIC:
        if not (text := cells.text(ours, place)):
            continue
        found = number(text, cells.decimal)
        if found.defect or (ours in WHOLE and found.value is not None and found.value % 1):
            what = found.defect or "is not a whole number"
            notes.error(f'{ours} is "{text[:40]}": it {what}', "Write a plain number, or leave the cell empty.", row, cells.names[ours])
        elif found.value is not None:
            values[ours] = found.value * cells.factors.get(ours, 1.0)
    level, level_text = _level(cells, place, row, notes)
    return Line(
        place=place,
        row=row,
        time_h=time_h,
        time_text=time_text,
        evid=_event(values, level is not None or bool(level_text), row, cells, notes),
        amount_mg=values.get("AMT"),
        rate_mg_per_h=values.get("RATE"),
        duration_h=values.get("DUR"),
        level_mg_per_L=level,
        level_text=level_text,
        is_not_level=values.get("MDV") == 1,
        cens=int(values["CENS"]) if "CENS" in values else None,
        lloq_mg_per_L=values.get("LLOQ"),
        additional=int(values.get("ADDL", 0)),
        interval_h=values.get("II") or None,
        steady_state=int(values.get("SS", 0)),
        product=next((cells.text(ours, place) for ours in ("PRODUCT", "CMT") if ours in cells.texts), None),
        analyte=cells.text("DVID", place),
    )


def _level(cells: Cells, place: int, row: int, notes: Notes) -> tuple[float | None, str]:
    """The level in mg/L, or the text that says it was below a limit ("<0.5" comes back as "<" and the limit in mg/L)."""
    text = cells.text("DV", place)
    factor = cells.factors.get("DV", 1.0)
    found = number(text, cells.decimal)
    if not found.defect:
        return (None if found.value is None else found.value * factor), ""
    if text.lower() in BELOW_WORDS:
        return None, "below"
    if text.startswith("<") and (limit := number(text[1:].strip(), cells.decimal)).value:
        return limit.value * factor, "<"
    notes.error(
        f'DV is "{text[:40]}": it {found.defect}', "Write the level as a number, <0.5 if it was below 0.5, or leave the cell empty.", row, cells.names["DV"]
    )
    return None, ""


def _event(values: Mapping[str, float], has_level: bool, row: int, cells: Cells, notes: Notes) -> int:
    """EVID as written; without it a row with an amount is a dose and any other an observation. A row must not be both."""
    amount = values.get("AMT") or 0
    if "EVID" not in values:
        if amount and has_level and values.get("MDV") != 1:
            notes.error("the row holds both a dose and a level", "Write two rows: one for the dose, one for the level.", row)
        return DOSE if amount or values.get("RATE") else OBSERVATION
    evid = values["EVID"]
    if evid not in range(5):
        notes.error(f"EVID is {evid:g}", "Use 0 level, 1 dose, 2 prediction time, 3 reset, 4 reset and dose.", row, cells.names["EVID"])
        return OTHER
    if amount and evid in (OBSERVATION, OTHER, RESET):
        notes.error(f"EVID is {evid:g}, but the row has an amount", "Use EVID 1 for a dose, or empty AMT.", row, cells.names["AMT"])
    return int(evid)


def refuse_formula(text: str, what: str, row: int, column: str, notes: Notes) -> None:
    """An error when a text that we keep would be calculated by a spreadsheet that opens our output."""
    if is_formula(text):
        notes.error(f'{what} is "{text[:40]}": it is a formula', "Write it as plain text.", row, column)
