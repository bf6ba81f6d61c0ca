"""The dose is changed between two visits: who foresees what follows? The question that a drug which is not proportional to dose asks.

Visit 1: one amount, at the interval of the card's typical regimen, for two thirds of its horizon, and three levels. Visit 2: the amount times a factor for a
sixth of the horizon; to foresee are the AUC24 of its last day (last interval, where that is longer) and the trough at its end. Of phenytoin that is every 12 h
for 40 days and 10 more, of omalizumab every 4 weeks for 24 weeks and 8 more. Truth and visit 1 come from the card's published model; the point estimate is
the posterior median; errors are on the log scale.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.checks.beliefs import Beliefs
from pkvae_core.checks.contenders import weighted, wrong_model
from pkvae_core.checks.ratio import log_rmse, ratio_of_errors
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.cohorts import COHORTS
from pkvae_core.drugs.population import History, Population, published_responses, rows
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.mapbayes import heaviest, map_batch
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.exponentials import Doses
from pkvae_core.vae.vae import PKVAE

SEED_OFFSET = 4_000_000_007
FACTORS = (0.5, 0.75, 1.5, 2.0, 3.0)
EXPOSURES = ("auc24", "trough")
TOGETHER = 20


@dataclass(frozen=True)
class Timetable:
    """When what happens (h): the interval, the change of the dose, the end, and the levels of visit 1."""

    interval_h: float
    change_h: float
    end_h: float
    levels_h: tuple[float, float, float]

    @classmethod
    def of(cls, card: DrugCard) -> "Timetable":
        """Levels: a trough after a quarter of visit 1, one a third of the way through an interval after half of it, and the trough before the change."""
        interval_h = card.typical_regimen.interval_h
        before, after = round(2 / 3 * card.horizon_h / interval_h), math.ceil(card.horizon_h / 6 / interval_h)
        change_h = before * interval_h
        levels_h = (round(before / 4) * interval_h - 2.0, before // 2 * interval_h + interval_h / 3, change_h - 0.5)
        return cls(interval_h, change_h, change_h + after * interval_h, levels_h)

    @property
    def last_h(self) -> float:
        """How long the last stretch is over which exposure is averaged."""
        return max(24.0, self.interval_h)


@dataclass(frozen=True)
class Visits:
    """Patients as seen at visit 1, the doses of both visits, the factor between them, and the true AUC24 (mg h/L) and trough (mg/L) of visit 2."""

    seen: Population
    both: Doses
    factor: Float[Tensor, " subject"]
    auc24: Float[Tensor, " subject"]
    trough: Float[Tensor, " subject"]


def two_visits(card: DrugCard, count: int, generator: torch.Generator) -> Visits:
    """Fresh patients; both amounts are among the card's, so that a tripled dose starts from a small one."""
    model, product, plan = MODELS[heaviest(card)], card.product(card.typical_regimen.product), Timetable.of(card)
    covariates = COHORTS[card.cohort](count, {c.name: (c.low, c.high) for c in card.covariates}, generator)
    table = torch.stack([covariates[c.name] for c in card.covariates], 1)
    available = set(product.amounts_mg)
    pairs = torch.tensor([(a, f) for a in product.amounts_mg for f in FACTORS if a * f in available])
    amount, factor = pairs[torch.randint(len(pairs), (count,), generator=generator)].unbind(1)
    start = torch.arange(0, plan.end_h, plan.interval_h).expand(count, -1)
    mg = (product.active_mg(1.0) * amount[:, None]) * torch.where(start < plan.change_h, 1.0, factor[:, None])
    both = Doses(start, mg, torch.zeros_like(mg), torch.full_like(mg, card.routes.index(product.route), dtype=torch.long))
    first = (start[0] < plan.change_h).nonzero()[:, 0]
    visit = Doses(*(getattr(both, name)[:, first] for name in ("time", "amount", "duration", "route")))
    time = torch.tensor(plan.levels_h).expand(count, -1).contiguous()
    is_sample, trust = torch.ones_like(time, dtype=torch.bool), torch.ones_like(time)
    blank = Population(table, History.none(table), visit, time, time, ~is_sample, is_sample, trust)
    truth = published_responses(model, card, blank, torch.randn(count, 1, len(model.variance), dtype=torch.float64, generator=generator))
    level = truth.curves(visit, time)[0][:, 0]
    observed = level + model.error.sd(level) * torch.randn(level.shape, generator=generator)
    is_below = observed < model.error.additive_mg_per_L
    seen = Population(table, blank.history, visit, time, observed.clamp(min=model.error.additive_mg_per_L), is_below, is_sample, trust)
    return Visits(seen, both, factor, **{name: value[:, 0].double() for name, value in exposures(plan, truth, both).items()})


def exposures(plan: Timetable, responses: AnyResponses, doses: Doses) -> dict[str, Float[Tensor, "subject draw"]]:
    """AUC24 (mg h/L) of the last day, or of the last interval where that is longer, and the trough at its end (mg/L)."""
    level, area = responses.curves(doses, torch.tensor([[plan.end_h - plan.last_h, plan.end_h]]).expand(len(doses.time), -1))
    return {"auc24": (area[..., 1] - area[..., 0]) * 24 / plan.last_h, "trough": level[..., 1]}


Engine = Callable[[Population, Visits], Beliefs]


def engines(card: DrugCard, linear: PublishedModel, model: PKVAE | None, seed: int) -> dict[str, Engine]:
    """Who is asked, each about visits 1 of a batch."""
    plan = Timetable.of(card)

    def right(seen: Population, visits: Visits) -> Beliefs:
        found = map_batch(card, seen, names=(heaviest(card),), seed=seed)
        return Beliefs(exposures(plan, found.responses, visits.both), found.weight)

    def superposed(seen: Population, visits: Visits) -> Beliefs:
        found = map_batch(card, seen, names=(heaviest(card),), seed=seed)
        first = visits.both.amount[:, :1].expand_as(visits.both.amount)
        unchanged = exposures(plan, found.responses, Doses(visits.both.time, first, visits.both.duration, visits.both.route))
        return Beliefs({name: value * visits.factor[:, None] for name, value in unchanged.items()}, found.weight)

    def wrong(seen: Population, visits: Visits) -> Beliefs:
        found = wrong_model(card, seen, linear, seed=seed)
        return Beliefs(exposures(plan, found.responses, visits.both), found.drawn.log_weight.exp())

    def vae(seen: Population, visits: Visits) -> Beliefs:
        assert model is not None
        drawn, _ = weighted(model, seen, draws=1000, seed=seed)
        return Beliefs(exposures(plan, model.responses(drawn.z, seen), visits.both), drawn.log_weight.double().softmax(-1))

    each: dict[str, Engine] = {"right": right, "superposition": superposed, "linear": wrong}
    return each if model is None else {"vae": vae, **each}


def dose_change(card: DrugCard, asked: dict[str, Engine], visits: Visits, say: Callable[[str], None]) -> dict[str, dict[str, np.ndarray]]:
    """Log-error of the posterior median [engine][exposure][patient]."""
    errors: dict[str, dict[str, list[Tensor]]] = {engine: {name: [] for name in EXPOSURES} for engine in asked}
    with torch.no_grad():
        for index in torch.arange(len(visits.factor)).split(TOGETHER):
            some = rows(visits, index)
            for engine, ask in asked.items():
                belief = ask(some.seen, some)
                for name in EXPOSURES:
                    errors[engine][name].append((belief.quantiles(name, (0.5,))[0] / getattr(some, name)).log())
            say(f"{card.drug}: {int(index[-1]) + 1} of {len(visits.factor)} patients")
    return {engine: {name: torch.cat(each).numpy() for name, each in by_name.items()} for engine, by_name in errors.items()}


def figures(errors: dict[str, dict[str, np.ndarray]], factor: Float[np.ndarray, " patient"], seed: int) -> list[dict]:
    """A row for each engine and exposure: log-RMSE, bias, its ratio to the right structure's with the 95 % interval, and the log-RMSE at each factor."""
    return [
        {
            "engine": engine,
            "exposure": name,
            "error": log_rmse(each),
            "bias": float(each.mean()),
            "ratio": list(ratio_of_errors(each, errors["right"][name], np.random.default_rng(seed))),
            "by_factor": {f"{f:g}": log_rmse(each[factor == f]) for f in _present(factor)},
        }
        for engine, by_name in errors.items()
        for name, each in by_name.items()
    ]


def _present(factor: Float[np.ndarray, " patient"]) -> Sequence[float]:
    return sorted(set(factor.tolist()))
