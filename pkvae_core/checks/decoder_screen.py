"""Which decoder serves a drug best that is not dose-proportional? Each trained model before the same fresh virtual patients.

`clean`: how far the decoder's own curve is off when the teacher has read the noise-free body, on courses as in training and on longer ones. `profile`: the next
interval from 3 to 5 levels, beside the exact posterior. `covered`: how often the 90 % bands hold the true concentration. `changed`: AUC24 and trough after the
dose changed, beside MAP-Bayes with the right structure. `milliseconds`: of a posterior with 1,000 draws, of a few doses and of a visit of weeks.
"""

import time as clock
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from pkvae_core.checks.contenders import weighted
from pkvae_core.checks.decoder_lessons import COURSES
from pkvae_core.checks.decoder_training import POINTS, Learned, Lesson, lesson
from pkvae_core.checks.dose_change import SEED_OFFSET as DOSE_CHANGE_SEED
from pkvae_core.checks.dose_change import dose_change, engines, two_visits
from pkvae_core.checks.profile_error import Asked, ask, by_exact, by_vae
from pkvae_core.checks.ratio import log_rmse, ratio_of_errors, ratio_of_medians
from pkvae_core.checks.recorded import recorded
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import rows
from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.mapbayes import heaviest
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.recirculation import MEALS_H
from pkvae_core.vae.challenger import Challenger
from pkvae_core.vae.vae import PKVAE

AT_ONCE_H = 1e-3
TIMED = 5
SEED_OFFSET = 8_000_000_011

Say = Callable[[str], None]


@dataclass(frozen=True)
class Sizes:
    """Patients of each part."""

    clean: int = 500
    profile: int = 120
    covered: int = 600
    covered_points: int = 12


@dataclass(frozen=True)
class Exam:
    """The same questions for everybody, and the answers of the exact posterior."""

    course: Lesson
    long: Lesson
    asked: Asked
    exact: np.ndarray
    again: np.ndarray
    effective: list[float]  # draws of the exact posterior: least and median
    many: Asked


@torch.no_grad()
def exam(card: DrugCard, seed: int, sizes: Sizes, say: Say) -> Exam:
    begin = SEED_OFFSET + 10_000 * seed
    course = lesson(card, sizes.clean, begin)
    asked = ask(card, sizes.profile, torch.Generator().manual_seed(begin + 1))
    exact, effective = by_exact(card, asked, seed=begin)
    again, _ = by_exact(card, asked, seed=begin + 6000)
    say(f"{card.drug}: exact posteriors of {sizes.profile} patients, at least {effective.min():.0f} effective draws")
    many = ask(card, sizes.covered, torch.Generator().manual_seed(begin + 2), points=sizes.covered_points)
    return Exam(
        course, _longer(card, course, begin), asked, exact.error(asked), again.error(asked), [float(effective.min()), float(np.median(effective))], many
    )


def _longer(card: DrugCard, course: Lesson, seed: int) -> Lesson:
    """The same patients on a longer course of one regimen, looked at in each of `POINTS` even stretches."""
    count, product, plan = len(course.time), card.product(card.typical_regimen.product), COURSES[card.drug]
    start = (plan.interval_h * torch.arange(plan.long_doses)).expand(count, -1)
    mg = torch.full_like(start, product.active_mg(plan.amount_mg))
    doses = Doses(start, mg, torch.zeros_like(mg), torch.full_like(mg, card.routes.index(product.route), dtype=torch.long))
    place = torch.rand(count, POINTS, generator=torch.Generator().manual_seed(seed + 3))
    time = (torch.arange(POINTS) + place) * plan.long_doses * plan.interval_h / POINTS
    patients = course.patients
    population = replace(patients.population, doses=doses)
    truth = patients.responses.curves(doses, time)[0][:, 0]
    return Lesson(replace(patients, population=population), time, truth, torch.zeros_like(time))


@torch.no_grad()
def judged(card: DrugCard, model: PKVAE, each: Exam, seed: int, say: Say) -> dict:
    """One model's figures, but for the changed dose."""
    ours = by_vae(model, each.asked, seed=seed, say=say)
    inside = by_vae(model, each.many, seed=seed, say=say).is_inside(each.many)
    generator, plan = np.random.default_rng(seed), COURSES[card.drug]
    error, sd = ours.error(each.asked), float(inside.mean(1).std() / len(inside) ** 0.5)
    return {
        "parameters": sum(p.numel() for p in model.decoder.parameters()),
        "clean": {"course": _off(model, each.course, 0.0), "long": _off(model, each.long, plan.taught_doses * plan.interval_h)},
        "laws": laws(model, each.long),
        "profile": {"error": float(np.median(error)), "ratio": list(ratio_of_medians(error, each.exact, generator)), "each": error.tolist()},
        "covered": [float(inside.mean()), sd],
        "milliseconds": {"short": _milliseconds(model, each.asked.population), "long": _milliseconds(model, two_visits(card, TIMED, _drawn(seed)).seen)},
    }


def _drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(SEED_OFFSET + 10_000 * seed + 4)


def _off(model: PKVAE, part: Lesson, after_h: float) -> dict[str, float]:
    """Median and 95th percentile of |ln(decoded / true)| from `after_h` on, where z is what the teacher makes of the true body."""
    z = model.teacher(model.curve(part.patients.responses.now)[:, 0]).mean[:, None]
    found = model.responses(z, part.patients.population).curves(part.patients.population.doses, part.time)[0][:, 0]
    low, high = COURSES[model.card.drug].seen_mg_per_L
    is_judged = (part.truth > low) & (part.truth < high) & (part.time > after_h)
    off = (found.clamp(min=1e-6).log() - part.truth.log()).abs()[is_judged]
    return {"median": float(off.median()), "worst_twentieth": float(off.quantile(0.95))}


@torch.no_grad()
def laws(model: PKVAE, part: Lesson) -> dict[str, float]:
    """What no body does: levels that jump at once when a dose is swallowed, or where meals count at a meal (median and 95th percentile of |ln(after /
    before)|), the share of levels that fall, by more than a thousandth, when every dose is a tenth larger, and, where the true body is proportional to dose,
    how far twice the dose is from twice the level (median and 95th percentile of |ln|)."""
    z, population = model.teacher(model.curve(part.patients.responses.now)[:, 0]).mean[:, None], part.patients.population
    responses, doses, plan = model.responses(z, population), population.doses, COURSES[model.card.drug]
    judged = doses.time[:, list(plan.judged_doses)] + (MEALS_H[0] if plan.flow.has_meals else 0.0)
    level = responses.curves(doses, torch.cat([judged, judged + AT_ONCE_H], 1))[0][:, 0]
    before, after = level.clamp(min=1e-6).log().chunk(2, 1)
    jump = (after - before).abs()
    usual, more, twice = (responses.curves(replace(doses, amount=by * doses.amount), part.time)[0][:, 0] for by in (1.0, 1.1, 2.0))
    found = {"jump": float(jump.median()), "worst_jump": float(jump.flatten().quantile(0.95)), "falling": float((more < 0.999 * usual).float().mean())}
    if not part.patients.responses.scales:
        return found
    off = (twice.clamp(min=1e-6) / (2 * usual).clamp(min=1e-6)).log().abs().flatten()
    return found | {"off_proportion": float(off.median()), "worst_off_proportion": float(off.quantile(0.95))}


def _milliseconds(model: PKVAE, population) -> float:
    """Processor time of one patient's posterior: the median of `TIMED`."""
    taken = []
    for i in range(TIMED):
        one, began = rows(population, slice(i, i + 1)), clock.process_time()
        weighted(model, one, draws=1000, seed=i)
        taken.append(1e3 * (clock.process_time() - began))
    return sorted(taken)[TIMED // 2]


def changed(card: DrugCard, models: dict[str, PKVAE], seed: int, say: Say) -> dict[str, list[dict]]:
    """AUC24 and trough after a changed dose: log-RMSE, bias and ratio to the ODE's by model, on the very patients of `benchmark --of dose-change`, whose
    recorded rows say what MAP-Bayes with the right structure ("right") and the app's model ("shipped") make of them."""
    before = recorded("dose-change") or {}
    assert before["seed"] == seed, "the recorded dose changes are those of another seed"
    visits = two_visits(card, before["patients"], torch.Generator().manual_seed(DOSE_CHANGE_SEED + 1000 * seed))
    asked = {name: engines(card, MODELS[heaviest(card)], model, seed)["vae"] for name, model in models.items()}
    errors = dose_change(card, asked, visits, say)
    found = {
        name: [
            {
                "exposure": exposure,
                "error": log_rmse(error),
                "bias": float(error.mean()),
                "ratio": list(ratio_of_errors(error, errors["ode"][exposure], np.random.default_rng(seed))),
            }
            for exposure, error in each.items()
        ]
        for name, each in errors.items()
    }
    known = {name: [row for row in before["drugs"][card.drug] if row["engine"] == engine] for name, engine in (("shipped", "vae"), ("right", "right"))}
    keys = ("exposure", "error", "bias")
    return found | {name: [{key: row[key] for key in keys} for row in each] for name, each in known.items()}


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


def examined(card: DrugCard, learned: dict[str, Learned], shipped: PKVAE, seed: int, say: Say) -> dict:
    """All figures of one drug."""
    sizes, models = Sizes(), {name: each.model for name, each in learned.items()} | {"shipped": shipped}
    each, step = exam(card, seed, sizes, say), lesson(card, 64, 1)
    found: dict[str, dict] = {}
    for name, model in models.items():
        found[name] = judged(card, model, each, seed, say) | _taken(learned.get(name))
        say(f"{card.drug}, {name}: {found[name]}")
    found["shipped"]["version"] = shipped.version
    errors = {name: np.array(one["profile"].pop("each")) for name, one in found.items()}
    right = {}
    if not each.course.patients.responses.scales:
        foreseen = changed(card, {name: models[name] for name in learned}, seed, say)
        right = {"right": foreseen.pop("right")}
        for name, rows_of in foreseen.items():
            found[name]["changed"] = rows_of
    return {
        "long_doses": COURSES[card.drug].long_doses,
        "exact": {
            "error": float(np.median(each.exact)),
            "floor": list(ratio_of_medians(each.again, each.exact, np.random.default_rng(seed))),
            "effective": each.effective,
        },
        **right,
        "flow_over_ode": list(ratio_of_medians(errors["flow"], errors["ode"], np.random.default_rng(seed))),
        "course_gradient_ms": {name: milliseconds_of_a_step(models[name], step) for name in learned},
        "models": found,
    }


def _taken(learned: Learned | None) -> dict:
    return {"steps": None, "cpu_s": None} if learned is None else {"steps": learned.steps, "cpu_s": learned.cpu_s, "loss": learned.loss}
