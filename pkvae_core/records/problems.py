"""What is wrong with the input, where, and what to do about it?"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal


class DataError(ValueError):
    """The whole file cannot be read; the message says what, where, and what to do."""


@dataclass(frozen=True)
class Problem:
    """One defect of the input. An error stops its patient; a warning is shown and travels into the report.

    `row` is the line that a spreadsheet shows (the header is row 1), `more_rows` the others with the same defect; `message` has no final stop.
    """

    severity: Literal["error", "warning"]
    message: str
    remedy: str
    row: int | None = None
    column: str | None = None
    patient_id: str | None = None
    more_rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        rows = [] if self.row is None else [f"row {self.row}" + (f" and {len(self.more_rows)} more" if self.more_rows else "")]
        where = ", ".join(rows + ([self.column] if self.column else []))
        return f"{where}: {self.message}. {self.remedy}" if where else f"{self.message[:1].upper()}{self.message[1:]}. {self.remedy}"


@dataclass
class Notes:
    """The defects found so far in one patient, or in the whole file when `patient_id` is None."""

    patient_id: str | None = None
    problems: list[Problem] = field(default_factory=list)

    def error(self, message: str, remedy: str, row: int | None = None, column: str | None = None) -> None:
        self.problems.append(Problem("error", message, remedy, row, column, self.patient_id))

    def warn(self, message: str, remedy: str, row: int | None = None, column: str | None = None) -> None:
        self.problems.append(Problem("warning", message, remedy, row, column, self.patient_id))

    @property
    def has_error(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


def in_row_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those of the whole file first, then by row; the same defect in several rows of one patient is one problem with `more_rows`."""
    rows: dict[Problem, list[int]] = {}
    for problem in problems:
        found = rows.setdefault(replace(problem, row=None), [])
        if problem.row is not None:
            found.append(problem.row)
    merged = [replace(problem, row=sorted(set(at))[0], more_rows=tuple(sorted(set(at))[1:])) if at else problem for problem, at in rows.items()]
    return tuple(sorted(merged, key=lambda problem: -1 if problem.row is None else problem.row))


def condensed(problems: Iterable[Problem]) -> tuple[str, ...]:
    """One line for each kind of defect, the first of its kind with the number of patients who share it: for a terminal or a page that shows a whole cohort."""
    shared: dict[tuple[str, str | None, str], list[Problem]] = {}
    for problem in problems:
        shared.setdefault((problem.severity, problem.column, re.sub(r"\d[\d.,:]*", "#", problem.message)), []).append(problem)
    lines = []
    for (severity, *_), group in shared.items():
        first, patients = group[0], len({problem.patient_id for problem in group})
        who = (
            "" if first.patient_id is None else f"patient {first.patient_id}: " if patients == 1 else f"{patients} patients, the first is {first.patient_id}: "
        )
        lines.append(f"{severity}: {who}{first}")
    return tuple(lines)
