"""Which regimens may be given: the card's amounts, intervals and infusion durations, within its limits."""

from pkvae_core.drugs.card import DrugCard, Product
from pkvae_core.patient import Dose, Regimen
from pkvae_core.wording import amount_words, duration_words, plain


def candidates(
    card: DrugCard,
    *,
    start_h: float,
    product: str = "",
    interval_h: float | None = None,
    infusion_h: float | None = None,
    weight_kg: float | None = None,
    with_loading: bool = False,
) -> tuple[Regimen, ...]:
    """Every regimen of this product that the card allows from `start_h` on; with `with_loading` each begins with the card's loading dose.

    An interval or infusion that is asked for replaces the card's list (`departures` says where it is not on it). Raises ValueError when nothing is left.
    """
    if not card.gives_dose:
        raise ValueError(f"the card of {card.name} gives no doses. {card.why_no_dose or 'Use it to follow levels only.'}")
    chosen = card.product(product)
    loading = loading_dose(card, start_h=start_h, weight_kg=weight_kg, product=product) if with_loading else None
    first = (loading.amount_mg, loading.infusion_h) if loading else ()
    found = [
        Regimen(amount, interval, infusion, start_h, product, *first)
        for interval, infusion in schedules(chosen, interval_h=interval_h, infusion_h=infusion_h)
        for amount in chosen.amounts_mg
    ]
    allowed = tuple(r for r in found if card.refusal(r, weight_kg) is None)
    if not allowed:
        asked = "" if interval_h is None else f" every {plain(interval_h)} h"
        raise ValueError(
            f"the card allows no dose of {chosen.label}{asked}. {card.refusal(found[0], weight_kg) if found else 'Choose another interval or infusion.'}"
        )
    return allowed


def schedules(product: Product, *, interval_h: float | None, infusion_h: float | None) -> tuple[tuple[float, float], ...]:
    """(interval, infusion) pairs of the product, with what was asked for in place of what the card lists."""
    if interval_h is not None and infusion_h is not None:
        return ((interval_h, infusion_h),)
    if interval_h is not None:
        listed = tuple(d for d in product.infusions_h if d < interval_h / 2 or d == interval_h)
        return tuple((interval_h, d) for d in listed)
    if infusion_h is not None:
        return tuple((t, infusion_h) for t in product.intervals_h if infusion_h <= t)
    return product.schedules


def loading_dose(card: DrugCard, *, start_h: float, weight_kg: float | None, product: str = "") -> Dose:
    """The giveable amount nearest to the middle of the card's mg/kg rule, within the rule's maximum, over the shortest listed infusion that its rate allows.

    Raises ValueError when the card has no such rule, the weight is unknown or no amount fits.
    """
    rule = card.loading
    if rule is None or card.product(rule.product) != card.product(product):
        raise ValueError(f"the card of {card.name} has no loading dose of {card.product(product).label}. Start without one.")
    if weight_kg is None:
        raise ValueError("the loading dose goes by weight, and the weight is unknown. Enter it, or start without a loading dose.")
    chosen = card.product(product)
    low_mg, high_mg = (min(per_kg * weight_kg, rule.max_mg) for per_kg in (rule.mg_per_kg_low, rule.mg_per_kg_high))
    fitting = [a for a in chosen.amounts_mg if low_mg <= a <= high_mg]
    if not fitting:
        raise ValueError(f"no amount of {chosen.label} lies between {amount_words(low_mg)} and {amount_words(high_mg)}. Start without a loading dose.")
    amount_mg = min(fitting, key=lambda a: abs(a - (low_mg + high_mg) / 2))
    shortest_h = amount_mg / rule.max_rate_mg_per_h if rule.max_rate_mg_per_h else 0.0
    infusions = [d for d in chosen.infusions_h if d >= shortest_h]
    if not infusions:
        raise ValueError(f"no infusion on the card is slow enough for {amount_words(amount_mg)}. Start without a loading dose.")
    return Dose(start_h, amount_mg, min(infusions), product)


def departures(card: DrugCard, regimen: Regimen) -> tuple[str, ...]:
    """What in this regimen is not on the card, one sentence each."""
    product = card.product(regimen.product)
    found = []
    if regimen.amount_mg not in product.amounts_mg:
        found.append(f"{amount_words(regimen.amount_mg)} is not one of the amounts on the card of {card.name}.")
    if regimen.interval_h not in product.intervals_h:
        found.append(f"Every {plain(regimen.interval_h)} h is not one of the intervals on the card of {card.name}.")
    elif (regimen.interval_h, regimen.infusion_h) not in product.schedules:
        found.append(f"An infusion over {duration_words(regimen.infusion_h)} every {plain(regimen.interval_h)} h is not on the card of {card.name}.")
    refusal = card.refusal(regimen)
    return (*found, refusal) if refusal else tuple(found)
