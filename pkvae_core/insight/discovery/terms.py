"""Which columns of a regression stand for which covariate, and which for not knowing it?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pkvae_core.insight.discovery.basis import Basis
from pkvae_core.insight.discovery.columns import Column
from pkvae_core.insight.discovery.products import products
from pkvae_core.insight.discovery.regression import Design

PATIENTS_A_TERM = 8  # fewer than so many patients for each term: the splines become stiffer


@dataclass(frozen=True)
class Terms:
    """A block of terms for each covariate, 0 on average and where it is unknown; `nuisance`: the intercept, one column for not knowing each covariate, and the
    products of the pairs that act together."""

    columns: tuple[Column, ...]
    bases: tuple[Basis, ...]
    blocks: tuple[Design, ...]
    nuisance: Design

    @classmethod
    def of(cls, columns: Sequence[Column], together: Sequence[tuple[int, int]] = ()) -> "Terms":
        """With as many degrees of freedom for each covariate as the number of patients bears."""
        subjects = len(columns[0].values)
        for freedom in (3, 2, 1):
            bases = tuple(Basis.of(c.values, bool(c.categories), freedom=freedom) for c in columns)
            blocks = tuple(b.design(c.values) for b, c in zip(bases, columns, strict=True))
            if PATIENTS_A_TERM * sum(block.shape[1] for block in blocks) <= subjects:
                break
        unknown = [~c.is_known for c in columns if not c.is_known.all()]
        pairs = [products(columns[a], columns[b]) for a, b in together]
        return cls(tuple(columns), bases, blocks, np.column_stack([np.ones(subjects), *unknown, *pairs]).astype(float))

    @property
    def design(self) -> Design:
        return np.column_stack([self.nuisance, *self.blocks])

    def others(self, i: int) -> Design:
        """Everything but the i-th covariate's terms."""
        return np.column_stack([self.nuisance, *(block for j, block in enumerate(self.blocks) if j != i)])

    def place(self, i: int) -> slice:
        """Where the i-th covariate's terms stand in the design."""
        begin = self.nuisance.shape[1] + sum(block.shape[1] for block in self.blocks[:i])
        return slice(begin, begin + self.blocks[i].shape[1])

    def at(self, i: int, values: Float[np.ndarray, " place"]) -> Float[np.ndarray, "place term"]:
        """Rows of the design for patients with these values of the i-th covariate who are otherwise as on average."""
        rows = np.tile(self.design.mean(0), (len(values), 1))
        rows[:, self.place(i)] = self.bases[i].design(values)
        return rows

    def known(self, i: int) -> Bool[np.ndarray, " subject"]:
        return self.columns[i].is_known
