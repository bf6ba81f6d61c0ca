"""Can a drug card and the published models it names be believed?"""

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise

import torch

from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.drugs.cohorts import COHORTS
from pkvae_core.drugs.parts import Part, Sourced, TargetSpec
from pkvae_core.drugs.population import course
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import Parameters, PublishedModel, pulses
from pkvae_core.patient import Regimen
from pkvae_core.records.physiology import cockcroft_gault, renal_weight
from pkvae_core.records.problems import Notes, Problem
from pkvae_core.records.units import amount_factor, concentration_factor
from pkvae_core.structural.responses import Responses
from pkvae_core.structural.simulated import Simulated

WIDEST = 4.0  # a typical exposure further than this factor from the target points to a wrong unit or a salt factor missed or applied twice
EXPOSURE_UNITS = {"auc24": "mg·h/L", "auc": "mg·h/L", "trough": "mg/L", "peak": "mg/L", "time_above": "%"}
SETTLED = 0.02  # the area under an interval at the horizon against dose / CL, the area at steady state


def lint_drug(drug: str) -> tuple[Problem, ...]:
    """Every defect of the drug's card; one that cannot be read is an error too."""
    try:
        card = load_card(drug)
    except ValueError as error:
        return tuple(Problem("error", line.rstrip("."), "Correct the card.", column="card") for line in str(error).splitlines())
    return lint_card(card)


def lint_card(card: DrugCard) -> tuple[Problem, ...]:
    """Every defect of a card that can be read, and of the published models it names. `column` is the field of the card."""
    notes = Notes()
    for check in (_units, _sources, _products, _typical_patient, _regimen_is_offered, _models, _history):
        check(card, notes)
    if not notes.has_error:
        _exposures(card, notes)
    return tuple(notes.problems)


def _units(card: DrugCard, notes: Notes) -> None:
    concentrations = [("concentration_unit", card.concentration_unit), *(("reporting_units", unit) for unit in card.reporting_units)]
    for column, unit, factor in [("amount_unit", card.amount_unit, amount_factor), *((c, u, concentration_factor) for c, u in concentrations)]:
        try:
            factor(unit, card.molar_mass_g_per_mol)
        except ValueError as error:
            notes.error(str(error).rstrip("."), "Use a unit that records can convert.", column=column)
    for target in card.targets:
        if target.unit != EXPOSURE_UNITS[target.metric]:
            notes.error(
                f"its unit is {target.unit}, the exposure is computed in {EXPOSURE_UNITS[target.metric]}", "Convert the five numbers.", column=_named(target)
            )


def _named(target: TargetSpec) -> str:
    return f"targets.{target.metric}"


def _parts(part: Part, name: str) -> Iterator[tuple[str, Part]]:
    """Every part within `part`, with its path."""
    yield name, part
    for field in type(part).model_fields:
        for i, item in enumerate(value if isinstance(value := getattr(part, field), tuple) else (value,)):
            if isinstance(item, Part):
                yield from _parts(item, f"{name}.{field}.{i}" if isinstance(value, tuple) else f"{name}.{field}")


def _sources(card: DrugCard, notes: Notes) -> None:
    used = set(card.max_source)
    for name, part in _parts(card, card.drug):
        if isinstance(part, Sourced):
            used |= set(part.source)
            if part.unverified:
                notes.warn("not all of it has a source", "Find one, or leave out what has none (see its note).", column=name)
    for name, source in card.sources.items():
        if not (source.doi or source.url or card.synthetic):
            notes.error("it has neither a DOI nor an address", "Give one, so that it can be looked up.", column=f"sources.{name}")
        if source not in used:
            notes.warn("nothing refers to it", "Name it where it is used, or remove it.", column=f"sources.{name}")


def _products(card: DrugCard, notes: Notes) -> None:
    for product in card.products:
        column = f"products.{product.name}"
        if product.salt_factor != 1 and product.salt_molar_mass_g_per_mol is None:
            notes.error(f"its salt factor is {product.salt_factor:g}, but the salt is not named", "Give salt_molar_mass_g_per_mol.", column=column)
        if (mass := product.salt_molar_mass_g_per_mol) and card.molar_mass_g_per_mol:
            expected = product.active_per_salt * card.molar_mass_g_per_mol / mass
            if abs(product.salt_factor / expected - 1) > 0.01:
                notes.error(f"its salt factor is {product.salt_factor:g}, the molar masses say {expected:.3f}", "Correct one of them.", column=column)
        regimens = [Regimen(a, t, d, product=product.name) for a in product.amounts_mg for t, d in product.schedules]
        if all(card.refusal(regimen) for regimen in regimens):
            notes.error("no regimen is left within the card's limits", "Correct amounts, infusions or limits.", column=column)
        if not set(product.strengths_mg) & set(product.amounts_mg):
            notes.error("no strength can be given whole", "Correct strengths or steps.", column=column)


def _typical_patient(card: DrugCard, notes: Notes) -> None:
    specs = {c.name: c for c in card.covariates}
    for name, value in card.typical_patient.items():
        if name not in specs:
            notes.error(f"the card has no covariate {name}", "Add it, or leave it out.", column="typical_patient")
        elif not specs[name].soft_low <= value <= specs[name].soft_high:
            notes.error(f"{name} of {value:g} lies outside what the models saw", "Choose a typical value.", column="typical_patient")
    c = card.typical_patient
    if {"AGE", "SEX", "WT", "HT", "SCR", "CRCL"} <= c.keys():
        expected = cockcroft_gault(c["AGE"], renal_weight(c["WT"], c["HT"], c["SEX"]), c["SCR"], c["SEX"])
        if abs(c["CRCL"] / expected - 1) > 0.1:
            notes.error(f"CRCL is {c['CRCL']:g}, Cockcroft-Gault gives {expected:.0f} mL/min", "Make them agree.", column="typical_patient")


def _typical_regimen(card: DrugCard) -> Regimen:
    r = card.typical_regimen
    return Regimen(r.amount_mg, r.interval_h, r.infusion_h, product=r.product)


def _regimen_is_offered(card: DrugCard, notes: Notes) -> None:
    regimen = _typical_regimen(card)
    product = card.product(regimen.product)
    refusal = card.refusal(regimen)
    if refusal or regimen.amount_mg not in product.amounts_mg or (regimen.interval_h, regimen.infusion_h) not in product.schedules:
        notes.error("it is not one that the card offers", refusal or "Choose from the product's amounts, intervals and infusions.", column="typical_regimen")


def _models(card: DrugCard, notes: Notes) -> None:
    if card.cohort not in COHORTS:
        notes.error(f"there is no cohort {card.cohort}", f"Choose one of {', '.join(COHORTS)}.", column="cohort")
    for name in (m.name for m in card.published_models):
        column = f"published_models.{name}"
        if name not in MODELS:
            notes.error("there is no such published model", f"Choose one of {', '.join(MODELS)}.", column=column)
            continue
        model = MODELS[name]
        if model.drug != card.drug:
            notes.error(f"it describes {model.drug}", "Name a model of this drug.", column=column)
        if missing := set(model.covariates) - set(card.typical_patient):
            notes.error(f"it needs {', '.join(sorted(missing))}, which the typical patient lacks", "Add them to the card.", column=column)
        for line in headline_defects(model):
            notes.error(line, "Correct the model, or the headline.", column=column)


def headline_defects(model: PublishedModel) -> tuple[str, ...]:
    """What the model says differently from its own paper, one line each."""
    if not model.headlines:
        return ("it has no value of its paper to be held against",)
    found = []
    for h in model.headlines:
        value = _typical(model, h.covariates)[h.parameter].item()
        if not abs(value / h.value - 1) <= h.tolerance:
            found.append(f"{h.parameter} is {value:.4g} where the paper says {h.value:g} ({h.quote})")
    return tuple(found)


def _typical(model: PublishedModel, covariates: Mapping[str, float]) -> Parameters:
    return model.typical({name: torch.tensor([value], dtype=torch.float64) for name, value in covariates.items()})


def typical_exposure(card: DrugCard, model: PublishedModel, regimen: Regimen) -> dict[str, float]:
    """AUC24 (mg·h/L), peak and trough (mg/L) of the card's typical patient in the last interval before the card's horizon, or in its last day where the hours
    of a day differ."""
    return _exposure_until(card, model, regimen, regimen.interval_h * math.floor(card.horizon_h / regimen.interval_h))


def _exposure_until(card: DrugCard, model: PublishedModel, regimen: Regimen, end: float) -> dict[str, float]:
    parameters = {name: value[:, None] for name, value in _typical(model, card.typical_patient).items()}
    response = Responses(pulses(parameters)) if model.body is None else Simulated(model.body(parameters))
    length = regimen.interval_h if model.body is None else model.body(parameters).period_h(regimen.interval_h)
    time = torch.linspace(end - length, end, 601)[None]
    concentration, area = (x[0, 0] for x in response.curves(course(card, [regimen.doses(end)]), time))
    return {"auc24": (area[-1] - area[0]).item() * 24 / length, "peak": concentration.max().item(), "trough": concentration[-1].item()}


def _settled(card: DrugCard, model: PublishedModel, regimen: Regimen) -> tuple[float, str]:
    """AUC24 that the typical patient is to have at the horizon, and what it is: daily dose over CL; of a drug without one, that of a
    fourteenth of the horizon earlier."""
    if model.body is not None:
        earlier = regimen.interval_h * math.floor(13 / 14 * card.horizon_h / regimen.interval_h)
        return _exposure_until(card, model, regimen, earlier)["auc24"], "a fourteenth of it earlier it"
    product = card.product(regimen.product)
    daily_mg = product.active_mg(regimen.amount_mg) * product.bioavailability * 24 / regimen.interval_h
    return daily_mg / _typical(model, card.typical_patient)["CL"].item(), "daily dose / CL"


def _exposures(card: DrugCard, notes: Notes) -> None:
    regimen = _typical_regimen(card)
    for name in (m.name for m in card.published_models):
        exposure = typical_exposure(card, MODELS[name], regimen)
        settled, meaning = _settled(card, MODELS[name], regimen)
        if abs(exposure["auc24"] / settled - 1) > SETTLED:
            notes.error(
                f"AUC24 of the typical patient at the horizon is {exposure['auc24']:.0f}, {meaning} is {settled:.0f} mg·h/L ({name})",
                "Lengthen the horizon; else the salt factor or the bioavailability is applied twice, or not at all.",
                column="horizon_h",
            )
        for target in card.targets:
            aim = target.best if target.best is not None else (target.low + target.high) / 2
            if target.metric in exposure and not aim / WIDEST <= exposure[target.metric] <= aim * WIDEST:
                notes.error(
                    f"the typical patient has {exposure[target.metric]:.3g} {target.unit}, the target is {target.low:g} to {target.high:g} ({name})",
                    "Check units, salt factor and the typical regimen.",
                    column=_named(target),
                )


def _history(card: DrugCard, notes: Notes) -> None:
    if card.revisions[-1].version != card.version:
        notes.error(f"the last one is {card.revisions[-1].version}, the card is {card.version}", "Add a revision with author and reason.", column="revisions")
    if any(later.date < earlier.date for earlier, later in pairwise(card.revisions)):
        notes.error("they are not in the order of their dates", "Put the newest last.", column="revisions")
