"""How far is the whole profile of the next interval off, from three to five levels in the one before it, beside the exact posterior and compartment fits?

Every virtual patient takes the card's typical regimen twice; of a drug that is not proportional to dose, each patient another of the card's amounts. Of the
first interval 3 to 5 levels are known, at random hours; the true concentration of the second is asked for at `POINTS` even times. Where meals bring a drug
back, an interval is a whole day here, with all of its doses and meals. The error of a patient is the root mean square of (posterior median - truth), over the
mean true concentration.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pkvae_core.checks.contenders import weighted
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.cohorts import COHORTS
from pkvae_core.drugs.population import History, Population, error_sd, published_responses, rows, true_responses, typical_body
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.inference.classical import Fit, fit_nested
from pkvae_core.inference.estimates import Structure
from pkvae_core.inference.mode import find_mode
from pkvae_core.inference.reference import KEPT, exact_posterior
from pkvae_core.structural.exponentials import Doses
from pkvae_core.vae.vae import PKVAE

LEVELS, POINTS = (3, 5), 48
LLOQ_SHARE = 0.02  # of the average concentration
BAND = (0.05, 0.5, 0.95)
DRAWS, EXACT_DRAWS, MORE = 1000, 10_000, 4  # the exact posterior of a patient with too few effective draws is drawn anew with `MORE` times as many
AT_ONCE = 50
STRUCTURES = (Structure(1), Structure(2), Structure(1, has_lag=True), Structure(2, has_lag=True))

Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """Virtual patients with levels in the first of two intervals, and their true concentrations (mg/L) at the hours `time` of the second."""

    population: Population
    time: Float[Tensor, " time"]
    truth: Float[np.ndarray, "subject time"]


@dataclass(frozen=True)
class Found:
    """Posterior medians [subject, time] and the 90 % bands around them (mg/L)."""

    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray

    def error(self, asked: Asked) -> Float[np.ndarray, " subject"]:
        return profile_error(self.middle, asked.truth)

    def is_inside(self, asked: Asked) -> Bool[np.ndarray, "subject time"]:
        return (self.low <= asked.truth) & (asked.truth <= self.high)


def profile_error(middle: Float[np.ndarray, "subject time"], truth: Float[np.ndarray, "subject time"]) -> Float[np.ndarray, " subject"]:
    """Root mean square error over the profile, as a share of the mean true concentration."""
    return np.sqrt(((middle - truth) ** 2).mean(1)) / truth.mean(1)


def ask(card: DrugCard, count: int, generator: torch.Generator, *, points: int = POINTS) -> Asked:
    """Fresh virtual patients, all covariates known, asked about at so many times."""
    drawn = COHORTS[card.cohort](count, {c.name: (c.low, c.high) for c in card.covariates}, generator)
    covariates = torch.stack([drawn[c.name] for c in card.covariates], 1)
    doses, interval = _twice(card, count, generator)
    number = torch.randint(LEVELS[0], LEVELS[1] + 1, (count, 1), generator=generator)
    is_sample = torch.arange(LEVELS[1]) < number
    time = torch.where(is_sample, interval * (0.02 + 0.98 * torch.rand(count, LEVELS[1], generator=generator)), torch.inf).sort(1).values
    time = torch.where(is_sample, time, interval)
    blank = Population(covariates, History.none(covariates), doses, time, time, torch.zeros_like(is_sample), is_sample, torch.ones_like(time))
    model = torch.multinomial(torch.tensor([m.weight for m in card.published_models]), count, replacement=True, generator=generator)
    responses = true_responses(card, blank, model, generator)
    level = responses.curves(doses, time)[0][:, 0]
    level = level + error_sd(card, model, level) * torch.randn(level.shape, generator=generator)
    least = torch.full_like(level, LLOQ_SHARE * average_concentration(card))
    is_below = (level < least) & is_sample
    later = interval * (1 + (torch.arange(points) + 1) / points)
    truth = responses.curves(doses, later.expand(count, -1))[0][:, 0]
    return Asked(replace(blank, level=torch.where(is_below, least, level), is_below_lloq=is_below), later, truth.numpy())


def without(asked: Asked, card: DrugCard, name: str) -> Asked:
    """The same patients, this covariate unknown."""
    covariates = asked.population.covariates.clone()
    covariates[:, [c.name for c in card.covariates].index(name)] = torch.nan
    return replace(asked, population=replace(asked.population, covariates=covariates, history=History.none(covariates)))


def _twice(card: DrugCard, count: int, generator: torch.Generator) -> tuple[Doses, float]:
    """The card's typical regimen for two intervals, and that interval (h): a day where the hours of a day differ."""
    regimen, body = card.typical_regimen, typical_body(card)
    product = card.product(regimen.product)
    interval = regimen.interval_h if body is None else body.period_h(regimen.interval_h)
    time = torch.arange(0, 2 * interval, regimen.interval_h).float().expand(count, -1)
    mg = torch.full_like(time, regimen.amount_mg)
    if not (body is None or body.scales):
        mg = torch.tensor(product.amounts_mg)[torch.randint(len(product.amounts_mg), (count, 1), generator=generator)].expand_as(time)
    amount = mg * product.active_mg(1.0) * product.bioavailability
    route = torch.full(time.shape, card.routes.index(product.route))
    return Doses(time, amount, torch.full_like(time, regimen.infusion_h), route), interval


@torch.no_grad()
def by_vae(model: PKVAE, asked: Asked, *, seed: int, say: Say) -> Found:
    """What the shipped engine foresees."""
    parts = []
    for index in torch.arange(len(asked.truth)).split(AT_ONCE):
        some = rows(asked.population, index)
        drawn, _ = weighted(model, some, draws=DRAWS, seed=seed + int(index[0]))
        concentration = model.responses(drawn.z, some).curves(some.doses, asked.time.expand(len(index), -1))[0].numpy()
        weight = drawn.log_weight.double().softmax(-1).numpy()
        parts += [weighted_quantiles(c, w, BAND) for c, w in zip(concentration, weight, strict=True)]
        if int(index[-1] + 1) % 500 == 0:
            say(f"{model.card.drug}: {int(index[-1]) + 1} of {len(asked.truth)} patients foreseen")
    return Found(*np.stack(parts, 1))


@torch.no_grad()
def by_exact(card: DrugCard, asked: Asked, *, seed: int) -> tuple[Found, Float[np.ndarray, " subject"]]:
    """What the exact posterior of the published models foresees, and its effective draws."""
    parts, effective = [], []
    for i in range(len(asked.truth)):
        one = rows(asked.population, slice(i, i + 1))
        exact = exact_posterior(card, one, draws=EXACT_DRAWS // len(card.published_models), seed=seed + i)
        if not exact.is_reliable:
            exact = exact_posterior(card, one, draws=MORE * EXACT_DRAWS // len(card.published_models), seed=seed + i)
        some = torch.multinomial(exact.weight, KEPT, replacement=True, generator=torch.Generator().manual_seed(seed + i))
        concentration = exact.responses.at(some).curves(one.doses, asked.time[None])[0][0].numpy()
        parts.append(np.quantile(concentration, BAND, axis=0))
        effective.append(exact.effective)
    return Found(*np.stack(parts, 1)), np.array(effective)


def fits(card: DrugCard, cohort: Asked, *, seed: int, say: Say) -> list[Fit]:
    """Population models of one and two compartments, with and without a lag, fitted to the levels of a cohort of the same design."""
    found = fit_nested(card, cohort.population, STRUCTURES if len(card.routes) > 1 else STRUCTURES[:2], seed=seed)
    for fit in found:
        settled = "settled" if fit.is_settled else "NOT settled"
        say(f"{card.drug}: {fit.structure.words} fitted in {fit.rounds} rounds, {settled}, log-likelihood {fit.log_likelihood:.1f}")
    return found


@torch.no_grad()
def by_map(card: DrugCard, model: PublishedModel, asked: Asked) -> Float[np.ndarray, " subject"]:
    """Errors of MAP with a fitted model: the curve of the likeliest etas."""
    normal = find_mode(model, card, asked.population).normal[:, None]
    responses = published_responses(model, card, asked.population, normal)
    concentration = responses.curves(asked.population.doses, asked.time.expand(len(asked.truth), -1))[0][:, 0]
    return profile_error(concentration.numpy(), asked.truth)
