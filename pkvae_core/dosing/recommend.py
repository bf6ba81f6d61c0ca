"""Which regimens have the best chance of reaching the target, and is the best one good enough?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pkvae_core.dosing.option import Option, judge_all, screen
from pkvae_core.dosing.reason import cautions_for, reason_for_none
from pkvae_core.dosing.target import Target
from pkvae_core.inference.posterior import Posterior
from pkvae_core.inference.verdict import REFUSED
from pkvae_core.patient import Regimen

TIE = 0.01  # scores this close are the same
KEPT = 0.03  # the current interval is not left for less: twice the noise of a thousand draws


@dataclass(frozen=True, eq=False)
class Recommendation:
    """Every candidate, ranked. `best` is the first one, or None when no candidate reaches the target's least probability; then `reason` says why in words."""

    target: Target
    ranked: tuple[Option, ...]
    best: Option | None
    reason: str | None
    cautions: tuple[str, ...]

    @property
    def tested(self) -> int:
        return len(self.ranked)

    @property
    def distinct(self) -> tuple[Option, ...]:
        """The ranked options without those that differ from a better one in the infusion's duration only."""
        first: dict[tuple[float, float, str], Option] = {}
        for option in self.ranked:
            first.setdefault((option.regimen.amount_mg, option.regimen.interval_h, option.regimen.product), option)
        return tuple(first.values())


UNEXPLAINED = "The model cannot explain these levels, so no regimen is recommended. Check the times, units and doses."


def silence_of(posterior: Posterior) -> str | None:
    """Why nobody may dose by this answer, in words; None where one may."""
    if posterior.entitlement and posterior.entitlement.verdict == REFUSED:
        return posterior.entitlement.banner
    return UNEXPLAINED if posterior.diagnostics.rung == "failed" else None


def recommend(posterior: Posterior, target: Target, candidates: Sequence[Regimen], *, current: Regimen | None = None) -> Recommendation:
    """The candidates by score: probability in target minus the target's weight of toxicity times the probability above its alarm.

    Those that reach the least probability come first. The current interval is kept where its best regimen comes within three points of the best of all. Scores
    within a point of the best remaining one are a tie, which goes to the current interval, then to fewer doses a day, then to the current infusion, then to a
    shorter one. A trough target leaves continuous infusions out, and a caution says so, unless there
    is nothing else.
    """
    comparable = _comparable(posterior, target, candidates)
    ranked = rank(judge_all(posterior, target, comparable), target.least_probability, current)
    return _recommended(posterior, target, ranked, current, are_all=len(comparable) == len(candidates))


def recommend_first(posterior: Posterior, target: Target, candidates: Sequence[Regimen], *, current: Regimen | None = None) -> Recommendation:
    """`recommend` in a third of the time, for a ward of patients: the same order, the same first option, reason and cautions.

    The other options carry the exposure that is aimed for alone: no companions, no exact amount.
    """
    comparable = _comparable(posterior, target, candidates)
    ranked = rank(screen(posterior, target, comparable), target.least_probability, current)
    named = [ranked[0]] if ranked[0].probability_in >= target.least_probability else [ranked[0], max(ranked, key=lambda o: o.probability_in)]
    judged = {option.regimen: option for option in judge_all(posterior, target, tuple(dict.fromkeys(o.regimen for o in named)))}
    ranked = tuple(judged.get(option.regimen, option) for option in ranked)
    return _recommended(posterior, target, ranked, current, are_all=len(comparable) == len(candidates))


def _comparable(posterior: Posterior, target: Target, candidates: Sequence[Regimen]) -> Sequence[Regimen]:
    """The candidates that can be held against this target. Raises ValueError when nothing can be chosen."""
    if not posterior.card.gives_dose:
        raise ValueError(f"the card of {posterior.card.name} gives no doses. {posterior.card.why_no_dose or 'Use it to follow levels only.'}")
    if not candidates:
        raise ValueError("there is no regimen to choose from. Widen the choice of products, intervals or infusions.")
    return [r for r in candidates if not (target.metric == "trough" and r.is_continuous)] or candidates


def _recommended(posterior: Posterior, target: Target, ranked: tuple[Option, ...], current: Regimen | None, *, are_all: bool) -> Recommendation:
    """Whether the first one is good enough, and what should be known about it."""
    silence = silence_of(posterior)
    best = ranked[0] if silence is None and ranked[0].probability_in >= target.least_probability else None
    reason = None if best else silence or reason_for_none(posterior, target, ranked)
    left_out = () if are_all else ("Continuous infusions are left out: they have no trough, and another level is aimed for.",)
    cautions = () if silence else (*cautions_for(posterior, ranked, current), *left_out)
    return Recommendation(target, ranked, best, reason, cautions)


def rank(options: Sequence[Option], least_probability: float, current: Regimen | None) -> tuple[Option, ...]:
    """The order of `recommend`."""
    remaining = sorted(options, key=lambda o: (o.probability_in < least_probability, -o.score))
    kept = _kept(remaining, least_probability, current)
    ranked = [kept] if kept else []
    remaining = [o for o in remaining if o is not kept]
    while remaining:
        leader = remaining[0]
        ties = [o for o in remaining if o.score >= leader.score - TIE and (o.probability_in < least_probability) == (leader.probability_in < least_probability)]
        ranked += sorted(ties, key=_preference(current))
        remaining = remaining[len(ties) :]
    return tuple(ranked)


def _kept(options: Sequence[Option], least_probability: float, current: Regimen | None) -> Option | None:
    """The regimen at the current interval that is as good as the best of all but for noise."""
    is_enough = [o.probability_in >= least_probability for o in options]
    same = [o for o, enough in zip(options, is_enough, strict=True) if current and o.regimen.interval_h == current.interval_h and enough == is_enough[0]]
    near = [o for o in same if o.score >= max(same[0].score - TIE, options[0].score - KEPT)]
    return min(near, key=_preference(current)) if near else None


def _preference(current: Regimen | None) -> Callable[[Option], tuple]:
    def key(option: Option) -> tuple:
        regimen = option.regimen
        changes_interval = current is not None and regimen.interval_h != current.interval_h
        changes_infusion = current is not None and regimen.infusion_h != current.infusion_h
        return changes_interval, -regimen.interval_h, changes_infusion, regimen.infusion_h, -option.score

    return key
