"""How is it said whether a level is plausible, and what it does to the dose?"""

from collections.abc import Sequence

from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.insight.influence import Consequence
from pkvae_core.insight.levels import Expectation, Standing
from pkvae_core.patient import Regimen
from pkvae_core.wording import amount_words, duration_words, plain, rounded, times_out_of

CHECK = "Check its clock time, its unit, and the doses before it."


def place_words(standing: Standing) -> str:
    """ "higher than 19 of 20 such patients"; in a hundred or a thousand where it is rarer. Such patients have the same covariates and doses."""
    share = standing.before.share_below
    if standing.sample.is_below_lloq:
        return f"below the laboratory's limit, as in {_of(share)} such patients"
    return f"higher than {_of(share)} such patients" if share >= 0.5 else f"lower than {_of(1 - share)} such patients"


def _of(share: float) -> str:
    """ "19 of 20", never more than it is; "997 of 1,000", at most 999, where twenty are too few to say it."""
    total = next((total for total in (20, 100, 1000) if 1 / total <= min(share, 1 - share)), 1000)
    if share < 1 / 1000:
        return "fewer than 1 of 1,000"
    return times_out_of(min(share, 0.999), total).replace("1000", "1,000")


def surprise_words(p_value: float) -> str:
    """ "43 of 100 levels": how many lie at least as far off when nothing is wrong."""
    if p_value < 0.001:
        return "fewer than 1 of 1,000 levels"
    return f"{times_out_of(p_value)} levels" if p_value >= 0.01 else f"{times_out_of(p_value, 1000).replace('1000', '1,000')} levels"


def expected_words(expected: Expectation, factor: float) -> str:
    """ "31.2 (16.4–50.1)": median and 90 % interval in the shown unit."""
    return f"{rounded(expected.median_mg_per_L * factor)} ({rounded(expected.low90_mg_per_L * factor)}–{rounded(expected.high90_mg_per_L * factor)})"


def verdict_words(standing: Standing) -> str:
    if standing.sample.trust == 0:
        return "left out"
    return "check this level" if standing.is_odd else "as expected" if standing.is_explained else "not judged"


def reason_words(standing: Standing, *, factor: float, unit: str) -> str:
    """Why the level is as expected, or to be checked, in one or two sentences; `factor` turns mg/L into `unit`."""
    if not (standing.is_explained or standing.is_unlike_anybody):
        return "The model cannot explain the other levels, so that this one cannot be judged by them."
    is_by_others = standing.n_others > 0 and (standing.contradicts or not standing.is_unlike_anybody)
    expected = standing.others if is_by_others else standing.before
    others = f"From the other {plural(standing.n_others)}" if standing.n_others > 1 else "From the other level"
    range_words = f"{rounded(expected.low90_mg_per_L * factor)}–{rounded(expected.high90_mg_per_L * factor)} {unit}"
    told = f"{others if is_by_others else 'Of such patients'} {range_words} was to be expected (90 %); {surprise_words(expected.p_value)} lie this far off."
    return f"{told} {CHECK}" if standing.is_odd else told


def plural(count: int, noun: str = "level") -> str:
    """ "1 level", "3 levels"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def contradiction_words(standings: Sequence[Standing]) -> str:
    """What to know when several levels do not fit each other; "" otherwise."""
    odd = sum(s.contradicts and s.n_others > 0 and s.sample.trust > 0 for s in standings)
    if odd < 2:
        return ""
    return f"{plural(odd)} do not fit each other: one of them may be wrong, or the patient has changed between them. The model cannot say which."


def consequence_words(consequence: Consequence, ranking: Recommendation) -> str:
    """ "1,250 mg every 12 h", "the same dose", that nothing meets the target, or that nobody answers."""
    if not consequence.is_answered:
        return "nobody answers"
    if consequence.regimen is None:
        return "no regimen meets the target" + ("" if ranking.best else " either")
    if ranking.best and _alike(consequence.regimen, ranking.best.regimen):
        return "the same dose"
    return f"{amount_words(consequence.regimen.amount_mg)} every {plain(consequence.regimen.interval_h)} h"


def _alike(one: Regimen, other: Regimen) -> bool:
    """Alike but for the duration of the infusion."""
    return (one.amount_mg, one.interval_h, one.product) == (other.amount_mg, other.interval_h, other.product)


def left_out_words(count: int) -> str:
    """ "1 level left out"; "" for none."""
    return f"{plural(count)} left out" if count else ""


def age_words(half_life_h: float) -> str:
    """What the half-life of a level's weight means."""
    once, twice = (duration_words(n * half_life_h) for n in (1, 2))
    return (
        f"A level {once} old counts half, one {twice} old a quarter: its likelihood is raised to the power 0.5^(age / {once}), its age counted back from now."
    )
