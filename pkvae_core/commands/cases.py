"""How does a command open a file of patients, and how does it say what it could not answer?"""

import argparse
import csv
import json
import math
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from pkvae_core.case import DISCLAIMER
from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.records.history import PatientRecord
from pkvae_core.records.problems import condensed
from pkvae_core.records.table import Cohort, read_patients
from pkvae_core.records.units import concentration_factor
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.vae import PKVAE

ALL_ANSWERED, SOME_UNANSWERED, NOTHING_ANSWERED = 0, 1, 2
# What breaks down in numbers is a patient's error sentence; anything else is a bug, and is raised. torch's LinAlgError is a RuntimeError.
BROKEN_DOWN = (RuntimeError, ArithmeticError, np.linalg.LinAlgError)
NOT_NUMERICAL = (NotImplementedError, RecursionError)
Row = dict[str, object]
Answered = TypeVar("Answered")


def number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return value


def positive(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} must be above 0")
    return value


def count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} must not be negative")
    return value


def add_case_flags(parser: argparse.ArgumentParser) -> None:
    """The file, the drug or the model, the answer, and the flags that say how the file is to be read."""
    parser.add_argument("cases", type=Path, metavar="CASES.csv", help="NONMEM-style table: ID TIME AMT DV EVID, RATE or DUR, covariates; .csv or .xlsx")
    add_model_flags(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="OUT.csv", help="where the answer goes")
    add_reading_flags(parser)
    parser.add_argument("--seed", type=count, default=0, metavar="N", help="seed of the draws (default 0); the same seed gives the same answer")


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Whose model answers: a shipped drug's, or one of your own."""
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--drug", help="name of a drug card")
    who.add_argument("--model", type=Path, metavar="DIR", help="folder of a model of your own, made by train --data or exported from the Models page")


def model_of(arguments: argparse.Namespace) -> PKVAE:
    """The model that was asked for, with its card."""
    return load_model(arguments.model or arguments.drug)


def add_reading_flags(parser: argparse.ArgumentParser) -> None:
    """How the file is to be read."""
    reading = parser.add_argument_group("how the file is read (card units unless said otherwise; every assumption is printed as a warning)")
    reading.add_argument("--amount-unit", metavar="UNIT", help="unit of AMT: mg, g, ug")
    reading.add_argument(
        "--dv-unit", metavar="UNIT", help="unit of DV, --lloq, --threshold and every concentration in the answer: mg/L, ug/L, ng/mL, umol/L ..."
    )
    reading.add_argument("--map", type=Path, metavar="FILE", help='JSON that names the columns, ours first: {"ID": "patient", "DV": "level"}')
    reading.add_argument("--dvid", metavar="N", help="read only the levels with this DVID")
    reading.add_argument("--assume-infusion-h", type=positive, metavar="H", help="duration of a dose that has none; without it such a dose is a bolus")
    reading.add_argument("--lloq", type=positive, metavar="X", help="a DV of 0 means: below this limit of quantification")
    reading.add_argument("--time-zone", metavar="ZONE", help="where the clock stood, such as Europe/Zurich; else clocks are taken as never changed")


@dataclass(frozen=True)
class Cases:
    """The patients of one file; `unit_mg_per_L` is one unit of DV, in which concentrations are answered too."""

    card: DrugCard
    cohort: Cohort
    concentration_unit: str
    unit_mg_per_L: float


def say(kind: str, sentence: str) -> None:
    """One line for the person at the terminal, apart from the answer."""
    print(f"{kind}: {sentence}", file=sys.stderr)


def open_cases(arguments: argparse.Namespace) -> Cases:
    """Reads the file and prints every problem and assumption. Raises ValueError when the file, the drug or a flag cannot be used."""
    return read_cases(arguments, load_card(arguments.drug) if arguments.model is None else load_model(arguments.model).card)


def read_cases(arguments: argparse.Namespace, card: DrugCard) -> Cases:
    """`open_cases` with a card that is given."""
    amount_unit, dv_unit = arguments.amount_unit or card.amount_unit, arguments.dv_unit or card.concentration_unit
    unit_mg_per_L = concentration_factor(dv_unit, card.molar_mass_g_per_mol)
    options = card.read_options(
        amount_unit=amount_unit,
        concentration_unit=dv_unit,
        column_map=column_map(arguments.map) if arguments.map else {},
        dvid=arguments.dvid,
        assume_infusion_h=arguments.assume_infusion_h,
        time_zone=arguments.time_zone,
        lloq_mg_per_L=arguments.lloq and arguments.lloq * unit_mg_per_L,
    )
    say("note", DISCLAIMER)
    cohort = read_patients(arguments.cases, options=options)
    if not (arguments.amount_unit and arguments.dv_unit):
        say("warning", f"AMT is read in {amount_unit} and DV in {dv_unit} unless the columns name a unit; --amount-unit and --dv-unit set others.")
    for line in condensed(cohort.problems):
        print(line, file=sys.stderr)
    return Cases(card, cohort, dv_unit, unit_mg_per_L)


def say_shared(remarks: Iterable[tuple[str, str]]) -> None:
    """Warnings as (patient, sentence), each sentence once with the number of patients it applies to."""
    patients: dict[str, list[str]] = {}
    for patient, sentence in dict.fromkeys(remarks):
        patients.setdefault(sentence, []).append(patient)
    for sentence, found in patients.items():
        say("warning", f"patient {found[0]}: {sentence}" if len(found) == 1 else f"{len(found)} patients, the first is {found[0]}: {sentence}")


def column_map(path: Path) -> dict[str, str]:
    """Our column name -> the file's. Raises ValueError when `path` holds anything else than a JSON object of texts."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f'{path.name} is not JSON ({error}). Write one object, our name first: {{"ID": "patient", "DV": "level"}}.') from error
    if not (isinstance(found, dict) and all(isinstance(value, str) for value in found.values())):
        raise ValueError(f'{path.name} does not map names to names. Write one object, our name first: {{"ID": "patient", "DV": "level"}}.')
    return found


def answer(cases: Cases, rows_of: Callable[[PatientRecord], Iterable[Answered]]) -> tuple[list[Answered], int]:
    """What `rows_of` found for every patient, and the exit code. Its ValueError leaves out that patient, aloud; so does a computation that breaks down."""
    torch.set_num_threads(1)  # one patient's matrices are too small to share
    rows, unanswered = [], {p.patient_id for p in cases.cohort.problems if p.severity == "error"}
    for record in cases.cohort.records:
        try:
            rows.extend(rows_of(record))
        except NOT_NUMERICAL:
            raise
        except BROKEN_DOWN as error:  # before ValueError: NumPy's LinAlgError is one
            say("error", f"patient {record.patient.id}: {breakdown_words(error)}")
            unanswered.add(record.patient.id)
        except ValueError as error:
            say("error", f"patient {record.patient.id}: {error}")
            unanswered.add(record.patient.id)
    patients = unanswered | {record.patient.id for record in cases.cohort.records}
    if unanswered:
        say("error", f"{len(unanswered)} of {len(patients)} patients not answered: {', '.join(sorted(map(str, unanswered)))}.")
    return rows, ALL_ANSWERED if not unanswered else SOME_UNANSWERED if unanswered < patients else NOTHING_ANSWERED


def breakdown_words(error: Exception) -> str:
    """That a computation of ours broke down, how, and where in our code."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "pkvae_core" in frame.filename]
    where = f" in {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else ""
    first = (str(error).strip().splitlines() or ["without a message"])[0].rstrip(".")
    return (
        f"the computation broke down{where} ({type(error).__name__}: {first}). This is a failure of PKVAE, not of the file: please report it with this record. "
        "Look for what is unusual in the record."
    )


def in_file_order(rows: Iterable[tuple[int, Row]]) -> list[Row]:
    """The rows of the answer, sorted by the row of the file that each belongs to."""
    return [row for _, row in sorted(rows, key=lambda found: found[0])]


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """A CSV; numbers with six digits, None as an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()} for row in rows)
