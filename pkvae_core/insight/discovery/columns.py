"""What is known of every patient, which of it can be told apart, and what is set aside and why?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.insight.discovery.basis import Basis
from pkvae_core.insight.discovery.regression import Design
from pkvae_core.patient import Patient

SEXES = ("female", "male")
FEWEST = 5  # patients who must have another value than the commonest: fewer are single cases
KNOWN = 0.5  # least share of the patients whose value is known
SAME = 0.9  # share of a covariate that the others may tell; above, it cannot be told apart from them


@dataclass(frozen=True)
class Column:
    """One covariate of every patient, NaN where unknown; with `categories`, the index of a group."""

    name: str
    label: str
    unit: str
    values: Float[np.ndarray, " subject"]
    categories: tuple[str, ...] = ()

    @property
    def is_known(self) -> Bool[np.ndarray, " subject"]:
        return ~np.isnan(self.values)

    def only(self, chosen: Bool[np.ndarray, " subject"]) -> "Column":
        return Column(self.name, self.label, self.unit, self.values[chosen], self.categories)

    def said(self, value: float) -> str:
        """A value with its unit, or the name of its group."""
        return self.categories[int(value)] if self.categories else f"{value:.3g} {self.unit}".strip()


@dataclass(frozen=True)
class Chosen:
    """The columns that can be tested, and one sentence on each that cannot or not fully."""

    columns: tuple[Column, ...]
    notes: tuple[str, ...]


def columns_of(
    card: DrugCard, patients: Sequence[Patient], *, names: Sequence[str] | None = None, words: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """Every covariate on any patient's record (or those of `names`), in force at the middle one of each patient's levels, and what was found odd about them.

    `words` are the groups that a coded covariate stands for. Creatinine clearance, which others make up, comes first, then the card's order, then the record's.
    """
    patients = [complete(card, patient) for patient in patients]
    specs = {spec.name: spec for spec in card.covariates}
    recorded = dict.fromkeys(c.name for patient in patients for c in patient.covariates)
    order = [name for name in ("CRCL", *specs, *recorded) if name in recorded and (names is None or name in names)]
    found, notes = [], []
    for name in dict.fromkeys(order):
        spec = specs.get(name)
        values = np.array([_in_force(patient, name) for patient in patients])
        categories = (words or {}).get(name) or (SEXES if name == "SEX" else ())
        column = Column(name, spec.label if spec else name, "" if categories or spec is None else spec.unit, values, categories)
        found.append(_in_groups(column))
        changing = sum(len({c.value for c in patient.covariates if c.name == name}) > 1 for patient in patients)
        if changing:
            notes.append(f"{column.label} changes in {changing:,} of {len(patients):,} patients: the value at the middle one of each patient's levels counts.")
    return tuple(found), tuple(notes)


def _in_force(patient: Patient, name: str) -> float:
    """The value at the middle level; before the first known value, that one."""
    times = sorted(sample.time_h for sample in patient.samples)
    value = patient.covariate(name, times[len(times) // 2]) if times else patient.covariate(name)
    first = next((c.value for c in patient.covariates if c.name == name), np.nan)
    return float(first if value is None else value)


def _in_groups(column: Column) -> Column:
    """Two numbers are two groups, named by the numbers."""
    numbers = np.unique(column.values[column.is_known])
    if column.categories or len(numbers) != 2:
        return column
    coded = np.where(column.is_known, (column.values == numbers[1]).astype(float), np.nan)
    return Column(column.name, column.label, "", coded, tuple(f"{number:g} {column.unit}".strip() for number in numbers))


def choose(columns: Sequence[Column]) -> Chosen:
    """The columns that vary, are known often enough and can be told apart from those before them, and a sentence on each that is not or not fully so."""
    kept: list[Column] = []
    notes: list[str] = []
    for column in columns:
        known, count = column.is_known, len(column.values)
        others = _others(column)
        if known.sum() < KNOWN * count:
            notes.append(f"{column.label} is known of {known.sum():,} of {count:,} patients only: not tested.")
        elif others < FEWEST:
            whom = "all patients" if known.all() else f"all {known.sum():,} patients of whom it is known"
            notes.append(f"{column.label} is the same in {whom}{f' but {others}' if others else ''}: not tested.")
        elif (told := _told_by(column, kept))[0] > SAME:
            share, by = told
            notes.append(f"{column.label} cannot be told apart from {by}, which tell {share:.0%} of it: set aside.".replace("%", " %"))
        else:
            kept.append(column)
            if not known.all():
                notes.append(
                    f"{column.label} is unknown in {count - known.sum():,} of {count:,} patients: they are left out where it is tested, nothing is filled in; "
                    "where others are tested they count as a group of their own."
                )
    return Chosen(tuple(kept), tuple(notes))


def _others(column: Column) -> int:
    """How many patients have another value than the commonest one."""
    values, counts = np.unique(column.values[column.is_known], return_counts=True)
    return int(counts.sum() - counts.max()) if len(values) else 0


def _told_by(column: Column, kept: Sequence[Column]) -> tuple[float, str]:
    """The share of a column's variance that the kept ones tell, among patients of whom all are known, and the names of those that matter for it."""
    complete_cases = column.is_known & np.all([k.is_known for k in kept], axis=0) if kept else column.is_known
    target = _scaled(column.values[complete_cases])
    if not kept or target.std() == 0:
        return 0.0, ""
    blocks = {k.label: Basis.of(k.only(complete_cases).values, bool(k.categories)).design(k.values[complete_cases]) for k in kept}
    if len(target) < 4 * sum(block.shape[1] for block in blocks.values()):
        blocks = {label: block[:, :1] for label, block in blocks.items()}
    share = _explained(target, list(blocks.values()))
    matter = [label for label in blocks if share - _explained(target, [b for other, b in blocks.items() if other != label]) > 0.02]
    return share, " and ".join(filter(None, [", ".join(matter[:-1]), *matter[-1:]])) or "the others"


def _scaled(values: Float[np.ndarray, " subject"]) -> Float[np.ndarray, " subject"]:
    """Logarithms where all are above 0, so that products are sums."""
    return np.log(values) if len(values) and values.min() > 0 else values


def _explained(target: Float[np.ndarray, " subject"], blocks: Sequence[Design]) -> float:
    design = np.column_stack([np.ones(len(target)), *blocks])
    residual = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return float(1 - residual.var() / target.var())
