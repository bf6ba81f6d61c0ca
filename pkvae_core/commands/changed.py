"""How does a command say what a record's answer rests on: covariates that changed during the course, and the meals assumed?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pkvae_core.commands.cases import Cases
from pkvae_core.dosing.claimed import claim_cautions
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.changes import change_sentences, changes
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import typical_body
from pkvae_core.inference.posterior import Posterior
from pkvae_core.insight.meals import meal_sentences, meals_after, meals_of_a_day
from pkvae_core.records.history import PatientRecord
from pkvae_core.report.words import moment_words


def told(cases: Cases, record: PatientRecord, posterior: Posterior) -> Posterior:
    """The same answer; its cautions begin with what changed, when, on the clock of the file, a steady state that is none, and the meals that are assumed."""
    origin, meals = cases.cohort.origin.get(posterior.patient.id), meals_of_a_day(posterior.responses)
    changed = change_sentences(posterior.card, posterior.patient, clock_of(origin))
    said = (*changed, *claim_cautions(posterior, record.claimed), *meal_sentences(meals, posterior.patient))
    return replace(posterior, cautions=(*said, *posterior.cautions))


def eating(card: DrugCard, records: Sequence[PatientRecord]) -> Iterator[tuple[str, str]]:
    """(patient, sentence) on the meals that are assumed, for everyone whose drug they bring back."""
    body = typical_body(card)
    for record in records:
        yield from ((record.patient.id, words) for words in meal_sentences(meals_after(body, record.patient.morning_h), record.patient))


def clock_of(origin: datetime | None) -> Callable[[float], str]:
    """Says an hour: "on Tue 10 Mar 2026, 14:00" where hour 0 has a date, else "at 32 h"."""

    def when(time_h: float) -> str:
        if origin is None:
            return f"at {time_h:g} h"
        passed = timedelta(hours=time_h)
        return f"on {moment_words(origin + passed if origin.tzinfo is None else (origin.astimezone(UTC) + passed).astimezone(origin.tzinfo))}"

    return when


def changing(card: DrugCard, records: Sequence[PatientRecord]) -> Iterator[tuple[str, str]]:
    """(patient, sentence) for everyone in whom something changes: which covariates, without the values, so that many patients share a sentence."""
    for record in records:
        found = changes(card, complete(card, record.patient))
        if labels := list(dict.fromkeys(change.spec.label.lower() for change in found)):
            what = " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))
            yield record.patient.id, f"{what} changed during the course: each level is foreseen with the values known before it."
