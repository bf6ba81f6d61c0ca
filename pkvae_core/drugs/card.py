"""What is known about one drug: what may be given, to whom, for which target, and who says so."""

import math
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from pkvae_core.drugs.parts import CovariateSpec, Limit, LoadingRule, ModelWeight, Part, Positive, Product, Revision, Source, TargetSpec, TypicalRegimen
from pkvae_core.patient import Regimen

CARDS = Path(__file__).parents[2] / "assets" / "drugs"


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
