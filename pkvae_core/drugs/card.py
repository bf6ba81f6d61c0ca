"""What is known about one drug: what may be given, to whom, for which target, and who says so."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from pkvae_core.drugs.parts import CovariateSpec, Limit, LoadingRule, ModelWeight, Part, Positive, Product, Revision, Source, TargetSpec, TypicalRegimen
from pkvae_core.drugs.places import CARDS, available_drugs, folder_of
from pkvae_core.patient import Patient, Regimen
from pkvae_core.records.options import ReadOptions

__all__ = ["CARDS", "DrugCard", "available_drugs", "load_card", "read_card", "read_own_card"]  # and where they lie: see places


class DrugCard(Part):
    """Everything the rest of the project may know about a drug. `max_single_mg` and `max_daily_mg` (and `_per_kg`) count active substance."""

    drug: str
    name: str
    version: str
    molar_mass_g_per_mol: Positive | None = None
    amount_unit: str
    concentration_unit: str
    reporting_units: tuple[str, ...] = Field(min_length=1)
    synthetic: bool = False
    gives_dose: bool = True
    why_no_dose: str = ""
    cohort: str
    horizon_h: Positive
    peak_by_h: Positive = 2.5  # until when after a dose a level is drawn as its peak; a dose under the skin takes days
    morning_clock_h: Annotated[float, Field(ge=0, lt=24)] | None = None  # o'clock, of hour 0 of whoever the models learned from; none where no hour differs
    max_single_mg: Positive
    max_daily_mg: Positive
    max_daily_mg_per_kg: Positive | None = None
    max_source: tuple[Source, ...] = Field(min_length=1)
    products: tuple[Product, ...] = Field(min_length=1)
    covariates: tuple[CovariateSpec, ...]
    targets: tuple[TargetSpec, ...]
    loading: LoadingRule | None = None
    published_models: tuple[ModelWeight, ...] = ()  # none on the card of a model that was learned from a cohort alone
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
        if self.gives_dose and not self.targets:
            raise ValueError("a card that gives doses needs a target. Add one, or set gives_dose = false with why_no_dose")
        if not self.gives_dose and not self.why_no_dose:
            raise ValueError("it gives no dose; say in why_no_dose why not, in a sentence")
        return self

    @property
    def routes(self) -> tuple[str, ...]:
        """Routes in the order of the rows of a response: the vein, then where else products are given: the mouth, or the skin."""
        return ("iv", *dict.fromkeys(p.route for p in self.products if p.route != "iv"))

    @property
    def main_metric(self) -> str:
        """The exposure that figures of this drug are about: the default target's, AUC over 24 h where nothing is aimed for."""
        return self.target().metric if self.targets else "auc24"

    def product(self, name: str = "") -> Product:
        """The product called `name`; "" is the first one on the card."""
        for product in self.products:
            if name in ("", product.name):
                return product
        raise ValueError(f"{self.name} has no product {name!r}. The card has: {', '.join(p.name for p in self.products)}.")

    def why_no_patient(self, patient: Patient) -> str | None:
        """Which flag of the patient is neither 0 nor 1, and what to do; None where all are."""
        specs = {spec.name: spec for spec in self.covariates}
        return next((why for c in patient.covariates if c.name in specs and (why := specs[c.name].why_no_flag(c.value))), None)

    def target(self, metric: str = "") -> TargetSpec:
        """The target for `metric`; "" is the card's default."""
        for target in self.targets:
            if metric == target.metric or (not metric and target.is_default):
                return target
        raise ValueError(f"{self.name} has no target for {metric or 'any metric'!r}. The card has: {', '.join(t.metric for t in self.targets) or 'none'}.")

    def read_options(self, **overrides: Any) -> ReadOptions:
        """How to read a table of patients on this drug; `overrides` are fields of ReadOptions. A route alone means the first product of that route."""
        routes = {p.route: p.name for p in reversed(self.products)}
        words = {word.lower(): p.name for p in self.products for word in (*p.aliases, p.name)}
        known = ReadOptions(
            amount_unit=self.amount_unit,
            concentration_unit=self.concentration_unit,
            molar_mass_g_per_mol=self.molar_mass_g_per_mol,
            covariates=self.covariates,
            is_infused=self.products[0].route == "iv",
            products={**routes, **words},
            infused_products=frozenset(p.name for p in self.products if p.route == "iv"),
            steady_state_h=self.horizon_h,
            absorption_h=max(ReadOptions.absorption_h, 2 * self.peak_by_h),
            morning_clock_h=self.morning_clock_h,
        )
        return replace(known, **overrides)

    def refusal(self, regimen: Regimen, weight_kg: float | None = None) -> str | None:
        """Why the card does not allow this regimen (one sentence), or None. The limit for a single dose does not bind a continuous infusion.

        A limit by weight binds where the weight is given.
        """
        product = self.product(regimen.product)
        if product.route != "iv" and regimen.infusion_h:
            return f"{product.label} is {'swallowed' if product.route == 'oral' else 'injected'} and cannot run over {regimen.infusion_h:g} h."
        active_mg = product.active_mg(regimen.amount_mg)
        if not regimen.is_continuous and active_mg > self.max_single_mg:
            return f"{active_mg:,.0f} mg of {self.name.lower()} is above the highest single dose, {self.max_single_mg:,.0f} mg."
        if (daily_mg := active_mg * 24 / regimen.interval_h) > self.max_daily_mg * (1 + 1e-9):
            return f"{daily_mg:,.0f} mg of {self.name.lower()} a day is above the highest daily dose, {self.max_daily_mg:,.0f} mg."
        if weight_kg is not None and self.max_daily_mg_per_kg is not None and daily_mg > (most_mg := self.max_daily_mg_per_kg * weight_kg) * (1 + 1e-9):
            return f"{daily_mg:,.1f} mg a day is above the highest daily dose at {weight_kg:g} kg, {most_mg:,.1f} mg ({self.max_daily_mg_per_kg:g} mg/kg)."
        return _too_fast(regimen.amount_mg, regimen.infusion_h, product.max_rate_mg_per_h) or self._loading_refusal(regimen)

    def _loading_refusal(self, regimen: Regimen) -> str | None:
        amount_mg = regimen.loading_amount_mg
        if amount_mg is None:
            return None
        if self.loading is None or self.product(self.loading.product) != self.product(regimen.product):
            return f"The card has no loading dose of {self.product(regimen.product).label.lower()}."
        if amount_mg > self.loading.max_mg:
            return f"A loading dose of {amount_mg:,.0f} mg is above the highest one, {self.loading.max_mg:,.0f} mg."
        return _too_fast(amount_mg, regimen.loading_infusion_h, self.loading.max_rate_mg_per_h)


def _too_fast(amount_mg: float, infusion_h: float, max_rate_mg_per_h: float | None) -> str | None:
    if max_rate_mg_per_h is None or amount_mg <= max_rate_mg_per_h * infusion_h * (1 + 1e-9):
        return None
    return f"{amount_mg:,.0f} mg over {infusion_h:g} h is faster than {max_rate_mg_per_h:,.0f} mg/h; run it for longer."


def _look_up(known: dict[str, Any], name: Any) -> Any:
    if isinstance(name, (dict, Source)):
        return name  # a card that was resolved before it was saved
    if name not in known:
        raise ValueError(f"the source {name!r} is not listed. Add [sources.{name}]; the card has: {', '.join(known)}")
    return known[name]


def load_card(drug: str) -> DrugCard:
    """The card of `drug`, a shipped one or that of an own model. Raises ValueError naming the file, the field and the remedy."""
    folder = folder_of(drug)
    if folder.parent != CARDS:
        return read_own_card(folder / "card.json").model_copy(update={"drug": drug})  # in the library a model goes by its folder
    card = read_card(folder / "card.toml")
    if card.drug != drug:
        raise ValueError(f"{drug}/card.toml: drug is {card.drug!r}. Make it the name of its folder.")
    return card


def read_own_card(path: Path) -> DrugCard:
    """The card of a model that learned from a cohort, as it was written beside it. Raises ValueError where it is damaged."""
    try:
        return DrugCard.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, OSError) as error:
        raise ValueError(f"{path.parent.name}/{path.name} cannot be read as a card. Copy the model again.") from error


def read_card(path: Path) -> DrugCard:
    """The card written in the TOML file at `path`. Raises ValueError like `load_card`."""
    where = f"{path.parent.name}/{path.name}"
    try:
        return DrugCard.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where} is not valid TOML: {error}. Correct that line.") from error
    except ValidationError as error:
        defects = [d for d in error.errors() if not (d["type"] == "too_short" and d["input"])]  # a part that failed is counted as absent too
        raise ValueError(
            "\n".join(f"{where}: {'.'.join(map(str, d['loc'])) or 'card'}: {_defect(d['type'], d['msg'], d['input'])}" for d in defects)
        ) from error


def _defect(kind: str, message: str, value: Any) -> str:
    """What is wrong with one field, and what to do."""
    if kind == "missing":
        return "it is missing. Add it."
    if kind == "extra_forbidden":
        return "a card has no such field. Remove it or correct its spelling."
    return f"{message.removeprefix('Value error, ')}." if kind == "value_error" else f"{message}, but it is {value!r}. Correct it."
