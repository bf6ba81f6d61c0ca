"""What may the laboratory report? The true concentration of each draw, seen through the residual error."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import root_scalar
from scipy.special import ndtr

from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.posterior import Posterior, predict
from pkvae_core.residual_error import ResidualError


@dataclass(frozen=True)
class Observable:
    """What the laboratory may report: y ~ sum over draws d and published models m of w_d p_m Normal(C_d, a_m^2 + (b_m C_d)^2), mg/L."""

    concentration_mg_per_L: Float[np.ndarray, " draw"]  # true concentration
    weight: Float[np.ndarray, " draw"]  # sums to 1
    errors: tuple[tuple[float, ResidualError], ...]  # probability of a published model, its residual error

    def probability_below(self, level_mg_per_L: float) -> float:
        """P(y < level). A draw without any error (no concentration yet, none but proportional error) is a step."""
        distance = level_mg_per_L - self.concentration_mg_per_L
        step = np.where(distance > 0, np.inf, -np.inf)
        sds = (np.hypot(e.additive_mg_per_L, e.proportional * self.concentration_mg_per_L) for _, e in self.errors)
        parts = (p * (self.weight @ ndtr(np.divide(distance, sd, out=step.copy(), where=sd > 0))) for (p, _), sd in zip(self.errors, sds, strict=True))
        return float(sum(parts))

    def quantile(self, probability: float) -> float:
        """The level that y stays below with `probability`; 0 where the error model reaches below zero, because no laboratory reports less."""
        top = self.concentration_mg_per_L.max()
        highest = top + 10 * max(e.additive_mg_per_L + e.proportional * top for _, e in self.errors)
        if highest == 0 or self.probability_below(0) >= probability:
            return 0.0
        return float(root_scalar(lambda level: self.probability_below(level) - probability, bracket=(0, highest), xtol=1e-6).root)


def errors_of(model_probability: Mapping[str, float]) -> tuple[tuple[float, ResidualError], ...]:
    """The residual error of each published model and the probability that it is the right one."""
    return tuple((p, MODELS[name].error) for name, p in model_probability.items())


def observable(posterior: Posterior, time_h: float) -> Observable:
    """What this posterior lets the laboratory report of a sample drawn at `time_h`, after the recorded doses."""
    prediction = predict(posterior, posterior.patient.doses, np.array([time_h]))
    return Observable(prediction.concentration_mg_per_L[:, 0].astype(float), np.asarray(prediction.weight, dtype=float), errors_of(posterior.model_probability))
