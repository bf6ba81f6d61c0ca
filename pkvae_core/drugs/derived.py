"""Which covariates follow from others: creatinine clearance from age, sex, weight and creatinine, saying how."""

from dataclasses import replace

from pkvae_core.drugs.card import DrugCard
from pkvae_core.patient import Covariate, Patient
from pkvae_core.records.physiology import CreatinineClearance, creatinine_clearance


def clearance_of(patient: Patient) -> CreatinineClearance | None:
    """Cockcroft-Gault from the patient's latest values; None while one of age, sex, weight and creatinine is unknown."""
    age, sex, weight, creatinine, height = (patient.covariate(name) for name in ("AGE", "SEX", "WT", "SCR", "HT"))
    if age is None or sex is None or weight is None or creatinine is None:
        return None
    return creatinine_clearance(age, weight, creatinine, sex, height)


def complete(card: DrugCard, patient: Patient) -> Patient:
    """The patient with the creatinine clearance that its other covariates imply, where the card uses one and the record states none."""
    if not any(c.name == "CRCL" for c in card.covariates) or patient.covariate("CRCL") is not None:
        return patient
    clearance = clearance_of(patient)
    if clearance is None:
        return patient
    since = max(c.time_h for c in patient.covariates)
    return replace(patient, covariates=(*patient.covariates, Covariate("CRCL", clearance.value_mL_per_min, since, f"Cockcroft-Gault, {clearance.weight_used}")))
