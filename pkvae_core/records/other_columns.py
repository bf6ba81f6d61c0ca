"""What else does the file know of its patients? Columns that none of ours is, as covariates: numbers as they stand, words as groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BufferedIOBase
from pathlib import Path

from pkvae_core.patient import Covariate, Patient
from pkvae_core.records.checks import IDENTIFIERS
from pkvae_core.records.columns import plain, propose_mapping
from pkvae_core.records.numbers import MISSING_WORDS, is_formula, number
from pkvae_core.records.options import ReadOptions
from pkvae_core.records.spreadsheet import Table, open_table

MOST_WORDS = 8  # different ones; more are comments, not groups


@dataclass(frozen=True)
class WithOthers:
    """The patients with these columns among their covariates, under the column's own name; `words` are the groups that the numbers 0, 1, 2 ... of a column of
    words stand for; `notes` say what was not read, or not as it stands."""

    patients: tuple[Patient, ...]
    names: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]


def with_other_columns(source: Path | str | bytes | BufferedIOBase, *, options: ReadOptions, patients: Sequence[Patient]) -> WithOthers:
    """Patients read from this table with these options, and everything else that it says of them: the first value known of each."""
    table = open_table(source)
    mapping = propose_mapping(table.header, options.covariates, options.column_map)
    reserved = {plain(spec.name) for spec in options.covariates}
    unread = [name for name in mapping.unused if plain(name) not in IDENTIFIERS | reserved]
    ids = table.column(mapping.certain["ID"]) if mapping.certain.get("ID") else ("1",) * len(table.rows)
    values: dict[str, dict[str, float]] = {}
    words: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    for name in unread:
        first, changing = _first_of_each(ids, table.column(name))
        read, groups, note = _read(name, first, table)
        if read:
            values[name] = read
            words |= {name: groups} if groups else {}
            notes += [f"{name} changes within {changing:,} patients: the first value of each counts."] if changing else []
        notes += [note] if note else []
    found = tuple(
        replace(p, covariates=(*p.covariates, *(Covariate(n, v[p.id], source=f"column {n} of the file") for n, v in values.items() if p.id in v)))
        for p in patients
    )
    return WithOthers(found, tuple(values), words, tuple(notes))


def _first_of_each(ids: Sequence[str], texts: Sequence[str]) -> tuple[dict[str, str], int]:
    """The first known text of each patient, and in how many patients another one follows."""
    first: dict[str, str] = {}
    changing = set()
    for patient_id, text in zip(ids, texts, strict=True):
        if text.lower() not in MISSING_WORDS and first.setdefault(patient_id, text) != text:
            changing.add(patient_id)
    return first, len(changing)


def _read(name: str, first: Mapping[str, str], table: Table) -> tuple[dict[str, float], tuple[str, ...], str]:
    """Value of each patient, the groups that numbers stand for (none where they are numbers), and what could not be read."""
    if not first:
        return {}, (), f"{name} is empty."
    if any(is_formula(text) for text in (name, *first.values())):
        return {}, (), f"{name} holds formulas, and formulas are not evaluated."
    read = {patient_id: number(text, table.decimal) for patient_id, text in first.items()}
    numbers = {patient_id: found.value for patient_id, found in read.items() if found.value is not None}
    unread = sum(bool(found.defect) for found in read.values())
    if len(numbers) > unread:
        return numbers, (), f"{name} is no number in {unread:,} patients: unknown there." if unread else ""
    groups = tuple(sorted(set(first.values())))
    if len(groups) > MOST_WORDS:
        return {}, (), f"{name} holds {len(groups):,} different words: too many for groups, not read."
    return {patient_id: float(groups.index(text)) for patient_id, text in first.items()}, groups, ""
