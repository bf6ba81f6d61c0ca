"""Kidney function falls by half in the middle of the course: how far off is the next day's AUC, against the exact posterior that knows it?"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.checks.beliefs import Beliefs
from pkvae_core.checks.contenders import EXACT_DRAWS, weighted
from pkvae_core.checks.ratio import log_rmse, ratio_of_errors
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import History, Population, published_responses, rows, simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.inference.mapbayes import map_batch
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.responses import joined
from pkvae_core.vae.vae import PKVAE

LEVELS = 4
LLOQ_SHARE = 0.02  # of the concentration aimed for
CHUNK = 50


@dataclass(frozen=True)
class Falling:
    """Log-RMSE of the next day's AUC of the model that is told of the fall, of the exact posterior that is, and of the model that is not (`unaware`)."""

    patients: int
    error: dict[str, float]
    ratio: dict[str, tuple[float, float, float]]
    coverage: float


def falling(model: PKVAE, *, patients: int, draws: int, seed: int) -> Falling | None:
    """Figures on fresh virtual patients with 4 levels, some before and some after the fall; None for a drug whose card knows no creatinine clearance."""
    card = model.card
    if "CRCL" not in {c.name for c in card.covariates}:
        return None
    generator = torch.Generator().manual_seed(seed)
    population, truth = fallen(card, patients, generator)
    error: dict[str, list[Tensor]] = {"weighted": [], "exact": [], "unaware": []}
    covered: list[Tensor] = []
    for index in torch.arange(len(population.covariates)).split(CHUNK):
        some, right = rows(population, index), next_day_auc(card, rows(population, index), rows(truth, index))[:, 0]
        believed = _believed(model, some, draws, seed + int(index[0]))  # patients of one seed share random numbers
        for engine, belief in believed.items():
            error[engine].append((belief.quantiles("next day", (0.5,))[0] / right).log())
        low, high = believed["weighted"].quantiles("next day", (0.05, 0.95))
        covered.append((low <= right) & (right <= high))
    found = {engine: torch.cat(each).numpy() for engine, each in error.items()}
    resample = np.random.default_rng(seed)
    ratios = {engine: ratio_of_errors(found[engine], found["exact"], resample) for engine in ("weighted", "unaware")}
    return Falling(len(found["exact"]), {e: log_rmse(v) for e, v in found.items()}, ratios, float(torch.cat(covered).double().mean()))


def _believed(model: PKVAE, population: Population, draws: int, seed: int) -> dict[str, Beliefs]:
    card = model.card
    told = weighted(model, population, draws=draws, seed=seed)[0]
    old = replace(population, covariates=population.history.covariates[:, 0], history=History.none(population.covariates))
    untold = weighted(model, old, draws=draws, seed=seed)[0]
    exact = map_batch(card, population, draws=EXACT_DRAWS // len(card.published_models), seed=seed)
    return {
        "weighted": _next_day(card, population, model.responses(told.z, population), told.log_weight.double().softmax(-1)),
        "unaware": _next_day(card, old, model.responses(untold.z, old), untold.log_weight.double().softmax(-1)),
        "exact": _next_day(card, population, exact.responses, exact.weight),
    }


def _next_day(card: DrugCard, population: Population, responses: AnyResponses, weight: Tensor) -> Beliefs:
    return Beliefs({"next day": next_day_auc(card, population, responses)}, weight)


def next_day_auc(card: DrugCard, population: Population, responses: AnyResponses) -> Float[Tensor, "subject draw"]:
    """AUC (mg h/L) of the 24 h after the last dose or level, with the card's typical regimen going on from then."""
    given, regimen = population.doses, card.typical_regimen
    product = card.product(regimen.product)
    is_given, is_sample = given.amount > 0, population.is_sample
    last_dose = torch.where(is_given, given.time + given.duration, 0).max(1, keepdim=True).values
    start = torch.maximum(last_dose, torch.where(is_sample, population.sample_time, 0).max(1, keepdim=True).values)
    more = start + torch.arange(0, 24, regimen.interval_h)
    amount = product.active_mg(regimen.amount_mg) * product.bioavailability
    route = card.routes.index(product.route)
    doses = Doses(
        torch.cat([given.time, more], 1),
        torch.cat([given.amount, torch.full_like(more, amount)], 1),
        torch.cat([given.duration, torch.full_like(more, regimen.infusion_h)], 1),
        torch.cat([given.route, torch.full_like(more, route, dtype=torch.long)], 1),
    )
    area = responses.curves(doses, torch.cat([start, start + 24], 1))[1]
    return area[..., 1] - area[..., 0]


def fallen(card: DrugCard, count: int, generator: torch.Generator) -> tuple[Population, AnyResponses]:
    """Virtual patients whose creatinine clearance halves (creatinine doubles) half-way through the course, and their true responses [subject, 1 draw]."""
    virtual = simulate(card, count, generator, samples=LEVELS, changing=0.0)
    names, before = [c.name for c in card.covariates], virtual.population.covariates
    now = before.clone()
    for name, factor in (("CRCL", 0.5), ("SCR", 2.0)):
        if name in names:
            now[:, names.index(name)] *= factor
    low, high = (torch.tensor([getattr(c, bound) for c in card.covariates]) for bound in ("low", "high"))
    kept = ((now >= low) & (now <= high)).all(1).nonzero()[:, 0]
    doses = virtual.population.doses
    until = 0.5 * (torch.where(doses.amount > 0, doses.time, 0).max(1, keepdim=True).values + 12)
    population = rows(replace(virtual.population, covariates=now, history=History(until, before[:, None])), kept)
    return _with_levels(card, population, virtual.model[kept], generator)


def _with_levels(card: DrugCard, population: Population, generating: Tensor, generator: torch.Generator) -> tuple[Population, AnyResponses]:
    """True responses of these patients, and new levels to match."""
    subject, models = torch.arange(len(generating)), [MODELS[m.name] for m in card.published_models]
    normals = [torch.randn(len(generating), 1, len(m.variance), dtype=torch.float64, generator=generator) for m in models]
    each = joined([published_responses(m, card, population, normal) for m, normal in zip(models, normals, strict=True)])
    truth = each.map(lambda table: table[subject, generating][:, None])
    concentration = truth.curves(population.doses, population.sample_time)[0][:, 0]
    sd = torch.stack([m.error.sd(concentration) for m in models])[generating, subject]
    observed = concentration + sd * torch.randn(concentration.shape, generator=generator)
    lloq = torch.full_like(observed, LLOQ_SHARE * average_concentration(card))
    is_below = (observed < lloq) & population.is_sample
    return replace(population, level=torch.where(is_below, lloq, observed), is_below_lloq=is_below), truth
