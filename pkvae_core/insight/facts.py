"""What does the engine find in a teaching case? Its answer to the question, and the live figures of the debrief."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pkvae_core.case import Case
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.option import Option
from pkvae_core.dosing.recommend import Recommendation, recommend, silence_of
from pkvae_core.inference.posterior import Posterior
from pkvae_core.inference.verdict import OUT
from pkvae_core.insight.belief import EXPOSURE, PARAMETERS, Belief, Step, beliefs, counted, steps
from pkvae_core.insight.belief_words import bits_words, lesson_words, narrowed_words, triple_words
from pkvae_core.insight.lessons import Lesson
from pkvae_core.insight.level_words import surprise_words
from pkvae_core.insight.levels import Believe, Standing, standings
from pkvae_core.patient import Regimen, Sample
from pkvae_core.wording import regimen_words, rounded, times_out_of

SAME_DOSE = 0.1  # a daily dose within a tenth of the present one is the same


@dataclass(frozen=True, eq=False)
class Facts:
    """Everything that was asked of one case. Exposure is that of the current regimen, else of the recommended one."""

    case: Case
    posterior: Posterior
    ranking: Recommendation
    regimen: Regimen
    beliefs: tuple[Belief, ...]
    steps: tuple[Step, ...]
    standings: tuple[Standing, ...]

    @property
    def first(self) -> Option:
        return self.ranking.best or self.ranking.ranked[0]


def facts(case: Case, believe: Believe) -> Facts:
    """What the engine says of this case; `believe` is whoever answers, from a case."""
    posterior = believe(case)
    product = case.current.product if case.current else ""
    ranking = recommend(posterior, case.target, candidates(posterior.card, start_h=case.now_h, product=product), current=case.current)
    regimen = regimen_of(case, ranking)
    found = beliefs(case, posterior, regimen)
    return Facts(case, posterior, ranking, regimen, found, steps(case, found), standings(case, believe))


def regimen_of(case: Case, ranking: Recommendation) -> Regimen:
    """The regimen on which exposure is counted: the current one, else the one that ranks first."""
    return case.current or ranking.ranked[0].regimen


def _daily_mg(regimen: Regimen) -> float:
    return regimen.amount_mg * 24 / regimen.interval_h


def _dose(found: Facts) -> str:
    """lower, same, higher: the recommended daily dose beside the current one; none where no regimen meets the target; silent where nobody answers."""
    if silence_of(found.posterior):
        return "silent"
    if found.ranking.best is None or found.case.current is None:
        return "none"
    ratio = _daily_mg(found.ranking.best.regimen) / _daily_mg(found.case.current)
    return "lower" if ratio < 1 - SAME_DOSE else "higher" if ratio > 1 + SAME_DOSE else "same"


def _interval(found: Facts) -> str:
    """shorter, same, longer: the recommended interval beside the current one."""
    if silence_of(found.posterior) or found.ranking.best is None or found.case.current is None:
        return "none"
    now, then = found.case.current.interval_h, found.ranking.best.regimen.interval_h
    return "longer" if then > now else "shorter" if then < now else "same"


def _exposure(found: Facts) -> str:
    """below, in, above: where the median exposure of the current regimen lies."""
    median, target = found.beliefs[-1].interval(EXPOSURE)[0], found.case.target
    if target.low is not None and median < target.low:
        return "below"
    return "above" if target.high is not None and median > target.high else "in"


def _narrows(found: Facts) -> str:
    """level 1, level 2 ...: which one narrows the interval of the exposure most."""
    return f"level {1 + max(range(len(found.steps)), key=lambda i: found.steps[i].narrowed(EXPOSURE) or 0.0)}"


def _moves(found: Facts) -> str:
    """CL, V: of which of the two the last level narrowed the interval more."""
    last = found.steps[-1]
    return max(("CL", "V"), key=lambda name: last.narrowed(name) or 0.0)


def _odd(found: Facts) -> str:
    """level 1, level 2 ..., all, none: which level is to be checked."""
    odd = [i for i, standing in enumerate(found.standings) if standing.is_odd]
    if len(odd) > 1:
        return "all" if len(odd) == len(found.standings) else "several"
    return f"level {1 + odd[0]}" if odd else "none"


def _who(found: Facts) -> str:
    """model, classical, nobody: who answers."""
    if silence_of(found.posterior):
        return "nobody"
    return "classical" if found.posterior.entitlement and found.posterior.entitlement.verdict == OUT else "model"


def _taught(found: Facts) -> str:
    """What the last level taught, in words."""
    return lesson_words(found.steps[-1].bits)


FINDINGS: dict[str, Callable[[Facts], str]] = {
    "dose": _dose, "interval": _interval, "exposure": _exposure, "narrows most": _narrows, "narrowed parameter": _moves, "odd level": _odd,
    "who answers": _who, "taught": _taught,
}  # fmt: skip


def finding(lesson: Lesson, found: Facts) -> str:
    """The engine's answer to the question of this case."""
    return FINDINGS[lesson.asks](found)


def figures(found: Facts) -> dict[str, Any]:
    """The figures that a debrief may name. A list holds one for each number of known levels, from 0 on: {CL[1]} is the clearance after the first level."""
    target, beliefs_, best = found.case.target, found.beliefs, found.first
    units = {name: unit for name, (_, unit) in PARAMETERS.items()} | {EXPOSURE: target.unit}
    told: dict[str, Any] = {name: [triple_words(belief.interval(name), unit) for belief in beliefs_] for name, unit in units.items()}
    told["bits"] = ["", *(bits_words(step.bits) for step in found.steps)]
    told["narrowed"] = ["", *(narrowed_words(step.narrowed(EXPOSURE)) for step in found.steps)]
    told["narrowed_CL"], told["narrowed_V"] = (["", *(narrowed_words(step.narrowed(name)) for step in found.steps)] for name in ("CL", "V"))
    told["expected"] = ["", *(f"{rounded(s.before.low90_mg_per_L)}–{rounded(s.before.high90_mg_per_L)} mg/L" for s in found.standings)]
    told["surprise"] = ["", *(surprise_words(s.before.p_value) for s in found.standings)]
    told["level"] = ["", *(_level(sample) for sample in counted(found.case))]
    current = found.case.current
    told |= {
        "regimen": regimen_words(best.regimen), "chance": times_out_of(best.probability_in), "daily": f"{rounded(_daily_mg(best.regimen))} mg a day",
        "then": triple_words((best.exposure_median, best.exposure_low90, best.exposure_high90), target.unit),
        "trough": triple_words(best.companion["trough"], "mg/L"), "current": regimen_words(current) if current else "", "reason": found.ranking.reason or "",
        "target": f"{rounded(target.low or 0)} to {rounded(target.high or 0)} {target.unit}",
        "banner": found.posterior.entitlement.banner if found.posterior.entitlement else "",
    }  # fmt: skip
    return told


def _level(sample: Sample) -> str:
    return f"under {rounded(sample.lloq_mg_per_L or 0)} mg/L" if sample.is_below_lloq else f"{rounded(sample.concentration_mg_per_L or 0)} mg/L"


def debrief(lesson: Lesson, found: Facts, remedied: Facts | None) -> str:
    """The debrief with its figures filled in; {fixed[...]} are those of the case with its mistake put right."""
    return lesson.debrief.format(**figures(found), **({"fixed": figures(remedied)} if remedied else {}))
