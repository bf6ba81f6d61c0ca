"""How are the virtual patients dosed and sampled: varied as on a ward, and depending on nothing but their covariates.

What the dose rate aims at is the card's default target (the average of its typical regimen where nothing is aimed for) for a patient of typical clearance,
missed by a log-normal factor: under- and overdosing are both seen (more of both where nothing is aimed for).
A course may open with a loading dose, skip doses, drift from the clock, change its amount, interval or product half-way, and be recorded as a bolus.
"""

import torch
from torch import Tensor

from pkvae_core.drugs.card import DrugCard, Product
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.structural.exponentials import Doses

MOST_DOSES = 24
SLOW_H, MOST_SLOW_DOSES = 1200.0, 72  # where a steady state may take longer than seven weeks, courses are longer
MOST_SAMPLES = 10
MISSED, MISSED_WITHOUT_AIM = 0.35, 0.6  # sd of the logarithm of a dose rate over the one aimed at
STEADY_TURNS = 60
SAMPLE_COUNT_WEIGHTS = (0.22, 0.20, 0.14, 0.12, 0.09, 0.07, 0.05, 0.04, 0.04, 0.03)


def _choose(options: tuple[float, ...], shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.tensor(options)[torch.randint(len(options), shape, generator=generator)]


def _chance(probability: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) < probability


def average_concentration(card: DrugCard) -> float:
    """The steady concentration (mg/L) that the default target stands for: AUC24/24, or the level itself.

    Where the card has no target, the average of its typical regimen in its typical patient.
    """
    if not card.targets:
        usual, product = card.typical_regimen, card.product(card.typical_regimen.product)
        patient = {name: torch.tensor([value], dtype=torch.float64) for name, value in card.typical_patient.items()}
        rate = product.active_mg(usual.amount_mg) * product.bioavailability / usual.interval_h
        return sum(_steady(MODELS[m.name], patient, rate) for m in card.published_models) / len(card.published_models)
    target = card.target()
    centre = target.best or (target.low + target.high) / 2
    return centre / 24 if target.metric == "auc24" else centre


def _steady(model: PublishedModel, patient: dict[str, Tensor], rate: float) -> float:
    """The concentration (mg/L) at which the typical patient loses the drug at this rate (mg/h); found by halving, where clearance depends on it."""
    if model.body is None:
        return rate / float(model.clearance(patient, 0.0))
    low, high = 1e-6, 1e6
    for _ in range(STEADY_TURNS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if middle * float(model.clearance(patient, middle)) < rate else (low, middle)
    return low


def _nearest_amount(amount: Tensor, product: Product) -> Tensor:
    """The available amount nearest to the wanted one (virtual prescribers round; beyond the largest they give the largest)."""
    available = torch.tensor(product.amounts_mg)
    right = torch.bucketize(amount, available).clamp(max=len(available) - 1)
    left = (right - 1).clamp(min=0)
    return torch.where(amount - available[left] < available[right] - amount, available[left], available[right])


def _course(rate: Tensor, product: Product, missed: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Interval, amount and infusion [subject, 2] before and after a possible change, with one product; `rate` in mg/h of active substance."""
    shape = (rate.shape[0], 2)
    interval = _choose(product.intervals_h, shape, generator)
    interval[:, 1] = torch.where(_chance(0.6, shape[:1], generator), interval[:, 0], interval[:, 1])
    wanted = rate[:, None] * interval / product.salt_factor * torch.exp(missed * torch.randn(shape, generator=generator))
    amount = _nearest_amount(wanted, product)
    intermittent = tuple(d for d in product.infusions_h if d < 24)
    is_continuous = _chance(0.12 if len(intermittent) < len(product.infusions_h) else 0.0, shape[:1], generator)[:, None]
    infusion = torch.where(is_continuous, interval, torch.minimum(_choose(intermittent or (24.0,), shape, generator), interval))
    if product.max_rate_mg_per_h:
        infusion = torch.maximum(infusion, amount / product.max_rate_mg_per_h)
    is_odd = _chance(0.2, shape, generator) & (infusion < interval)
    infusion = torch.where(is_odd, torch.minimum(infusion * torch.exp(0.4 * torch.randn(shape, generator=generator)), interval), infusion)
    is_bolus = _chance(0.1, shape[:1], generator)[:, None] & (infusion < interval)
    return interval, amount, torch.where(is_bolus, 0.0, infusion)


def _opening(card: DrugCard, first: Tensor, weight: Tensor | None, generator: torch.Generator) -> Tensor:
    """The first amount [subject] of each course, of which some open with a loading dose: by weight where the card says that this is usual."""
    shape = first.shape
    if card.loading is None or not card.loading.is_usual:
        return first * torch.where(_chance(0.35, shape, generator), 1.3 + torch.rand(shape, generator=generator), 1.0)
    assert weight is not None, "a loading dose by weight needs a cohort with weights"
    low, high = card.loading.mg_per_kg_low, card.loading.mg_per_kg_high
    by_weight = weight * (low + (high - low) * torch.rand(shape, generator=generator)) * torch.exp(0.1 * torch.randn(shape, generator=generator))
    return torch.where(_chance(0.75, shape, generator), by_weight.clamp(max=card.loading.max_mg), first)


def clinical_doses(card: DrugCard, typical_clearance: Tensor, generator: torch.Generator, *, weight: Tensor | None = None) -> Doses:
    """Courses of 1 to 24 doses (72 where a steady state takes weeks) for subjects of the given typical clearance (L/h) and weight (kg).

    Amounts are in mg of active substance.
    """
    count = typical_clearance.shape[0]
    shortest_h = min(interval for product in card.products for interval in product.intervals_h)
    most = MOST_DOSES if card.horizon_h < SLOW_H else min(MOST_SLOW_DOSES, max(MOST_DOSES, round(card.horizon_h / shortest_h)))
    shape = (count, most)
    rate = typical_clearance * average_concentration(card)
    courses = [_course(rate, product, MISSED if card.targets else MISSED_WITHOUT_AIM, generator) for product in card.products]
    number = 1 + (most * torch.rand(count, generator=generator) ** 1.7).long().clamp(max=most - 1)
    changes_at = torch.where(_chance(0.4, (count,), generator), 1 + (torch.rand(count, generator=generator) * number).long(), most)
    second = (torch.arange(most) >= changes_at[:, None]).long()
    start = torch.randint(len(card.products), (count, 1), generator=generator)
    after = torch.where(_chance(0.5, (count, 1), generator), start, torch.randint(len(card.products), (count, 1), generator=generator))
    product = torch.where(second == 1, after, start)
    interval, amount, infusion = (
        torch.stack([c[i] for c in courses]).gather(2, second.expand(len(courses), *shape)).gather(0, product[None])[0] for i in range(3)
    )
    salt = torch.tensor([p.salt_factor for p in card.products])[product]
    amount = torch.cat([_opening(card, amount[:, 0], weight, generator)[:, None], amount[:, 1:]], 1)
    gap = torch.where(_chance(0.04, shape, generator), 2.0, 1.0) * interval  # a missed dose leaves two intervals
    drift = torch.where((infusion < interval) & (infusion < 0.5 * gap), 1 + 0.04 * torch.randn(shape, generator=generator).clamp(-2, 2), 1.0)
    time = torch.cat([torch.zeros(count, 1), (gap * drift).cumsum(1)[:, :-1]], 1)
    is_given = torch.arange(most) < number[:, None]
    routes = torch.tensor([card.routes.index(p.route) for p in card.products])[product]
    return Doses(time, torch.where(is_given, amount * salt, 0.0), infusion, routes)


def clinical_sample_times(doses: Doses, generator: torch.Generator, *, peak_by_h: float = 2.5) -> Tensor:
    """Times [subject, 10] of levels: peaks, troughs, anywhere in an interval, late after the last dose, or one rich profile. They depend on the doses alone."""
    soon_h = peak_by_h / 25
    count = doses.time.shape[0]
    shape = (count, MOST_SAMPLES)
    given = (doses.amount > 0).sum(1, keepdim=True)
    one_dose = _chance(0.25, (count, 1), generator)
    index = (torch.rand(shape, generator=generator) * given).long()
    index = torch.where(one_dose, index[:, :1], index)
    start, infusion = doses.time.gather(1, index), doses.duration.gather(1, index)
    following = doses.time.gather(1, (index + 1).clamp(max=doses.time.shape[1] - 1))
    is_last = index + 1 >= given
    interval = torch.where(is_last, (following - start).clamp(min=6.0), following - start)
    uniform = torch.rand(shape, generator=generator)
    peak = infusion + soon_h + (peak_by_h - soon_h) * uniform
    trough = interval - 0.05 - 0.95 * uniform
    late = interval * (1 + 2 * uniform)
    spread = soon_h * torch.exp(uniform * torch.log(interval / soon_h))
    kind = torch.multinomial(torch.tensor([0.25, 0.3, 0.3, 0.15]), count * MOST_SAMPLES, replacement=True, generator=generator).view(shape)
    since = torch.stack([peak, trough, uniform * interval, torch.where(is_last, late, uniform * interval)]).gather(0, kind[None])[0]
    return start + torch.where(one_dose, spread, since).clamp(min=0.05)
