"""Which two covariates act together in a way that neither shows alone?

Every pair gets a few products: of trends (ranks) and of halves (above or below the median), or of groups. They are tested on what the effects of all single
covariates leave, so that a pure interaction (A or B, but not both) is seen. Where one of two is correlated with a third, the pair with the third shows a
shadow of it: what is called must stand given every other pair that is called as well; the weakest goes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from pkvae_core.insight.discovery.columns import Column
from pkvae_core.insight.discovery.levels_alone import Quantity, Told
from pkvae_core.insight.discovery.products import products
from pkvae_core.insight.discovery.rates import benjamini_hochberg
from pkvae_core.insight.discovery.regression import Design, Fit, Vector, fit, permutation_p, shuffles, weighted
from pkvae_core.insight.discovery.terms import Terms

MOST_SHADOWS = 12  # pairs that are tried against each other


@dataclass(frozen=True)
class Cell:
    """The patients with one half (or group) of either covariate: how far they lie from what the two alone would say (a ratio, 95 % interval)."""

    first: str
    second: str
    ratio: float
    low95: float
    high95: float


@dataclass(frozen=True)
class Pair:
    """Two covariates and one quantity: `p` and `q` as for an effect (`q` 1 where another pair explains it); `cells` by halves, first covariate outer."""

    first: Column
    second: Column
    quantity: Quantity
    p: float
    q: float
    cells: tuple[Cell, ...]


def pairs_on(told: Told, columns: Sequence[Column], rate: float, *, permutations: int, generator: np.random.Generator) -> tuple[Pair, ...]:
    """Every pair of covariates on one quantity, surest first; q-values over them all. No pairs of fewer than two covariates."""
    if len(columns) < 2:
        return ()
    heard = told.is_told
    heard_columns = [c.only(heard) for c in columns]
    terms, y = Terms.of(heard_columns), told.log_value[heard]
    whole = fit(terms.design, y, told.variance[heard])
    which = list(combinations(range(len(columns)), 2))
    blocks = [products(heard_columns[a], heard_columns[b]) for a, b in which]
    orders = shuffles(permutations, len(y), generator)
    p = permutation_p(_white(blocks, whole), _white([terms.design], whole)[0], _white([y[:, None]], whole)[0][:, 0], orders)
    q = _unshadowed(benjamini_hochberg(p), p, (blocks, terms.design, y), whole, orders, rate)
    order = sorted(range(len(which)), key=lambda k: (q[k], p[k]))
    found = []
    for k in order:
        a, b = which[k]
        cells = _cells(heard_columns[a], heard_columns[b], terms.design, y, whole) if q[k] <= rate else ()
        found.append(Pair(columns[a], columns[b], told.quantity, float(p[k]), float(q[k]), cells))
    return tuple(found)


def _white(designs: Sequence[Design], whole: Fit) -> list[Design]:
    root = np.sqrt(whole.weight)[:, None]
    return [design * root for design in designs]


def _unshadowed(
    q: Float[np.ndarray, " pair"],
    p: Float[np.ndarray, " pair"],
    data: tuple[list[Design], Design, Vector],
    whole: Fit,
    orders: Int[np.ndarray, "permutation subject"],
    rate: float,
) -> Float[np.ndarray, " pair"]:
    """The q-values, with 1 for every pair that says nothing more given the others that are called."""
    blocks, design, y = data
    called = [int(k) for k in np.argsort(p, kind="stable") if q[k] <= rate]
    q = q.copy()
    q[called[MOST_SHADOWS:]] = 1.0
    called = called[:MOST_SHADOWS]
    target = _white([y[:, None]], whole)[0][:, 0]
    while len(called) > 1:
        given = {k: np.column_stack([design, *(blocks[other] for other in called if other != k)]) for k in called}
        left = [float(permutation_p(_white([blocks[k]], whole), _white([given[k]], whole)[0], target, orders)[0]) for k in called]
        worst = max(range(len(called)), key=lambda i: (left[i], p[called[i]], i))
        if left[worst] <= max(p[k] for k in called) or left[worst] <= rate * len(called) / len(q):
            break
        q[called.pop(worst)] = 1.0
    return q


def _cells(first: Column, second: Column, design: Design, y: Vector, whole: Fit) -> tuple[Cell, ...]:
    """Halves (or groups) by halves, from one product of the two in the whole model."""
    (names, a), (others, b) = _halves(first), _halves(second)
    is_known = first.is_known & second.is_known
    interaction = np.where(is_known, a * b, 0.0)
    coefficient, covariance = weighted(np.column_stack([design, interaction]), y, whole.weight)
    centre, half = float(coefficient[-1]), 1.96 * float(np.sqrt(covariance[-1, -1]))
    found = []
    for i, name in enumerate(names):
        for j, other in enumerate(others):
            sign = _code(a, is_known, i) * _code(b, is_known, j)
            low, high = sorted((sign * (centre - half), sign * (centre + half)))
            found.append(Cell(name, other, float(np.exp(sign * centre)), float(np.exp(low)), float(np.exp(high))))
    return tuple(found)


def _halves(column: Column) -> tuple[tuple[str, str], Vector]:
    """The names of the two halves, and a centred code that tells them apart; of several groups, the first against the others."""
    known = column.values[column.is_known]
    if column.categories:
        upper = column.values > known.min()
        rest = [column.categories[int(v)] for v in np.unique(known)[1:]]
        names = (column.categories[int(known.min())], rest[0] if len(rest) == 1 else "others")
    else:
        middle = float(np.median(known))
        upper, names = column.values > middle, (f"up to {column.said(middle)}", f"above {column.said(middle)}")
    return names, np.where(column.is_known, upper - upper[column.is_known].mean(), 0.0)


def _code(code: Vector, is_known: np.ndarray, upper: int) -> float:
    """The code of the lower (0) or upper (1) half."""
    return float(code[is_known].max() if upper else code[is_known].min())
