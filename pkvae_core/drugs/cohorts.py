"""Who are the virtual patients: joint distributions of covariates, drawn before any drug is given."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pkvae_core.records.physiology import cockcroft_gault, renal_weight

Covariates = dict[str, Tensor]


def _normal(mean: Tensor | float, sd: float, count: int, generator: torch.Generator) -> Tensor:
    return mean + sd * torch.randn(count, generator=generator)


def _inside(draw: Callable[[int], Covariates], ranges: Mapping[str, tuple[float, float]], count: int) -> Covariates:
    """`count` patients whose covariates all lie in `ranges`: those outside are drawn again, none is moved to the edge."""
    kept: Covariates = {}
    while not kept or next(iter(kept.values())).shape[0] < count:
        fresh = draw(2 * count)
        is_in = torch.stack([(fresh[name] >= low) & (fresh[name] <= high) for name, (low, high) in ranges.items() if name in fresh]).all(0)
        kept = {name: torch.cat([kept[name], value[is_in]]) if kept else value[is_in] for name, value in fresh.items()}
    return {name: value[:count] for name, value in kept.items()}


def _narrower(one: Mapping[str, tuple[float, float]], other: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Ranges that lie in both."""
    anything = (-math.inf, math.inf)
    pairs = {name: (one.get(name, anything), other.get(name, anything)) for name in {**one, **other}}
    return {name: (max(a[0], b[0]), min(a[1], b[1])) for name, (a, b) in pairs.items()}


def adult_inpatients(count: int, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """Adults on a ward: age about 57 years, body mass index about 27 kg/m2 (6 % above 40), creatinine clearance falling with age, median about 70 mL/min.

    Height by sex and age, weight from height and body mass index, creatinine from clearance by Cockcroft-Gault with our rule for its weight,
    so that age, sex, weight and creatinine are correlated as they are in life. Centres follow Goti 2018 (57 years, 79 kg, 62 mL/min), widened to
    Colin 2019's elderly and obese.
    """

    def draw(n: int) -> Covariates:
        age = _normal(57, 19, n, generator)
        is_male = (torch.rand(n, generator=generator) < 0.55).float()
        height = _normal(162.5 + 13.5 * is_male - 0.06 * (age - 50), 6.8, n, generator)
        weight = _normal(3.28, 0.26, n, generator).exp() * (height / 100) ** 2
        clearance = (130 - 0.85 * age).clamp(min=20) * _normal(-0.1, 0.55, n, generator).exp()
        creatinine = cockcroft_gault(
            age, renal_weight(weight, height, is_male), clearance, is_male
        )  # the formula is its own inverse in creatinine and clearance
        return {"AGE": age, "SEX": is_male, "WT": weight, "HT": height, "SCR": creatinine, "CRCL": clearance}

    bounds = {"AGE": (18, 100), "HT": (140, 210), "WT": (30, 250), "SCR": (0.2, 12), "CRCL": (5, 220)}
    return _inside(draw, _narrower(bounds, ranges), count)


def healthy_adults(count: int, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """Healthy adults: 18 to 65 years, weight log-normal around 70 kg by sex."""

    def draw(n: int) -> Covariates:
        is_male = (torch.rand(n, generator=generator) < 0.6).float()
        return {"AGE": 18 + 47 * torch.rand(n, generator=generator), "SEX": is_male, "WT": _normal(4.13 + 0.17 * is_male, 0.18, n, generator).exp()}

    return _inside(draw, _narrower({"WT": (40, 150)}, ranges), count)


def fed_or_fasted(count: int, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """Volunteers of whom every second one has eaten."""
    return {"FED": (torch.rand(count, generator=generator) < 0.5).float()}


EXPRESSERS = 0.2  # share of transplant recipients with a CYP3A5*1 allele


def kidney_recipients(count: int, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """Adults with a transplanted kidney: haematocrit about 35 % (Woillard 2011: medians 32 % early, 38 % late), one in five expresses CYP3A5."""

    def draw(n: int) -> Covariates:
        return {"HCT": _normal(35, 5.5, n, generator), "CYP3A5": (torch.rand(n, generator=generator) < EXPRESSERS).float()}

    return _inside(draw, _narrower({"HCT": (18, 55)}, ranges), count)


APGAR_SHARES = (0.01, 0.03, 0.04, 0.05, 0.07, 0.09, 0.11, 0.15, 0.20, 0.18, 0.07)  # of scores 0 to 10 at 5 minutes: one infant in five below 5


def _grown(days: Tensor, birth_weight: Tensor) -> Tensor:
    """Weight over birth weight: 6 % lost over four days, from the fifth on 0.9 % a day gained by a term infant and up to 1.8 % by a very small one."""
    return (1 - 0.06 * (days / 4).clamp(max=1)) * torch.exp((0.009 + 0.003 * (3.5 - birth_weight).clamp(min=0)) * (days - 5).clamp(min=0))


def neonates(count: int, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """Newborns of an intensive-care unit: half of them preterm, birth weight by weeks of gestation, median age four days, one in five with a low Apgar score.

    Birth weight lies around the medians of Fenton 2013 (BMC Pediatr 13:59): 0.65 kg at 24 weeks, 1.75 at 32, 3.5 at 40. Gestation is drawn, not returned.
    """

    def draw(n: int) -> Covariates:
        early = 40 - (6.5 + 5.0 * torch.randn(n, generator=generator)).clamp(-2, 16)
        birth_weight = _normal(1.2528 + 0.0681 * (early - 40) - 0.00232 * (early - 40) ** 2, 0.14, n, generator).exp()
        days = _normal(1.4, 1.0, n, generator).exp()
        apgar = torch.multinomial(torch.tensor(APGAR_SHARES), n, replacement=True, generator=generator).float()
        weight = birth_weight * _grown(days, birth_weight) * _normal(0, 0.03, n, generator).exp()
        return {"WT": weight, "BWT": birth_weight, "PNA": days, "APGAR": apgar}

    return _inside(draw, _narrower({"WT": (0.4, 6.5), "BWT": (0.4, 5.5), "PNA": (0, 60)}, ranges), count)


def epilepsy_outpatients(count: int, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """Adults with epilepsy: 18 to 80 years, weight log-normal around 60 kg by sex; seven in ten take other anticonvulsants too (233 of 334 in Yukawa 1990)."""

    def draw(n: int) -> Covariates:
        is_male = (torch.rand(n, generator=generator) < 0.51).float()
        return {
            "AGE": 18 + 62 * torch.rand(n, generator=generator),
            "SEX": is_male,
            "WT": _normal(3.99 + 0.19 * is_male, 0.2, n, generator).exp(),
            "AED": (torch.rand(n, generator=generator) < 0.7).float(),
        }

    return _inside(draw, _narrower({"WT": (35, 120)}, ranges), count)


def allergic_asthma(count: int, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """Adults and adolescents with allergic asthma: weight log-normal around 66 kg, IgE before treatment log-normal around 200 IU/mL, which is where Hayashi
    2007 centre it, from 30 to 1,500, which is where the label's table begins and ends."""

    def draw(n: int) -> Covariates:
        return {"WT": _normal(4.19, 0.22, n, generator).exp(), "IGE": _normal(5.3, 0.9, n, generator).exp()}

    return _inside(draw, _narrower({"WT": (40, 120), "IGE": (30, 1500)}, ranges), count)


def _kept(before: Covariates, after: Covariates, ranges: Mapping[str, tuple[float, float]]) -> Covariates:
    """The changed covariates of each patient, or, where one of them would leave its range, the unchanged ones."""
    is_in = torch.stack([(after[name] >= low) & (after[name] <= high) for name, (low, high) in ranges.items() if name in after]).all(0)
    return {name: torch.where(is_in, after[name], value) for name, value in before.items()}


def kidneys_and_weight(covariates: Covariates, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """The same patients later: creatinine clearance by a log-normal factor (sd 0.5: halved or doubled in one of six), weight by 5 %, creatinine to match."""
    count = len(covariates["AGE"])
    weight = covariates["WT"] * _normal(0, 0.05, count, generator).exp()
    clearance = covariates["CRCL"] * _normal(0, 0.5, count, generator).exp()
    creatinine = cockcroft_gault(covariates["AGE"], renal_weight(weight, covariates["HT"], covariates["SEX"]), clearance, covariates["SEX"])
    return _kept(covariates, covariates | {"WT": weight, "CRCL": clearance, "SCR": creatinine}, ranges)


def weight_alone(covariates: Covariates, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """The same patients later: weight by 5 %."""
    return _kept(covariates, covariates | {"WT": covariates["WT"] * _normal(0, 0.05, len(covariates["WT"]), generator).exp()}, ranges)


def weight_and_others(covariates: Covariates, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """The same patients later: weight by 5 %; in every second one the other anticonvulsants have been begun or stopped."""
    does_switch = (torch.rand(len(covariates["WT"]), generator=generator) < 0.5).float()
    return weight_alone(covariates, ranges, generator) | {"AED": (covariates["AED"] - does_switch).abs()}


def growth(covariates: Covariates, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """The same infants some days later (median three): older, and grown as `neonates` grow."""
    days, birth_weight = covariates["PNA"], covariates["BWT"]
    later = days + _normal(1.2, 0.7, len(days), generator).exp()
    weight = covariates["WT"] * _grown(later, birth_weight) / _grown(days, birth_weight) * _normal(0, 0.02, len(days), generator).exp()
    return _kept(covariates, covariates | {"WT": weight, "PNA": later}, ranges)


def meal(covariates: Covariates, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """The same volunteers at another dose: fed instead of fasted, or the other way round."""
    return {"FED": 1 - covariates["FED"]}


def haematocrit(covariates: Covariates, ranges: Mapping[str, tuple[float, float]], generator: torch.Generator) -> Covariates:
    """The same patients later: haematocrit by a log-normal factor (sd 0.12), as after a transfusion or a bleeding; the genotype stays."""
    factor = _normal(0, 0.12, len(covariates["HCT"]), generator).exp()
    return _kept(covariates, covariates | {"HCT": covariates["HCT"] * factor}, ranges)


CHANGES = {
    "adult_inpatients": kidneys_and_weight,
    "healthy_adults": weight_alone,
    "neonates": growth,
    "kidney_recipients": haematocrit,
    "epilepsy_outpatients": weight_and_others,
    "fed_or_fasted": meal,
    "allergic_asthma": weight_alone,
}
EVERY = (adult_inpatients, healthy_adults, neonates, kidney_recipients, epilepsy_outpatients, fed_or_fasted, allergic_asthma)
COHORTS = {cohort.__name__: cohort for cohort in EVERY}
