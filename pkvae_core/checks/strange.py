"""Who are the patients that a model should not speak about? Virtual ones, each with one thing wrong and a truth that makes their levels."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.checks.virtual import Virtual, as_patients, fresh
from pkvae_core.drugs.card import DrugCard, available_drugs, load_card
from pkvae_core.drugs.population import Population, course, is_dose_proportional
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import pulses
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.patient import Covariate, Patient, Sample
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.responses import Responses
from pkvae_core.vae.hiding import hide

LIMIT_SHARE = 0.02  # the laboratory's limit, as a share of the concentration aimed at
CLAIMED_ML_PER_MIN = 60.0  # what the record of a patient on dialysis still says, at least
SESSION_H, BETWEEN_H, FIRST_SESSION_H = 4.0, 48.0, 20.0
DIALYSER_L_PER_H = 7.0  # some 120 mL/min, a high-flux membrane
ADULT_KG = 70.0
ANURIC = {"CRCL": 5.0, "SCR": 8.0}
Makers = dict[str, Callable[[], list[Patient]]]


@dataclass(frozen=True)
class Draw:
    """So many patients of a drug, each with so many levels."""

    card: DrugCard
    count: int
    levels: int
    seed: int

    def usual(self, offset: int = 0, **options) -> Virtual:
        return fresh(self.card, self.count, samples=self.levels, seed=1000 * self.seed + 10 * self.levels + offset, changing=0.0, **options)

    @property
    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(7_000_003 + 1000 * self.seed + self.levels)


def makers(draw: Draw) -> Makers:
    """A way to draw each kind of patient, by its name; the first two kinds are no strangers."""
    is_adult = draw.card.typical_patient.get("WT", ADULT_KG) >= ADULT_KG / 2
    others = {f"levels of {load_card(drug).name.lower()}": drug for drug in available_drugs() if drug != draw.card.drug}
    found: Makers = {
        "like the training": lambda: list(fresh(draw.card, draw.count, samples=draw.levels, seed=1000 * draw.seed + draw.levels).patients),
        "like the training, covariates partly unknown": lambda: partly_unknown(draw),
        "every level ten times too high": lambda: scaled(draw, 10.0),
        "every level ten times too low": lambda: scaled(draw, 0.1),
        "peak and trough exchanged": lambda: exchanged(draw),
    }
    if is_adult and is_dose_proportional(draw.card):  # a child under an adult's card, and an adult's dialysis, made from CL and V
        found |= {
            "a child, age stated": lambda: children(draw, is_age_stated=True),
            "a child, age not stated": lambda: children(draw, is_age_stated=False),
            "dialysis, kidneys said to work": lambda: dialysed(draw),
        }
    return found | {name: (lambda drug=drug: of_another_drug(draw, drug)) for name, drug in others.items()}


def partly_unknown(draw: Draw) -> list[Patient]:
    """As a clinic would send them: half with covariates missing at random."""
    population = Population.of(draw.card, fresh(draw.card, draw.count, samples=draw.levels, seed=1000 * draw.seed + draw.levels).patients)
    return list(as_patients(draw.card, hide(population, draw.generator, tuple(c.name for c in draw.card.covariates))))


def scaled(draw: Draw, factor: float) -> list[Patient]:
    """A slip of the unit: every measured level times `factor`. A patient all of whose levels are below their limit shows no slip and is left out."""
    return [replace(p, samples=tuple(_times(s, factor) for s in p.samples)) for p in draw.usual(1).patients if any(not s.is_below_lloq for s in p.samples)]


def _times(sample: Sample, factor: float) -> Sample:
    return sample if sample.concentration_mg_per_L is None else replace(sample, concentration_mg_per_L=factor * sample.concentration_mg_per_L)


def exchanged(draw: Draw) -> list[Patient]:
    """Peak (1 h after the end of the infusion) and trough (a quarter of an hour before the next dose) of the last intervals, each with the other's level.

    With one level it is a trough whose time is that of the peak.
    """
    virtual, pairs = draw.usual(2), math.ceil(draw.levels / 2)
    index = [i for i, p in enumerate(virtual.patients) if len(p.doses) > pairs and all(b.time_h - a.time_h >= 6 for a, b in _gaps(p, pairs))]
    chosen = virtual.only(index)
    time = torch.tensor([[t for a, b in _gaps(p, pairs) for t in (min(a.time_h + a.infusion_h + 1, b.time_h - 1), b.time_h - 0.25)] for p in chosen.patients])
    samples = measured(draw.card, chosen, chosen.truth, time, draw.generator)
    return [replace(p, samples=_swapped(own)[: draw.levels]) for p, own in zip(chosen.patients, samples, strict=True)]


def _gaps(patient: Patient, pairs: int):
    return list(zip(patient.doses[-pairs - 1 : -1], patient.doses[-pairs:], strict=True))


def _swapped(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Neighbours exchange their levels; times stay."""
    pairs = zip(samples[::2], samples[1::2], strict=True)
    return tuple(replace(level, time_h=at.time_h) for peak, trough in pairs for at, level in ((peak, trough), (trough, peak)))


def children(draw: Draw, *, is_age_stated: bool) -> list[Patient]:
    """Children of 2 to 11 years under an adult's card: doses by weight, clearance and volume by allometry from an adult of 70 kg; covariates are true."""
    virtual, generator = draw.usual(3), draw.generator
    age = 2 + 9 * torch.rand(len(virtual.patients), generator=generator)
    weight = (2 * age + 9) * torch.exp(0.15 * torch.randn(len(age), generator=generator))
    share = (weight / ADULT_KG)[:, None, None]
    adult = virtual.truth.pulses
    slim = replace(adult, amplitude=adult.amplitude / share[..., None], rate=adult.rate * share[..., None] ** -0.25)
    found = []
    samples = measured(draw.card, virtual, Responses(slim), None, generator, dose_share=share[:, 0])
    for i, patient in enumerate(virtual.patients):
        true = {"AGE": float(age[i]), "WT": float(weight[i]), "HT": 77 + 6 * float(age[i]), "SCR": 0.25 + 0.03 * float(age[i])}
        known = [c for c in patient.covariates if c.name == "SEX"] + [Covariate(c.name, true[c.name]) for c in draw.card.covariates if c.name in true]
        doses = tuple(replace(d, amount_mg=d.amount_mg * float(share[i, 0, 0])) for d in patient.doses)
        stated = tuple(c for c in known if is_age_stated or c.name != "AGE")
        found.append(replace(patient, doses=doses, samples=samples[i], covariates=stated))
    return found


def dialysed(draw: Draw) -> list[Patient]:
    """No kidneys, a session of 4 h every other day that strips the drug, and a record that claims a clearance of 60 mL/min or more."""
    claims = "CRCL" in {c.name for c in draw.card.covariates}
    virtual = draw.usual(4, is_wanted=(lambda p: (p.covariate("CRCL") or 0.0) >= CLAIMED_ML_PER_MIN) if claims else None)
    covariates, generator = Population.of(draw.card, virtual.patients).covariates, draw.generator
    found: list[Patient] = []
    for i, published in enumerate(MODELS[m.name] for m in draw.card.published_models):
        chosen = virtual.only((virtual.model == i).nonzero()[:, 0].tolist())
        table = {c.name: covariates[virtual.model == i, k].double() for k, c in enumerate(draw.card.covariates)}
        anuric = table | {name: torch.full_like(table[name], value) for name, value in ANURIC.items() if name in table}
        parameters = published.at(anuric, torch.randn(len(chosen.patients), 1, len(published.variance), dtype=torch.float64, generator=generator))
        off, on = pulses(parameters), pulses(parameters | {"CL": parameters["CL"] + DIALYSER_L_PER_H})
        samples = measured(draw.card, chosen, _sessions(chosen, off, on), None, generator)
        found += [replace(p, samples=s) for p, s in zip(chosen.patients, samples, strict=True)]
    return found


def _sessions(virtual: Virtual, off: Pulses, on: Pulses) -> Responses:
    """The same sessions for everybody, from the first one until after the last level."""
    end = max((s.time_h for p in virtual.patients for s in p.samples), default=0.0)
    starts = [FIRST_SESSION_H + BETWEEN_H * i for i in range(int(max(0.0, end - FIRST_SESSION_H) / BETWEEN_H) + 1)]
    until = torch.tensor([t for start in starts for t in (start, start + SESSION_H)])
    return Responses(off, tuple(p for _ in starts for p in (off, on)), until.expand(len(virtual.patients), -1).clone())


def of_another_drug(draw: Draw, drug: str) -> list[Patient]:
    """Doses and levels of another drug, read under this card; covariates that both cards know."""
    names = {c.name for c in draw.card.covariates}
    virtual = fresh(load_card(drug), draw.count, samples=draw.levels, seed=1000 * draw.seed + draw.levels, changing=0.0)
    return [
        replace(p, doses=tuple(replace(d, product="") for d in p.doses), covariates=tuple(c for c in p.covariates if c.name in names)) for p in virtual.patients
    ]


def measured(
    card: DrugCard,
    virtual: Virtual,
    truth: AnyResponses,
    time: Float[Tensor, "subject sample"] | None,
    generator: torch.Generator,
    *,
    dose_share: Float[Tensor, "subject 1"] | None = None,
) -> list[tuple[Sample, ...]]:
    """Levels at `time` (None: the records' own times) that this truth makes, with the residual error of each one's published model."""
    if not virtual.patients:
        return []
    doses = course(card, [p.doses for p in virtual.patients])
    doses = doses if dose_share is None else replace(doses, amount=doses.amount * dose_share)
    if time is None:
        time = torch.tensor([[s.time_h for s in p.samples] for p in virtual.patients])
    concentration = truth.curves(doses, time)[0][:, 0]
    each = torch.stack([MODELS[m.name].error.sd(concentration) for m in card.published_models])
    sd = each.gather(0, virtual.model.view(1, -1, 1).expand(1, *concentration.shape))[0]
    level = concentration + sd * torch.randn(concentration.shape, generator=generator)
    limit = LIMIT_SHARE * average_concentration(card)
    return [tuple(_sample(t, y, limit) for t, y in zip(*pair, strict=True)) for pair in zip(time.tolist(), level.tolist(), strict=True)]


def _sample(time_h: float, level: float, limit: float) -> Sample:
    return Sample(time_h, level, limit) if level > limit else Sample(time_h, None, limit)
