"""What must hold of every body that meals bring its drug back to, whoever made it?

Rises after meals are what it is for; but nothing may come back that did not go in, and in the end everything must have left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.checks.biology import ROUNDING, Question, given_by
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import course
from pkvae_core.patient import Dose
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.recirculation import Recirculating

POINTS, AFTER_H = 150, 72.0
HALF_LIVES = 20  # between meals; what comes back makes it last about twice as long


@dataclass(frozen=True)
class MealTrial:
    """Bodies [subject draw] of some patients, their doses, and what they lead to: until three days after the last dose, and at last when all is gone."""

    responses: AnyResponses
    body: Recirculating
    doses: Doses
    time: Float[Tensor, "subject time"]
    concentration: Float[Tensor, "subject draw time"]
    area: Float[Tensor, "subject draw time"]
    given: Float[Tensor, "subject 1 time"]  # mg so far


def meal_trial_of(card: DrugCard, responses: AnyResponses, courses: Sequence[Sequence[Dose]]) -> MealTrial:
    """What these bodies, which do not change any more, make of the patients' courses."""
    doses, body = course(card, courses), responses.now
    assert isinstance(body, Recirculating)
    first = torch.where(doses.amount > 0, doses.time, torch.inf).min(1).values[:, None]
    last = torch.where(doses.amount > 0, doses.time, -torch.inf).max(1).values[:, None]
    even = first + (last + AFTER_H - first) * torch.linspace(0, 1, POINTS)
    peaks = torch.cat([torch.where(doses.amount > 0, doses.time + h, first) for h in (0.3, 0.6, 1.0)], 1)
    gone = last + HALF_LIVES * body.disposition()["half_life"].max(1, keepdim=True).values
    time = torch.cat([torch.cat([even, peaks], 1).sort(1).values, torch.maximum(gone, last + AFTER_H + 24)], 1)
    concentration, area = responses.curves(doses, time)
    return MealTrial(responses, body, doses, time, concentration, area, given_by(doses, time)[:, None])


def _falling_area(trial: MealTrial) -> Tensor:
    """The largest fall of the area, which is where a concentration would be below 0, as a share of all of it."""
    return (-trial.area.diff(dim=-1).amin(-1) / trial.area[..., -1]).clamp(min=0)


def _excess(trial: MealTrial) -> Tensor:
    """Drug eliminated for good (its clearance times the AUC so far) beyond the drug given so far, as a share of all that is given."""
    eliminated = trial.body.clearance()[..., None] * trial.area
    return ((eliminated - trial.given) / trial.given[..., -1:]).amax(-1)


def _imbalance(trial: MealTrial) -> Tensor:
    """Share of the drug given that is not eliminated when twenty half-lives have gone by."""
    return (trial.body.clearance() * trial.area[..., -1] / trial.given[..., -1] - 1).abs()


def _overfull(trial: MealTrial) -> Tensor:
    """Drug in the blood beyond all that was given so far, as a share of it."""
    held = trial.concentration * trial.body.V1[..., None]
    return torch.where(trial.given > 0, held / trial.given.clamp(min=1e-9) - 1, 0).amax(-1)


def _less_from_more(trial: MealTrial) -> Tensor:
    """One minus the smaller of the factors by which AUC and highest concentration grow when all doses grow by half; 0 or more is no growth."""
    concentration, area = trial.responses.curves(replace(trial.doses, amount=1.5 * trial.doses.amount), trial.time)
    growth = torch.minimum(area[..., -1] / trial.area[..., -1], concentration.amax(-1) / trial.concentration.amax(-1))
    return 1 - growth


MEAL_QUESTIONS = (
    Question("No negative concentration", "Does the area under the curve never fall?", "of all of it", ROUNDING, _falling_area),
    Question(
        "Nothing out of nothing", "Is never more drug eliminated for good than was given, however often it came back?", "of all doses too much", 5e-3, _excess
    ),
    Question("Mass balance", "Is in the end all drug eliminated: AUC × CL = dose?", "of all doses unaccounted for", 1e-2, _imbalance),
    Question("No more in the body than given", "Does the blood never hold more drug than was given?", "too much", 5e-3, _overfull),
    Question("More drug, more exposure", "Do AUC and peak grow when all doses grow by half?", "(1 minus the growth)", -1e-3, _less_from_more),
)
