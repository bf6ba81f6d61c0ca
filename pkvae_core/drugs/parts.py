"""What a drug card is made of: products, covariates, targets, rules, and their sources."""

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A part of a card: immutable, and no field that we do not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Part):
    """One citation, and where its statement was read (often second-hand)."""

    citation: str
    doi: str = ""
    url: str = ""
    read: str = ""

    def __str__(self) -> str:
        return " ".join(word for word in (self.citation, f"doi:{self.doi}" if self.doi else "", self.url) if word)


class Sourced(Part):
    """A part that states a fact: it names its sources, or says that none was found."""

    source: tuple[Source, ...] = ()
    unverified: bool = False
    note: str = ""

    @model_validator(mode="after")
    def _says_where_it_comes_from(self):
        if not self.source and not self.unverified:
            raise ValueError("it has no source. Name one from [sources], or set unverified = true")
        return self


class AmountRange(Part):
    low_mg: Positive
    high_mg: Positive
    step_mg: Positive

    @model_validator(mode="after")
    def _steps_reach_the_end(self):
        if self.high_mg < self.low_mg or abs((self.high_mg - self.low_mg) / self.step_mg % 1) > 1e-9:
            raise ValueError(f"steps of {self.step_mg:g} mg from {self.low_mg:g} mg do not end at {self.high_mg:g} mg. Correct the range")
        return self


class Product(Sourced):
    """One thing a nurse can give. Amounts are as labelled, salt included; `salt_factor` is mg active per mg labelled."""

    name: str
    label: str
    aliases: tuple[str, ...] = ()
    route: Literal["iv", "oral", "sc"]
    release: Literal["immediate"] = "immediate"
    salt_factor: Annotated[float, Field(gt=0, le=1)] = 1.0
    salt_molar_mass_g_per_mol: Positive | None = None
    active_per_salt: int = 1
    bioavailability: Annotated[float, Field(gt=0, le=1)] = 1.0
    strengths_mg: tuple[Positive, ...]
    amounts: tuple[AmountRange, ...] = Field(min_length=1)
    intervals_h: tuple[Positive, ...] = Field(min_length=1)
    infusions_h: tuple[Annotated[float, Field(ge=0)], ...] = Field(min_length=1)
    max_rate_mg_per_h: Positive | None = None

    @property
    def amounts_mg(self) -> tuple[float, ...]:
        """Every amount that can be given, as labelled, ascending."""
        steps = {r.low_mg + i * r.step_mg for r in self.amounts for i in range(round((r.high_mg - r.low_mg) / r.step_mg) + 1)}
        return tuple(sorted(steps))

    @property
    def schedules(self) -> tuple[tuple[float, float], ...]:
        """The (interval, infusion) pairs on offer: an infusion takes less than half of its interval, or all of it (continuous)."""
        return tuple((t, d) for t in self.intervals_h for d in self.infusions_h if d < t / 2 or d == t)

    def active_mg(self, amount_mg: float) -> float:
        """Active substance in `amount_mg` of the labelled product."""
        return amount_mg * self.salt_factor


class CovariateSpec(Part):
    """One covariate, its unit, the values that can be true (`low`, `high`) and those the published models saw (`soft_low`, `soft_high`)."""

    name: str
    label: str
    unit: str
    low: float
    high: float
    soft_low: float
    soft_high: float
    when_missing: Literal["marginalise", "required"]
    aliases: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_flag(self) -> bool:
        """Whether it has two values only: 0 and 1."""
        return (self.low, self.high) == (0, 1)

    @property
    def choices(self) -> tuple[str, ...]:
        """What 0 and 1 stand for; empty for a number."""
        return () if not self.is_flag else ("female", "male") if self.name == "SEX" else ("no", "yes")

    def allows(self, value: float) -> bool:
        """Whether a patient can have this value: within the hard range, and of a flag 0 or 1."""
        return value in (0, 1) if self.is_flag else self.low <= value <= self.high

    def why_no_flag(self, value: float) -> str | None:
        """Why a flag cannot have this value, and what to do; None where it can, and of a number."""
        if not self.is_flag or self.allows(value):
            return None
        return f"{self.label} is {value:.4g}; it can only be 0 or 1 ({self.unit}). Correct it, or leave it out if it is not known."

    def in_words(self, number: str, value: float) -> str:
        """A value as a sentence has it: `number`, the value as text, with its unit; of a flag what it stands for: "yes"."""
        return f"{number} {self.unit}" if not self.is_flag else self.choices[int(value)] if self.allows(value) else number

    @model_validator(mode="after")
    def _ranges_are_nested(self):
        if not self.low <= self.soft_low < self.soft_high <= self.high:
            raise ValueError(f"{self.name} needs low <= soft_low < soft_high <= high")
        return self


class TargetSpec(Sourced):
    """The exposure to aim for. `unit` belongs to the five numbers; a ratio to the MIC is the exposure itself at `mic_mg_per_L` = 1."""

    metric: Literal["auc24", "auc", "trough", "peak", "time_above"]
    label: str
    unit: str
    inefficacy_alarm: float | None = None
    low: float
    best: float | None = None
    high: float
    toxicity_alarm: float | None = None
    mic_mg_per_L: Positive | None = None
    threshold_mg_per_L: Positive | None = None
    least_probability: Probability
    toxicity_weight: Annotated[float, Field(ge=0)]
    is_default: bool = False

    @model_validator(mode="after")
    def _numbers_ascend(self):
        numbers = [n for n in (self.inefficacy_alarm, self.low, self.best, self.high, self.toxicity_alarm) if n is not None]
        if numbers != sorted(numbers) or self.low >= self.high:
            raise ValueError("inefficacy_alarm <= low < high <= toxicity_alarm does not hold, or best lies outside. Correct the five numbers")
        return self


class LoadingRule(Sourced):
    """A first dose by weight: between two amounts per kilogram of actual weight, never above `max_mg` (as labelled).

    Where it `is_usual`, because the drug takes weeks to accumulate, most virtual courses open with it.
    """

    mg_per_kg_low: Positive
    mg_per_kg_high: Positive
    max_mg: Positive
    max_rate_mg_per_h: Positive | None = None
    product: str = ""
    is_usual: bool = False


class Limit(Sourced):
    """A patient or use that the drug's model does not describe, in words."""

    text: str


class ModelWeight(Part):
    name: str
    weight: Positive = 1.0


class TypicalRegimen(Part):
    product: str = ""
    amount_mg: Positive
    interval_h: Positive
    infusion_h: float = 0.0


class Revision(Part):
    version: str
    date: datetime.date
    author: str
    reason: str
