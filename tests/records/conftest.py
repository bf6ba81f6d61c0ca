"""What the tests of the reader share: two covariate specifications' worth of a drug, and a short way to read a text."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pkvae_core.records.table import Cohort, ReadOptions, read_patients


@dataclass(frozen=True)
class Spec:
    name: str
    label: str
    unit: str
    low: float
    high: float
    when_missing: str = "marginalise"
    aliases: tuple[str, ...] = ()

    @property
    def is_flag(self) -> bool:
        return (self.low, self.high) == (0, 1)


SPECS = (
    Spec("AGE", "Age", "years", 16, 110),
    Spec("SEX", "Sex", "1 male, 0 female", 0, 1),
    Spec("WT", "Weight", "kg", 25, 300, aliases=("mass",)),
    Spec("HT", "Height", "cm", 100, 230),
    Spec("SCR", "Serum creatinine", "mg/dL", 0.1, 20),
    Spec("CRCL", "Creatinine clearance", "mL/min", 2, 300),
)


@pytest.fixture(scope="session")
def specs() -> tuple[Spec, ...]:
    return SPECS


@pytest.fixture(scope="session")
def read() -> Callable[..., Cohort]:
    """Reads a table given as text or bytes; without covariates unless the test asks for them."""

    def from_text(table: str | bytes, **options) -> Cohort:
        return read_patients(table.encode() if isinstance(table, str) else table, options=ReadOptions(**options))

    return from_text
