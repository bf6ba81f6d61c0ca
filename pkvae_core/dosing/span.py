"""What does an amount of a regimen do over a stretch of time: computed, or simulated when it is first asked for?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Span:
    """A stretch of time as every draw lives it: AUC, concentrations at `time_h` (hours of the patient's clock), and whether it has come to a steady state."""

    length_h: float
    time_h: Float[np.ndarray, " time"]
    trough: int  # column of the concentration just before the last dose that falls due
    area_mg_h_per_L: Float[np.ndarray, " draw"]
    concentration_mg_per_L: Float[np.ndarray, "draw time"]
    is_settled: Bool[np.ndarray, " draw"]


SpanOf = Callable[[float], Span]  # from the amount of a dose (mg) to what it does


@dataclass(frozen=True)
class SimulatedSpans:
    """A `SpanOf` for models that are not proportional to dose: every amount is a simulation of its own, many amounts at once cost little more than one."""

    simulate: Callable[[Sequence[float]], list[Span]]
    known: dict[float, Span] = field(default_factory=dict)

    def __call__(self, amount_mg: float) -> Span:
        self.prepare((amount_mg,))
        return self.known[amount_mg]

    def prepare(self, amounts_mg: Sequence[float]) -> None:
        """Simulate those of these amounts that are not known yet, in one go."""
        if missing := [amount for amount in dict.fromkeys(amounts_mg) if amount not in self.known]:
            self.known.update(zip(missing, self.simulate(missing), strict=True))
