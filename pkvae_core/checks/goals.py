"""How good has a model to be? The goals that were set before anything was measured; no model moves its own."""

from dataclasses import dataclass

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import is_dose_proportional


@dataclass(frozen=True)
class Goal:
    """Between which shares a 90 % interval should hold the truth, of all patients and of a stratum, and how many times the best possible error is allowed."""

    coverage_percent: tuple[float, float]
    ratio: float
    stratum_percent: tuple[float, float] = (86, 94)

    @property
    def coverage_words(self) -> str:
        return f"{self.coverage_percent[0]:g} to {self.coverage_percent[1]:g} %"

    @property
    def stratum_words(self) -> str:
        return f"{self.stratum_percent[0]:g} to {self.stratum_percent[1]:g} %"


PROPORTIONAL, NOT_PROPORTIONAL = Goal((88, 92), 1.03), Goal((87, 93), 1.10)


def goal_of(card: DrugCard) -> Goal:
    """The stricter one where twice the dose is twice the concentration; a card without published models has it too."""
    return PROPORTIONAL if is_dose_proportional(card) else NOT_PROPORTIONAL
