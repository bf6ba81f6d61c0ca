"""What would such patients show: virtual patients with their true curves, drawn from the drug's published models."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.cohorts import CHANGES, COHORTS
from pkvae_core.drugs.occasions import Epochs, ends_of, varies_between_occasions
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import Parameters, PublishedModel, pulses
from pkvae_core.drugs.regimens import MOST_SAMPLES, SAMPLE_COUNT_WEIGHTS, average_concentration, clinical_doses, clinical_sample_times
from pkvae_core.patient import Dose, Patient
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.body import AnyBody
from pkvae_core.structural.exponentials import NEVER, Doses, Pulses
from pkvae_core.structural.responses import Responses, joined
from pkvae_core.structural.simulated import Simulated

CHANGING = 0.35  # share of the virtual patients whose covariates change during the course
MOST_CHANGES = 2


@dataclass(frozen=True)
class History:
    """Covariates before the latest ones: row i held until `until[:, i]` hours (ascending; `NEVER`, with the latest values, where there were fewer changes)."""

    until: Float[Tensor, "subject change"]
    covariates: Float[Tensor, "subject change covariate"]

    @classmethod
    def none(cls, covariates: Float[Tensor, "subject covariate"]) -> "History":
        return cls(torch.zeros(len(covariates), 0), covariates[:, None][:, :0])


@dataclass(frozen=True)
class Population:
    """A batch of patients as tensors, padded: the only place that pads. Covariates are the latest ones, NaN where unknown; `level` holds the LLOQ where
    `is_below_lloq`; `trust` is the power of each level's likelihood; `morning` is the hour of the record that is 08:00, 0 where none is given. `ends` says when
    each occasion ended that levels tell of (see `occasions`), where the drug varies between them and more than one matters; without it, one body holds
    throughout."""

    covariates: Float[Tensor, "subject covariate"]
    history: History
    doses: Doses
    sample_time: Float[Tensor, "subject sample"]
    level: Float[Tensor, "subject sample"]
    is_below_lloq: Bool[Tensor, "subject sample"]
    is_sample: Bool[Tensor, "subject sample"]
    trust: Float[Tensor, "subject sample"]
    morning: Float[Tensor, " subject"] = None  # pyright: ignore[reportAssignmentType]
    ends: Float[Tensor, "subject occasion"] | None = None

    def __post_init__(self):
        if self.morning is None:
            object.__setattr__(self, "morning", torch.zeros(len(self.covariates)))

    @property
    def occasions(self) -> Float[Tensor, "subject occasion"]:
        """`ends`, without columns where one body holds throughout."""
        return torch.zeros(len(self.covariates), 0) if self.ends is None else self.ends

    @classmethod
    def of(cls, card: DrugCard, patients: Sequence[Patient]) -> "Population":
        """Patients of one drug; amounts times their product's salt factor. Levels that are not trusted at all are not among them."""
        counted = [[s for s in p.samples if s.trust > 0] for p in patients]
        most = max((len(c) for c in counted), default=0)
        samples = torch.zeros(4, len(patients), most)
        for i, each in enumerate(counted):
            for j, s in enumerate(each):
                level = s.lloq_mg_per_L if s.is_below_lloq else s.concentration_mg_per_L
                samples[:, i, j] = torch.tensor([s.time_h, level, s.is_below_lloq, s.trust])
        is_sample = torch.arange(most) < torch.tensor([len(c) for c in counted])[:, None]
        covariates, history = _histories(card, patients)
        doses = course(card, [p.doses for p in patients])
        morning = torch.tensor([p.morning_h or 0.0 for p in patients])
        ends = ends_of(card, [[d.time_h for d in p.doses] for p in patients], [[s.time_h for s in p.samples] for p in patients])
        return cls(covariates, history, doses, samples[0], samples[1], samples[2].bool(), is_sample, samples[3], morning, ends)


def _histories(card: DrugCard, patients: Sequence[Patient]) -> tuple[Tensor, History]:
    """Latest covariates and those before, one row for each time at which any of the card's changed."""
    names = [c.name for c in card.covariates]
    each = [_epochs(names, patient) for patient in patients]
    most = max((len(e) for e in each), default=1) - 1
    latest = torch.tensor([e[-1][1] for e in each]).view(len(patients), len(names))
    until, before = torch.full((len(patients), most), NEVER), latest[:, None].repeat(1, most, 1)
    for i, epochs in enumerate(each):
        for j, ((_, values), (start, _)) in enumerate(zip(epochs[:-1], epochs[1:], strict=True), start=most + 1 - len(epochs)):
            until[i, j], before[i, j] = start, torch.tensor(values)
    return latest, History(until, before)


def _epochs(names: Sequence[str], patient: Patient) -> list[tuple[float, list[float]]]:
    """From when which values held. Before the first known value of a covariate, that value is used."""
    first = {c.name: c.value for c in reversed(patient.covariates)}
    found: list[tuple[float, list[float]]] = []
    for start in sorted({-math.inf, *(c.time_h for c in patient.covariates if c.name in names)}):
        known = [patient.covariate(name, start) for name in names]
        values = [first.get(name, math.nan) if value is None else value for name, value in zip(names, known, strict=True)]
        if not found or [v for v in values if v == v] != [v for v in found[-1][1] if v == v]:
            found.append((start, values))
    return found


def course(card: DrugCard, courses: Sequence[Sequence[Dose]]) -> Doses:
    """Doses of several subjects as padded tensors in mg of active substance: the one place where salt factor and bioavailability are applied."""
    most = max(1, max((len(c) for c in courses), default=1))
    table = torch.zeros(3, len(courses), most)
    route = torch.zeros(len(courses), most, dtype=torch.long)
    for i, doses in enumerate(courses):
        for j, dose in enumerate(doses):
            product = card.product(dose.product)
            table[:, i, j] = torch.tensor([dose.time_h, product.active_mg(dose.amount_mg) * product.bioavailability, dose.infusion_h])
            route[i, j] = card.routes.index(product.route)
    return Doses(table[0], table[1], table[2], route)


@dataclass(frozen=True)
class VirtualPatients:
    """Patients and the truth about them: index of the published model (in the card's order), true responses, true concentration at the samples.

    `usual` is who they are between occasions, where these differ.
    """

    population: Population
    model: Int[Tensor, " subject"]
    responses: AnyResponses
    concentration: Float[Tensor, "subject sample"]
    usual: AnyResponses | None = None

    @property
    def pulses(self) -> Pulses:
        """True responses as they are at last."""
        return self.responses.pulses


def published_responses(model: PublishedModel, card: DrugCard, population: Population, normal: Float[Tensor, "subject draw normal"]) -> AnyResponses:
    """What the published model says of patients with these standard normal etas: typical values follow the covariates in time, the etas stay.

    With one normal for each eta, one body holds throughout; those of kappas after them make one for each occasion. Every covariate that the model uses must be
    known.
    """

    def at(table: Tensor, *occasion: Tensor) -> Parameters:
        return model.at({c.name: table[:, i] for i, c in enumerate(card.covariates)}, normal, *occasion)

    history = population.history
    if normal.shape[-1] == len(model.variance):
        now, *before, until = at(population.covariates), *(at(row) for row in history.covariates.unbind(1)), history.until
    else:
        epochs, tables = Epochs.of(history.until, population.occasions), torch.cat([history.covariates, population.covariates[:, None]], 1)
        subject, until = torch.arange(len(normal)), epochs.until
        *before, now = (at(tables[subject, i], occasion) for i, occasion in zip(epochs.covariate.unbind(1), epochs.occasion.unbind(1), strict=True))
    if model.body is not None:
        return Simulated(model.body(now), tuple(model.body(parameters) for parameters in before), until).begun_at(population.morning)
    return Responses(pulses(now), tuple(pulses(parameters) for parameters in before), until, model.onset_changes)


def true_responses(card: DrugCard, population: Population, model: Int[Tensor, " subject"], generator: torch.Generator) -> AnyResponses:
    """One true patient for each subject, from its own published model."""
    return _true(card, population, model, generator)[0]


def _true(card: DrugCard, population: Population, model: Int[Tensor, " subject"], generator: torch.Generator) -> tuple[AnyResponses, AnyResponses | None]:
    """The same, and who those patients usually are at their latest covariates: without kappas. None where nothing varies between occasions."""
    subject, occasions = torch.arange(len(model)), population.occasions.shape[1]

    def own(each: list[AnyResponses]) -> AnyResponses:
        return joined(each).map(lambda table: table[subject, model][:, None])

    models = [MODELS[m.name] for m in card.published_models]
    sizes = [len(m.variance) + len(m.occasion_variance or ()) * (occasions + 1) for m in models]
    normals = [torch.randn(len(model), 1, size, dtype=torch.float64, generator=generator) for size in sizes]
    true = own([published_responses(m, card, population, normal) for m, normal in zip(models, normals, strict=True)])
    if not varies_between_occasions(card):
        return true, None
    now = replace(population, history=History.none(population.covariates), ends=None)
    still = [n.index_fill(-1, torch.arange(len(m.variance), n.shape[-1]), 0) for m, n in zip(models, normals, strict=True)]
    return true, own([published_responses(m, card, now, normal) for m, normal in zip(models, still, strict=True)])


def is_dose_proportional(card: DrugCard) -> bool:
    """Whether twice the dose is twice the concentration: what holds of all of a drug's published models, or of none. A card without any is of a cohort's."""
    return all(MODELS[m.name].body is None for m in card.published_models)


def typical_body(card: DrugCard) -> AnyBody | None:
    """The body of the card's typical patient by its first published model; None where doses add up as responses do."""
    published = MODELS[card.published_models[0].name] if card.published_models else None
    if published is None or published.body is None:
        return None
    known = {name: torch.tensor([value], dtype=torch.float64) for name, value in card.typical_patient.items()}
    return published.body(published.at(known, torch.zeros(1, 1, len(published.variance))))


def typical_clearance(card: DrugCard, covariates: dict[str, Tensor]) -> Tensor:
    """Average of the published models' typical clearances [subject] (L/h) at the concentration aimed for: what a virtual prescriber goes by."""
    return torch.stack([MODELS[m.name].clearance(covariates, average_concentration(card)) for m in card.published_models]).mean(0)


def simulate(
    card: DrugCard, count: int, generator: torch.Generator, *, samples: int | None = None, changing: float = CHANGING, is_of_one_occasion: bool = True
) -> VirtualPatients:
    """`count` fresh virtual patients with all covariates known and 1 to 10 levels each (or exactly `samples`).

    A share `changing` of them has covariates that change once or twice during the course. All levels are of the body of one occasion, however far apart; else
    that body changes from visit to visit, as in a record.
    """
    if not card.published_models:
        raise ValueError(f"virtual patients are drawn from published models, and {card.name} has none: its model was learned from a cohort alone.")
    ranges = {c.name: (c.low, c.high) for c in card.covariates}
    first = COHORTS[card.cohort](count, ranges, generator)
    model = torch.multinomial(torch.tensor([m.weight for m in card.published_models]), count, replacement=True, generator=generator)
    doses = clinical_doses(card, typical_clearance(card, first), generator, weight=first.get("WT"))
    time = clinical_sample_times(doses, generator, peak_by_h=card.peak_by_h)
    covariates, history = _drawn_history(card, first, doses, changing, generator)
    number = (
        torch.full((count,), samples)
        if samples is not None
        else 1 + torch.multinomial(torch.tensor(SAMPLE_COUNT_WEIGHTS), count, replacement=True, generator=generator)
    )
    is_sample = torch.arange(MOST_SAMPLES) < number[:, None]
    blank = Population(covariates, history, doses, time, time, is_sample, is_sample, torch.ones_like(time))
    if not is_of_one_occasion:
        given = [time[is_given].tolist() for time, is_given in zip(doses.time, doses.amount > 0, strict=True)]
        blank = replace(blank, ends=ends_of(card, given, [one[known].tolist() for one, known in zip(time, is_sample, strict=True)]))
    truth, usual = _true(card, blank, model, generator)
    concentration = truth.curves(doses, time)[0][:, 0]
    lloq = average_concentration(card) * torch.exp(torch.empty(count, 1).uniform_(math.log(0.005), math.log(0.15), generator=generator))
    observed = concentration + error_sd(card, model, concentration) * torch.randn(concentration.shape, generator=generator)
    is_below = observed < lloq
    population = replace(blank, level=torch.where(is_below, lloq, observed), is_below_lloq=is_below & is_sample)
    return VirtualPatients(population, model, truth, concentration, usual)


def _drawn_history(
    card: DrugCard, first: dict[str, Tensor], doses: Doses, changing: float, generator: torch.Generator
) -> tuple[Float[Tensor, "subject covariate"], History]:
    """Latest covariates, and those before: once changed, or (one in three) twice, at any hour from the first dose to half a day after the last."""
    ranges = {c.name: (c.low, c.high) for c in card.covariates}
    count = len(doses.time)

    def table(values: dict[str, Tensor]) -> Tensor:
        return torch.stack([values.get(c.name, torch.full((count,), math.nan)) for c in card.covariates], 1)

    if changing == 0:
        return table(first), History.none(table(first))
    is_changing = (torch.rand(count, 1, generator=generator) < changing) & (torch.rand(count, MOST_CHANGES, generator=generator) < torch.tensor([1 / 3, 1.1]))
    end = torch.where(doses.amount > 0, doses.time, 0).max(1, keepdim=True).values + 12
    until = torch.where(is_changing, (end * torch.rand(count, MOST_CHANGES, generator=generator)).sort(1).values, NEVER)
    epochs = [first]
    for i in range(MOST_CHANGES):
        later = CHANGES[card.cohort](epochs[-1], ranges, generator)
        epochs.append({name: torch.where(is_changing[:, i], value, epochs[-1][name]) for name, value in later.items()})
    latest = table(epochs[-1])
    before = torch.where(is_changing[..., None], torch.stack([table(e) for e in epochs[:-1]], 1), latest[:, None])
    return latest, History(until, before)


def error_sd(card: DrugCard, model: Int[Tensor, " subject"], concentration: Float[Tensor, "subject sample"]) -> Float[Tensor, "subject sample"]:
    """Standard deviation (mg/L) of the residual error of each subject's own published model."""
    each = torch.stack([MODELS[m.name].error.sd(concentration) for m in card.published_models])
    return each.gather(0, model.view(1, -1, 1).expand(1, *concentration.shape))[0]


Batch = TypeVar("Batch")


def rows(batch: Batch, index: Tensor | slice) -> Batch:
    """Some of the subjects of a batch: of any dataclass whose fields are tensors, such dataclasses or tuples of them, with the subject as first axis.

    A number in it is kept, and what is not there.
    """
    parts = [getattr(batch, f.name) for f in fields(batch)]  # pyright: ignore[reportArgumentType]
    return type(batch)(*(_some(part, index) for part in parts))


def _some(part, index: Tensor | slice):
    if isinstance(part, tuple):
        return tuple(rows(each, index) for each in part)
    if part is None or isinstance(part, int):
        return part
    return part[index] if isinstance(part, Tensor) else rows(part, index)
