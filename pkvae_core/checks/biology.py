"""What must hold of every response to a dose, whoever made it?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import course
from pkvae_core.patient import Dose
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.exponentials import Doses

ROUNDING = 2e-3  # of the highest value: two nearly equal exponentials cancel in single precision
SINCE_H = torch.logspace(-2, 3, 120)


@dataclass(frozen=True)
class Trial:
    """Responses [subject draw] of some patients, their doses, and what they lead to at some 60 times from the first dose until a thousandth is left."""

    responses: AnyResponses
    doses: Doses
    unit: Float[Tensor, "subject draw route since"]  # concentration after 1 mg, at SINCE_H after the lag
    time: Float[Tensor, "subject time"]
    concentration: Float[Tensor, "subject draw time"]
    area: Float[Tensor, "subject draw time"]
    given: Float[Tensor, "subject 1 time"]  # mg so far


@dataclass(frozen=True)
class Question:
    """One law: how far each draw goes wrong [subject draw], in which measure, from where on that is a violation, and which share of draws may violate it."""

    name: str
    text: str
    measured_in: str
    tolerance: float
    measure: Callable[..., Tensor]  # of the kind of trial that the law is about
    allowed_share: float = 0.0


def trial_of(card: DrugCard, responses: AnyResponses, courses: Sequence[Sequence[Dose]]) -> Trial:
    """What these responses, which do not change any more, make of the patients' courses."""
    doses, pulses = course(card, courses), responses.pulses
    unit = (pulses.amplitude[..., None] * torch.exp(-pulses.rate[..., None] * SINCE_H)).sum(-2)
    first = torch.where(doses.amount > 0, doses.time, torch.inf).min(1).values
    last = torch.where(doses.amount > 0, doses.time + doses.duration, -torch.inf).max(1).values
    slowest = pulses.rate.flatten(1).min(1).values
    during = first[:, None] + (last - first)[:, None] * torch.linspace(0, 1, 36)
    after = last[:, None] + math.log(1000) / slowest[:, None] * torch.logspace(-3, 0, 24)
    time = torch.cat([during, after], 1)
    concentration, area = responses.curves(doses, time)
    return Trial(responses, doses, unit, time, concentration, area, given_by(doses, time)[:, None])


def given_by(doses: Doses, time: Float[Tensor, "subject time"]) -> Float[Tensor, "subject time"]:
    """Mg of active substance that had entered by each time: a bolus just after its time, an infusion bit by bit."""
    since = time[:, :, None] - doses.time[:, None]
    duration = doses.duration[:, None]
    share = torch.where(duration > 0, (since / torch.where(duration > 0, duration, 1)).clamp(0, 1), (since > 0).float())
    return (share * doses.amount[:, None]).sum(-1)


def _negative(trial: Trial) -> Tensor:
    """The deepest concentration below 0 after 1 mg, as a share of the highest one (before `superpose` cuts off rounding)."""
    top = trial.unit.amax((-1, -2)).clamp(min=1e-30)
    return (0 - trial.unit.amin((-1, -2)) / top).clamp(min=0)


def _rising(trial: Trial) -> Tensor:
    """The largest rise after the peak of any route's response, as a share of that peak; into the vein the peak is at the start."""
    peak, lowest = trial.unit[..., 0], trial.unit[..., 0]
    is_past_peak, rise = torch.zeros_like(peak, dtype=torch.bool), torch.zeros_like(peak)
    is_past_peak[..., 0] = True
    for value in trial.unit.unbind(-1)[1:]:
        is_past_peak |= value < peak * (1 - ROUNDING)
        lowest = torch.where(is_past_peak, torch.minimum(lowest, value), value)
        rise = torch.maximum(rise, torch.where(is_past_peak, value - lowest, 0))
        peak = torch.maximum(peak, value)
    return (rise / peak.clamp(min=1e-30)).amax(-1)


def _excess(trial: Trial) -> Tensor:
    """Drug eliminated (CL times AUC so far) beyond the drug given so far, as a share of all that is given."""
    eliminated = trial.responses.disposition()["CL"][..., None] * trial.area
    return ((eliminated - trial.given) / trial.given[..., -1:]).amax(-1)


def _imbalance(trial: Trial) -> Tensor:
    """Share of the drug given that is neither eliminated nor expected to be left, at the end."""
    eliminated = trial.responses.disposition()["CL"] * trial.area[..., -1]
    return (eliminated / trial.given[..., -1] - 1).abs()


def _overfull(trial: Trial) -> Tensor:
    """Drug in the volume that is sampled (concentration over the concentration of 1 mg at once) beyond all that was given so far, as a share of it."""
    inside = trial.concentration / trial.responses.pulses.amplitude[:, :, 0].sum(-1, keepdim=True)
    return torch.where(trial.given > 0, inside / trial.given.clamp(min=1e-9) - 1, 0).amax(-1)


def _less_from_more(trial: Trial) -> Tensor:
    """One minus the smaller of the factors by which AUC and highest concentration grow when all doses grow by half; 0 or more is no growth."""
    concentration, area = trial.responses.curves(replace(trial.doses, amount=1.5 * trial.doses.amount), trial.time)
    growth = torch.minimum(area[..., -1] / trial.area[..., -1], concentration.amax(-1) / trial.concentration.amax(-1))
    return 1 - growth


QUESTIONS = (
    Question("No negative concentration", "Is the concentration after a dose never below 0?", "of the peak below 0", ROUNDING, _negative),
    Question("No rising washout", "Does the concentration only fall once it has passed the peak of a dose?", "of the peak risen again", 2 * ROUNDING, _rising),
    Question("Nothing out of nothing", "Is never more drug eliminated (CL × AUC so far) than was given?", "of all doses too much", 5e-3, _excess),
    Question("Mass balance", "Is in the end all drug eliminated: AUC × CL = dose?", "of all doses unaccounted for", 1e-2, _imbalance),
    Question("No more in the body than given", "Does the sampled volume never hold more drug than was given?", "too much", 5e-3, _overfull),
    Question("More drug, more exposure", "Do AUC and peak grow when all doses grow by half?", "(1 minus the growth)", -1e-3, _less_from_more),
)
