"""Which covariates follow from others: creatinine clearance from age, sex, weight and creatinine, saying how."""

from pkvae_core.drugs.card import DrugCard
from pkvae_core.patient import Patient
from pkvae_core.records.covariates import with_clearance


def complete(card: DrugCard, patient: Patient) -> Patient:
    """The patient with the creatinine clearance that its other covariates imply, where the card uses one and the record states none."""
    spec = next((c for c in card.covariates if c.name == "CRCL"), None)
    return patient if spec is None else with_clearance(patient, spec.low, spec.high)
