"""In which groups of patients must the model keep its promises one by one?"""

from collections.abc import Callable
from dataclasses import dataclass

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.patient import Patient

EVERYBODY = "Everybody"


@dataclass(frozen=True)
class Stratum:
    """A group of patients. `holds` is False of a patient whose covariates leave it open."""

    label: str
    needs: tuple[str, ...]
    holds: Callable[[Patient], bool]


def _between(label: str, name: str, low: float, high: float) -> Stratum:
    """Patients whose latest `name` lies in [low, high)."""

    def holds(patient: Patient) -> bool:
        value = patient.covariate(name)
        return value is not None and low <= value < high

    return Stratum(label, (name,), holds)


def _is_obese(patient: Patient) -> bool:
    weight_kg, height_cm = patient.covariate("WT"), patient.covariate("HT")
    return weight_kg is not None and height_cm is not None and weight_kg / (height_cm / 100) ** 2 > 40


STRATA = (
    _between("Creatinine clearance under 30 mL/min", "CRCL", 0, 30),
    _between("Creatinine clearance over 130 mL/min", "CRCL", 130 + 1e-9, float("inf")),
    Stratum("Body mass index over 40 kg/m²", ("WT", "HT"), _is_obese),
    _between("Under 40 years", "AGE", 0, 40),
    _between("40 to 64 years", "AGE", 40, 65),
    _between("65 to 79 years", "AGE", 65, 80),
    _between("80 years and over", "AGE", 80, float("inf")),
    _between("Under 1.5 kg at birth", "BWT", 0, 1.5),
    _between("In the first three days of life", "PNA", 0, 3),
    _between("Older than two weeks", "PNA", 14, float("inf")),
    _between("Apgar score below 5", "APGAR", 0, 5),
)


def strata(card: DrugCard) -> tuple[Stratum, ...]:
    """The groups that the card's covariates can tell apart."""
    known = {c.name for c in card.covariates}
    return tuple(s for s in STRATA if known.issuperset(s.needs))


def strata_of(card: DrugCard, patient: Patient) -> tuple[str, ...]:
    """The labels of the groups that a patient belongs to by the latest covariates, EVERYBODY first."""
    known = complete(card, patient)
    return (EVERYBODY, *(s.label for s in strata(card) if s.holds(known)))
