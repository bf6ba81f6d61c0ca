"""What may the laboratory report? The true concentration of each draw, seen through the residual error."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.optimize import root_scalar
from scipy.special import ndtr

from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.posterior import Posterior, predict
from pkvae_core.residual_error import ResidualError


@dataclass(frozen=True)
class Observable:
    """What the laboratory may report: y ~ sum over draws d and published models m of w_d p_dm Normal(C_d, a_m^2 + (b_m C_d)^2), mg/L."""

    concentration_mg_per_L: Float[np.ndarray, " draw"]  # true concentration
    weight: Float[np.ndarray, " draw"]  # sums to 1
    errors: tuple[tuple[float | Float[np.ndarray, " draw"], ResidualError], ...]  # probability of a published model (of all draws, or draw by draw), its error

    def probability_below(self, level_mg_per_L: float) -> float:
        """P(y < level). A draw without any error (no concentration yet, none but proportional error) is a step."""
        distance = level_mg_per_L - self.concentration_mg_per_L
        step = np.where(distance > 0, np.inf, -np.inf)
        parts = (self.weight @ (p * ndtr(np.divide(distance, sd, out=step.copy(), where=sd > 0))) for (p, _), sd in zip(self.errors, self._sds, strict=True))
        return float(sum(parts))

    @cached_property
    def _sds(self) -> list[np.ndarray]:
        """Standard deviation of the error of each published model, draw by draw."""
        return [np.hypot(e.additive_mg_per_L, e.proportional * self.concentration_mg_per_L) for _, e in self.errors]

    def quantile(self, probability: float) -> float:
        """The level that y stays below with `probability`; 0 where the error model reaches below zero, because no laboratory reports less."""
        top = self.concentration_mg_per_L.max()
        highest = top + 10 * max(e.additive_mg_per_L + e.proportional * top for _, e in self.errors)
        if highest == 0 or self.probability_below(0) >= probability:
            return 0.0
        return float(root_scalar(lambda level: self.probability_below(level) - probability, bracket=(0, highest), xtol=1e-6, rtol=1e-5).root)


def errors_of(posterior: Posterior) -> tuple[tuple[float | Float[np.ndarray, " draw"], ResidualError], ...]:
    """The residual error of each published model and the probability that it is the right one, of each draw where that is known."""
    shares = posterior.model_probability
    errors = posterior.errors or tuple(MODELS[name].error for name in shares)
    if posterior.member is None:
        return tuple(zip(shares.values(), errors, strict=True))
    each = np.asarray(posterior.member, dtype=float)
    return tuple((each[:, i], error) for i, error in enumerate(errors))


def observable(posterior: Posterior, time_h: float) -> Observable:
    """What this posterior lets the laboratory report of a sample drawn at `time_h`, after the recorded doses."""
    return observables(posterior, (time_h,))[0]


def observables(posterior: Posterior, times_h: Sequence[float]) -> list[Observable]:
    """`observable` at several times."""
    prediction = predict(posterior, posterior.patient.doses, np.array(times_h, dtype=float))
    weight, errors = np.asarray(prediction.weight, dtype=float), errors_of(posterior)
    return [Observable(column.astype(float), weight, errors) for column in prediction.concentration_mg_per_L.T]
