"""How is a table to be read? What the drug's card knows, and what the user says instead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pkvae_core.records.columns import CovariateColumn
from pkvae_core.records.problems import DataError


@dataclass(frozen=True)
class ReadOptions:
    """`column_map`: our name -> their column, "" for none. `lloq_mg_per_L` is in mg/L whatever the file's unit. `dvid`: the analyte to read.

    `products` maps the file's words (product, route, compartment) to the card's products, "" being the first. `is_infused`: the first product is an infusion;
    `infused_products`: so are these, by name. `steady_state_h`: for how long before SS=1 doses are written out; `absorption_h`: for how long a dose that is
    not infused may still raise levels. `time_zone`: an IANA name. `morning_clock_h`: o'clock, where a patient's day begins, if hours of a day differ.
    """

    amount_unit: str = "mg"
    concentration_unit: str = "mg/L"
    molar_mass_g_per_mol: float | None = None
    column_map: Mapping[str, str] = field(default_factory=dict)
    dvid: int | str | None = None
    assume_infusion_h: float | None = None
    lloq_mg_per_L: float | None = None
    covariates: Sequence[CovariateColumn] = ()
    is_infused: bool = False
    products: Mapping[str, str] = field(default_factory=dict)
    infused_products: frozenset[str] = frozenset()
    steady_state_h: float = 240.0
    absorption_h: float = 12.0
    time_zone: str | None = None
    morning_clock_h: float | None = None

    def __post_init__(self):
        if self.assume_infusion_h is not None and self.assume_infusion_h < 0:
            raise DataError(f"An infusion without a duration cannot be assumed to last {self.assume_infusion_h:g} h. Give 0 for a bolus, or the hours.")
        if self.lloq_mg_per_L is not None and self.lloq_mg_per_L <= 0:
            raise DataError(f"The lower limit of quantification cannot be {self.lloq_mg_per_L:g} mg/L. Give one above 0, or none.")
