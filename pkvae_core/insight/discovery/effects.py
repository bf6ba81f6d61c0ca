"""How does each covariate by itself, the others held, move a quantity: how surely, by how much, and in which shape?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pkvae_core.insight.discovery.columns import Column
from pkvae_core.insight.discovery.levels_alone import Quantity, Told
from pkvae_core.insight.discovery.rates import benjamini_hochberg
from pkvae_core.insight.discovery.regression import Fit, between_variance, fit, permutation_p, shuffles
from pkvae_core.insight.discovery.shape import Shape, shape_of
from pkvae_core.insight.discovery.terms import Terms

GRID = 41
SHOWN = (0.025, 0.975)  # quantiles between which a curve is drawn: further out there are hardly any patients


@dataclass(frozen=True)
class Curve:
    """The quantity of a patient with each value of the covariate who is otherwise as on average, and its pointwise 95 % band."""

    x: Float[np.ndarray, " place"]
    value: Float[np.ndarray, " place"]
    low95: Float[np.ndarray, " place"]
    high95: Float[np.ndarray, " place"]


@dataclass(frozen=True)
class Effect:
    """One covariate and one quantity. `q` is the false-discovery rate at which it is called; `importance` the share of the between-patient variance of the
    quantity that would be left unexplained without it, all others kept; `patients` those in whom it was tested."""

    column: Column
    quantity: Quantity
    p: float
    q: float
    importance: float
    patients: int
    curve: Curve
    shape: Shape


def effects_on(
    told: Told, columns: Sequence[Column], together: Sequence[tuple[int, int]] = (), *, permutations: int, generator: np.random.Generator
) -> tuple[Effect, ...]:
    """The effect of every covariate on one quantity, in the order of the columns; q-values over them all. `together` are pairs, by their places, that are
    known to act together: what they explain is no noise."""
    terms, y, variance = _heard(told, columns, together)
    whole = fit(terms.design, y, variance)
    empty = between_variance(np.ones((len(y), 1)), y, variance)
    orders = shuffles(permutations, len(y), generator)
    p = np.array([_p(terms, i, y, whole, orders, generator) for i in range(len(columns))])
    q = benjamini_hochberg(p)
    return tuple(
        Effect(
            column=columns[i],
            quantity=told.quantity,
            p=float(p[i]),
            q=float(q[i]),
            importance=(between_variance(terms.others(i), y, variance) - whole.between_variance) / max(empty, 1e-9),
            patients=int(terms.known(i).sum()),
            curve=_curve(terms, i, whole),
            shape=shape_of(terms, i, y, whole),
        )
        for i in range(len(columns))
    )


def _heard(told: Told, columns: Sequence[Column], together: Sequence[tuple[int, int]]) -> tuple[Terms, np.ndarray, np.ndarray]:
    """Terms, values and variances of the patients whose levels said enough."""
    heard = told.is_told
    return Terms.of([c.only(heard) for c in columns], together), told.log_value[heard], told.variance[heard]


def _p(terms: Terms, i: int, y: np.ndarray, whole: Fit, orders: np.ndarray, generator: np.random.Generator) -> float:
    """Of the i-th covariate given all others, among the patients of whom it is known."""
    known, root = terms.known(i), np.sqrt(whole.weight)[:, None]
    if not known.all():
        orders = shuffles(len(orders), int(known.sum()), generator)
    block, others = (terms.blocks[i] * root)[known], (terms.others(i) * root)[known]
    return float(permutation_p([block], others, (y * root[:, 0])[known], orders)[0])


def _curve(terms: Terms, i: int, whole: Fit) -> Curve:
    column = terms.columns[i]
    known = column.values[column.is_known]
    low, high = np.quantile(known, SHOWN)
    x = np.unique(known) if column.categories else np.linspace(low, high, GRID)
    rows = terms.at(i, x)
    centre, half = rows @ whole.coefficient, 1.96 * np.sqrt(np.einsum("ij,jk,ik->i", rows, whole.covariance, rows))
    return Curve(x, np.exp(centre), np.exp(centre - half), np.exp(centre + half))
