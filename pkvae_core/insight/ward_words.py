"""What does the best regimen change in the current one, and how is a ward counted, in words?"""

from collections import Counter
from collections.abc import Iterable

from pkvae_core.drugs.card import DrugCard
from pkvae_core.insight.urgency import URGENCIES, Urgency
from pkvae_core.patient import Regimen
from pkvae_core.wording import amount_words, duration_words, plain

SAME = 0.005  # daily doses that differ by less are the same: an interval of 36 h makes no whole number


def change_words(card: DrugCard, current: Regimen | None, best: Regimen) -> str:
    """ "25 % less a day", "same daily dose, every 12 h instead of every 8 h", "keep"; "" without a current regimen to compare with."""
    if current is None:
        return ""
    found = [*_daily(card, current, best), *_schedule(current, best), *_product(card, current, best)]
    return ", ".join(found) if found else "keep"


def _daily(card: DrugCard, current: Regimen, best: Regimen) -> list[str]:
    """How much more or less of the active substance reaches the body in a day."""
    before, after = (card.product(r.product).active_mg(r.amount_mg) * card.product(r.product).bioavailability * 24 / r.interval_h for r in (current, best))
    change = after / before - 1
    if abs(change) >= SAME:
        return [f"{abs(change):.0%} {'more' if change > 0 else 'less'} a day".replace("%", " %")]
    return ["same daily dose"] if (current.amount_mg, current.interval_h, current.infusion_h) != (best.amount_mg, best.interval_h, best.infusion_h) else []


def _schedule(current: Regimen, best: Regimen) -> list[str]:
    if best.interval_h != current.interval_h:
        return [f"every {plain(best.interval_h, 2)} h instead of every {plain(current.interval_h, 2)} h"]
    if best.infusion_h != current.infusion_h:
        if not (current.infusion_h and best.infusion_h):
            return [f"at once instead of over {duration_words(current.infusion_h)}" if current.infusion_h else f"over {duration_words(best.infusion_h)}"]
        return [f"over {duration_words(best.infusion_h)} instead of {duration_words(current.infusion_h)}"]
    return []


def _product(card: DrugCard, current: Regimen, best: Regimen) -> list[str]:
    before, after = card.product(current.product), card.product(best.product)
    return [] if before.name == after.name else [f"{after.label.lower()} instead of {before.label.lower()}"]


def daily_words(regimen: Regimen) -> str:
    """ "2,000 mg a day", as labelled on the product."""
    return f"{amount_words(regimen.amount_mg * 24 / regimen.interval_h)} a day"


def counted(urgencies: Iterable[Urgency]) -> dict[Urgency, int]:
    """How many patients each word has, the most urgent first; words that nobody has are left out."""
    found = Counter(urgencies)
    return {urgency: found[urgency] for urgency in URGENCIES if found[urgency]}
