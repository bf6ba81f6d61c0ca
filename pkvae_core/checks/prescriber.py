"""What would we have prescribed at this moment, and which regimen was begun instead?"""

from dataclasses import replace

from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.current import SAME, USUAL_INTERVALS_H
from pkvae_core.dosing.recommend import Recommendation, recommend_first
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Patient, Regimen

DRAWS = 250  # equal-weight draws behind a recommendation: a probability wavers by 3 points at most


def prescribe(posterior: Posterior, target: Target, *, start_h: float, product: str = "", current: Regimen | None = None) -> Recommendation:
    """The recommendation of the Dose page among the card's regimens of this product, each over the shortest infusion that the card allows."""
    return recommend_first(posterior.resampled(DRAWS), target, plain_regimens(posterior.card, start_h=start_h, product=product), current=current)


def plain_regimens(card: DrugCard, *, start_h: float, product: str = "") -> tuple[Regimen, ...]:
    """Every amount and interval that the card allows, once: with its shortest infusion, never a continuous one unless there is nothing else."""
    shortest: dict[tuple[float, float], Regimen] = {}
    for regimen in sorted(candidates(card, start_h=start_h, product=product), key=lambda r: r.infusion_h):
        shortest.setdefault((regimen.amount_mg, regimen.interval_h), regimen)
    return tuple(r for r in shortest.values() if not r.is_continuous) or tuple(shortest.values())


def begun(patient: Patient, decided_h: float) -> Regimen | None:
    """The regimen that starts with the dose at `decided_h`: that dose again and again, at the gap to the next one (after the last dose, at the gap before it).

    None where the gap is not within a fifth of a usual interval.
    """
    first = next(d for d in patient.doses if d.time_h == decided_h)
    times = sorted({d.time_h for d in patient.doses})
    at = times.index(decided_h)
    if len(times) == 1 or sum(d.time_h == decided_h for d in patient.doses) > 1:
        return None
    gap = times[at + 1] - decided_h if at + 1 < len(times) else decided_h - times[at - 1]
    interval_h = float(min(USUAL_INTERVALS_H, key=lambda usual: abs(usual - gap)))
    if abs(gap - interval_h) > SAME * interval_h or first.infusion_h > interval_h:
        return None
    return Regimen(first.amount_mg, interval_h, first.infusion_h, decided_h, first.product)


def as_of(posterior: Posterior, at_h: float) -> Posterior:
    """The same belief about how the patient answers, as if the covariates of that hour held for ever."""
    return replace(posterior, responses=posterior.responses.in_force(at_h))
