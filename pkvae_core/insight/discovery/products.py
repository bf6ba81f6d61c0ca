"""Which terms let two covariates act together? Products of trends (ranks), of halves (above or below the median), and of groups."""

import numpy as np
from scipy.stats import rankdata

from pkvae_core.insight.discovery.columns import Column
from pkvae_core.insight.discovery.regression import Design


def products(first: Column, second: Column) -> Design:
    """The terms of a pair; 0 where either is unknown."""
    a, b = _features(first), _features(second)
    if not first.categories and not second.categories:
        return a * b  # trend by trend, half by half
    return np.column_stack([x * z for x in a.T for z in b.T])


def _features(column: Column) -> Design:
    """Of numbers: rank and half; of groups: one column for each but the first. 0 on average and where unknown."""
    known = column.values[column.is_known]
    found = np.zeros((len(column.values), 2 if not column.categories else max(len(np.unique(known)) - 1, 1)))
    if column.categories:
        raw = (known[:, None] == np.unique(known)[1:]).astype(float) if len(np.unique(known)) > 1 else np.zeros((len(known), 1))
    else:
        raw = np.column_stack([2 * (rankdata(known) - 0.5) / len(known) - 1, np.where(known > np.median(known), 1.0, -1.0)])
    found[column.is_known] = raw - raw.mean(0)
    return found
