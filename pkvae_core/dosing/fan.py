"""How would the concentration run for each amount on the slider?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pkvae_core.dosing.course import concentration, follow_all, past_doses, split_course
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Regimen

BAND = (0.05, 0.25, 0.5, 0.75, 0.95)
DRAWS = 400  # equal-weight draws: the 5 % quantile of 400 wavers by a twentieth of the band's width


def fan(
    posterior: Posterior, regimen: Regimen, amounts_mg: Sequence[float], time_h: Float[np.ndarray, " time"], *, probabilities: Sequence[float] = BAND
) -> Float[np.ndarray, "amount quantile time"]:
    """Quantiles of the concentration (mg/L) at `time_h` when this regimen, with each of these amounts, follows the recorded doses."""
    some = posterior.resampled(DRAWS)
    return np.stack([np.quantile(curve, probabilities, axis=0, method="hazen") for curve in _curves(some, regimen, amounts_mg, time_h)])


def _curves(
    posterior: Posterior, regimen: Regimen, amounts_mg: Sequence[float], time_h: Float[np.ndarray, " time"]
) -> Iterator[Float[np.ndarray, "draw time"]]:
    """The curves of each amount; where doses scale, 1 mg is simulated once."""
    until_h = float(time_h[-1])
    if posterior.responses.scales:
        fixed, one_mg = (concentration(posterior, doses, time_h) for doses in split_course(posterior, regimen, until_h))
        yield from (fixed + amount_mg * one_mg for amount_mg in amounts_mg)
        return
    past = past_doses(posterior, regimen.start_h)
    courses = [(*past, *replace(regimen, amount_mg=amount_mg).doses(until_h)) for amount_mg in amounts_mg]
    yield from (level for level, _ in follow_all(posterior, courses, [time_h] * len(courses)))
