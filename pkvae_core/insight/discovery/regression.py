"""How does a quantity depend on several covariates at once, when each patient's value is known with its own uncertainty?

    y_i = sum_j f_j(x_ij) + eta_i + e_i,   eta ~ (0, omega^2),   e_i ~ (0, v_i),   weight_i = 1 / (omega^2 + v_i)
by weighted least squares; omega^2 is where the weighted squared residuals sum to their degrees of freedom (Paule & Mandel 1982).
A block of terms is tested given all others: the residuals of the model without it, whitened, are permuted, the model is fitted anew to each permutation, and
the partial F of the block is compared (Freedman & Lane 1983). A covariate that only goes with one that matters has nothing left to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

Design = Float[np.ndarray, "subject _term"]
Vector = Float[np.ndarray, " subject"]
LEAST_VARIANCE = 1e-9
LEAST_FREEDOM = 10
HALVINGS = 16  # of the interval in which omega^2 lies: to 0.01 % of the variance of y


@dataclass(frozen=True)
class Fit:
    """Coefficients with their covariance, omega^2, the weights, and the whitened residuals."""

    coefficient: Float[np.ndarray, " term"]
    covariance: Float[np.ndarray, "term term"]
    between_variance: float
    weight: Vector
    residual: Vector


def fit(design: Design, y: Vector, variance: Vector) -> Fit:
    """The weighted fit with the between-patient variance that fits it."""
    between = between_variance(design, y, variance)
    weight = 1 / np.maximum(between + variance, LEAST_VARIANCE)
    coefficient, covariance = weighted(design, y, weight)
    return Fit(coefficient, covariance, between, weight, (y - design @ coefficient) * np.sqrt(weight))


def weighted(design: Design, y: Vector, weight: Vector) -> tuple[Float[np.ndarray, " term"], Float[np.ndarray, "term term"]]:
    """Coefficients and their covariance at given weights (inverse variances)."""
    covariance = np.linalg.pinv(design.T @ (design * weight[:, None]), rcond=1e-10, hermitian=True)
    return covariance @ (design.T @ (y * weight)), covariance


def between_variance(design: Design, y: Vector, variance: Vector) -> float:
    """omega^2: what the design and the patients' own uncertainties leave. Raises ValueError when there are hardly more patients than terms."""
    freedom = len(y) - int(np.linalg.matrix_rank(design))
    if freedom < LEAST_FREEDOM:
        raise ValueError(f"{len(y)} patients are too few for {design.shape[1]} terms; test fewer covariates or bring more patients.")

    def excess(between: float) -> float:
        weight = 1 / np.maximum(between + variance, LEAST_VARIANCE)
        return float(weight @ (y - design @ weighted(design, y, weight)[0]) ** 2) - freedom

    low, high = 0.0, 4 * float(np.var(y)) + LEAST_VARIANCE
    if excess(low) <= 0:
        return low
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2


def span(design: Design) -> Design:
    """Orthonormal columns that span those of a design."""
    left, size, _ = np.linalg.svd(design, full_matrices=False)
    return left[:, size > 1e-9 * max(size.max(initial=0.0), 1e-300)]


def shuffles(count: int, subjects: int, generator: np.random.Generator) -> Int[np.ndarray, "permutation subject"]:
    """Random orders of the patients, the same for every block that is tested on them."""
    return generator.permuted(np.tile(np.arange(subjects, dtype=np.int32), (count, 1)), axis=1)


def permutation_p(blocks: Sequence[Design], others: Design, y: Vector, orders: Int[np.ndarray, "permutation subject"]) -> Float[np.ndarray, " block"]:
    """The p-value of each block of terms given `others`; everything whitened already. Never below 1 / (permutations + 1)."""
    given = span(others)
    residual = y - given @ (given.T @ y)
    bases = [span(_beyond(given, block)) for block in blocks]
    every = np.concatenate([given, *bases], 1).astype(np.float32)
    ends = np.cumsum([given.shape[1], *(b.shape[1] for b in bases)])
    drawn = np.concatenate([residual[None], residual[orders]]).astype(np.float32)  # the first row is what was observed
    squared = (drawn @ every) ** 2
    left = (residual @ residual) - squared[:, : ends[0]].sum(1)
    found = []
    for begin, end in zip(ends[:-1], ends[1:], strict=True):
        share = squared[:, begin:end].sum(1) / left  # monotone in F
        found.append((1 + np.sum(share[1:] >= share[0] * (1 - 1e-6))) / len(share) if end > begin else 1.0)
    return np.array(found)


def _beyond(given: Design, block: Design) -> Design:
    """The part of a block that the others do not span; nothing where only rounding is left."""
    left = block - given @ (given.T @ block)
    return left[:, np.linalg.norm(left, axis=0) > 1e-6 * np.maximum(np.linalg.norm(block, axis=0), 1e-300)]
