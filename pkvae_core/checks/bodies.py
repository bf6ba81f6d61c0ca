"""What must hold of every body that is simulated dose after dose, whoever made it?

Nothing is scaled here. Where the concentration tells how much is held, mass is balanced by adding up what the body eliminates at each hour (trapezoids),
beside what it and its depot still hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.checks.biology import ROUNDING, Question, given_by
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import course, typical_body
from pkvae_core.patient import Dose
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.body import Body
from pkvae_core.structural.exponentials import Doses

POINTS, AFTER_H = 500, 72.0
LEVELS = torch.logspace(-2, 2.3, 60)  # mg/L at which elimination is looked at


@dataclass(frozen=True)
class Mass:
    """Where the drug is, mg: in the blood, in the depot, and eliminated so far."""

    held: Float[Tensor, "subject draw time"]
    waiting: Float[Tensor, "subject draw time"]
    eliminated: Float[Tensor, "subject draw time"]


@dataclass(frozen=True)
class BodyTrial:
    """Bodies [subject draw] of some patients, their doses, and what they lead to from the first dose until three days after the last."""

    responses: AnyResponses
    body: Body
    doses: Doses
    time: Float[Tensor, "subject time"]
    concentration: Float[Tensor, "subject draw time"]
    area: Float[Tensor, "subject draw time"]
    given: Float[Tensor, "subject 1 time"]  # mg so far
    elimination: Float[Tensor, "level subject draw"]  # mg/h, at steady `LEVELS`
    mass: Mass | None  # where the concentration tells how much is held


def _mass(body: Body, doses: Doses, time: Float[Tensor, "subject time"], concentration: Float[Tensor, "subject draw time"]) -> Mass:
    held = concentration / body.concentration(torch.ones_like(body.start()))[..., None]
    rate = -body.slope(held.movedim(-1, 0)[..., None])[..., 0].movedim(0, -1)
    eliminated = torch.nn.functional.pad((time.diff(dim=1)[:, None] * (rate[..., 1:] + rate[..., :-1]) / 2).cumsum(-1), (1, 0))
    return Mass(held, _waiting(body, doses, time), eliminated)


def body_trial_of(card: DrugCard, responses: AnyResponses, courses: Sequence[Sequence[Dose]]) -> BodyTrial:
    """What these bodies, which do not change any more, make of the patients' courses."""
    doses, body = course(card, courses), responses.now
    assert isinstance(body, Body)
    first = torch.where(doses.amount > 0, doses.time, torch.inf).min(1).values[:, None]
    last = torch.where(doses.amount > 0, doses.time + doses.duration, -torch.inf).max(1).values[:, None]
    even = first + (last + AFTER_H - first) * torch.linspace(0, 1, POINTS)
    time = torch.cat([even, *(torch.where(doses.amount > 0, doses.time + h, first) for h in (1e-3, 0.3, 0.8, 1.5, 3.0))], 1).sort(1).values
    concentration, area = responses.curves(doses, time)
    elimination = torch.stack([level * body.clearance(level) for level in LEVELS.tolist()])
    mass = _mass(body, doses, time, concentration) if body.start().shape[-1] == 1 else None
    return BodyTrial(responses, body, doses, time, concentration, area, given_by(doses, time)[:, None], elimination, mass)


def _waiting(body: Body, doses: Doses, time: Float[Tensor, "subject time"]) -> Float[Tensor, "subject draw time"]:
    """What of the swallowed doses has not reached the blood."""
    found = torch.zeros(*body.ka.shape, time.shape[1])
    for at, amount, route in zip(doses.time.T, doses.amount.T, doses.route.T, strict=True):
        since = time - at[:, None]
        left = torch.exp(-body.ka[..., None] * since.clamp(min=0)[:, None]) * (amount * (route > 0))[:, None, None]
        found += torch.where((since > 0)[:, None], left, 0)
    return found


def _imbalance(trial: BodyTrial) -> Tensor:
    """Share of the drug given that is neither eliminated nor still there, where that share is largest."""
    assert trial.mass is not None
    kept = trial.mass.held + trial.mass.waiting + trial.mass.eliminated
    return ((kept - trial.given) / trial.given[..., -1:]).abs().amax(-1)


def _overfull(trial: BodyTrial) -> Tensor:
    """Drug in the blood beyond all that was given so far, as a share of it."""
    assert trial.mass is not None
    return torch.where(trial.given > 0, trial.mass.held / trial.given.clamp(min=1e-9) - 1, 0).amax(-1)


def _making(trial: BodyTrial) -> Tensor:
    """The fastest gain of drug while none comes in, as a share of the fastest change."""
    return (-trial.elimination.amin(0) / trial.elimination.abs().amax(0)).clamp(min=0)


def _eased(trial: BodyTrial) -> Tensor:
    """How much faster than at a lower level a level clears, as a share of the clearance there."""
    clearance = trial.elimination / LEVELS.view(-1, 1, 1)
    return (clearance[1:] / clearance[:-1] - 1).amax(0)


def _idling(trial: BodyTrial) -> Tensor:
    """How much slower than at a lower level drug leaves, as a share of that rate."""
    return (1 - trial.elimination[1:] / trial.elimination[:-1]).amax(0)


def _less_from_more(trial: BodyTrial) -> Tensor:
    """One minus the smaller of the factors by which AUC and highest concentration grow when all doses grow by half; 0 or more is no growth."""
    concentration, area = trial.responses.curves(replace(trial.doses, amount=1.5 * trial.doses.amount), trial.time)
    growth = torch.minimum(area[..., -1] / trial.area[..., -1], concentration.amax(-1) / trial.concentration.amax(-1))
    return 1 - growth


MASS_QUESTIONS = (
    Question(
        "Mass balance", "Is all drug given eliminated, still there, or not yet absorbed, at every hour?", "of all doses unaccounted for", 1e-2, _imbalance
    ),
    Question("No more in the body than given", "Does the blood never hold more drug than was given?", "too much", 5e-3, _overfull),
)
BODY_QUESTIONS = (
    Question("No drug out of nothing", "Does the body never gain drug while none comes in?", "of the fastest change", ROUNDING, _making),
    Question("Saturation", "Does clearance never rise with the level?", "faster", ROUNDING, _eased),
    Question("More drug leaves at higher levels", "Does elimination (mg/h) never fall as the level rises?", "slower", ROUNDING, _idling),
    Question("More drug, more exposure", "Do AUC and peak grow when all doses grow by half?", "(1 minus the growth)", -1e-3, _less_from_more),
)


def body_questions(card: DrugCard) -> tuple[Question, ...]:
    """What is asked of this drug's bodies: mass is balanced where a concentration tells how much is held, which it does not where a target moves too."""
    body = typical_body(card)
    holds_drug_alone = isinstance(body, Body) and body.start().shape[-1] == 1
    return (*BODY_QUESTIONS[:1], *MASS_QUESTIONS, *BODY_QUESTIONS[1:]) if holds_drug_alone else BODY_QUESTIONS
