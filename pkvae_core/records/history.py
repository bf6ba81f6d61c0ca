"""What happened to one patient? The rows of the file become doses, levels and the times asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from pkvae_core.patient import Covariate, Dose, Patient, Regimen, Sample
from pkvae_core.records import checks
from pkvae_core.records.checks import Dosed, Measured
from pkvae_core.records.doses import MAX_DOSES, Prescribing, doses_of
from pkvae_core.records.levels import sample_of
from pkvae_core.records.lines import OBSERVATION, OTHER, RESET, RESET_AND_DOSE, Line
from pkvae_core.records.problems import Notes

MAX_LEVELS = 1000


@dataclass(frozen=True)
class TimedRow:
    """A row of the file: hours on the patient's clock, the line that a spreadsheet shows, and its time as written."""

    time_h: float
    row: int
    text: str


@dataclass(frozen=True)
class PatientRecord:
    """A patient, the times asked for (EVID 2), and the rows of `patient.samples`, in their order.

    `claimed` is the regimen of which the record says that it had come to a steady state (SS=1), from the first of the doses that stand for that.
    """

    patient: Patient
    prediction_times: tuple[TimedRow, ...] = ()
    sample_times: tuple[TimedRow, ...] = ()
    claimed: Regimen | None = None

    @property
    def asked_h(self) -> float | None:
        """The first time asked for after the last dose and level (a row with EVID 2 may also just date a covariate); failing that the first one."""
        times = [asked.time_h for asked in self.prediction_times]
        last = max([item.time_h for item in (*self.patient.doses, *self.patient.samples)], default=0.0)
        return next((time_h for time_h in times if time_h >= last), times[0] if times else None)


@dataclass(frozen=True)
class Measuring:
    """How levels are read: the limit of quantification where the file names none, and which analyte."""

    lloq_mg_per_L: float | None = None
    has_cens: bool = False
    analyte: str | None = None


def since_last_reset(lines: Sequence[Line], notes: Notes) -> tuple[list[Line], list[Line]]:
    """Rows before the patient's last reset or steady state, in file order, and the rows since, in time. Says what is left out."""
    start = max((i for i, line in enumerate(lines) if line.evid in (RESET, RESET_AND_DOSE)), default=0)
    earlier, kept = list(lines[:start]), list(lines[start:])
    if earlier:
        _note_left_out(earlier, kept[0], f"the reset (EVID {kept[0].evid})", notes)
    for before, after in zip(kept, kept[1:], strict=False):
        if after.time_h < before.time_h:
            notes.warn(
                f"times are out of order: {after.time_text} comes after {before.time_text}",
                "The rows are sorted by time; check that this is right.",
                after.row,
                "TIME",
            )
            break
    kept.sort(key=lambda line: line.time_h)
    steady = [line for line in kept if line.steady_state == 1 and line.is_dose]
    if steady and (replaced := [line for line in kept if line.time_h < steady[-1].time_h]):
        _note_left_out(replaced, steady[-1], "steady state (SS=1)", notes)
        kept = [line for line in kept if line.time_h >= steady[-1].time_h]
        earlier += replaced
    return earlier, kept


def _note_left_out(lines: Sequence[Line], at: Line, what: str, notes: Notes) -> None:
    counts = {
        "doses": sum(line.is_dose for line in lines),
        "levels": sum(line.evid == OBSERVATION and line.level_mg_per_L is not None for line in lines),
        "times asked for": sum(line.evid == OTHER for line in lines),
    }
    if said := ", ".join(f"{noun}: {count}" for noun, count in counts.items() if count):
        notes.warn(f"left out, because they came before {what} ({said})", "Give such a course an ID of its own if it matters.", at.row, "EVID")


def read_record(
    patient_id: str, lines: Sequence[Line], covariates: Sequence[Covariate], rules: Prescribing, measuring: Measuring, notes: Notes
) -> PatientRecord | None:
    """One patient from rows in time; None when an error stops this patient. Every defect goes to `notes`."""
    doses = [Dosed(dose, line.row) for line in lines if line.is_dose for dose in doses_of(line, rules, notes)]
    samples = [Measured(sample, line.row, line.time_text) for line in lines if (sample := _sample(line, measuring, notes)) is not None]
    if len(doses) > MAX_DOSES or len(samples) > MAX_LEVELS:
        notes.error(
            f"the history is too long: doses {len(doses):,} (at most {MAX_DOSES:,}), levels {len(samples):,} (at most {MAX_LEVELS:,})",
            "Keep the latest course.",
        )
    _check_doses_exist(lines, doses, samples, notes)
    checks.check_birth(doses, covariates, min((line.time_h for line in lines), default=0.0), {line.row for line in lines if line.steady_state}, notes)
    for line in lines:
        if line.evid != OBSERVATION and line.level_mg_per_L and not line.is_not_level:
            notes.warn(f"a level in a row with EVID {line.evid} is not read", "Give it a row of its own with EVID 0.", line.row, "DV")
    if notes.has_error:
        return None
    samples = checks.duplicated(doses, samples, notes)
    if notes.has_error:
        return None
    samples = checks.after_first_dose(doses, samples, notes)
    checks.check_infusions(doses, notes)
    checks.check_rises(doses, samples, [rules.infuses(given.dose.product) for given in doses], rules.absorption_h, notes)
    checks.check_magnitudes([(given.dose.amount_mg, given.row) for given in doses], "amounts", "AMT", notes)
    checks.check_magnitudes([(m.sample.concentration_mg_per_L or 0.0, m.row) for m in samples], "levels", "DV", notes)
    samples.sort(key=lambda measured: measured.sample.time_h)
    patient = Patient(patient_id, tuple(given.dose for given in doses), tuple(measured.sample for measured in samples), tuple(covariates))
    asked = tuple(TimedRow(line.time_h, line.row, line.time_text) for line in lines if line.evid == OTHER)
    measured = tuple(TimedRow(m.sample.time_h, m.row, m.time_text) for m in samples)
    return PatientRecord(patient, asked, measured, _claimed(lines, doses))


def _claimed(lines: Sequence[Line], doses: Sequence[Dosed]) -> Regimen | None:
    """What the record says to have been in a steady state, from the first dose that stands for it."""
    steady = {line.row: line.interval_h for line in lines if line.is_dose and line.steady_state and line.interval_h}
    first: Dose | None = next((given.dose for given in doses if given.row in steady), None)
    if first is None:
        return None
    return Regimen(first.amount_mg, next(iter(steady.values())), first.infusion_h, first.time_h, first.product)


def _sample(line: Line, measuring: Measuring, notes: Notes) -> Sample | None:
    if line.evid != OBSERVATION or (measuring.analyte is not None and line.analyte.removesuffix(".0") != measuring.analyte):
        return None
    return sample_of(line, notes, lloq_mg_per_L=measuring.lloq_mg_per_L, has_cens=measuring.has_cens)


def _check_doses_exist(lines: Sequence[Line], doses: Sequence[Dosed], samples: Sequence[Measured], notes: Notes) -> None:
    if doses or notes.has_error:
        return
    if samples:
        notes.error("levels but no dose", "Add the doses: a row each, with the time and the amount in AMT.", lines[0].row)
    else:
        notes.warn("no dose and no level", "Only an answer from the covariates alone is possible.", lines[0].row)
