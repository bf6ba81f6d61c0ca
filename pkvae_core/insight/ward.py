"""Who on this ward needs another dose, and which? One row a patient, with the very numbers that the Dose page shows for each."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.claimed import claim_cautions
from pkvae_core.dosing.compare import past_day, unchanged
from pkvae_core.dosing.current import standing
from pkvae_core.dosing.option import Option
from pkvae_core.dosing.recommend import recommend_first, silence_of
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.inference.answering import answer_for_all
from pkvae_core.inference.posterior import Posterior
from pkvae_core.inference.verdict import REFUSED, Entitlement
from pkvae_core.insight.meals import meal_sentences, meals_of_a_day
from pkvae_core.insight.urgency import NOT_JUDGED, UNANSWERED, Chances, Urgency, order, urgency_of
from pkvae_core.insight.ward_words import change_words
from pkvae_core.patient import Regimen, Sample
from pkvae_core.records.history import PatientRecord
from pkvae_core.records.problems import Problem
from pkvae_core.vae.vae import PKVAE

AT_ONCE, DOSES_AT_ONCE = 16, 640  # patients of one batch, and doses with the padding: about what a core's cache holds


@dataclass(frozen=True)
class Exposure:
    """Median and 90 % interval of what the target measures, in its unit, and the chances. "unchanged": the current regimen, left as it is; "past day": the 24 h
    before the record's hour, for a patient whose doses follow no clear regimen."""

    basis: Literal["unchanged", "past day"]
    median: float
    low90: float
    high90: float
    chances: Chances


@dataclass(frozen=True)
class Advice:
    """The regimen that comes first on the Dose page, its chance in target, and in words what it changes in the current one ("" where none is clear)."""

    regimen: Regimen
    probability_in: float
    change: str


@dataclass(frozen=True)
class WardRow:
    """One patient. `now_h`: the hour of the record at which the next decision falls. `reason`: why there is no advice, why nothing is judged, or why nobody
    answers; "" where there is nothing to explain. `engine` and `version` are "" where the record could not be read or the computation failed."""

    patient_id: str
    urgency: Urgency
    now_h: float | None
    last_level: Sample | None
    current: Regimen | None
    exposure: Exposure | None = None
    advice: Advice | None = None
    reason: str = ""
    engine: str = ""
    version: str = ""
    verdict: str = ""
    cautions: tuple[str, ...] = ()

    @property
    def is_failed(self) -> bool:
        """Nobody was asked: the record could not be read, or the computation failed."""
        return not self.version


def ward(model: PKVAE, records: Sequence[PatientRecord], target: Target | None, *, draws: int = 1000, seed: int = 0) -> Iterator[tuple[int, WardRow]]:
    """Each patient's place in `records` and row, as they are computed, batch by batch."""
    for part in parts(records):
        yield from zip(part, ward_rows(model, [records[place] for place in part], target, draws=draws, seed=seed), strict=True)


def parts(records: Sequence[PatientRecord]) -> tuple[tuple[int, ...], ...]:
    """The places of the patients who are asked about together: those with like numbers of doses, since all of a batch are padded to the longest course.

    They follow from the cohort alone, so that the numbers do not depend on who computes them.
    """
    found: list[list[int]] = []
    for place in sorted(range(len(records)), key=lambda i: len(records[i].patient.doses)):
        longest = max(1, len(records[place].patient.doses))
        if not found or len(found[-1]) == AT_ONCE or (len(found[-1]) + 1) * longest > DOSES_AT_ONCE:
            found.append([])
        found[-1].append(place)
    return tuple(map(tuple, found))


def ward_rows(model: PKVAE, records: Sequence[PatientRecord], target: Target | None, *, draws: int = 1000, seed: int = 0) -> Iterator[WardRow]:
    """A row for each patient, asked about in one batch; who cannot be answered has a row that says why, and stops nobody else."""
    try:
        posteriors: Sequence[Posterior | None] = answer_for_all(model, [record.patient for record in records], draws=draws, seed=seed)
    except Exception:  # whoever it was: each is asked alone below, and answers for itself
        posteriors = [None] * len(records)
    for record, posterior in zip(records, posteriors, strict=True):
        yield _row_or_why(model, record, target, posterior, draws, seed)


def ranked(rows: Iterable[WardRow]) -> tuple[WardRow, ...]:
    """The rows by urgency (see `urgency`); give them in the order of the file, which breaks ties."""
    return tuple(sorted(rows, key=lambda row: order(row.urgency, *((row.exposure.chances, row.exposure.median) if row.exposure else (None, 0.0)))))


def unanswered(record: PatientRecord, reason: str) -> WardRow:
    """The row of a patient about whom nothing could be computed."""
    patient = record.patient
    now_h, current = standing(patient, record.asked_h)
    return WardRow(patient.id, UNANSWERED, now_h, _last_level(record), current, reason=reason)


def unread(problems: Iterable[Problem]) -> tuple[WardRow, ...]:
    """A row for each patient whose rows in the file hold an error, with every sentence about them, in the order of the file."""
    said: dict[str, list[str]] = {}
    for problem in problems:
        if problem.severity == "error" and problem.patient_id is not None:
            said.setdefault(problem.patient_id, []).append(str(problem))
    return tuple(WardRow(patient_id, UNANSWERED, None, None, None, reason=" ".join(sentences)) for patient_id, sentences in said.items())


def _row_or_why(model: PKVAE, record: PatientRecord, target: Target | None, posterior: Posterior | None, draws: int, seed: int) -> WardRow:
    try:
        posterior = posterior or answer_for_all(model, [record.patient], draws=draws, seed=seed)[0]
        return ward_row(posterior, record, target)
    except ValueError as error:
        return unanswered(record, f"{str(error)[:1].upper()}{str(error)[1:]}")
    except Exception as error:  # a fault of ours in one patient must not cost the ward its table
        logging.getLogger(__name__).exception("A row of the ward failed")
        return unanswered(record, f"The computation stopped with an error of ours ({type(error).__name__}). Open the patient alone, and report it.")


def ward_row(posterior: Posterior, record: PatientRecord, target: Target | None) -> WardRow:
    """The row of a patient who has been asked about; nobody's exposure or advice where nobody may answer."""
    now_h, current = standing(posterior.patient, record.asked_h)
    row = WardRow(
        patient_id=posterior.patient.id,
        urgency=NOT_JUDGED,
        now_h=now_h,
        last_level=_last_level(record),
        current=current,
        engine=posterior.engine,
        version=posterior.version,
        verdict=(posterior.entitlement or Entitlement()).verdict,
        cautions=(*posterior.cautions, *claim_cautions(posterior, record.claimed), *meal_sentences(meals_of_a_day(posterior.responses), posterior.patient)),
    )
    if silence := silence_of(posterior):
        return replace(row, urgency=UNANSWERED, verdict=REFUSED, reason=silence, cautions=tuple(c for c in row.cautions if c != silence))
    if target is None:
        return replace(row, reason=f"The card of {posterior.card.name} states no target: levels are followed, and no exposure is judged.")
    return _judged(_advised(row, posterior, target, now_h), posterior, target, now_h)


def _judged(row: WardRow, posterior: Posterior, target: Target, now_h: float) -> WardRow:
    if row.current:
        exposure = _exposure("unchanged", target, unchanged(posterior, target, row.current, start_h=now_h))
    elif lived := past_day(posterior, target, now_h):
        exposure = _exposure("past day", target, lived)
    else:
        why = "No dose is recorded yet." if not posterior.patient.doses else "The doses follow no clear regimen yet, and do not fill a day."
        return replace(row, reason=" ".join(filter(None, (why, row.reason))))
    return replace(row, exposure=exposure, urgency=urgency_of(exposure.chances, least_probability=target.least_probability))


def _exposure(basis: Literal["unchanged", "past day"], target: Target, option: Option) -> Exposure:
    too_high = None if target.toxicity_alarm is None else option.probability_toxic
    too_low = None if target.inefficacy_alarm is None else float(np.asarray(option.weight) @ (option.exposure < target.inefficacy_alarm))
    return Exposure(basis, option.exposure_median, option.exposure_low90, option.exposure_high90, Chances(option.probability_in, too_high, too_low))


def _advised(row: WardRow, posterior: Posterior, target: Target, now_h: float) -> WardRow:
    """With the first regimen of the Dose page, which offers those of the current product, or why there is none."""
    card: DrugCard = posterior.card
    if not card.gives_dose:
        return replace(row, reason=f"The card of {card.name} gives no doses: levels are followed.")
    offered = candidates(card, start_h=now_h, product=_product(card, row.current))
    found = recommend_first(posterior, target, offered, current=row.current)
    row = replace(row, reason=found.reason or "", cautions=tuple(dict.fromkeys((*row.cautions, *found.cautions))))
    if found.best is None:
        return row
    best = found.best.regimen
    return replace(row, advice=Advice(best, found.best.probability_in, change_words(card, row.current, best)))


def _product(card: DrugCard, current: Regimen | None) -> str:
    """What the Dose page offers: the current product where the card has several, and the first one failing that."""
    if len(card.products) == 1:
        return ""
    return current.product if current and current.product in {p.name for p in card.products} else card.products[0].name


def _last_level(record: PatientRecord) -> Sample | None:
    """The latest level that counts."""
    return next((sample for sample in reversed(record.patient.samples) if sample.trust > 0), None)
