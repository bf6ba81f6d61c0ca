"""The competing models of a drug, fitted once per server, and what they say of patients."""

from functools import lru_cache

from pages import model
from pages.checks_parts.source import Source
from pkvae_core.checks.progress import Progress
from pkvae_core.checks.virtual import fresh
from pkvae_core.insight.contrast import Contrast, contrast
from pkvae_core.insight.hybrid import TOGETHER, Classification, Rivals, classify, fit_rivals, ready
from pkvae_core.insight.profile import Fitted, fits, profile_times
from pkvae_core.insight.residual_fit import ResidualFit, ResidualModel, residual_fit
from pkvae_core.insight.residual_model import learn_correction
from pkvae_core.patient import Patient


def rivals_of(drug: str) -> Rivals:
    return _rivals(drug, model(drug).version)


@lru_cache(maxsize=16)  # not Streamlit's: background threads ask too
def _rivals(drug: str, version: str) -> Rivals:
    return fit_rivals(model(drug))


def patients_of(source: Source) -> tuple[Patient, ...]:
    """The patients that the reader chose."""
    if source.given is not None:
        return tuple(p for p in source.given if source.wants(p))
    wanted = source.wants if source.stratum else None
    return fresh(model(source.drug).card, source.count, samples=source.samples, seed=source.seed, is_wanted=wanted).patients


def classify_all(source: Source, tick: Progress) -> tuple[list[Patient], list[Classification], list[str]]:
    """Everybody's class, and a sentence for each patient who has none."""
    rivals, patients = rivals_of(source.drug), patients_of(source)
    kept, left_out = [], []
    for patient in patients:
        try:
            kept.append(ready(rivals, patient))
        except ValueError as error:
            left_out.append(f"{str(error)[0].upper()}{str(error)[1:]}")
    classes: list[Classification] = []
    while len(classes) < len(kept):
        tick(len(classes), len(kept))
        classes += classify(rivals, kept[len(classes) : len(classes) + TOGETHER])
    return kept, classes, left_out


def contrast_of(drug: str, patient: Patient) -> Contrast:
    """Compartments against VAE on these levels. Raises ValueError where none lies above its limit."""
    return contrast(rivals_of(drug), patient)


@lru_cache(maxsize=16)
def _residual_model(drug: str, version: str) -> ResidualModel:
    textbook = _rivals(drug, version).one
    return ResidualModel(model(drug).card, textbook, learn_correction(textbook, model(drug).card))


def residual_of(drug: str, patient: Patient) -> ResidualFit:
    """One compartment and its learned correction on one patient."""
    return residual_fit(_residual_model(drug, model(drug).version), patient, profile_times(patient))


def fits_of(drug: str, patient: Patient, known: Classification | None) -> tuple[tuple[Fitted, ...], Classification]:
    """All three models on one patient, and the class. Raises ValueError where a compartment model lacks a covariate."""
    rivals = rivals_of(drug)
    return fits(rivals, patient), known or classify(rivals, [patient])[0]
