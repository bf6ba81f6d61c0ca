"""What do the mapped columns hold, and in which units?"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pkvae_core.records import units
from pkvae_core.records.columns import DATE_ORDERS, ColumnMapping, plain
from pkvae_core.records.numbers import MISSING_WORDS, number
from pkvae_core.records.options import ReadOptions
from pkvae_core.records.problems import DataError, Notes
from pkvae_core.records.spreadsheet import Table
from pkvae_core.records.times import Calendar, date_order, read_zone


@dataclass(frozen=True)
class Cells:
    """The columns of the file that were mapped, as text; `factors` turn a number of theirs into ours, `names` are their names for our columns."""

    texts: Mapping[str, Sequence[str]]
    factors: Mapping[str, float]
    names: Mapping[str, str]
    decimal: str = "."

    def text(self, ours: str, place: int) -> str:
        return self.texts[ours][place] if ours in self.texts else ""


def read_cells(table: Table, mapping: ColumnMapping, options: ReadOptions, notes: Notes) -> Cells:
    """The mapped columns of `table`. Raises DataError for a unit that cannot be converted; says which units were taken from column names."""
    columns = dict(zip(table.header, zip(*table.rows, strict=True), strict=True))
    texts: dict[str, Sequence[str]] = {ours: columns[theirs] for ours, theirs in mapping.certain.items()}
    if options.column_map.get("ID") == "":
        texts["ID"] = ("1",) * len(table.rows)
        notes.warn("no column names the patient; all rows are read as one", "Map ID to a column if there are several.")
    factors = {ours: _factor(ours, theirs, mapping, options, notes) for ours, theirs in mapping.certain.items()}
    return Cells(_known_products(texts, options, notes), factors, {ours: theirs for ours, theirs in mapping.certain.items()}, table.decimal)


def _factor(ours: str, theirs: str, mapping: ColumnMapping, options: ReadOptions, notes: Notes) -> float:
    """How many of our units one of theirs is: the unit in the column's name, else the one in `options`, else ours."""
    own = mapping.units.get(ours)
    molar = options.molar_mass_g_per_mol
    amount, level = mapping.units.get("AMT", options.amount_unit), mapping.units.get("DV", options.concentration_unit)
    # our column -> (the unit to read it in, how to convert that unit, the unit the caller expects)
    readings: dict[str, tuple[str, Callable[[str], float], str]] = {
        "AMT": (amount, lambda unit: units.amount_factor(unit, molar), options.amount_unit),
        "RATE": (own or f"{amount}/h", lambda unit: units.rate_factor(unit, molar), f"{amount}/h"),
        "DUR": (own or "h", units.time_factor, "h"),
        "II": (own or "h", units.time_factor, "h"),
        "TIME": (own or "h", units.time_factor, "h"),
        "DV": (level, lambda unit: units.concentration_factor(unit, molar), options.concentration_unit),
        "LLOQ": (own or level, lambda unit: units.concentration_factor(unit, molar), level),
    }
    for spec in options.covariates:
        if spec.name == ours and ours != "SEX":
            readings[ours] = (own or spec.unit, lambda unit, to=spec.unit: units.covariate_factor(unit, to), spec.unit)
    if ours not in readings:
        return 1.0
    unit, convert, expected = readings[ours]
    try:
        factor, usual = convert(unit), convert(expected)
    except ValueError as error:
        raise DataError(f"{theirs}: {error}") from error
    if own and factor != usual:
        notes.warn(f"{theirs} is read in {units.shown(unit)}, as its name says, not in {expected}", "Rename the column if that is wrong.", None, theirs)
    return factor


def _known_products(texts: dict[str, Sequence[str]], options: ReadOptions, notes: Notes) -> dict[str, Sequence[str]]:
    """Without a column that tells products apart, or with one that has nothing to tell, every dose is the card's first product."""
    column = "PRODUCT" if "PRODUCT" in texts else "CMT"
    if column not in texts:
        return texts
    is_dose = [amount not in MISSING_WORDS and amount.strip("0.,") != "" for amount in texts.get("AMT", ())]
    words = {word for word, given in zip(texts[column], is_dose, strict=True) if given and word}
    known = {word.lower() for word in options.products}
    if column == "PRODUCT" and options.products:
        return {ours: text for ours, text in texts.items() if ours != "CMT"}
    if column == "CMT" and words and {word.lower() for word in words} <= known:
        return texts
    if len(words) > 1:
        remedy = f"Add a column PRODUCT with one of {', '.join(options.products)}" if options.products else "Keep the doses of one product"
        raise DataError(f"Doses differ in {column} ({', '.join(sorted(words)[:5])}), and it is not known which product each is. {remedy}.")
    if column == "PRODUCT" and words:
        notes.warn(f'the product "{min(words)}" is taken to be the drug\'s own', "Check that the drug and the route are right.", None, column)
    return {ours: text for ours, text in texts.items() if ours not in ("CMT", "PRODUCT")}


def time_texts(cells: Cells, notes: Notes) -> list[str]:
    """TIME, with DATE before it where there is one. Raises DataError when TIME is a bare number beside a date that it might belong to."""
    times = list(cells.texts["TIME"])
    if "DATE" not in cells.texts:
        return times
    hours = [found.value for text in set(times) if (found := number(text, cells.decimal)).value is not None]
    if len(hours) > len({text for text in times if ":" in text}):
        if max(hours) < 24:
            raise DataError(
                f"{cells.names['TIME']} holds numbers beside {cells.names['DATE']}: hours of a day, or hours since the start? "
                'Write clock times (08:30), or say with the column mapping {"DATE": ""} that the dates are not to be used.'
            )
        notes.warn(
            "TIME holds hours above 24; the dates beside it are not used", "Write clock times (08:30) if TIME is a time of day.", None, cells.names["DATE"]
        )
        return times
    dates = [re.sub(r"(?<=\d)([ T]0?0:00(:00)?|\.0)$", "", text) for text in cells.texts["DATE"]]
    return [time if re.search(r"\d[-/. ]\S*\d[ T]", time) else f"{day} {time}" for day, time in zip(dates, times, strict=True)]


def calendar(texts: Sequence[str], cells: Cells, time_zone: str | None) -> Calendar:
    """How this file writes dates."""
    column = cells.names.get("DATE", cells.names["TIME"])
    order = DATE_ORDERS.get(plain(column)) or date_order(texts, column)
    return Calendar(order, read_zone(time_zone))
