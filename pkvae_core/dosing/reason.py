"""Why does no regimen meet the target, and what should be known about a recommendation before it is followed?"""

import math
from collections.abc import Sequence
from dataclasses import replace

from pkvae_core.dosing.course import past_doses
from pkvae_core.dosing.option import Option, judge
from pkvae_core.dosing.steady_state import steady_after_h
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.posterior import Posterior, parameters
from pkvae_core.patient import Regimen
from pkvae_core.wording import duration_words, plain, regimen_words, rounded, spell_words, times_out_of

SLOW_H = 14 * 24.0  # a steady state further away than this is worth a sentence


def reason_for_none(posterior: Posterior, target: Target, options: Sequence[Option]) -> str:
    """The most probable regimen's chance, then the obstacle: doses too low or too high, no steady state, steps too coarse, or too little knowledge."""
    top = max(options, key=lambda o: o.probability_in)
    asked = math.ceil(target.least_probability * 100 - 1e-9)
    chance = (
        f"The most probable regimen, {regimen_words(top.regimen)}, reaches the target in {times_out_of(top.probability_in)} outcomes; {asked} are asked for."
    )
    return f"{chance} {_obstacle(posterior, target, options, top)}"


def _obstacle(posterior: Posterior, target: Target, options: Sequence[Option], top: Option) -> str:
    strongest, weakest = (extreme(options, key=lambda o: o.exposure_median) for extreme in (max, min))
    if target.low is not None and strongest.exposure_median < target.low:
        return f"All available doses are too low: the strongest is {_result_words(target, strongest)}.{_exact_words(top)}"
    if top.probability_in + top.share_never_settled >= target.least_probability:
        return f"{_unsettled_words(posterior.card, top)} Aim for a chosen day instead."
    if target.high is not None and weakest.exposure_median > target.high:
        return f"All available doses are too high: the weakest is {_result_words(target, weakest)}.{_exact_words(top)}"
    if top.exact_amount_mg is not None:
        exact = judge(posterior, target, replace(top.regimen, amount_mg=top.exact_amount_mg))
        if exact.probability_in >= target.least_probability:
            return f"The available amounts lie too far apart.{_exact_words(top)}"
    known = "The levels leave too much uncertainty" if any(s.trust > 0 for s in posterior.patient.samples) else "Without a level there is too much uncertainty"
    return f"{known}: {target.label} of this regimen is {_interval_words(target, top)} (90 % interval). A level, well timed, narrows it."


def _result_words(target: Target, option: Option) -> str:
    return f"{regimen_words(option.regimen)}, with {target.label} {rounded(option.exposure_median)} {target.unit} in the median"


def _interval_words(target: Target, option: Option) -> str:
    return f"{rounded(option.exposure_low90)} to {rounded(option.exposure_high90)} {target.unit}"


def _exact_words(option: Option) -> str:
    if option.exact_amount_mg is None:
        return ""
    return f" The exact amount would be {rounded(option.exact_amount_mg)} mg every {plain(option.regimen.interval_h)} h."


def _unsettled_words(card: DrugCard, option: Option) -> str:
    share = times_out_of(option.share_never_settled, 1000)
    return f"In {share} outcomes levels have not settled after {duration_words(card.horizon_h)}; these count as above the target."


def cautions_for(posterior: Posterior, ranked: Sequence[Option], current: Regimen | None) -> tuple[str, ...]:
    """What to know before following the first option, one sentence each."""
    card, option = posterior.card, ranked[0]
    unsettled = (_unsettled_words(card, option),) if option.share_never_settled >= 0.001 else ()
    toxic = (
        ("The best regimen is more likely to exceed the toxicity alarm than to reach the target.",) if option.probability_toxic > option.probability_in else ()
    )
    return (*option.cautions, *toxic, *unsettled, *_exact_outside(ranked), *_slow(posterior), *_timing(posterior, option.regimen, current))


def _slow(posterior: Posterior) -> tuple[str, ...]:
    """Where the steady state that was judged lies weeks ahead, after so many half-lives; how long a saturated body takes is not told by its half-life."""
    if not posterior.responses.is_dose_proportional:
        return ()
    half_life_h = float(weighted_quantile(parameters(posterior)["half_life"], posterior.weight.numpy(), 0.5))
    if (steady_h := steady_after_h(half_life_h)) < SLOW_H:
        return ()
    said = f"With a half-life of {rounded(half_life_h)} h the steady state is reached after about {spell_words(steady_h)}"
    return (f"{said}; the first days follow from what was given before. Aim for a chosen day where they matter.",)


def _exact_outside(ranked: Sequence[Option]) -> tuple[str, ...]:
    """Where the first option's exact amount lies outside what may be given at its interval."""
    exact, regimen = ranked[0].exact_amount_mg, ranked[0].regimen
    amounts = [o.regimen.amount_mg for o in ranked if (o.regimen.interval_h, o.regimen.product) == (regimen.interval_h, regimen.product)]
    if exact is None or min(amounts) <= exact <= max(amounts):
        return ()
    available = f"{plain(min(amounts))} to {plain(max(amounts))} mg" if len(amounts) > 1 else f"{plain(amounts[0])} mg"
    return (f"The exact amount before rounding would be {rounded(exact)} mg every {plain(regimen.interval_h)} h; {available} are available.",)


def _timing(posterior: Posterior, regimen: Regimen, current: Regimen | None) -> tuple[str, ...]:
    """Recorded doses that the new regimen would repeat or replace."""
    past, found = past_doses(posterior, regimen.start_h), []
    if later := len(posterior.patient.doses) - len(past):
        found.append(
            f"{later} recorded {'dose' if later == 1 else 'doses'} at or after the start of the new regimen {'is' if later == 1 else 'are'} replaced by it."
        )
    usual_h = current.interval_h if current else regimen.interval_h
    if past and regimen.start_h - past[-1].time_h < usual_h / 2:
        since = duration_words(round(regimen.start_h - past[-1].time_h, 1))
        found.append(
            f"The new regimen starts {since} after the last dose, less than half of the {plain(usual_h)} h interval: check that this dose is not given twice."
        )
    return tuple(found)
