"""What is known about one patient: doses, levels, covariates. Immutable values, hours and milligrams."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Dose:
    """One administration: `amount_mg` as labelled on the product (salt included), given over `infusion_h`; 0 is a bolus or a swallowed dose.

    `product` names a product on the drug's card; "" is the card's first product.
    """

    time_h: float
    amount_mg: float
    infusion_h: float = 0.0
    product: str = ""

    def __post_init__(self):
        if not math.isfinite(self.time_h):
            raise ValueError(f"a dose has the time {self.time_h}; give a number of hours.")
        if not (math.isfinite(self.amount_mg) and self.amount_mg > 0):
            raise ValueError(f"the dose at {self.time_h:g} h is {self.amount_mg} mg; a dose must be above 0 mg. Leave out doses that were not given.")
        if not (math.isfinite(self.infusion_h) and self.infusion_h >= 0):
            raise ValueError(f"the dose at {self.time_h:g} h runs over {self.infusion_h} h; give 0 for a bolus or the duration in hours.")


@dataclass(frozen=True)
class Sample:
    """One measured level. `concentration_mg_per_L` is None when the laboratory reported "below `lloq_mg_per_L`".

    `trust` is the power of this level's likelihood: 1 counts in full, 0 leaves the level out.
    """

    time_h: float
    concentration_mg_per_L: float | None
    lloq_mg_per_L: float | None = None
    trust: float = 1.0

    def __post_init__(self):
        if not math.isfinite(self.time_h):
            raise ValueError(f"a level has the time {self.time_h}; give a number of hours.")
        if not 0 <= self.trust <= 1:
            raise ValueError(f"the level at {self.time_h:g} h has the trust {self.trust}; give a number from 0 (left out) to 1 (counts in full).")
        if self.concentration_mg_per_L is None and not self.lloq_mg_per_L:
            raise ValueError(f"the level at {self.time_h:g} h is below an unknown limit; give the laboratory's lower limit of quantification (LLOQ).")
        if self.lloq_mg_per_L is not None and not (math.isfinite(self.lloq_mg_per_L) and self.lloq_mg_per_L > 0):
            raise ValueError(f"the level at {self.time_h:g} h has the LLOQ {self.lloq_mg_per_L} mg/L; it must be above 0.")
        if self.concentration_mg_per_L is not None and not (math.isfinite(self.concentration_mg_per_L) and self.concentration_mg_per_L > 0):
            raise ValueError(
                f"the level at {self.time_h:g} h is {self.concentration_mg_per_L} mg/L; a measured level must be above 0. "
                "If it was below the limit of quantification, say so."
            )

    @property
    def is_below_lloq(self) -> bool:
        return self.concentration_mg_per_L is None


@dataclass(frozen=True)
class Covariate:
    """One value of one covariate, in the unit the drug's card states, from `time_h` on, and where it came from."""

    name: str
    value: float
    time_h: float = -math.inf
    source: str = "patient"


@dataclass(frozen=True)
class Regimen:
    """A dose every `interval_h` from `start_h` on; a continuous infusion has `infusion_h == interval_h`.

    A loading dose, if any, comes first and the others follow one interval later.
    """

    amount_mg: float
    interval_h: float
    infusion_h: float = 0.0
    start_h: float = 0.0
    product: str = ""
    loading_amount_mg: float | None = None
    loading_infusion_h: float = 0.0

    def __post_init__(self):
        Dose(self.start_h, self.amount_mg, self.infusion_h, self.product)
        if not (math.isfinite(self.interval_h) and self.interval_h > 0):
            raise ValueError(f"the dosing interval is {self.interval_h} h; it must be above 0.")
        if self.infusion_h > self.interval_h:
            raise ValueError(
                f"an infusion of {self.infusion_h:g} h does not fit into an interval of {self.interval_h:g} h; shorten the infusion or lengthen the interval."
            )
        if self.loading_amount_mg is not None:
            Dose(self.start_h, self.loading_amount_mg, self.loading_infusion_h, self.product)

    def doses(self, until_h: float) -> tuple[Dose, ...]:
        """Every dose of this regimen that starts before `until_h`."""
        count = max(0, math.ceil((until_h - self.start_h) / self.interval_h - 1e-9))
        given = [Dose(self.start_h + i * self.interval_h, self.amount_mg, self.infusion_h, self.product) for i in range(count)]
        if self.loading_amount_mg is not None and given:
            given[0] = Dose(self.start_h, self.loading_amount_mg, self.loading_infusion_h, self.product)
        return tuple(given)

    @property
    def is_continuous(self) -> bool:
        return self.infusion_h == self.interval_h


@dataclass(frozen=True)
class Patient:
    """One patient's record, sorted in time. `morning_h`: the hour of the record that is 08:00 on the patient's clock, from 0 to 24; None where that is not
    known, and where it does not matter."""

    id: str
    doses: tuple[Dose, ...] = ()
    samples: tuple[Sample, ...] = ()
    covariates: tuple[Covariate, ...] = ()
    morning_h: float | None = None

    def __post_init__(self):
        if self.morning_h is not None and not 0 <= self.morning_h < 24:
            raise ValueError(f"the morning of the record is at {self.morning_h} h; give an hour from 0 to 24 of its first day, or none.")
        for field in ("doses", "samples", "covariates"):
            object.__setattr__(self, field, tuple(sorted(getattr(self, field), key=lambda item: item.time_h)))

    def until(self, time_h: float) -> "Patient":
        """This patient as known just before `time_h`: neither dose nor level from then on, and no covariate of a later hour."""
        return replace(
            self,
            doses=tuple(d for d in self.doses if d.time_h < time_h),
            samples=tuple(s for s in self.samples if s.time_h < time_h),
            covariates=tuple(c for c in self.covariates if c.time_h <= time_h),
        )

    def covariate(self, name: str, at_h: float = math.inf) -> float | None:
        """The latest value known at `at_h`; None when it was never measured."""
        values = [c.value for c in self.covariates if c.name == name and c.time_h <= at_h]
        return values[-1] if values else None
