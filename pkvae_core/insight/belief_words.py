"""How is it said what a level taught?"""

from pkvae_core.insight.belief import Step, Triple
from pkvae_core.wording import rounded

# Bits at which the words change: a bit is what the answer to one even yes-or-no question tells.
LITTLE, SOME, MUCH = 0.1, 0.5, 1.5
BIT = "A bit is what the answer to one even yes-or-no question tells: of two patients thought equally likely, which one it is."


def lesson_words(bits: float) -> str:
    """ "hardly anything", "a little", "a good deal", "a lot"."""
    return next((words for limit, words in ((LITTLE, "hardly anything"), (SOME, "a little"), (MUCH, "a good deal")) if bits < limit), "a lot")


def bits_words(bits: float) -> str:
    """ "0.23 bits", "1.3 bits"; "under 0.01 bits"."""
    return "under 0.01 bits" if bits < 0.01 else f"{bits:.2f} bits" if bits < 1 else f"{bits:.1f} bits"


def taught_words(step: Step) -> str:
    """This level taught a good deal: 0.75 bits."""
    return f"This level taught **{lesson_words(step.bits)}**: {bits_words(step.bits)}."


def triple_words(values: Triple, unit: str, factor: float = 1.0) -> str:
    """ "4.10 L/h (2.9–5.6)": median and 90 % interval."""
    median, low, high = (rounded(value * factor) for value in values)
    return f"{median}{f' {unit}' if unit else ''} ({low}–{high})"


def narrowed_words(narrowed: float | None) -> str:
    """ "30 % narrower", "12 % wider", "as wide as before"."""
    if narrowed is None:
        return "without an end"
    share = round(100 * abs(narrowed))
    return "as wide as before" if share == 0 else f"{share} % {'narrower' if narrowed > 0 else 'wider'}"


def changed_words(step: Step, name: str, label: str, unit: str, factor: float = 1.0) -> str:
    """ "Clearance **4.1 → 3.1 L/h**, its 90 % interval 35 % narrower"."""
    before, after = (rounded(belief.interval(name)[0] * factor) for belief in (step.before, step.after))
    moved = f"{before} → {after}" if before != after else f"{after}, unmoved,"
    return f"{label} **{moved}{f' {unit}' if unit else ''}**, its 90 % interval {narrowed_words(step.narrowed(name))}"
