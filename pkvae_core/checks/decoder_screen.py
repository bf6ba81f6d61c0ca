"""Which decoder serves a drug best that is not dose-proportional? Each trained model before the same fresh virtual patients.

`clean`: how far the decoder's own curve is off when the teacher has read the noise-free body, on courses as in training and on longer ones. `profile`: the next
interval from 3 to 5 levels, beside the exact posterior. `covered`: how often the 90 % bands hold the true concentration. `changed`: AUC24 and trough after the
dose changed, beside MAP-Bayes with the right structure. `milliseconds`: of a posterior with 1,000 draws, of a few doses and of a visit of weeks.
"""

import time as clock
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from pkvae_core.checks.contenders import weighted
from pkvae_core.checks.decoder_training import POINTS, Lesson, lesson
from pkvae_core.checks.dose_change import dose_change, engines, figures, two_visits
from pkvae_core.checks.profile_error import Asked, ask, by_exact, by_vae
from pkvae_core.checks.ratio import ratio_of_medians
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import rows
from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.mapbayes import heaviest
from pkvae_core.structural.exponentials import Doses
from pkvae_core.vae.challenger import Challenger
from pkvae_core.vae.vae import PKVAE

LONG_DOSES, INTERVAL_H, AMOUNT_MG, TRAINED_DOSES = 240, 12.0, 150.0, 72
SEEN_MG_PER_L = (0.5, 60.0)  # where a clean curve is judged: from the assay's additive error to four times the target
JUDGED_DOSES, AT_ONCE_H = [10, 40, 70, 120], 1e-3
TIMED = 5
SEED_OFFSET = 8_000_000_011

Say = Callable[[str], None]


@dataclass(frozen=True)
class Sizes:
    """Patients of each part."""

    clean: int = 1000
    profile: int = 120
    covered: int = 600
    covered_points: int = 12
    changed: int = 100


@dataclass(frozen=True)
class Exam:
    """The same questions for everybody, and the answers of the exact posterior."""

    course: Lesson
    long: Lesson
    asked: Asked
    exact: np.ndarray
    again: np.ndarray
    many: Asked


@torch.no_grad()
def exam(card: DrugCard, seed: int, sizes: Sizes, say: Say) -> Exam:
    begin = SEED_OFFSET + 10_000 * seed
    course = lesson(card, sizes.clean, begin)
    asked = ask(card, sizes.profile, torch.Generator().manual_seed(begin + 1))
    exact, effective = by_exact(card, asked, seed=begin)
    again, _ = by_exact(card, asked, seed=begin + 5000)
    say(f"{card.drug}: exact posteriors of {sizes.profile} patients, at least {effective.min():.0f} effective draws")
    many = ask(card, sizes.covered, torch.Generator().manual_seed(begin + 2), points=sizes.covered_points)
    return Exam(course, _longer(card, course, begin), asked, exact.error(asked), again.error(asked), many)


def _longer(card: DrugCard, course: Lesson, seed: int) -> Lesson:
    """The same patients on `LONG_DOSES` doses of the card's typical regimen, looked at in each of `POINTS` even stretches."""
    count, product = len(course.time), card.product(card.typical_regimen.product)
    start = (INTERVAL_H * torch.arange(LONG_DOSES)).expand(count, -1)
    mg = torch.full_like(start, product.active_mg(AMOUNT_MG))
    doses = Doses(start, mg, torch.zeros_like(mg), torch.full_like(mg, card.routes.index(product.route), dtype=torch.long))
    place = torch.rand(count, POINTS, generator=torch.Generator().manual_seed(seed + 3))
    time = (torch.arange(POINTS) + place) * LONG_DOSES * INTERVAL_H / POINTS
    patients = course.patients
    population = type(patients.population)(**{**vars(patients.population), "doses": doses})
    truth = patients.responses.curves(doses, time)[0][:, 0]
    return Lesson(type(patients)(population, patients.model, patients.responses, patients.concentration), time, truth)


@torch.no_grad()
def judged(card: DrugCard, model: PKVAE, each: Exam, seed: int, say: Say) -> dict:
    """One model's figures, but for the changed dose."""
    ours = by_vae(model, each.asked, seed=seed, say=say)
    inside = by_vae(model, each.many, seed=seed, say=say).is_inside(each.many)
    generator = np.random.default_rng(seed)
    error, sd = ours.error(each.asked), float(inside.mean(1).std() / len(inside) ** 0.5)
    return {
        "parameters": sum(p.numel() for p in model.decoder.parameters()),
        "clean": {"course": _off(model, each.course, 0.0), "long": _off(model, each.long, TRAINED_DOSES * INTERVAL_H)},
        "laws": laws(model, each.long),
        "profile": {"error": float(np.median(error)), "ratio": list(ratio_of_medians(error, each.exact, generator))},
        "covered": [float(inside.mean()), sd],
        "milliseconds": {"short": _milliseconds(model, each.asked.population), "long": _milliseconds(model, two_visits(card, TIMED, _drawn(seed)).seen)},
    }


def _drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(SEED_OFFSET + 10_000 * seed + 4)


def _off(model: PKVAE, part: Lesson, after_h: float) -> dict[str, float]:
    """Median and 95th percentile of |ln(decoded / true)| from `after_h` on, where z is what the teacher makes of the true body."""
    z = model.teacher(model.curve(part.patients.responses.now)[:, 0]).mean[:, None]
    found = model.responses(z, part.patients.population).curves(part.patients.population.doses, part.time)[0][:, 0]
    is_judged = (part.truth > SEEN_MG_PER_L[0]) & (part.truth < SEEN_MG_PER_L[1]) & (part.time > after_h)
    off = (found.clamp(min=1e-6).log() - part.truth.log()).abs()[is_judged]
    return {"median": float(off.median()), "worst_twentieth": float(off.quantile(0.95))}


@torch.no_grad()
def laws(model: PKVAE, part: Lesson) -> dict[str, float]:
    """What no body does: levels that jump at once when a dose is swallowed (median and 95th percentile of |ln(after / before)|), and the share of levels that
    fall, by more than a thousandth, when every dose is a tenth larger."""
    z, population = model.teacher(model.curve(part.patients.responses.now)[:, 0]).mean[:, None], part.patients.population
    responses, doses = model.responses(z, population), population.doses
    swallowed = doses.time[:, JUDGED_DOSES]
    level = responses.curves(doses, torch.cat([swallowed, swallowed + AT_ONCE_H], 1))[0][:, 0]
    before, after = level.clamp(min=1e-6).log().chunk(2, 1)
    jump = (after - before).abs()
    larger = Doses(doses.time, 1.1 * doses.amount, doses.duration, doses.route)
    usual, more = (responses.curves(each, part.time)[0][:, 0] for each in (doses, larger))
    return {"jump": float(jump.median()), "worst_jump": float(jump.flatten().quantile(0.95)), "falling": float((more < 0.999 * usual).float().mean())}


def _milliseconds(model: PKVAE, population) -> float:
    """Processor time of one patient's posterior: the median of `TIMED`."""
    taken = []
    for i in range(TIMED):
        one, began = rows(population, slice(i, i + 1)), clock.process_time()
        weighted(model, one, draws=1000, seed=i)
        taken.append(1e3 * (clock.process_time() - began))
    return sorted(taken)[TIMED // 2]


def changed(card: DrugCard, models: dict[str, PKVAE], seed: int, count: int, say: Say) -> dict[str, list[dict]]:
    """Rows of `dose_change.figures` by model; "right" is MAP-Bayes with the right structure."""
    published = MODELS[heaviest(card)]
    asked = {name: engines(card, published, model, seed)["vae"] for name, model in models.items()}
    asked["right"] = engines(card, published, None, seed)["right"]
    visits = two_visits(card, count, _drawn(seed))
    found = figures(dose_change(card, asked, visits, say), np.asarray(visits.factor), seed)
    return {name: [row for row in found if row["engine"] == name] for name in asked}


def milliseconds_of_a_step(model: PKVAE, part: Lesson) -> float:
    """Processor time of one gradient of the concentrations of whole courses through this decoder."""
    taken = []
    for _ in range(2):
        began = clock.process_time()
        z = torch.randn(len(part.time), 1, model.configuration.latent, requires_grad=True)
        doses = part.patients.population.doses
        found = (
            model.challenger.level(z, doses, part.time)
            if isinstance(model, Challenger)
            else model.responses(z, part.patients.population).curves(doses, part.time)[0]
        )
        (found + 1e-2).log().sum().backward()
        taken.append(1e3 * (clock.process_time() - began))
    return min(taken)
