"""Who are the fresh virtual patients of a check, as records that any engine can read, and what is the truth about them?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from pkvae_core.checks.expected import stacked
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import CHANGING, Population, VirtualPatients, rows, simulate
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.exponentials import NEVER

SEED_OFFSET = 3_000_000_019  # training and the benchmark draw far below
ROUNDS = 200

Wanted = Callable[[Patient], bool]


@dataclass(frozen=True)
class Virtual:
    """Virtual patients as records; `truth` holds their true responses [subject, 1 draw], `model` the index on the card of the published model of each."""

    card: DrugCard
    patients: tuple[Patient, ...]
    truth: AnyResponses
    model: Int[Tensor, " subject"]

    def only(self, index: Sequence[int]) -> "Virtual":
        """Some of them."""
        chosen = torch.tensor(list(index), dtype=torch.long)
        return Virtual(self.card, tuple(self.patients[i] for i in index), rows(self.truth, chosen), self.model[chosen])


def fresh(
    card: DrugCard,
    count: int,
    *,
    samples: int | None = None,
    seed: int = 0,
    changing: float = CHANGING,
    is_wanted: Wanted | None = None,
    is_of_one_occasion: bool = False,
) -> Virtual:
    """`count` virtual patients that training never saw, each with 1 to 10 levels (or exactly `samples`), of whom `is_wanted` holds.

    Where the drug varies between occasions, each visit has its own body, and so has the time after the last one; with `is_of_one_occasion` one body holds
    throughout. Raises ValueError when hardly any virtual patient is wanted.
    """
    generator = torch.Generator().manual_seed(SEED_OFFSET + seed)
    found: list[Virtual] = []
    for _ in range(ROUNDS):
        drawn = simulate(card, max(count, 100), generator, samples=samples, changing=changing, is_of_one_occasion=is_of_one_occasion)
        found.append(_chosen(card, drawn, is_wanted, sum(len(f.patients) for f in found)))
        if sum(len(f.patients) for f in found) >= count:
            return _together(found).only(range(count))
    number = sum(len(f.patients) for f in found)
    raise ValueError(f"only {number} of {ROUNDS * max(count, 100):,} virtual patients belong to this group; {count} are needed. Widen the group.")


def _chosen(card: DrugCard, drawn: VirtualPatients, is_wanted: Wanted | None, before: int) -> Virtual:
    """The wanted ones; who is wanted is asked of a record with covariates alone, because most records would be thrown away."""
    count = len(drawn.model)
    known = [_covariates(card, drawn.population, i) for i in range(count)]
    index = torch.tensor([i for i in range(count) if is_wanted is None or is_wanted(Patient(str(i), covariates=known[i]))], dtype=torch.long)
    population = rows(drawn.population, index)
    return Virtual(card, as_patients(card, population, first=before + 1), rows(drawn.responses, index), drawn.model[index])


def _together(found: Sequence[Virtual]) -> Virtual:
    """Several batches as one, one after the other."""
    patients = tuple(patient for f in found for patient in f.patients)
    return Virtual(found[0].card, patients, stacked([f.truth for f in found]), torch.cat([f.model for f in found]))


def as_patients(card: DrugCard, population: Population, *, first: int = 1) -> tuple[Patient, ...]:
    """The records that such a batch stands for, numbered from `first`; a dose is of the first product of its route."""
    return tuple(
        Patient(str(first + i), _doses(card, population, i), _samples(population, i), _covariates(card, population, i))
        for i in range(len(population.covariates))
    )


def _doses(card: DrugCard, population: Population, i: int) -> tuple[Dose, ...]:
    by_route = [next((p for p in card.products if p.route == route), card.products[0]) for route in card.routes]
    table = (getattr(population.doses, name)[i].tolist() for name in ("time", "amount", "duration", "route"))
    given = ((time, amount, duration, by_route[route]) for time, amount, duration, route in zip(*table, strict=True) if amount > 0)
    return tuple(Dose(time, amount / (product.salt_factor * product.bioavailability), duration, product.name) for time, amount, duration, product in given)


def _samples(population: Population, i: int) -> tuple[Sample, ...]:
    table = (getattr(population, name)[i].tolist() for name in ("sample_time", "level", "is_below_lloq", "is_sample"))
    return tuple(
        Sample(time, None if is_below else level, level if is_below else None) for time, level, is_below, is_sample in zip(*table, strict=True) if is_sample
    )


def _covariates(card: DrugCard, population: Population, i: int) -> tuple[Covariate, ...]:
    """The first known values without a date, and each later one from the time of its change on."""
    until, before, latest = population.history.until[i].tolist(), population.history.covariates[i].tolist(), population.covariates[i].tolist()
    epochs = [(time, values) for time, values in zip(until, before, strict=True) if time > NEVER / 2]
    values = [*(values for _, values in epochs), latest]
    names = [c.name for c in card.covariates]
    found = [Covariate(name, value, source="virtual") for name, value in zip(names, values[0], strict=True) if value == value]
    for (time, earlier), later in zip(epochs, values[1:], strict=True):
        found += [Covariate(name, new, time, "virtual") for name, old, new in zip(names, earlier, later, strict=True) if new == new and new != old]
    return tuple(found)
