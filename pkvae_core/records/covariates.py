"""What is known about the patient besides doses and levels, and since when?"""

import math
from collections.abc import Sequence
from dataclasses import replace

from pkvae_core.patient import Covariate, Patient
from pkvae_core.records.cells import Cells
from pkvae_core.records.columns import CovariateColumn, plain
from pkvae_core.records.numbers import Number, number
from pkvae_core.records.physiology import creatinine_clearance
from pkvae_core.records.problems import DataError, Notes
from pkvae_core.records.units import QUANTITIES, canonical, shown

MALE = frozenset({"m", "male", "man", "boy", "homme", "mann", "männlich"})
FEMALE = frozenset({"f", "female", "woman", "girl", "w", "femme", "frau", "weiblich"})
SEX_COLUMNS = {"sexm": {"1": 1.0, "0": 0.0}, "male": {"1": 1.0, "0": 0.0}, "sexf": {"1": 0.0, "0": 1.0}, "female": {"1": 0.0, "0": 1.0}}
SEX_CODES = {"1": 1.0, "0": 0.0, "2": 0.0}
CLEARANCE_NEEDS = ("AGE", "WT", "SCR", "SEX")
FORMULA = "Cockcroft-Gault"  # how the source of a clearance begins that we computed


def read_covariates(
    specs: Sequence[CovariateColumn], cells: Cells, places: Sequence[int], rows: Sequence[int], times_h: Sequence[float], notes: Notes
) -> list[Covariate]:
    """Values of one patient, one for each change; `places` are rows in time. What stands in the first row held for ever before."""
    found = [value for spec in specs if spec.name in cells.texts for value in _changes(spec, cells, places, rows, times_h, notes)]
    found += _restated(found, cells, places, rows, times_h, notes)
    known = {covariate.name for covariate in found} | {
        spec.name for spec in specs if any(p.column == cells.names.get(spec.name) for p in notes.problems if p.column)
    }
    for is_required, say, remedy in (
        (True, notes.error, "The model needs it: add it."),
        (False, notes.warn, "Add it if it is known; the answer averages over what is not."),
    ):
        missing = [spec for spec in specs if spec.name not in known and (spec.when_missing == "required") == is_required]
        if names := [f"{spec.label.lower()} ({spec.name})" for spec in missing if not (spec.name == "CRCL" and known.issuperset(CLEARANCE_NEEDS))]:
            say(f"not known: {', '.join(names)}", remedy)
    return found


def _changes(spec: CovariateColumn, cells: Cells, places: Sequence[int], rows: Sequence[int], times_h: Sequence[float], notes: Notes) -> list[Covariate]:
    found: list[Covariate] = []
    last, column = "", cells.names[spec.name]
    for position, (place, row, time_h) in enumerate(zip(places, rows, times_h, strict=True)):
        text = cells.texts[spec.name][place]
        if text == last:
            continue
        last = text
        value, defect = _sex(text, column) if spec.name == "SEX" else number(text, cells.decimal)
        if defect:
            notes.error(f'{spec.label.lower()} is "{text[:40]}": it {defect}', "Correct it, or leave it empty.", row, column)
        elif value is not None:
            value *= cells.factors.get(spec.name, 1.0)
            if spec.is_flag and value not in (0, 1):
                otherwise = "Correct it." if spec.when_missing == "required" else "Leave it empty if it is not known: the answer averages over both."
                notes.error(f"{spec.label} is {value:g}; it can only be 0 or 1 ({spec.unit})", otherwise, row, column)
            elif not spec.low <= value <= spec.high:
                notes.error(
                    f"{spec.label.lower()} is {value:g} {spec.unit}; it must lie between {spec.low:g} and {spec.high:g}", _remedy(spec, value), row, column
                )
            elif not found or value != found[-1].value:
                found.append(Covariate(spec.name, value, -math.inf if position == 0 else time_h))
    if spec.name == "SEX" and len(found) > 1:
        notes.error("the sex of one patient changes", "Check whether two patients share this ID.", None, column)
    return found


def _restated(found: Sequence[Covariate], cells: Cells, places: Sequence[int], rows: Sequence[int], times_h: Sequence[float], notes: Notes) -> list[Covariate]:
    """A clearance that the file writes again after creatinine changed is stated anew, also where it is the same number."""
    stated = [c for c in found if c.name == "CRCL"]
    again: list[Covariate] = []
    for change in (c.time_h for c in found if c.name == "SCR" and c.time_h > -math.inf):
        written = (
            (t, row) for place, row, t in zip(places, rows, times_h, strict=True) if t >= change and number(cells.text("CRCL", place), cells.decimal).value
        )
        time_h, row = next(written, (math.inf, 0))
        in_force = [c for c in stated if c.time_h <= time_h]
        if row and in_force and not any(c.time_h >= change for c in in_force) and not any(c.time_h == time_h for c in again):
            again.append(replace(in_force[-1], time_h=time_h))
            message = f"creatinine changes, but creatinine clearance stays {in_force[-1].value:g} mL/min: the clearance of the file is used"
            notes.warn(message, "Leave CRCL empty from there on to have it follow creatinine.", row, cells.names["CRCL"])
    return again


def _sex(text: str, column: str) -> Number:
    """1 male, 0 female."""
    word = text.lower().removesuffix(".0")
    if word in MALE or word in FEMALE:
        return Number(float(word in MALE))
    value = SEX_COLUMNS.get(plain(column), SEX_CODES).get(word)
    if value is not None:
        return Number(value)
    found = number(text)
    return Number(None, "is neither M nor F") if found.value is not None or found.defect else found


def sex_coding(texts: Sequence[str], column: str, notes: Notes) -> None:
    """A warning that says how numbers in a column of sexes are read. Raises DataError when their meaning is open."""
    codes = {text.removesuffix(".0") for text in set(texts)} & SEX_CODES.keys()
    if plain(column) in SEX_COLUMNS or not codes:
        return
    if {"0", "2"} <= codes:
        raise DataError(f"{column} is coded 0, 1 and 2. Write M for male and F for female.")
    female = "2" if "2" in codes else "0"
    notes.warn(f"sex is coded in numbers; 1 is read as male, {female} as female", "Write M and F if that is wrong.", None, column)


def _remedy(spec: CovariateColumn, value: float) -> str:
    """Which unit would make sense of the value, if any."""
    for factors in QUANTITIES.values():
        own = factors.get(canonical(spec.unit))
        for unit, factor in factors.items():
            if own and factor != own and spec.low <= value * factor / own <= spec.high:
                return f'If it is in {shown(unit)}, say so in the name of the column: "{spec.name} ({shown(unit)})".'
    return "Correct it. If it is right, the model is not made for this patient."


def with_clearance(patient: Patient, low: float = 0.0, high: float = math.inf) -> Patient:
    """The patient with creatinine clearance (CRCL, mL/min) at every change of what it is made of. `source` of the new covariates says how.

    A clearance that the record states holds from its time on; before the first one it is Cockcroft-Gault's. Where creatinine changes after the last stated
    clearance, that one is scaled by the ratio of the creatinines: Cockcroft-Gault is inverse in creatinine, and what the measurement knew more than the
    formula is kept. The formula does not hold outside `low` to `high`: such values are not added, and none is when the last one lies there.
    Clearances that were computed before are computed anew: doing it twice changes nothing.
    """
    known = replace(patient, covariates=tuple(c for c in patient.covariates if not is_derived(c)))
    times = sorted({c.time_h for c in known.covariates if c.name in (*CLEARANCE_NEEDS, "HT")})
    computed = [clearance for time_h in times if (clearance := _clearance(known, time_h)) is not None]
    if computed and not low <= computed[-1].value <= high:
        return known
    return replace(known, covariates=(*known.covariates, *(c for c in computed if low <= c.value <= high)))


def is_derived(covariate: Covariate) -> bool:
    """Whether we computed this clearance; the record states everything else."""
    return covariate.name == "CRCL" and covariate.source.startswith(FORMULA)


def _clearance(patient: Patient, time_h: float) -> Covariate | None:
    """What follows from the record at `time_h`; None where something is missing, and where a stated clearance holds on."""
    stated = [c for c in patient.covariates if c.name == "CRCL" and c.time_h <= time_h]
    if stated:
        return _scaled(patient, stated[-1], time_h)
    age, weight, creatinine, is_male = (patient.covariate(name, time_h) for name in CLEARANCE_NEEDS)
    if age is None or weight is None or creatinine is None or is_male is None:
        return None
    answer = creatinine_clearance(age, weight, creatinine, is_male, patient.covariate("HT", time_h))
    return Covariate("CRCL", answer.value_mL_per_min, time_h, f"{FORMULA}, {answer.weight_used}")


def _scaled(patient: Patient, stated: Covariate, time_h: float) -> Covariate | None:
    """The stated clearance times creatinine then over creatinine now; None where creatinine does not change at `time_h`, or was not known then."""
    before = patient.covariate("SCR", math.nextafter(time_h, -math.inf))
    then, now = (patient.covariate("SCR", t) for t in (stated.time_h, time_h))
    if stated.time_h == time_h or then is None or now is None or now == before:
        return None
    return Covariate("CRCL", stated.value * then / now, time_h, f"{FORMULA}, scaled from the stated {stated.value:g} mL/min by creatinine")
