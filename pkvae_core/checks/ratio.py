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
