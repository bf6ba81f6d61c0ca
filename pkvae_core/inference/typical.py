"""What does a classical model reckon with where a covariate is unknown? With the value of virtual patients who are alike in all that is known.

A local linear fit (Cleveland 1979) over the drug's cohort, on logarithms: where age, sex, weight and creatinine clearance are known, creatinine follows as
Cockcroft-Gault has it. Every value so taken is said in a caution; the intervals of MAP-Bayes do not count that it is a guess.
"""

import math
from dataclasses import replace
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.cohorts import COHORTS
from pkvae_core.drugs.published import MODELS
from pkvae_core.patient import Covariate, Patient

COHORT, NEAREST = 20_000, 300
SOURCE = "typical of patients alike"
STEADY = ("AGE", "SEX", "HT", "BWT", "APGAR", "CYP3A5")  # taken once; the others anew at every change of what is known


def needed(names: tuple[str, ...]) -> tuple[str, ...]:
    """The covariates that these published models use."""
    return tuple(dict.fromkeys(covariate for name in names for covariate in MODELS[name].covariates))


def with_typical(card: DrugCard, patient: Patient, names: tuple[str, ...]) -> tuple[Patient, tuple[str, ...]]:
    """The patient with a value for every covariate that these models use, and a sentence for each one that had to be assumed.

    Raises ValueError where the card requires the covariate.
    """
    unknown = [c for c in card.covariates if c.name in needed(names) and patient.covariate(c.name) is None]
    if required := [c.label.lower() for c in unknown if c.when_missing == "required"]:
        raise ValueError(f"{' and '.join(required)} must be known for {card.name.lower()}. Add it.")
    if not unknown:
        return patient, ()
    times = sorted({c.time_h for c in patient.covariates}) or [-math.inf]
    added: list[Covariate] = []
    for time_h in times:
        known = {c.name: value for c in card.covariates if (value := patient.covariate(c.name, time_h)) is not None}
        for spec in unknown:
            if spec.name not in STEADY or time_h == times[0]:
                value = typical_value(card.cohort, tuple((c.name, c.low, c.high) for c in card.covariates), spec.name, tuple(known.items()))
                added.append(Covariate(spec.name, value, time_h, SOURCE))
    latest = {c.name: c.value for c in added}
    said = tuple(
        _sentence(spec.label, f"“{spec.choices[int(latest[spec.name])]}”" if spec.choices else f"{latest[spec.name]:.3g} {spec.unit}") for spec in unknown
    )
    return replace(patient, covariates=(*patient.covariates, *added)), said


def _sentence(label: str, value: str) -> str:
    return f"{label} is unknown: MAP-Bayes reckons with {value}, typical of patients alike in what is known. Its intervals do not count that this is a guess."


@lru_cache(maxsize=8)
def _cohort(cohort: str, ranges: tuple[tuple[str, float, float], ...]) -> dict[str, Tensor]:
    """Virtual patients on the scale of the fit: logarithms, but what can be 0 as it is."""
    drawn = COHORTS[cohort](COHORT, {name: (low, high) for name, low, high in ranges}, torch.Generator().manual_seed(1))
    can_be_zero = frozenset(name for name, low, _ in ranges if low <= 0)
    return {name: _scaled(name in can_be_zero, value.double()) for name, value in drawn.items()}


def _scaled(can_be_zero: bool, value: Tensor) -> Tensor:
    return value if can_be_zero else value.log()


@lru_cache(maxsize=1024)
def typical_value(cohort: str, ranges: tuple[tuple[str, float, float], ...], wanted: str, known: tuple[tuple[str, float], ...]) -> float:
    """The covariate's value at the known ones, by a local linear fit; never beyond what the nearest virtual patients have."""
    patients, bounds = _cohort(cohort, ranges), {name: (low, high) for name, low, high in ranges}
    axes = [(name, value) for name, value in known if name in patients]
    target = patients[wanted]
    if not axes:
        return _natural(bounds[wanted], float(target.mean()))
    table = torch.stack([patients[name] for name, _ in axes], 1)
    here = torch.stack([_scaled(bounds[name][0] <= 0, torch.tensor(value).double()) for name, value in axes])
    offset = (table - here) / table.std(0)
    distance, nearest = offset.square().sum(1).sqrt().topk(NEAREST, largest=False)
    weight = (1 - (distance / (distance.max() + 1e-9)).pow(3)).clamp(min=1e-6)  # of the tricube's kind: the farthest count nothing
    value = _at_centre(offset[nearest], target[nearest], weight)
    return _natural(bounds[wanted], min(max(value, float(target[nearest].min())), float(target[nearest].max())))


def _at_centre(offset: Float[Tensor, "near axis"], target: Float[Tensor, " near"], weight: Float[Tensor, " near"]) -> float:
    """The weighted linear fit's value where every offset is 0; a light ridge for axes on which the neighbours do not differ."""
    design = torch.cat([torch.ones_like(target)[:, None], offset], 1)
    normal = (design * weight[:, None]).T @ design + 1e-6 * weight.sum() * torch.eye(design.shape[1])
    return float(torch.linalg.solve(normal, (design * weight[:, None]).T @ target)[0])


def _natural(bounds: tuple[float, float], value: float) -> float:
    return float(value > 0.5) if bounds == (0, 1) else value if bounds[0] <= 0 else math.exp(value)
