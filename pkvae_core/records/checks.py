"""Can this history be true? What contradicts itself, and what looks like a mistake."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pkvae_core.patient import Covariate, Dose, Sample
from pkvae_core.records.columns import plain
from pkvae_core.records.problems import Notes

IDENTIFIERS = frozenset(
    "name patientname fullname lastname firstname surname givenname familyname forename initials vorname nachname dob birth birthdate birthday dateofbirth "
    "geburtsdatum mrn medicalrecordnumber ssn socialsecuritynumber insurancenumber address street phone telephone email".split()
)
RISE = 1.5  # a level half as high again as the one before is beyond the error of any assay
DAY_H = 24.0
UNIT_SLIP = 100.0  # a gap that hardly any curve has and every slip of a unit (1,000) leaves


@dataclass(frozen=True)
class Dosed:
    """A dose and its row."""

    dose: Dose
    row: int


@dataclass(frozen=True)
class Measured:
    """A level, its row and its time as written."""

    sample: Sample
    row: int
    time_text: str


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def duplicated(doses: Sequence[Dosed], samples: Sequence[Measured], notes: Notes) -> list[Measured]:
    """The levels without repetitions. A level twice is one; a dose twice may be two, so it must be answered."""
    seen: dict[Dose, int] = {}
    for given in doses:
        if given.dose in seen:
            first = seen[given.dose]
            what = "this dose is in the file twice" if first == given.row else f"the same dose as in row {first}, at the same time"
            notes.error(what, "Remove one of them, or write their sum if both were given.", given.row)
        seen.setdefault(given.dose, given.row)
    kept: dict[Sample, Measured] = {}
    for measured in samples:
        if measured.sample in kept:
            notes.warn("the same level at the same time as in an earlier row; it counts once", "Remove one of them.", measured.row, "DV")
        kept.setdefault(measured.sample, measured)
    return list(kept.values())


def after_first_dose(doses: Sequence[Dosed], samples: Sequence[Measured], notes: Notes) -> list[Measured]:
    """The levels that recorded doses can explain: those after the first dose began."""
    if not doses:
        return list(samples)
    first = min(given.dose.time_h for given in doses)
    for measured in samples:
        if measured.sample.time_h <= first:
            when = "before any dose" if measured.sample.time_h < first else "at the time of the first dose, so before it"
            notes.warn(f"a level {when}; it is left out", "Add the earlier doses if there were any.", measured.row, "DV")
    return [measured for measured in samples if measured.sample.time_h > first]


def check_birth(doses: Sequence[Dosed], covariates: Sequence[Covariate], begins_h: float, steady_rows: Collection[int], notes: Notes) -> None:
    """Refuses doses before the patient was born, which a postnatal age (PNA, days) tells; what stands in the first row holds at `begins_h`.

    Ages are given in whole days: a day of grace.
    """
    born_h = min((max(c.time_h, begins_h) - DAY_H * c.value for c in covariates if c.name == "PNA"), default=-math.inf)
    before = [given for given in doses if given.dose.time_h < born_h - DAY_H]
    for row in sorted({given.row for given in before}):
        own = [given.dose.time_h for given in before if given.row == row]
        said = f"{len(own)} {'dose' if len(own) == 1 else 'doses'} of this row would lie before birth, up to {(born_h - min(own)) / DAY_H:.0f} days before"
        if row in steady_rows:
            notes.error(f"{said}: a steady state (SS=1) cannot have been reached by then", "Write out the doses that were given since birth.", row, "SS")
        else:
            notes.error(said, "Check the postnatal age (PNA, days) and the time.", row, "PNA")


def check_infusions(doses: Sequence[Dosed], notes: Notes) -> None:
    """Warns of an infusion that starts before the last one of the same product has ended."""
    running: dict[str, Dose] = {}
    for given in sorted(doses, key=lambda item: item.dose.time_h):
        dose, before = given.dose, running.get(given.dose.product)
        if before and before.infusion_h and dose.infusion_h and dose.time_h < before.time_h + before.infusion_h - 1e-6:
            hours = before.time_h + before.infusion_h - dose.time_h
            notes.warn(
                f"the infusion starts {hours:.3g} h before the last one has ended; both are read",
                "Check times and durations (in hours, not minutes).",
                given.row,
                "DUR",
            )
        if not before or dose.time_h + dose.infusion_h > before.time_h + before.infusion_h:
            running[dose.product] = dose


def check_rises(doses: Sequence[Dosed], samples: Sequence[Measured], infuses: Iterable[bool], absorption_h: float, notes: Notes) -> None:
    """Warns when a level is much higher than the one before and no dose explains it. `infuses` says of each dose whether it goes into a vein; any other may
    still raise levels for `absorption_h`."""
    ends = [
        given.dose.time_h + (given.dose.infusion_h if into_vein or given.dose.infusion_h else absorption_h)
        for given, into_vein in zip(doses, infuses, strict=True)
    ]
    measured = sorted((m for m in samples if not m.sample.is_below_lloq), key=lambda item: item.sample.time_h)
    for before, after in pairwise(measured):
        low, high = before.sample.concentration_mg_per_L, after.sample.concentration_mg_per_L
        assert low and high
        is_explained = any(given.dose.time_h < after.sample.time_h and end >= before.sample.time_h for given, end in zip(doses, ends, strict=True))
        if high > RISE * low and not is_explained and after.sample.time_h > before.sample.time_h:
            notes.warn(
                f"the level rises from {_shown(low)} to {_shown(high)} mg/L without a recorded dose",
                "Add the missing dose, or check times and levels.",
                after.row,
                "DV",
            )


def check_magnitudes(values: Sequence[tuple[float, int]], what: str, column: str, notes: Notes) -> None:
    """Warns when one patient's values (value, row) fall into two groups that a slip of the unit would explain."""
    ordered = sorted((value, row) for value, row in values if value > 0)
    for (low, _), (high, row) in pairwise(ordered):
        if high / low >= UNIT_SLIP:
            notes.warn(f"{what} jump from {_shown(low)} to {_shown(high)}; their units may be mixed", "Use one unit for the whole column.", row, column)
            return


def check_cohort_magnitudes(highest: Sequence[tuple[float, Notes]], what: str, unit: str, column: str) -> None:
    """Warns of a patient whose highest value is a hundred times above or below the middle of the file. Needs five patients."""
    known = sorted(value for value, _ in highest if value > 0)
    if len(known) < 5:
        return
    middle = known[len(known) // 2]
    for value, notes in highest:
        if value > 0 and abs(math.log(value / middle)) > math.log(UNIT_SLIP):
            notes.warn(
                f"{what} reach {_shown(value)} {unit}, in the middle of the file {_shown(middle)}; the unit may differ",
                "Use one unit for the whole column.",
                None,
                column,
            )


def check_identifiers(unused: Sequence[str], notes: Notes) -> None:
    """Warns of columns that tell who the patient is; they are not read."""
    if found := [column for column in unused if plain(column) in IDENTIFIERS]:
        notes.warn(f"{', '.join(found)} may tell who the patient is; it is not read", "Remove such columns before a file leaves the ward.", None, found[0])
