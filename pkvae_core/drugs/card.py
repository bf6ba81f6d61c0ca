"""What is known about one drug: what may be given, to whom, for which target, and who says so."""

import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pkvae_core.patient import Regimen

CARDS = Path(__file__).parents[2] / "assets" / "drugs"
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
    route: Literal["iv", "oral"]
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
    """A first dose by weight: between two amounts per kilogram of actual weight, never above `max_mg` (as labelled)."""

    mg_per_kg_low: Positive
    mg_per_kg_high: Positive
    max_mg: Positive
    max_rate_mg_per_h: Positive | None = None
    product: str = ""


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
    date: str
    author: str
    reason: str


class DrugCard(Part):
    """Everything the rest of the project may know about a drug. `max_single_mg` and `max_daily_mg` count active substance."""

    drug: str
    name: str
    version: str
    molar_mass_g_per_mol: Positive
    amount_unit: str
    concentration_unit: str
    reporting_units: tuple[str, ...] = Field(min_length=1)
    synthetic: bool = False
    gives_dose: bool = True
    cohort: str
    horizon_h: Positive
    max_single_mg: Positive
    max_daily_mg: Positive
    max_source: tuple[Source, ...]
    products: tuple[Product, ...] = Field(min_length=1)
    covariates: tuple[CovariateSpec, ...]
    targets: tuple[TargetSpec, ...]
    loading: LoadingRule | None = None
    published_models: tuple[ModelWeight, ...] = Field(min_length=1)
    typical_patient: dict[str, float]
    typical_regimen: TypicalRegimen
    limits: tuple[Limit, ...] = Field(min_length=1)
    sources: dict[str, Source]
    revisions: tuple[Revision, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _resolve_sources(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Replace the names of sources by the sources themselves."""
        known = data.get("sources", {})

        def resolve(part: Any) -> Any:
            if isinstance(part, list):
                return [resolve(item) for item in part]
            if not isinstance(part, dict):
                return part
            return {key: [_look_up(known, item) for item in value] if key in ("source", "max_source") else resolve(value) for key, value in part.items()}

        return {key: value if key == "sources" else resolve({key: value})[key] for key, value in data.items()}

    @model_validator(mode="after")
    def _names_are_unique(self):
        for field, names in (
            ("products", [p.name for p in self.products]),
            ("covariates", [c.name for c in self.covariates]),
            ("targets", [t.metric for t in self.targets]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"{field} repeats a name: {', '.join(names)}. Keep one of each")
        if self.targets and sum(t.is_default for t in self.targets) != 1:
            raise ValueError("exactly one target must have is_default = true")
        return self

    @property
    def routes(self) -> tuple[str, ...]:
        """Routes in the order of the rows of a response: the vein, then the mouth where a product is swallowed."""
        return ("iv", "oral") if any(p.route == "oral" for p in self.products) else ("iv",)

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes that the products use, vein first: the order of a drug's responses everywhere."""
        return tuple(route for route in ("iv", "oral") if any(p.route == route for p in self.products))

    def product(self, name: str = "") -> Product:
        """The product called `name`; "" is the first one on the card."""
        for product in self.products:
            if name in ("", product.name):
                return product
        raise ValueError(f"{self.name} has no product {name!r}. The card has: {', '.join(p.name for p in self.products)}.")

    def target(self, metric: str = "") -> TargetSpec:
        """The target for `metric`; "" is the card's default."""
        for target in self.targets:
            if metric == target.metric or (not metric and target.is_default):
                return target
        raise ValueError(f"{self.name} has no target for {metric or 'any metric'!r}. The card has: {', '.join(t.metric for t in self.targets) or 'none'}.")

    def refusal(self, regimen: Regimen) -> str | None:
        """Why the card does not allow this regimen (one sentence), or None. The limit for a single dose does not bind a continuous infusion."""
        product = self.product(regimen.product)
        active_mg = product.active_mg(regimen.amount_mg)
        if not regimen.is_continuous and active_mg > self.max_single_mg:
            return f"{active_mg:,.0f} mg of {self.name.lower()} is above the highest single dose, {self.max_single_mg:,.0f} mg."
        if (daily_mg := active_mg * 24 / regimen.interval_h) > self.max_daily_mg * (1 + 1e-9):
            return f"{daily_mg:,.0f} mg of {self.name.lower()} a day is above the highest daily dose, {self.max_daily_mg:,.0f} mg."
        rate = regimen.amount_mg / regimen.infusion_h if regimen.infusion_h else math.inf
        if product.max_rate_mg_per_h and rate > product.max_rate_mg_per_h * (1 + 1e-9):
            return f"{regimen.amount_mg:,.0f} mg over {regimen.infusion_h:g} h is faster than {product.max_rate_mg_per_h:,.0f} mg/h; run it for longer."
        return None


def _look_up(known: dict[str, Any], name: Any) -> Any:
    if name not in known:
        raise ValueError(f"the source {name!r} is not listed. Add [sources.{name}]; the card has: {', '.join(known)}")
    return known[name]


def available_drugs() -> tuple[str, ...]:
    """Names of the drugs that have a card."""
    return tuple(sorted(path.parent.name for path in CARDS.glob("*/card.toml")))


def load_card(drug: str) -> DrugCard:
    """The card of `drug`. Raises ValueError naming the file, the field and the remedy."""
    if drug not in available_drugs():
        raise ValueError(f"there is no drug {drug!r}. Known drugs: {', '.join(available_drugs())}.")
    card = read_card(CARDS / drug / "card.toml")
    if card.drug != drug:
        raise ValueError(f"{drug}/card.toml: drug is {card.drug!r}. Make it the name of its folder.")
    return card


def read_card(path: Path) -> DrugCard:
    """The card written in the TOML file at `path`. Raises ValueError like `load_card`."""
    where = f"{path.parent.name}/{path.name}"
    try:
        return DrugCard.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where} is not valid TOML: {error}. Correct that line.") from error
    except ValidationError as error:
        defects = [f"{where}: {'.'.join(map(str, e['loc'])) or 'card'}: {e['msg'].removeprefix('Value error, ')}." for e in error.errors()]
        raise ValueError("\n".join(defects)) from error
