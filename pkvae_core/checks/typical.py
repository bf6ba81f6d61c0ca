"""What do responses make of the card's typical regimen, and of its neighbours with another amount?

Where a drug is proportional to dose, all that is asked is what 1 mg of active substance does: AUC24 at steady state, trough and peak of the fifth day. Of any
other, each amount is a question of its own: AUC24, trough and peak on the last day of the card's horizon, from no drug on. Who never settles has an exposure
there too, and it is large.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import is_dose_proportional
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.body import AnyBody, Body, changed
from pkvae_core.structural.exponentials import Doses, Pulses, superpose
from pkvae_core.structural.ode import Held
from pkvae_core.structural.repeated import Repeated
from pkvae_core.structural.simulated import Simulated

DAYS = 5
EXPOSURES = ("auc24", "trough", "peak")
AT_ONCE = 20_000  # draws followed in one pass: what a core's cache holds


def labels(card: DrugCard) -> dict[str, str]:
    """What each exposure is called."""
    if is_dose_proportional(card):
        return {"auc24": "AUC24 at steady state", "trough": "Trough on the fifth day", "peak": "Peak on the fifth day"}
    day = f"on day {card.horizon_h / 24:.0f}"
    return {"auc24": f"AUC24 {day}", "trough": f"Trough {day}", "peak": f"Peak {day}"}


def amounts_mg(card: DrugCard) -> list[float]:
    """Active substance in each available amount of the product of the typical regimen."""
    product = card.product(card.typical_regimen.product)
    return [product.active_mg(amount) for amount in product.amounts_mg]


def exposures(card: DrugCard, responses: AnyResponses, metrics: Sequence[str] = EXPOSURES) -> dict[str, Float[Tensor, "subject draw"]]:
    """Each of these exposures of the card's typical regimen: for each mg of it where the drug is proportional to dose, else of all of it."""
    if is_dose_proportional(card):
        return unit_exposures(card, responses.pulses, metrics)
    usual = card.product(card.typical_regimen.product).active_mg(card.typical_regimen.amount_mg)
    return {name: table[..., 0] for name, table in by_amount(card, responses, [usual], metrics).items()}


def by_amount(
    card: DrugCard, responses: AnyResponses, active_mg: Sequence[float] | Float[Tensor, "*subject amount"], metrics: Sequence[str] = EXPOSURES
) -> dict[str, Float[Tensor, "subject draw amount"]]:
    """Each of these exposures with each of these amounts of active substance (the same for all subjects, or each one's own), at the typical interval."""
    amounts = torch.as_tensor(active_mg, dtype=torch.float32)
    if isinstance(responses, Simulated):
        body = responses.now
        own = amounts.expand(len(body.ka), -1)
        if not body.scales:
            return _followed(card, body, own, metrics)
        return {name: table * own[:, None] for name, table in _followed(card, body, torch.ones_like(own[:, :1]), metrics).items()}
    days = DAYS if is_dose_proportional(card) else round(card.horizon_h / 24)
    own = amounts if amounts.ndim == 1 else amounts[:, None]
    return {name: table[..., None] * own for name, table in unit_exposures(card, responses.pulses, metrics, days=days).items()}


def unit_exposures(card: DrugCard, pulses: Pulses, metrics: Sequence[str] = EXPOSURES, *, days: int = DAYS) -> dict[str, Float[Tensor, "subject draw"]]:
    """What 1 mg of active substance brings, again and again: AUC24 at steady state, trough and peak after so many days."""
    regimen = card.typical_regimen
    route = card.routes.index(card.product(regimen.product).route)
    count = pulses.lag.shape[0]
    start = torch.arange(0, 24 * days, regimen.interval_h)[None].float().expand(count, -1)
    doses = Doses(start, torch.ones_like(start), torch.full_like(start, regimen.infusion_h), torch.full_like(start, route, dtype=torch.long))
    last = float(start[0, -1])
    times = last + torch.cat([torch.tensor([regimen.interval_h]), _after_dose(card)[: None if "peak" in metrics else 0]])
    concentration = superpose(pulses, doses, times[None].expand(count, -1))[0]
    found = {"auc24": pulses.auc()[..., route] * 24 / regimen.interval_h, "trough": concentration[..., 0]}
    return {name: found[name] if name != "peak" else concentration[..., 1:].max(-1).values for name in metrics}


def _after_dose(card: DrugCard) -> Float[Tensor, " time"]:
    """When the peak is looked for."""
    regimen = card.typical_regimen
    return torch.cat([torch.tensor([regimen.infusion_h]), torch.linspace(0.25, min(6.0, regimen.interval_h), 24)])


def _followed(card: DrugCard, body: AnyBody, amounts: Float[Tensor, "subject amount"], metrics: Sequence[str]) -> dict[str, Tensor]:
    """A few subjects at a time, amount after amount."""
    subjects = torch.arange(len(body.ka)).split(max(1, AT_ONCE // body.ka.shape[1]))
    parts = [[_lived(card, changed([body], lambda table, some=some: table[some]), each, metrics) for each in amounts[some].unbind(1)] for some in subjects]
    return {name: torch.cat([torch.stack([each[name] for each in row], -1) for row in parts]) for name in metrics}


def _lived(card: DrugCard, body: AnyBody, amount: Float[Tensor, " subject"], metrics: Sequence[str]) -> dict[str, Float[Tensor, "subject draw"]]:
    """Exposures of the last interval before the horizon; of the last day, where the hours of a day differ."""
    regimen, count = card.typical_regimen, len(body.ka)
    interval, route = float(regimen.interval_h), card.routes.index(card.product(regimen.product).route)
    number, last = int(card.horizon_h // interval), round(body.period_h(interval) / interval)
    peaks = [i * interval + _after_dose(card)[1:] for i in range(last)] if "peak" in metrics else []
    time = torch.cat([*peaks, torch.tensor([last * interval])])

    def doses(start: Tensor) -> Doses:
        start = start.expand(count, -1)
        return Doses(start, amount[:, None].expand_as(start), torch.full_like(start, regimen.infusion_h), torch.full_like(start, route, dtype=torch.long))

    if isinstance(body, Body) and (repeated := Repeated(body, doses(torch.zeros(1)), interval)).is_possible:
        begin = repeated.amounts(Held(body.start(), torch.zeros_like(body.ka)), (number - 1,))[0]
        level, area = repeated.interval(begin, time)
        area = area[..., -1]
    else:
        start = torch.tensor([(number - last) * interval])
        level, area = Simulated(body).curves(doses(interval * torch.arange(number)), torch.cat([start, start + time]).expand(count, -1))
        level, area = level[..., 1:], area[..., -1] - area[..., 0]
    found = {"auc24": area * 24 / (last * interval), "trough": level[..., -1]}
    return {name: found[name] if name != "peak" else level[..., :-1].max(-1).values for name in metrics}
