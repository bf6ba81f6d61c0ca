"""The competing models of a drug, shipped with it or fitted once per server, and what they say of patients."""

from functools import lru_cache

from pages import model
from pages.checks_parts.source import Source
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.checks.recorded import recorded
from pkvae_core.checks.virtual import fresh
from pkvae_core.insight.contrast import Contrast, contrast
from pkvae_core.insight.hybrid import TOGETHER, Classification, Rivals, classify, fit_rivals, ready
from pkvae_core.insight.profile import Fitted, fits, profile_times
from pkvae_core.insight.residual_fit import ResidualFit, ResidualModel, residual_fit
from pkvae_core.insight.residual_model import learn_correction
from pkvae_core.patient import Patient

MOST = 16  # models whose rivals a server keeps
FITTED: dict[tuple[str, str], Rivals] = {}  # not Streamlit's cache: background threads ask too, and a page asks whether they are there


def are_fitted(drug: str) -> bool:
    """Whether the compartment models of this drug are there, so that nobody waits a minute for them."""
    return (drug, model(drug).version) in FITTED or shipped(drug) is not None


def shipped(drug: str) -> dict | None:
    """The estimates that were recorded with what they were measured to be worth, for this very model; None where there are none, as for own models."""
    found = (recorded("complexity") or {"drugs": {}})["drugs"].get(drug, {})
    return found.get("rivals") if found.get("model") == model(drug).version else None


def rivals_of(drug: str, tick: Progress = silent) -> Rivals:
    """The models that compete for this drug's patients."""
    key = drug, model(drug).version
    if key not in FITTED:
        plain = shipped(drug)
        FITTED[key] = Rivals.restore(model(drug), plain) if plain else fit_rivals(model(drug), tick=tick)
        for oldest in list(FITTED)[:-MOST]:
            FITTED.pop(oldest, None)
    return FITTED[key]


def patients_of(source: Source) -> tuple[Patient, ...]:
    """The patients that the reader chose; virtual ones stay the same from visit to visit, as the compartment models take everybody to do."""
    if source.given is not None:
        return tuple(p for p in source.given if source.wants(p))
    wanted = source.wants if source.stratum else None
    return fresh(model(source.drug).card, source.count, samples=source.samples, seed=source.seed, is_wanted=wanted, is_of_one_occasion=True).patients


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
    return _contrast(drug, model(drug).version, patient)


@lru_cache(maxsize=64)
def _contrast(drug: str, version: str, patient: Patient) -> Contrast:
    return contrast(rivals_of(drug), patient)


@lru_cache(maxsize=16)
def _residual_model(drug: str, version: str) -> ResidualModel:
    textbook = rivals_of(drug).one
    return ResidualModel(model(drug).card, textbook, learn_correction(textbook, model(drug).card))


def residual_of(drug: str, patient: Patient) -> ResidualFit:
    """One compartment and its learned correction on one patient."""
    return _residual(drug, model(drug).version, patient)


@lru_cache(maxsize=64)
def _residual(drug: str, version: str, patient: Patient) -> ResidualFit:
    return residual_fit(_residual_model(drug, version), patient, profile_times(patient))


def fits_of(drug: str, patient: Patient, known: Classification | None) -> tuple[tuple[Fitted, ...], Classification]:
    """All three models on one patient, and the class. Raises ValueError where a compartment model lacks a covariate."""
    return _fits(drug, model(drug).version, patient), known or _class(drug, model(drug).version, patient)


@lru_cache(maxsize=64)
def _fits(drug: str, version: str, patient: Patient) -> tuple[Fitted, ...]:
    return fits(rivals_of(drug), patient)


@lru_cache(maxsize=64)
def _class(drug: str, version: str, patient: Patient) -> Classification:
    return classify(rivals_of(drug), [patient])[0]
