"""How is a found effect said?"""

from pkvae_core.insight.discovery.effects import Effect
from pkvae_core.insight.discovery.levels_alone import Quantity
from pkvae_core.insight.discovery.pairs import Cell, Pair
from pkvae_core.insight.discovery.shape import Contrast
from pkvae_core.wording import plain


def quantity_words(quantity: Quantity) -> str:
    """ "clearance", "volume", "AUC over 24 h at steady state"."""
    return quantity.label.lower() if quantity.name in ("CL", "V") else quantity.label


def effect_words(effect: Effect) -> str:
    """ "each 10 kg: clearance +8 % (5 to 11)", one group against another, or where the turn is and how far the ends lie from it."""
    column, shape, what = effect.column, effect.shape, quantity_words(effect.quantity)
    if shape.kind == "slope":
        contrast = shape.contrasts[0]
        return f"each {plain(contrast.end)} {column.unit or 'more'}: {what} {_percent(contrast)}"
    if shape.kind == "groups":
        first = column.said(shape.contrasts[0].start)
        return "; ".join(f"{column.said(c.end)} instead of {first}: {what} {_percent(c)}" for c in shape.contrasts)
    turn = "lowest" if shape.kind == "valley" else "highest"
    ends = ", ".join(f"{_percent(c)} at {column.said(c.end)}" for c in shape.contrasts)
    return f"{what} {turn} near {column.said(shape.contrasts[0].start)}: {ends}"


def pair_words(pair: Pair) -> str:
    """Where the two together are highest and where lowest, against what each alone would say."""
    most, least = max(pair.cells, key=lambda c: c.ratio), min(pair.cells, key=lambda c: c.ratio)
    what = quantity_words(pair.quantity)

    def where(cell: Cell) -> str:
        return f"{_percent(cell)} where {pair.first.label} is {cell.first} and {pair.second.label} is {cell.second}"

    return f"{what}: {where(most)}, {where(least)}, beside what each does alone"


def _percent(found: Contrast | Cell) -> str:
    """ "+8 % (5 to 11)"."""
    low, high = (_whole(100 * (v - 1)) for v in (found.low95, found.high95))
    centre = _whole(100 * (found.ratio - 1))
    return f"{'' if centre[0] in '-0' else '+'}{centre} % ({low} to {high})".replace("-", "−")


def _whole(percent: float) -> str:
    """A whole number whose 0 has no sign."""
    return f"{round(percent) + 0:d}"
