"""How well does the model fit the levels it has seen, and the ones it has not: goodness of fit.

PRED is the a-priori median of the true concentration, IPRED the median given all of the patient's levels (so it has seen the level it is compared with).
IWRES = (level - IPRED) / sd(IPRED); PWRES = (level - mean) / sd of levels simulated a priori; NPDE as in `npde`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from pkvae_core.checks.engines import Engine
from pkvae_core.checks.expected import Answers, asked, residual_sd
from pkvae_core.checks.npde import NPDETests, npde, npde_tests
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.checks.replicates import at_samples, replicate, usable
from pkvae_core.checks.trend import Trend, trend
from pkvae_core.exposure import weighted_quantile
from pkvae_core.patient import Patient


@dataclass(frozen=True)
class Fit:
    """One row a level: measured (mg/L; NaN where it `is_below` its limit), predictions (mg/L), residuals in standard deviations (NaN where there is none)."""

    engine: str
    patient: tuple[str, ...]
    time_h: Float[np.ndarray, " level"]
    time_after_dose_h: Float[np.ndarray, " level"]
    measured: Float[np.ndarray, " level"]
    limit: Float[np.ndarray, " level"]
    is_below: Bool[np.ndarray, " level"]
    PRED: Float[np.ndarray, " level"]
    IPRED: Float[np.ndarray, " level"]
    IWRES: Float[np.ndarray, " level"]
    PWRES: Float[np.ndarray, " level"]
    NPDE: Float[np.ndarray, " level"]
    npde_tests: NPDETests
    left_out: tuple[str, ...]

    def trend(self, x: str, y: str) -> Trend:
        """Running median of one column against another, such as "NPDE" against "time_h"."""
        return trend(getattr(self, x), getattr(self, y))

    def rows(self) -> tuple[dict[str, object], ...]:
        columns = {
            "patient": self.patient,
            "time_h": self.time_h,
            "time_after_dose_h": self.time_after_dose_h,
            "measured_mg_per_L": self.measured,
            "below_mg_per_L": self.limit,
            "PRED_mg_per_L": self.PRED,
            "IPRED_mg_per_L": self.IPRED,
            **{name: getattr(self, name) for name in ("IWRES", "PWRES", "NPDE")},
        }
        return tuple({name: _plain(values[i]) for name, values in columns.items()} for i in range(len(self.patient)))

    @property
    def sentence(self) -> str:
        return self.npde_tests.sentence


def _plain(value: object) -> object:
    """A number or text for a table; None where nothing can be said."""
    if isinstance(value, str):
        return value
    number = float(value)  # pyright: ignore[reportArgumentType]
    return None if np.isnan(number) else number


def goodness_of_fit(engine: Engine, patients: Sequence[Patient], *, replicates: int = 1000, seed: int = 0, progress: Progress = silent) -> Fit:
    """Predictions and residuals of every level of these patients. Raises ValueError when there is no level to compare."""
    kept, left_out = usable(patients)
    total = 2 * len(kept)
    IPRED, sd, fitted, problems = _individual(engine, kept, seed, progress, total)

    def further(done: int, _: int) -> None:
        progress(min(len(kept) + done, total), total)

    found = replicate(engine, fitted, replicates=replicates, seed=seed, progress=further)
    levels, is_below = found.levels, found.levels.is_below
    measured = np.where(is_below, np.nan, levels.measured)
    errors = npde(found, seed=seed)
    mean, spread = found.simulated.mean(0), found.simulated.std(0)
    kept_ids = set(found.levels.patient)
    same = np.array([p.id in kept_ids for p in fitted for _ in p.samples], dtype=bool)
    IPRED, sd = IPRED[same], sd[same]
    return Fit(
        engine.name,
        levels.patient,
        levels.time_h,
        levels.time_after_dose_h,
        measured,
        np.where(is_below, levels.measured, np.nan),
        is_below,
        found.PRED,
        IPRED,
        (measured - IPRED) / sd,
        np.where(spread > 1e-5, (measured - mean) / np.where(spread > 1e-5, spread, 1), np.nan),
        errors,
        npde_tests(errors),
        (*left_out, *problems, *found.left_out),
    )


@torch.no_grad()
def _individual(
    engine: Engine, patients: Sequence[Patient], seed: int, progress: Progress, total: int
) -> tuple[np.ndarray, np.ndarray, list[Patient], list[str]]:
    """IPRED and its residual sd [level] (mg/L), the patients they are of, and who could not be fitted."""
    IPRED, sd, fitted, problems = [], [], [], []
    for answer in asked(engine, patients, seed=seed, progress=progress, total=total):
        if isinstance(answer, dict):
            problems += [f"patient {patients[i].id}: {why}" for i, why in answer.items()]
            continue
        own = [patients[i] for i in answer.index]
        concentration, is_sample = at_samples(answer, own)
        median = np.stack([weighted_quantile(c, w, 0.5) for c, w in zip(concentration, answer.weight, strict=True)])
        IPRED.append(median[is_sample])
        sd.append(_mixed_sd(answer, median)[is_sample])
        fitted += own
    if not fitted:
        raise ValueError("no level can be compared: no patient has a level after a dose that the model can answer for.")
    return np.concatenate(IPRED), np.concatenate(sd), fitted, problems


def _mixed_sd(answer: Answers, concentration: Float[np.ndarray, "subject sample"]) -> Float[np.ndarray, "subject sample"]:
    """Residual sd (mg/L), the published models' variances averaged by how probable each model is for the patient."""
    probability = (answer.weight[..., None] * answer.member).sum(1)
    variance = np.stack([residual_sd(error, concentration) ** 2 for error in answer.errors], -1)
    return np.sqrt((probability[:, None] * variance).sum(-1))
