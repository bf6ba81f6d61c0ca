"""Does the model obey biology: mass balance, no negative concentration, no rising washout, more exposure from more drug, parameters that people have?

Every draw of every patient is put to the same questions, with the latest covariates and the patient's own doses. Each question measures how far a draw goes
wrong; beyond a tolerance that covers rounding it counts as a violation, and the worst one is named.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from pkvae_core.checks.biology import QUESTIONS, Question, Trial, trial_of
from pkvae_core.checks.bodies import BodyTrial, body_questions, body_trial_of
from pkvae_core.checks.engines import Engine
from pkvae_core.checks.expected import Answers, asked
from pkvae_core.checks.meals import MEAL_QUESTIONS, MealTrial, meal_trial_of
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import simulate, typical_body
from pkvae_core.patient import Patient, Regimen
from pkvae_core.structural.recirculation import Recirculating

REFERENCE = 10_000
INSIDE = 0.998  # share of the published models' own patients in the range of a parameter
WIDER = 1.5  # at either end, for covariates that are rarer than those of the published models' patients
ALLOWED = 0.01  # share of draws that may lie outside before it counts against the model: patients differ from one cohort to the next
PARAMETERS = {"CL": ("Clearance", "L/h"), "V": ("Volume", "L"), "half_life": ("Half-life", "h")}


@dataclass(frozen=True)
class Plausible:
    """One question: how many draws were tested and violated it, how far the worst one went (in the question's own measure), the tolerance, and whose it was.

    A law is broken by one violation; the range of a parameter when more than `allowed_share` of the draws leave it.
    """

    name: str
    question: str
    tested: int
    violated: int
    allowed_share: float
    tolerance: float
    worst: float
    worst_case: str

    @property
    def is_kept(self) -> bool:
        return self.violated <= self.allowed_share * self.tested


@dataclass(frozen=True)
class Plausibility:
    """The questions put to draws of the prior or of posteriors."""

    engine: str
    over: Literal["prior", "posterior"]
    patients: int
    draws: int
    checks: tuple[Plausible, ...]
    left_out: tuple[str, ...]

    def rows(self) -> tuple[dict[str, object], ...]:
        return tuple(asdict(c) for c in self.checks)

    @property
    def sentence(self) -> str:
        broken = [f"{c.name} ({c.violated:,} of {c.tested:,})" for c in self.checks if not c.is_kept]
        told = f"not kept: {'; '.join(broken)}" if broken else "all kept"
        return f"{len(self.checks)} questions to {self.patients * self.draws:,} draws of the {self.over}: {told}."


def plausibility(
    engine: Engine,
    card: DrugCard,
    patients: Sequence[Patient],
    *,
    over: Literal["prior", "posterior"] = "prior",
    draws: int = 200,
    seed: int = 0,
    progress: Progress = silent,
) -> Plausibility:
    """Every question to `draws` draws of what is believed of each patient, before levels ("prior") or given all of them ("posterior").

    A patient without doses is tried on five days of the card's typical regimen.
    """
    dosed = [_dosed(card, patient if over == "posterior" else replace(patient, samples=())) for patient in patients]
    laws, try_out = _laws(card)
    questions = (*laws, *_ranges(card, seed))
    wrong: list[list[np.ndarray]] = [[] for _ in questions]
    left_out: list[str] = []
    answered: list[str] = []
    for answer in asked(engine, dosed, seed=seed, progress=progress):
        if isinstance(answer, dict):
            left_out += [f"patient {dosed[i].id}: {why}" for i, why in answer.items()]
            continue
        trial = try_out(card, _some_draws(answer, draws), [p.doses for p in answer.patients])
        for found, question in zip(wrong, questions, strict=True):
            found.append(question.measure(trial).numpy())
        answered += [p.id for p in answer.patients]
    checks = tuple(_judged(q, np.concatenate(w), answered) for q, w in zip(questions, wrong, strict=True) if w)
    return Plausibility(engine.name, over, len(answered), draws, checks, tuple(left_out))


def _laws(card: DrugCard):
    """The questions that can be asked of the drug's answers to doses, and what makes a trial of them."""
    body = typical_body(card)
    if body is None:
        return QUESTIONS, trial_of
    return (MEAL_QUESTIONS, meal_trial_of) if isinstance(body, Recirculating) else (body_questions(card), body_trial_of)


def _dosed(card: DrugCard, patient: Patient) -> Patient:
    usual = card.typical_regimen
    regimen = Regimen(usual.amount_mg, usual.interval_h, usual.infusion_h, product=usual.product)
    return patient if patient.doses else replace(patient, doses=regimen.doses(120))


def _some_draws(answer: Answers, draws: int):
    """`draws` equally weighted draws of each patient (systematic resampling), with the latest covariates: Responses [subject draw]."""
    edges = torch.as_tensor(answer.weight).cumsum(1)
    position = (torch.arange(draws, dtype=edges.dtype) + 0.5) / draws * edges[:, -1:]
    index = torch.searchsorted(edges, position).clamp(max=edges.shape[1] - 1)
    subject = torch.arange(len(index))[:, None]
    return answer.responses.settled().map(lambda table: table[subject, index])


def _ranges(card: DrugCard, seed: int) -> tuple[Question, ...]:
    """Does each parameter stay where 998 of 1,000 patients of the published models are?"""
    reference = simulate(card, REFERENCE, torch.Generator().manual_seed(seed), samples=1, changing=0.0).responses.disposition()
    found, body = [], typical_body(card)
    for name, (label, unit) in PARAMETERS.items():
        low, high = (float(reference[name].quantile(q)) for q in ((1 - INSIDE) / 2, (1 + INSIDE) / 2))

        def measure(trial: Trial | BodyTrial | MealTrial, name: str = name, low: float = low, high: float = high) -> torch.Tensor:
            value = trial.responses.disposition()[name]
            return torch.maximum(low / value, value / high).nan_to_num(nan=torch.inf)

        whose = f"{1000 * INSIDE:.0f} of 1,000 patients of the published models"
        label = label if body is None or body.scales or name == "V" else f"{label} at low levels"
        question = f"Does it stay within {low / WIDER:.3g} to {high * WIDER:.3g} {unit}: the range of {whose}, widened by half at either end?"
        found.append(Question(f"{label} that people have", question, "times the end of the range", WIDER, measure, ALLOWED))
    return tuple(found)


def _judged(question: Question, wrong: Float[np.ndarray, "subject draw"], patients: Sequence[str]) -> Plausible:
    worst = np.nan_to_num(wrong, nan=np.inf)
    subject = int(worst.max(1).argmax())
    violated, furthest = int((worst > question.tolerance).sum()), float(worst.max())
    case = f"patient {patients[subject]}: {furthest:.3g} {question.measured_in}" if violated else ""
    return Plausible(question.name, question.text, wrong.size, violated, question.allowed_share, question.tolerance, furthest, case)
