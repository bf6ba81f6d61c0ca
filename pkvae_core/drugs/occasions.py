"""Which levels tell of the same occasion, and how long was the body that they tell of?

Where a drug varies between occasions as well as between patients, a patient's parameters on occasion o are typical x exp(eta + kappa_o). Levels within
`VISIT_H` of the first one are of one occasion: a profile of twelve hours is, levels of two mornings are not. Later ones open another, if a dose lies between.
The body of an occasion holds from where the one before it ended to the first dose at or after its last level, recorded or due: it changes with a dose, and what
is left of earlier doses stays where it is. Everything after the last occasion is another one, of which no level is known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.published import MODELS
from pkvae_core.patient import Patient
from pkvae_core.structural.exponentials import NEVER

VISIT_H = 18.0  # more than a profile and its last trough; less than a day, whose levels may be drawn some hours early


def occasion_ends(dose_h: Sequence[float], level_h: Sequence[float], interval_h: float) -> tuple[float, ...]:
    """When each occasion with levels ended, in order. Both sequences ascend; a dose is due `interval_h` after the last recorded one."""
    ends: list[float] = []
    first = last = None
    for time_h in level_h:
        following = None if last is None else next((given for given in dose_h if last <= given < time_h), None)
        if first is None or (following is not None and time_h >= first + VISIT_H):
            ends += [] if following is None else [following]
            first = time_h
        last = time_h
    if last is None:
        return ()
    due = max(last, dose_h[-1] + interval_h) if dose_h else last
    return (*ends, next((given for given in dose_h if given >= last), due))


def table_of_ends(doses_h: Sequence[Sequence[float]], levels_h: Sequence[Sequence[float]], interval_h: float) -> Float[Tensor, "subject occasion"]:
    """The same for several subjects, whose hours need not be sorted; `NEVER` first where a subject has fewer."""
    each = [occasion_ends(sorted(doses), sorted(levels), interval_h) for doses, levels in zip(doses_h, levels_h, strict=True)]
    ends = torch.full((len(each), max(map(len, each), default=0)), NEVER)
    for row, known in zip(ends, each, strict=True):
        row[len(row) - len(known) :] = torch.tensor(known)
    return ends


def varies_between_occasions(card: DrugCard) -> bool:
    """Whether the card's published models say so: all of them, or none."""
    return any(MODELS[m.name].occasion_variance for m in card.published_models)


def ends_of(card: DrugCard, doses_h: Sequence[Sequence[float]], levels_h: Sequence[Sequence[float]]) -> Float[Tensor, "subject occasion"] | None:
    """When each subject's occasions ended, from the hours of doses and levels; None where the drug does not vary between them."""
    return table_of_ends(doses_h, levels_h, card.typical_regimen.interval_h) if varies_between_occasions(card) else None


def by_visit(card: DrugCard, patient: Patient) -> tuple[Patient, ...]:
    """A record for each visit: the levels of it alone, beside all that was given. One record where the drug does not vary between visits."""
    if not varies_between_occasions(card):
        return (patient,)
    counted = [s for s in patient.samples if s.trust > 0]
    ends = occasion_ends(sorted(d.time_h for d in patient.doses), sorted(s.time_h for s in counted), card.typical_regimen.interval_h)
    visits = [tuple(s for s in counted if begin < s.time_h <= end) for begin, end in zip((-math.inf, *ends), ends, strict=False)]
    return tuple(replace(patient, samples=levels) for levels in visits)


@dataclass(frozen=True)
class Epochs:
    """The stretches of a course in which neither covariates nor the occasion changed: epoch i, of `covariate[:, i]` and `occasion[:, i]`, held until
    `until[:, i]`; the last one holds after that."""

    until: Float[Tensor, "subject change"]
    covariate: Int[Tensor, "subject epoch"]
    occasion: Int[Tensor, "subject epoch"]

    @classmethod
    def of(cls, changes: Float[Tensor, "subject covariates"], ends: Float[Tensor, "subject occasions"]) -> "Epochs":
        """From the hours at which covariates changed and those at which occasions ended; both ascend, `NEVER` first where there are fewer."""
        until, order = torch.cat([changes, ends], 1).sort(dim=1, stable=True)
        is_end = order >= changes.shape[1]
        return cls(until, _so_far(~is_end), _so_far(is_end))


def _so_far(is_change: Bool[Tensor, "subject change"]) -> Int[Tensor, "subject epoch"]:
    return torch.nn.functional.pad(is_change.long().cumsum(1), (1, 0))
