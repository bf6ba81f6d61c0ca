"""What does a ward look like on an ordinary day? Virtual patients on sensible doses, written as a file that anybody can open.

They are drawn like those of any check, so that training never saw them; each is given 5 to 15 mg/kg, at an interval by the clearance of creatinine, for one to
four days. Levels come from the patient's own true curve with the residual error of the published model that made the patient. Three records hold on purpose
what a ward holds: a dose changed yesterday, a first dose without a level, and a level written in ug/L where the others are in mg/L.
"""

import csv
import io
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import torch

from pkvae_core.checks.expected import residual_sd
from pkvae_core.checks.virtual import Virtual, fresh
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import course, rows
from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.similarity import similarity
from pkvae_core.patient import Dose, Patient, Regimen, Sample

COUNT, SEED = 24, 2026
MG_PER_KG, STEP_MG, MOST_MG, MG_PER_H = (5.0, 7.0, 9.0, 11.0, 15.0), 250.0, 2000.0, 1000.0
INTERVALS_H = ((90.0, 8.0), (50.0, 12.0), (0.0, 24.0))  # from this clearance of creatinine (mL/min) on
MORNING = datetime(2026, 3, 9, 6)
USUAL = 0.05  # share of the cohort as far from the typical patient: nobody rarer stands on the example's ward
HEADER = ("ID", "TIME", "AMT (mg)", "DUR", "DV (mg/L)", "EVID")
COVARIATES = ("AGE", "SEX", "WT", "HT", "SCR")


def example_ward(card: DrugCard, *, count: int = COUNT, seed: int = SEED) -> str:
    """The CSV."""
    virtual = fresh(card, count, changing=0.0, seed=seed, is_wanted=lambda patient: _is_usual(card, patient))
    random = np.random.default_rng(seed)
    patients = [_treated(virtual, i, random) for i in range(count)]
    patients[3] = replace(patients[3], doses=(*patients[3].doses, Dose(_due(patients[3]), 0.5 * patients[3].doses[-1].amount_mg, 1.0)))
    patients[4] = replace(patients[4], doses=patients[4].doses[:1], samples=())
    patients[5] = replace(patients[5], samples=tuple(Sample(s.time_h, 1000 * (s.concentration_mg_per_L or 0)) for s in patients[5].samples))
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow([*HEADER, *COVARIATES])
    for number, patient in enumerate(patients):
        writer.writerows(_lines(replace(patient, id=f"Bed {number + 1:02}"), MORNING + timedelta(hours=float(random.integers(0, 24)))))
    return lines.getvalue()


def _is_usual(card: DrugCard, patient: Patient) -> bool:
    """An adult as wards have them, all covariates known."""
    known = all(patient.covariate(name) is not None for name in COVARIATES)
    found = similarity(card, patient) if known else None
    return found is not None and found.probability > USUAL


def _treated(virtual: Virtual, i: int, random: np.random.Generator) -> Patient:
    """One patient on a dose by weight, and the levels of a usual day: a trough or two, half of the time a level after an infusion."""
    patient = virtual.patients[i]
    clearance = complete(virtual.card, patient).covariate("CRCL") or 0.0
    interval_h = next(hours for least, hours in INTERVALS_H if clearance >= least)
    amount_mg = min(MOST_MG, STEP_MG * round(random.choice(MG_PER_KG) * (patient.covariate("WT") or 70.0) / STEP_MG))
    doses = Regimen(amount_mg, interval_h, max(1.0, amount_mg / MG_PER_H)).doses(float(random.integers(24, 96)))
    troughs = doses[-1].time_h + interval_h - 0.5 - interval_h * np.arange(min(len(doses), random.integers(1, 3)))
    peak = [doses[-1].time_h + doses[-1].infusion_h + 1.5] if random.random() < 0.5 else []
    return replace(patient, doses=doses, samples=_levels(virtual, i, doses, np.sort([*troughs, *peak]), random))


def _levels(virtual: Virtual, i: int, doses: tuple[Dose, ...], time_h: np.ndarray, random: np.random.Generator) -> tuple[Sample, ...]:
    truth, error = rows(virtual.truth, torch.tensor([i])), MODELS[virtual.card.published_models[int(virtual.model[i])].name].error
    with torch.no_grad():
        level = truth.curves(course(virtual.card, [doses]), torch.as_tensor(time_h, dtype=torch.float32)[None])[0][0, 0].double().numpy()
    measured = np.maximum(level + residual_sd(error, level) * random.standard_normal(len(level)), 0.5)
    return tuple(Sample(float(t), float(f"{c:.3g}")) for t, c in zip(time_h, measured, strict=True))


def _due(patient: Patient) -> float:
    return 2 * patient.doses[-1].time_h - patient.doses[-2].time_h


def _lines(patient: Patient, origin: datetime) -> list[list[str]]:
    """A patient's rows in time, the covariates in the first."""
    given = [(d.time_h, [f"{d.amount_mg:g}", f"{d.infusion_h:g}", "", "1"]) for d in patient.doses]
    found = [(s.time_h, ["", "", f"{s.concentration_mg_per_L:g}", "0"]) for s in patient.samples]
    known = [("F", "M")[int(patient.covariate(name) or 0)] if name == "SEX" else f"{patient.covariate(name):.3g}" for name in COVARIATES]
    ordered = sorted([*given, *found], key=lambda item: item[0])
    return [[patient.id, f"{origin + timedelta(hours=time_h):%Y-%m-%d %H:%M}", *cells, *known] for time_h, cells in ordered]
