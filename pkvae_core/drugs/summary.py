"""Who is in this cohort? Counts, spans and gaps, and the distribution of the covariates: what is kept of patients once a model has learned from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.own import values_of
from pkvae_core.patient import Patient
from pkvae_core.records.covariates import is_derived


@dataclass(frozen=True)
class Spread:
    """One covariate over the patients who have it: its middle and its ends, and how many lack it."""

    label: str
    unit: str
    median: float
    low: float
    high: float
    missing: int


@dataclass(frozen=True)
class CohortSummary:
    """`patients` with `doses` doses and `levels` levels, `below_limit` of these below their limit; `levels_each`: fewest, median, most in one patient.

    `span_h`: from first to last event, median and longest; `level_mg_per_L`: lowest, median, highest measured.
    """

    patients: int
    doses: int
    levels: int
    below_limit: int
    levels_each: tuple[int, float, int]
    span_h: tuple[float, float]
    level_mg_per_L: tuple[float, float, float]
    amount_mg: tuple[float, float, float]
    covariates: tuple[Spread, ...]

    @property
    def below_share(self) -> float:
        return self.below_limit / self.levels


def summarise_cohort(card: DrugCard, patients: Sequence[Patient]) -> CohortSummary:
    """What the patients of a cohort add up to. Raises ValueError where nobody has both a dose and a level."""
    usable = [p for p in patients if p.doses and p.samples]
    if not usable:
        raise ValueError("no patient of this cohort has both a dose and a level; nothing can be learned from it.")
    counts = [len(p.samples) for p in usable]
    spans = [_span(p) for p in usable]
    measured = [s.concentration_mg_per_L for p in usable for s in p.samples if s.concentration_mg_per_L is not None]
    amounts = [d.amount_mg for p in usable for d in p.doses]
    return CohortSummary(
        patients=len(usable),
        doses=len(amounts),
        levels=sum(counts),
        below_limit=sum(counts) - len(measured),
        levels_each=(min(counts), float(median(counts)), max(counts)),
        span_h=(float(median(spans)), max(spans)),
        level_mg_per_L=(min(measured), float(median(measured)), max(measured)) if measured else (0.0, 0.0, 0.0),
        amount_mg=(min(amounts), float(median(amounts)), max(amounts)),
        covariates=tuple(_spreads(card, usable)),
    )


def _span(patient: Patient) -> float:
    times = [event.time_h for event in (*patient.doses, *patient.samples)]
    return max(times) - min(times)


def _spreads(card: DrugCard, patients: Sequence[Patient]) -> list[Spread]:
    found = []
    for spec in card.covariates:
        if values := values_of(card, patients, spec.name):
            found.append(Spread(spec.label, spec.unit, float(median(values)), min(values), max(values), len(patients) - len(values)))
    return found


def covariate_distribution(card: DrugCard, patients: Sequence[Patient]) -> dict | None:
    """Mean and covariance of the stated covariates (logarithms, but sex as it is): what a model keeps of the patients it learned from, without a row of theirs.

    A computed creatinine clearance is left out, as it follows from the others; so are covariates that more than a tenth of the patients lack. Only patients in
    whom the others are all known count. None where fewer than two covariates are left, or too few patients.
    """
    rows = [complete(card, patient) for patient in patients]
    table = torch.tensor([[_stated(row, spec.name) for spec in card.covariates] for row in rows], dtype=torch.float64).view(len(rows), -1)
    is_known = ~table.isnan()
    kept = [i for i in range(table.shape[1]) if is_known[:, i].double().mean() >= 0.9 and table[is_known[:, i], i].unique().numel() > 1]
    if len(kept) < 2:
        return None
    whole = table[is_known[:, kept].all(1)][:, kept]
    if len(whole) < 2 * len(kept):
        return None
    covariance = torch.cov(whole.T)
    names = [card.covariates[i].name for i in kept]
    return {"names": names, "mean": whole.mean(0).tolist(), "covariance": covariance.tolist(), "patients": len(whole)}


def _stated(patient: Patient, name: str) -> float:
    """The latest value that was stated, on the scale of the comparison; NaN where there is none."""
    values = [c.value for c in patient.covariates if c.name == name and not is_derived(c)]
    if not values or (name != "SEX" and values[-1] <= 0):
        return float("nan")
    return values[-1] if name == "SEX" else float(torch.tensor(values[-1], dtype=torch.float64).log())
