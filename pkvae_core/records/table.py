"""Who are the patients in this file, and what is wrong with it?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import BufferedIOBase
from pathlib import Path

from pkvae_core.records import checks
from pkvae_core.records.cells import Cells, calendar, read_cells, time_texts
from pkvae_core.records.columns import MappingNeeded, plain, propose_mapping
from pkvae_core.records.covariates import is_derived, read_covariates, sex_coding, with_clearance
from pkvae_core.records.doses import Prescribing
from pkvae_core.records.history import Measuring, PatientRecord, read_record, since_last_reset
from pkvae_core.records.lines import read_line, refuse_formula
from pkvae_core.records.numbers import MISSING_WORDS, number
from pkvae_core.records.options import ReadOptions
from pkvae_core.records.problems import DataError, Notes, Problem, in_row_order
from pkvae_core.records.spreadsheet import open_table
from pkvae_core.records.times import Calendar, elapsed, morning_hour


class AnalyteNeeded(DataError):
    """The file holds levels of several analytes: the page offers `choices`, the command line takes --dvid."""

    def __init__(self, choices: tuple[str, ...]):
        self.choices = choices
        super().__init__(f"The file holds levels of several analytes: DVID is {', '.join(choices)}. Choose the one that is this drug (--dvid {choices[0]}).")


@dataclass(frozen=True)
class Cohort:
    """The patients without errors, in file order, every problem in row order, and the clock time of each patient's hour 0 (None where the file has hours)."""

    records: tuple[PatientRecord, ...]
    problems: tuple[Problem, ...]
    origin: Mapping[str, datetime | None]


@dataclass(frozen=True)
class _Rules:
    """What holds for every patient of the file."""

    cells: Cells
    rows: tuple[int, ...]
    texts: Sequence[str]
    dates: Calendar
    options: ReadOptions
    prescribing: Prescribing
    measuring: Measuring


def read_patients(source: Path | str | bytes | BufferedIOBase, *, options: ReadOptions) -> Cohort:
    """The patients in a CSV or .xlsx table with one row for each dose, level or time asked for.

    Raises MappingNeeded when a person must say which column is which, AnalyteNeeded when there are several analytes, DataError when the file cannot be read.
    """
    table = open_table(source)
    mapping = propose_mapping(table.header, options.covariates, options.column_map)
    if not mapping.is_complete:
        raise MappingNeeded(mapping)
    whole = Notes()
    for note in table.notes:
        whole.warn(note, "Check that nothing is missing.")
    _note_unused(mapping.unused, whole)
    cells = read_cells(table, mapping, options, whole)
    if "SEX" in cells.texts:
        sex_coding(cells.texts["SEX"], cells.names["SEX"], whole)
    texts = time_texts(cells, whole)
    rules = _Rules(
        cells=cells,
        rows=table.lines,
        texts=texts,
        dates=calendar(texts, cells, options.time_zone),
        options=options,
        prescribing=Prescribing(
            {word.lower(): name for word, name in options.products.items()},
            options.is_infused,
            options.infused_products,
            options.assume_infusion_h,
            options.steady_state_h,
            options.absorption_h,
        ),
        measuring=Measuring(options.lloq_mg_per_L, "CENS" in cells.texts, _analyte(cells, options.dvid, whole)),
    )
    return _cohort(rules, whole)


def _cohort(rules: _Rules, whole: Notes) -> Cohort:
    records, origins, notes = [], {}, [whole]
    for patient_id, places in _by_patient(rules.cells, rules.rows).items():
        own = Notes(patient_id)
        record, origin = _read_patient(patient_id, places, rules, own)
        notes.append(own)
        if record is not None:
            records.append(record)
            origins[patient_id] = origin
    _refuse_without_doses(rules, notes)
    _compare_patients(records, notes)
    names = rules.cells.names
    found = in_row_order(problem for own in notes for problem in own.problems)
    return Cohort(tuple(records), tuple(replace(p, column=names.get(p.column, p.column)) if p.column else p for p in found), origins)


def _read_patient(patient_id: str, places: Sequence[int], rules: _Rules, notes: Notes) -> tuple[PatientRecord | None, datetime | None]:
    cells, rows = rules.cells, [rules.rows[place] for place in places]
    refuse_formula(patient_id, "ID", rows[0], "ID", notes)
    texts = [rules.texts[place] for place in places]
    hours, origin = elapsed(texts, rows, rules.dates, notes, unit_h=cells.factors["TIME"], decimal=cells.decimal)
    lines = [read_line(cells, *row, notes) for row in zip(places, rows, hours, texts, strict=True)]
    if notes.has_error:
        return None, None
    earlier, kept = since_last_reset(lines, notes)
    ordered = [*earlier, *kept]
    times = [float("-inf")] * len(earlier) + [line.time_h for line in kept]
    covariates = read_covariates(rules.options.covariates, cells, [line.place for line in ordered], [line.row for line in ordered], times, notes)
    record = read_record(patient_id, kept, covariates, rules.prescribing, rules.measuring, notes)
    if record is None:
        return None, None
    morning_h = morning_hour(texts, origin, rules.options.morning_clock_h)
    record = replace(record, patient=replace(record.patient, morning_h=morning_h))
    return _add_clearance(record, rules.options, notes), origin


def _add_clearance(record: PatientRecord, options: ReadOptions, notes: Notes) -> PatientRecord:
    """Creatinine clearance where the drug wants it, the file states none, and what it is made of is known."""
    for spec in options.covariates:
        if spec.name == "CRCL":
            patient = with_clearance(record.patient, spec.low, spec.high)
            for how in dict.fromkeys(c.source for c in patient.covariates if is_derived(c)):
                remedy = "State it again if it was measured again." if "scaled" in how else "Add a column CRCL if it was measured."
                notes.warn(f"creatinine clearance is computed ({how})", remedy)
            return replace(record, patient=patient)
    return record


def _by_patient(cells: Cells, rows: Sequence[int]) -> dict[str, list[int]]:
    """ID -> its places in the file, in order of appearance."""
    found: dict[str, list[int]] = {}
    for place, patient_id in enumerate(cells.texts["ID"]):
        found.setdefault(patient_id, []).append(place)
    if empty := [patient_id for patient_id in found if patient_id.lower() in MISSING_WORDS]:
        places = found[empty[0]]
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        raise DataError(f"Row {rows[places[0]]}{more}: the patient ({cells.names['ID']}) is missing. Write it into every row.")
    return found


def _analyte(cells: Cells, dvid: int | str | None, notes: Notes) -> str | None:
    """The DVID of the levels to read; None when the file does not tell analytes apart."""
    if "DVID" not in cells.texts:
        if dvid is not None:
            raise DataError(f"DVID {dvid} is asked for, but the file has no column DVID. Leave the choice out, or map the column.")
        return None
    count: dict[str, int] = {}
    empty = [""] * len(cells.texts["DVID"])
    for analyte, level, amount in zip(cells.texts["DVID"], cells.texts.get("DV", empty), cells.texts.get("AMT", empty), strict=True):
        if level.lower() not in MISSING_WORDS and not number(amount, cells.decimal).value:
            name = analyte.removesuffix(".0")
            count[name] = count.get(name, 0) + 1
    if dvid is None:
        if len(count) > 1:
            raise AnalyteNeeded(tuple(sorted(count)))
        return None
    if str(dvid) not in count:
        raise DataError(f"No level has DVID {dvid}. The file has {', '.join(sorted(count)) or 'none'}.")
    for other in sorted(count.keys() - {str(dvid)}):
        notes.warn(f"{count[other]:,} levels with DVID {other} are not read", f"Only DVID {dvid} was asked for.", None, "DVID")
    return str(dvid)


def _note_unused(unused: Sequence[str], notes: Notes) -> None:
    checks.check_identifiers(unused, notes)
    if others := [name for name in unused if plain(name) not in checks.IDENTIFIERS]:
        notes.warn(f"columns that are not read: {', '.join(others)}", "Map a column of ours to one of them if it is needed.")


def _refuse_without_doses(rules: _Rules, notes: Sequence[Notes]) -> None:
    """Raises DataError when no row of the whole file is a dose, but levels are there."""
    amounts = rules.cells.texts.get("AMT", ())
    if not any(number(text, rules.cells.decimal).value or number(text, rules.cells.decimal).defect for text in set(amounts)):
        if any(problem.message == "levels but no dose" for own in notes for problem in own.problems):
            raise DataError("The file has levels but no dose: no row has an amount above 0. Add a row for each dose, with its time and its amount in AMT.")


def _compare_patients(records: Sequence[PatientRecord], notes: Sequence[Notes]) -> None:
    own = {each.patient_id: each for each in notes}
    doses = [(max((dose.amount_mg for dose in record.patient.doses), default=0.0), own[record.patient.id]) for record in records]
    levels = [(max((s.concentration_mg_per_L or 0.0 for s in record.patient.samples), default=0.0), own[record.patient.id]) for record in records]
    checks.check_cohort_magnitudes(doses, "amounts", "mg", "AMT")
    checks.check_cohort_magnitudes(levels, "levels", "mg/L", "DV")
