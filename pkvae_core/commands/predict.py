"""`predict`: what is the concentration at the times asked for, given every level in the file?"""

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from pkvae_core.commands.cases import Row, add_case_flags, answer, in_file_order, model_of, number, open_cases, say_shared, write_rows
from pkvae_core.commands.changed import told
from pkvae_core.dosing.course import FINE, JUST_AFTER_H, area, concentration, phases
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.answering import answer_for
from pkvae_core.inference.posterior import Posterior, predict
from pkvae_core.inference.verdict import REFUSED, Entitlement
from pkvae_core.patient import Dose
from pkvae_core.records.history import PatientRecord, TimedRow

HELP = "concentrations (and exposure) at the times asked for"
DESCRIPTION = """\
Rows with EVID=2 are the times asked for; every level in the file is used, also later ones.
OUT.csv has one row for each of them, in file order: ID and TIME as written, PRED (median from
doses and covariates alone), MEDIAN, MEAN, LO90 and HI90: the 90 % interval of the true
concentration, without the error of the measurement. At the time of a dose it is the value just
before.

With the three --exposure flags E.csv has one row per patient: AUC from one hour to the other,
PEAK (highest concentration in between), TROUGH (concentration at the end, before a dose given
then), RUNG and EFFECTIVE_DRAWS (how the posterior was found, and how many of its draws count),
ENGINE and VERDICT: "in domain" or "caution" where the drug's model answers (vae), "out" where the
patient lies outside what it learned and averaged MAP-Bayes answers (average); a warning says why.
A patient about whom nobody may speak (a covariate beyond the card, levels that a slip of the unit
explains) is an error that says what to check, and is not answered.

Hours are on the clock of the file; where it has dates, hour 0 is the patient's first row. Where
meals bring a drug back (mycophenolate), lunch is at 12:00 and supper at 18:00 of the file's clock;
of a file of hours alone, hour 0 is taken as 08:00."""
EXAMPLES = """\
examples:
  python -m pkvae_core predict cases.csv --drug vancomycin --out predictions.csv
  python -m pkvae_core predict cases.csv --drug vancomycin --out predictions.csv --exposure-from 24 --exposure-to 48 --exposure-out exposure.csv"""
COLUMNS = ("ID", "TIME", "PRED", "MEDIAN", "MEAN", "LO90", "HI90")
EXPOSURE_COLUMNS = ("ID", "AUC_MEDIAN", "AUC_LO90", "AUC_HI90", "PEAK_MEDIAN", "TROUGH_MEDIAN", "RUNG", "EFFECTIVE_DRAWS", "ENGINE", "VERDICT")


def add_flags(parser: argparse.ArgumentParser) -> None:
    add_case_flags(parser)
    parser.add_argument("--exposure-from", type=number, metavar="H", help="first hour of the exposure")
    parser.add_argument("--exposure-to", type=number, metavar="H", help="last hour of the exposure")
    parser.add_argument("--exposure-out", type=Path, metavar="E.csv", help="where the exposure goes")


def run(arguments: argparse.Namespace) -> int:
    window = (arguments.exposure_from, arguments.exposure_to)
    wants_exposure = arguments.exposure_out is not None
    if [bound is not None for bound in window] != [wants_exposure] * 2:
        raise ValueError("--exposure-from, --exposure-to and --exposure-out belong together; give all three or none.")
    if wants_exposure and window[0] >= window[1]:
        raise ValueError(f"--exposure-from {window[0]:g} is not before --exposure-to {window[1]:g}.")
    cases = open_cases(arguments)
    if not (wants_exposure or any(record.prediction_times for record in cases.cohort.records)):
        raise ValueError(f"{arguments.cases.name} asks for nothing: no patient that can be read has a row with EVID=2. Add one for each time of interest.")
    model = model_of(arguments)
    exposures: list[Row] = []
    remarks: list[tuple[str, str]] = []

    def rows_of(record: PatientRecord) -> list[tuple[int, Row]]:
        posterior = told(cases, record, answer_for(model, record.patient, seed=arguments.seed))
        if posterior.entitlement and posterior.entitlement.verdict == REFUSED:
            raise ValueError(posterior.entitlement.banner)
        predicted = prediction_rows(posterior, record.prediction_times, cases.unit_mg_per_L)
        remarks.extend((record.patient.id, caution) for caution in posterior.cautions)
        if not record.prediction_times:
            remarks.append((record.patient.id, "no row with EVID=2 asks for a prediction."))
        if wants_exposure:
            exposures.append(exposure_row(posterior, window, cases.unit_mg_per_L))
        return predicted

    rows, code = answer(cases, rows_of)
    say_shared(remarks)
    write_rows(arguments.out, COLUMNS, in_file_order(rows))
    if wants_exposure:
        write_rows(arguments.exposure_out, EXPOSURE_COLUMNS, exposures)
    return code


def prediction_rows(posterior: Posterior, times: Sequence[TimedRow], unit_mg_per_L: float) -> list[tuple[int, Row]]:
    """(row of the file, row of the answer) for each time asked for."""
    if not times:
        return []
    time_h, doses = [t.time_h for t in times], posterior.patient.doses
    a_priori = predict(posterior.prior(), doses, time_h)
    found = predict(posterior, doses, time_h)
    low, high = found.interval(0.9)
    columns = ((value / unit_mg_per_L).tolist() for value in (a_priori.median, found.median, found.mean, low, high))
    numbers = zip(*columns, strict=True)
    return [(t.row, dict(zip(COLUMNS, (posterior.patient.id, t.text, *n), strict=True))) for t, n in zip(times, numbers, strict=True)]


def exposure_row(posterior: Posterior, window_h: tuple[float, float], unit_mg_per_L: float) -> Row:
    """AUC, peak and trough between two hours, of the doses in the file."""
    doses = posterior.patient.doses
    time_h = times_between(doses, window_h)
    draws = concentration(posterior, doses, time_h)
    auc = np.diff(area(posterior, doses, np.array(window_h)))[:, 0]
    table = np.stack([auc, draws.max(1), draws[:, -1]], 1) / unit_mg_per_L
    weight = posterior.weight.numpy()
    (auc_median, peak, trough), (low, _, _), (high, _, _) = (weighted_quantile(table, weight, p).tolist() for p in (0.5, 0.05, 0.95))
    how = posterior.diagnostics.rung, posterior.diagnostics.effective_draws, posterior.engine, (posterior.entitlement or Entitlement()).verdict
    return dict(zip(EXPOSURE_COLUMNS, (posterior.patient.id, auc_median, low, high, peak, trough, *how), strict=True))


def times_between(doses: Sequence[Dose], window_h: tuple[float, float]) -> np.ndarray:
    """Hours at which the curve is looked at, both ends included: dense after each dose, with the end of its infusion and the moment before the next one."""
    begin, end = window_h
    starts = [dose.time_h for dose in doses]
    gaps = [max(after - before, JUST_AFTER_H) for before, after in pairwise([*starts, max(end, starts[-1])])] if doses else []
    after = [dose.time_h + phases(dose.infusion_h, max(gap, dose.infusion_h), FINE) for dose, gap in zip(doses, gaps, strict=True)]
    time_h = np.unique(np.concatenate([[begin, end], *after]))
    return time_h[(time_h >= begin) & (time_h <= end)]
