"""How much larger are our errors than the best possible ones, and how sure is that?"""

import math

import numpy as np
from jaxtyping import Float

REPLICATES = 2000


def log_rmse(error: Float[np.ndarray, " patient"]) -> float:
    """Root mean square of errors on the log scale."""
    return math.sqrt((error**2).mean())


def ratio_of_errors(ours: Float[np.ndarray, " patient"], exact: Float[np.ndarray, " patient"], generator: np.random.Generator) -> tuple[float, float, float]:
    """Ratio of root mean squares with its 95 % interval over a paired bootstrap of patients."""
    squares = np.stack([ours**2, exact**2], 1)
    counts = generator.multinomial(len(ours), np.full(len(ours), 1 / len(ours)), size=REPLICATES)
    sums = counts @ squares
    low, high = np.quantile(np.sqrt(sums[:, 0] / sums[:, 1]), (0.025, 0.975))
    return log_rmse(ours) / log_rmse(exact), float(low), float(high)


def ratio_of_medians(ours: Float[np.ndarray, " patient"], exact: Float[np.ndarray, " patient"], generator: np.random.Generator) -> tuple[float, float, float]:
    """Ratio of the medians over patients with its 95 % interval over a paired bootstrap of patients."""
    drawn = _redrawn(len(ours), generator)
    low, high = np.quantile(np.median(ours[drawn], 1) / np.median(exact[drawn], 1), (0.025, 0.975))
    return float(np.median(ours) / np.median(exact)), float(low), float(high)


def share_closed(
    ours: Float[np.ndarray, " patient"], exact: Float[np.ndarray, " patient"], rival: Float[np.ndarray, " patient"], generator: np.random.Generator
) -> tuple[float, float, float]:
    """How much of the gap between a rival's median error and the best possible one is closed: (rival - ours)/(rival - exact), with its 95 % interval."""
    drawn = _redrawn(len(ours), generator)
    ours_each, exact_each, rival_each = (np.median(each[drawn], 1) for each in (ours, exact, rival))
    low, high = np.quantile((rival_each - ours_each) / (rival_each - exact_each), (0.025, 0.975))
    middle = (np.median(rival) - np.median(ours)) / (np.median(rival) - np.median(exact))
    return float(middle), float(low), float(high)


def _redrawn(patients: int, generator: np.random.Generator) -> np.ndarray:
    """Patients drawn anew with replacement [replicate, patient]."""
    return generator.integers(patients, size=(REPLICATES, patients))
