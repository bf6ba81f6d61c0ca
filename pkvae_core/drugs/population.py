"""What would such patients show: virtual patients with their true curves, drawn from the drug's published models."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.cohorts import COHORTS
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import pulses
from pkvae_core.drugs.regimens import MOST_SAMPLES, SAMPLE_COUNT_WEIGHTS, average_concentration, clinical_doses, clinical_sample_times
from pkvae_core.patient import Dose, Patient
from pkvae_core.structural.exponentials import Doses, Pulses, superpose


@dataclass(frozen=True)
class Population:
    """A batch of patients as tensors, padded: the only place that pads. Covariates are NaN where unknown; `level` holds the LLOQ where `is_below_lloq`."""

    covariates: Float[Tensor, "subject covariate"]
    doses: Doses
    sample_time: Float[Tensor, "subject sample"]
    level: Float[Tensor, "subject sample"]
    is_below_lloq: Bool[Tensor, "subject sample"]
    is_sample: Bool[Tensor, "subject sample"]

    @classmethod
    def of(cls, card: DrugCard, patients: Sequence[Patient]) -> "Population":
        """Patients of one drug; amounts times their product's salt factor, covariates at their latest known value."""
        most = max((len(p.samples) for p in patients), default=0)
        samples = torch.zeros(3, len(patients), most)
        for i, patient in enumerate(patients):
            for j, s in enumerate(patient.samples):
                samples[:, i, j] = torch.tensor([s.time_h, s.lloq_mg_per_L if s.is_below_lloq else s.concentration_mg_per_L, s.is_below_lloq])
        is_sample = torch.arange(most) < torch.tensor([len(p.samples) for p in patients])[:, None]
        covariates = torch.tensor([[_nan(p.covariate(c.name)) for c in card.covariates] for p in patients]).view(len(patients), len(card.covariates))
        return cls(covariates, course(card, [p.doses for p in patients]), samples[0], samples[1], samples[2].bool(), is_sample)


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


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
    """Patients and the truth about them: index of the published model (in the card's order), true responses, true concentration at the samples."""

    population: Population
    model: Int[Tensor, " subject"]
    pulses: Pulses
    concentration: Float[Tensor, "subject sample"]


def draw_pulses(card: DrugCard, covariates: dict[str, Tensor], model: Int[Tensor, " subject"], *, draws: int, generator: torch.Generator) -> Pulses:
    """True responses [subject, draw] of patients of the given published models."""
    count = model.shape[0]
    each = [pulses(MODELS[m.name].individual(covariates, draws=draws, generator=generator)) for m in card.published_models]
    terms = max(p.amplitude.shape[-1] for p in each)
    amplitude = torch.zeros(count, draws, len(card.routes), terms)
    rate, lag = torch.ones_like(amplitude), torch.zeros(count, draws, len(card.routes))
    for i, p in enumerate(each):
        mine = model == i
        amplitude[mine, ..., : p.amplitude.shape[-1]] = p.amplitude[mine]
        rate[mine, ..., : p.rate.shape[-1]] = p.rate[mine]
        lag[mine] = p.lag[mine]
    return Pulses(amplitude, rate, lag)


def typical_clearance(card: DrugCard, covariates: dict[str, Tensor]) -> Tensor:
    """Average of the published models' typical clearances [subject] (L/h): what a virtual prescriber goes by."""
    return torch.stack([MODELS[m.name].typical(covariates)["CL"] for m in card.published_models]).mean(0)


def simulate(card: DrugCard, count: int, generator: torch.Generator, *, samples: int | None = None) -> VirtualPatients:
    """`count` fresh virtual patients with all covariates known and 1 to 10 levels each (or exactly `samples`)."""
    ranges = {c.name: (c.low, c.high) for c in card.covariates}
    covariates = COHORTS[card.cohort](count, ranges, generator)
    weights = torch.tensor([m.weight for m in card.published_models])
    model = torch.multinomial(weights, count, replacement=True, generator=generator)
    truth = draw_pulses(card, covariates, model, draws=1, generator=generator)
    doses = clinical_doses(card, typical_clearance(card, covariates), generator)
    time = clinical_sample_times(doses, generator)
    number = (
        torch.full((count,), samples)
        if samples is not None
        else 1 + torch.multinomial(torch.tensor(SAMPLE_COUNT_WEIGHTS), count, replacement=True, generator=generator)
    )
    is_sample = torch.arange(MOST_SAMPLES) < number[:, None]
    concentration = superpose(truth, doses, time)[0][:, 0]
    lloq = average_concentration(card) * torch.exp(torch.empty(count, 1).uniform_(math.log(0.005), math.log(0.15), generator=generator))
    observed = concentration + _error_sd(card, model, concentration) * torch.randn(concentration.shape, generator=generator)
    is_below = observed < lloq
    table = torch.stack([covariates.get(c.name, torch.full((count,), math.nan)) for c in card.covariates], 1)
    population = Population(table, doses, time, torch.where(is_below, lloq, observed), is_below & is_sample, is_sample)
    return VirtualPatients(population, model, truth, concentration)


def _error_sd(card: DrugCard, model: Tensor, concentration: Tensor) -> Tensor:
    each = torch.stack([MODELS[m.name].error.sd(concentration) for m in card.published_models])
    return each.gather(0, model.view(1, -1, 1).expand(1, *concentration.shape))[0]


Batch = TypeVar("Batch")


def rows(batch: Batch, index: Tensor | slice) -> Batch:
    """Some of the subjects of a batch: of any dataclass whose fields are tensors, or such dataclasses, with the subject as first axis."""
    parts = [getattr(batch, f.name) for f in fields(batch)]  # pyright: ignore[reportArgumentType]
    return type(batch)(*(part[index] if isinstance(part, Tensor) else rows(part, index) for part in parts))
