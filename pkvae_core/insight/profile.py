"""What do one compartment, two compartments and the VAE each make of the same levels? Curves with bands, what they miss, and by how much."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pkvae_core.drugs.derived import complete
from pkvae_core.inference.fitted import believe
from pkvae_core.inference.posterior import Posterior, individualise, predict
from pkvae_core.insight.hybrid import LEARNED, ONE, TWO, Rivals
from pkvae_core.insight.meals import assumed_meals
from pkvae_core.patient import Patient
from pkvae_core.residual_error import ResidualError

POINTS, AFTER_H, AFTER_SHARE = 240, 12.0, 0.1


@dataclass(frozen=True)
class Fitted:
    """One model's posterior curve (mg/L) and how it misses the levels: weighted residuals (in sd of its residual error) and the normalised RMSE (%).

    Residuals are NaN, and the error leaves out, where a level is below its limit; `error_interval` is that of the curve's draws (90 %). At `meals_h` it
    assumes meals that bring the drug back.
    """

    name: str
    time_h: Float[np.ndarray, " time"]
    median: Float[np.ndarray, " time"]
    low90: Float[np.ndarray, " time"]
    high90: Float[np.ndarray, " time"]
    residual: Float[np.ndarray, " sample"]
    error_percent: float
    error_interval: tuple[float, float]
    meals_h: tuple[float, ...] = ()


def fits(rivals: Rivals, patient: Patient, *, draws: int = 500, seed: int = 0) -> tuple[Fitted, ...]:
    """All three on one patient, in the order of `hybrid.NAMES`. Raises ValueError like `believe`."""
    patient = complete(rivals.card, patient)
    time_h = profile_times(patient)
    learned = individualise(rivals.model, patient, draws=draws, seed=seed)
    classical = [believe(model, rivals.card, [patient], draws=draws, seed=seed)[0] for model in (rivals.one, rivals.two)]
    learned_error = max(zip(learned.model_probability.values(), rivals.model.errors, strict=True), key=lambda pair: pair[0])[1]
    errors = (rivals.one.error, rivals.two.error, learned_error)
    return tuple(fitted(name, posterior, time_h, error) for name, posterior, error in zip((ONE, TWO, LEARNED), (*classical, learned), errors, strict=True))


def profile_times(patient: Patient) -> Float[np.ndarray, " time"]:
    """Hours to draw a patient's course at: from the first dose to a while after the last level, peaks included."""
    ends = [t for d in patient.doses for t in (d.time_h, d.time_h + 1e-3, d.time_h + d.infusion_h)]
    last = max([s.time_h for s in patient.samples] + [d.time_h for d in patient.doses])
    end = last + max(AFTER_H, AFTER_SHARE * (last - min(ends)))
    return np.union1d(np.linspace(min(ends), end, POINTS), [t for t in ends if t <= end])


def fitted(name: str, posterior: Posterior, time_h: np.ndarray, error: ResidualError) -> Fitted:
    """This posterior, drawn and compared with the levels it was given."""
    samples = posterior.patient.samples
    curve = predict(posterior, posterior.patient.doses, time_h)
    at_levels = predict(posterior, posterior.patient.doses, [s.time_h for s in samples])
    observed = np.array([np.nan if s.concentration_mg_per_L is None else s.concentration_mg_per_L for s in samples])
    middle = at_levels.median
    sd = np.hypot(error.additive_mg_per_L, error.proportional * middle)
    low, high = curve.interval(0.9)
    each = normalised_error(at_levels.concentration_mg_per_L, observed)
    order, weight = np.argsort(each), at_levels.weight / at_levels.weight.sum()
    edges = np.interp([0.05, 0.95], weight[order].cumsum(), each[order])
    own = float(normalised_error(middle[None], observed)[0])
    meals = assumed_meals(posterior.responses, float(time_h[0]), float(time_h[-1]))
    return Fitted(name, time_h, curve.median, low, high, (observed - middle) / np.maximum(sd, 1e-9), own, (float(edges[0]), float(edges[1])), meals)


def normalised_error(curve: Float[np.ndarray, "draw sample"], observed: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " draw"]:
    """Root mean square of curve minus levels, in per cent of the levels' mean; NaN without a measured level."""
    is_measured = np.isfinite(observed)
    if not is_measured.any():
        return np.full(len(curve), np.nan)
    misses = curve[:, is_measured] - observed[is_measured]
    return 100 * np.sqrt((misses**2).mean(1)) / observed[is_measured].mean()
