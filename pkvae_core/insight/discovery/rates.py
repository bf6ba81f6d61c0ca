"""How many false discoveries are to be expected among those that are called?"""

import numpy as np
from jaxtyping import Float


def benjamini_hochberg(p: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """The q-value of each test: the least false-discovery rate at which it is called (Benjamini & Hochberg 1995), q_(i) = min over j >= i of p_(j) m/j."""
    order = np.argsort(p)
    stepped = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return q
