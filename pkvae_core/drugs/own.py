"""Which card does a model get that was learned from somebody's own cohort: that of a shipped drug, adapted, or one that says no more than the file did?

A card from scratch gives no dose and has no target: nothing in a file of patients says what is safe or what helps. Its ranges, routes, amounts and intervals
are those that were seen, and it says so.
"""

import datetime
import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.parts import AmountRange, CovariateSpec, Limit, Product, Revision, Source, TypicalRegimen
from pkvae_core.patient import Dose, Patient
from pkvae_core.wording import plain

LONGEST_NAME = 60
UNSTATED = "There is no target, no dose and no dosing limit on this card: a cohort does not say what is safe or what helps."
UNTOLD = "The model was learned from a cohort alone, which does not say what is safe or what helps: it follows levels and forecasts concentrations."
KINDS = {"iv": "Into the vein", "oral": "By mouth"}
# Hard limits of what a person can be, as on the shipped cards; what the cohort had becomes the soft range.
KNOWN = {
    "AGE": ("Age", "years", 0.0, 120.0),
    "SEX": ("Sex", "1 male, 0 female", 0.0, 1.0),
    "WT": ("Weight", "kg", 0.3, 300.0),
    "HT": ("Height", "cm", 25.0, 230.0),
    "SCR": ("Serum creatinine", "mg/dL", 0.05, 25.0),
    "CRCL": ("Creatinine clearance", "mL/min", 1.0, 350.0),
}


def key_of(name: str) -> str:
    """The folder and key of a model called `name`: "Tobramycin, ward 7" is tobramycin-ward-7. Raises ValueError where nothing is left of it."""
    key = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not key or len(name) > LONGEST_NAME:
        raise ValueError(f"a model cannot be called {name[:LONGEST_NAME]!r}. Give it a name of 1 to {LONGEST_NAME} characters, with a letter or a digit in it.")
    return key


def adapted_card(shipped: DrugCard, patients: Sequence[Patient], *, name: str, cohort: str) -> DrugCard:
    """The shipped drug's card for a model that was adapted to a cohort: the same products, targets and limits, and one limit more."""
    today = datetime.date.today()
    revision = Revision(version=_version(today), date=today, author="PKVAE", reason=f"Taken from the card of {shipped.name} {shipped.version} for a cohort.")
    return shipped.model_copy(
        update={
            "drug": key_of(name),
            "name": name.strip(),
            "version": _version(today),
            "limits": (learned_from(patients, cohort), *shipped.limits),
            "revisions": (*shipped.revisions, revision),
        }
    )


def learned_from(patients: Sequence[Patient], cohort: str) -> Limit:
    text = f"The model was learned from {len(patients):,} patients of the cohort {cohort}; it has not been checked by anyone else."
    return Limit(text=text, unverified=True)


def _version(today: datetime.date) -> str:
    return f"own-{today:%Y.%m.%d}"


def blank_card(
    name: str, *, amount_unit: str = "mg", concentration_unit: str = "mg/L", molar_mass_g_per_mol: float | None = None, route: str = "iv"
) -> DrugCard:
    """A card to read a file of an unknown drug with: everything that is told apart, nothing yet that was seen. `route`: that of a dose that states none."""
    source = Source(citation="Nothing but the uploaded file")
    today = datetime.date.today()
    anything = {"amounts": (AmountRange(low_mg=1, high_mg=1, step_mg=1),), "intervals_h": (24.0,), "infusions_h": (0.0,)}
    routes = ("iv", "oral") if route == "iv" else ("oral", "iv")
    return DrugCard(
        drug=key_of(name),
        name=name.strip(),
        version=_version(today),
        molar_mass_g_per_mol=molar_mass_g_per_mol,
        amount_unit=amount_unit,
        concentration_unit=concentration_unit,
        reporting_units=tuple(dict.fromkeys((concentration_unit, "mg/L"))),
        gives_dose=False,
        why_no_dose=UNTOLD,
        cohort="",
        horizon_h=240,
        max_single_mg=1,
        max_daily_mg=1,
        max_source=(source,),
        products=tuple(Product(name=r, label=KINDS[r], route=r, strengths_mg=(), unverified=True, **anything) for r in routes),
        covariates=tuple(_spec(known) for known in KNOWN),
        targets=(),
        typical_patient={},
        typical_regimen=TypicalRegimen(product=routes[0], amount_mg=1, interval_h=24),
        limits=(Limit(text=UNSTATED, unverified=True),),
        sources={"file": source},
        revisions=(Revision(version=_version(today), date=today, author="PKVAE", reason="Made from a file of patients alone."),),
    )


def _spec(name: str, soft: tuple[float, float] | None = None) -> CovariateSpec:
    label, unit, low, high = KNOWN[name]
    soft_low, soft_high = soft or (low, high)
    return CovariateSpec(name=name, label=label, unit=unit, low=low, high=high, soft_low=soft_low, soft_high=soft_high, when_missing="marginalise")


def observed_card(blank: DrugCard, patients: Sequence[Patient], *, cohort: str) -> DrugCard:
    """`blank` with what these patients showed: covariates and their ranges, routes, amounts, intervals, the typical patient and regimen.

    Raises ValueError where no patient has a dose.
    """
    doses = [dose for patient in patients for dose in patient.doses]
    if not doses:
        raise ValueError("no patient of this cohort has a dose; nothing can be learned from it.")
    seen = tuple(p for p in blank.products if any(blank.product(d.product) == p for d in doses))
    source = Source(citation=f"The doses of the cohort {cohort}")
    known = {spec.name: values for spec in blank.covariates if (values := values_of(blank, patients, spec.name))}
    main = max(seen, key=lambda p: sum(blank.product(d.product) == p for d in doses))
    return blank.model_copy(
        update={
            "products": tuple(_product(blank, product, patients) for product in seen),
            "covariates": tuple(_spec(name, soft) for name, values in known.items() if (soft := _range(name, values))),
            "typical_patient": {name: float(median(values)) for name, values in known.items() if _range(name, values)},
            "typical_regimen": _typical(blank, main, patients),
            "max_single_mg": max(d.amount_mg for d in doses),
            "max_daily_mg": max(max(d.amount_mg for d in doses), max(_daily(p.doses) for p in patients)),
            "max_source": (source,),
            "limits": (learned_from(patients, cohort), *blank.limits),
            "sources": {"file": source},
        }
    )


def values_of(card: DrugCard, patients: Sequence[Patient], name: str) -> list[float]:
    """The latest value of a covariate in each patient in whom it is known, computed ones included."""
    found = (complete(card, patient).covariate(name) for patient in patients)
    return [value for value in found if value is not None]


def _range(name: str, values: Sequence[float]) -> tuple[float, float] | None:
    """What was seen; None of a covariate that is the same in everybody, which teaches nothing."""
    if min(values) == max(values):
        return None
    return (0.0, 1.0) if name == "SEX" else (min(values), max(values))


def _daily(doses: Sequence[Dose]) -> float:
    """The largest amount within 24 h, beginning with a dose."""
    return max((sum(d.amount_mg for d in doses if first.time_h <= d.time_h < first.time_h + 24) for first in doses), default=0.0)


def _of_product(card: DrugCard, product: Product, patient: Patient) -> list[Dose]:
    return [dose for dose in patient.doses if card.product(dose.product) == product]


def _intervals(card: DrugCard, product: Product, patients: Sequence[Patient]) -> list[float]:
    """Hours between two doses, to the half hour; what is longer than two weeks starts a new course."""
    gaps = [b.time_h - a.time_h for p in patients for a, b in pairwise(_of_product(card, product, p))]
    return [rounded for gap in gaps if 0 < (rounded := round(2 * gap) / 2) <= 336]


def _product(card: DrugCard, product: Product, patients: Sequence[Patient]) -> Product:
    doses = [dose for patient in patients for dose in _of_product(card, product, patient)]
    amounts = tuple(AmountRange(low_mg=a, high_mg=a, step_mg=a) for a in sorted({d.amount_mg for d in doses}))
    infusions = tuple(sorted({round(d.infusion_h, 2) for d in doses}))
    least, most = plain(min(d.amount_mg for d in doses)), plain(max(d.amount_mg for d in doses))
    note = f"Given in this cohort: {least} to {most} mg. What was given is not what may be given."
    intervals = tuple(sorted(set(_intervals(card, product, patients)))) or (24.0,)
    return product.model_copy(update={"amounts": amounts, "intervals_h": intervals, "infusions_h": infusions, "note": note})


def _typical(card: DrugCard, product: Product, patients: Sequence[Patient]) -> TypicalRegimen:
    doses = [dose for patient in patients for dose in _of_product(card, product, patient)]
    interval_h = median(_intervals(card, product, patients) or [24.0])
    return TypicalRegimen(
        product=product.name,
        amount_mg=float(median(d.amount_mg for d in doses)),
        interval_h=interval_h,
        infusion_h=min(float(median(d.infusion_h for d in doses)), interval_h),
    )
