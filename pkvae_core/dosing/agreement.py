"""Do other engines, asked about the same patient, lead to the same regimen?

The rule. Every engine ranks the same candidates against the same target. Let ours be the regimen that the answering engine puts first. Another engine disagrees
when following us would cost the patient something by its reckoning, or when it expects another exposure altogether:
  - by it, our regimen's score (chance in target less the weighed chance of toxicity) is more than `LOSS` = 10 points, two outcomes of twenty, below the score
    of the regimen that it would choose itself (unless both find that no regimen meets the target: then nothing is recommended that could change); or
  - the median exposures that the two expect from our regimen differ by more than `APART` = 20 %, and one of them lies outside the other's 90 % interval.
Another dose alone is no alarm: a neighbouring step, or a second regimen as good as ours, costs next to nothing by the first line.
An engine that cannot explain the levels has no say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pkvae_core.dosing.option import Option
from pkvae_core.dosing.recommend import TIE, Recommendation, recommend, silence_of
from pkvae_core.dosing.target import Target
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Regimen
from pkvae_core.wording import plain, regimen_words, times_out_of

LOSS = 0.10
APART = 0.20
DRAWS = 1000  # of equal weight are enough to rank by; the exact posterior has many more
LABELS = {"vae": "PKVAE", "average": "Averaged MAP-Bayes", "exact": "Exact posterior"}


@dataclass(frozen=True, eq=False)
class Opinion:
    """What one engine says: every candidate judged by its draws, and how it came by them."""

    engine: str
    has_a_say: bool
    recommendation: Recommendation

    @property
    def label(self) -> str:
        """PKVAE, Averaged MAP-Bayes, Exact posterior; MAP-Bayes, Goti 2018."""
        return engine_label(self.engine)

    @property
    def first(self) -> Option:
        """What it would choose: the first of its ranking, whether or not that reaches the least probability."""
        return self.recommendation.ranked[0]

    def on(self, regimen: Regimen) -> Option:
        """A candidate as this engine sees it. Raises ValueError for any other regimen."""
        for option in self.recommendation.ranked:
            if option.regimen == regimen:
                return option
        raise ValueError(f"{regimen_words(regimen)} is not among the regimens that were compared. Choose one of the ranked ones.")


def engine_label(engine: str) -> str:
    name = engine.removeprefix("map:")
    return LABELS.get(engine) or f"MAP-Bayes, {name[:-4].capitalize()} {name[-4:]}"


def opinion(posterior: Posterior, target: Target, candidates: Sequence[Regimen], *, current: Regimen | None = None) -> Opinion:
    """What the engine of this posterior makes of these candidates."""
    some = posterior if len(posterior.weight) <= DRAWS else posterior.resampled(DRAWS)
    return opinion_of(posterior, recommend(some, target, candidates, current=current))


def opinion_of(posterior: Posterior, ranking: Recommendation) -> Opinion:
    """The opinion of an engine that has ranked already. It has no say where it cannot explain the levels, or nobody may answer for the patient."""
    return Opinion(posterior.engine, silence_of(posterior) is None, ranking)


@dataclass(frozen=True, eq=False)
class Agreement:
    """Ours beside another opinion.

    `loss`: what our regimen costs by the other engine, in points of its score. `ratio`: its median exposure from our regimen over ours. `is_outside`: whether
    one of these medians lies outside the other's 90 % interval.
    """

    ours: Opinion
    other: Opinion
    loss: float
    ratio: float
    is_outside: bool

    @property
    def theirs(self) -> Option:
        """Our regimen as the other engine sees it."""
        return self.other.on(self.ours.first.regimen)

    @property
    def is_hopeless(self) -> bool:
        """Both find that no regimen meets the target."""
        return not (self.ours.recommendation.best or self.other.recommendation.best)

    @property
    def verdict(self) -> Literal["agrees", "differs", "disagrees", "silent"]:
        """Same regimen; another one, with little at stake; enough to change the regimen; no say."""
        if not (self.ours.has_a_say and self.other.has_a_say):
            return "silent"
        if (self.loss > LOSS and not self.is_hopeless) or (self.is_outside and not 1 / (1 + APART) <= self.ratio <= 1 + APART):
            return "disagrees"
        return "agrees" if self.is_hopeless or _alike(self.ours.first.regimen, self.other.first.regimen) else "differs"

    @property
    def is_alarm(self) -> bool:
        return self.verdict == "disagrees"

    @property
    def sentence(self) -> str:
        """The verdict in words, with its reasons in numbers."""
        return {"silent": _silent, "agrees": _agrees, "differs": _differs, "disagrees": _disagrees}[self.verdict](self)


def compare(ours: Opinion, other: Opinion) -> Agreement:
    """How another engine's opinion stands to the one that answers. Both must have judged the same candidates."""
    regimen = ours.first.regimen
    mine, theirs = ours.first, other.on(regimen)
    outside = not (mine.exposure_low90 <= theirs.exposure_median <= mine.exposure_high90) or not (
        theirs.exposure_low90 <= mine.exposure_median <= theirs.exposure_high90
    )
    return Agreement(ours, other, max(0.0, other.first.score - theirs.score), _ratio(theirs.exposure_median, mine.exposure_median), outside)


def _ratio(theirs: float, mine: float) -> float:
    """1 where both are nothing or without limit; infinite or 0 where one is."""
    if theirs == mine:
        return 1.0
    return math.inf if mine == 0 or math.isinf(theirs) else theirs / mine


def _alike(a: Regimen, b: Regimen) -> bool:
    """The same dose and interval; the infusion may differ."""
    return (a.amount_mg, a.interval_h, a.product) == (b.amount_mg, b.interval_h, b.product)


def exposure_words(ratio: float) -> str:
    """12 % more exposure; per cent of ours."""
    if math.isinf(ratio):
        return "exposure without limit"
    if abs(ratio - 1) < 0.005:
        return "the same exposure"
    return f"{plain(abs(ratio - 1) * 100, 0)} % {'more' if ratio > 1 else 'less'} exposure"


def _silent(found: Agreement) -> str:
    deaf = [o.label for o in (found.ours, found.other) if not o.has_a_say]
    return f"{' and '.join(deaf)} cannot explain these levels, so there is nothing to compare. Check the times, units and doses."


def _agrees(found: Agreement) -> str:
    mine, theirs = found.ours.first.probability_in, found.theirs.probability_in
    if found.is_hopeless:
        return f"{found.other.label} agrees that no regimen meets the target, and expects {exposure_words(found.ratio)} from the one {_here(found)}."
    doubt = f", but is less sure of it: {_of_100(theirs)} outcomes in target, here {_of_100(mine)}" if theirs < mine - LOSS else ""
    if found.ours.recommendation.best and not found.other.recommendation.best:
        asked = times_out_of(found.other.recommendation.target.least_probability)
        return f"{found.other.label} puts the same dose first, but by it {times_out_of(theirs)} outcomes reach the target; {asked} are asked for."
    return f"{found.other.label} agrees: it would choose the same dose and expects {exposure_words(found.ratio)} from it{doubt}."


def _differs(found: Agreement) -> str:
    stake = f"the regimen {_here(found)} is as good by it" if found.loss <= TIE else f"little is lost with the regimen {_here(found)}"
    reach = f"in target in {_of_100(found.theirs.probability_in)} outcomes by its reckoning, {_of_100(found.ours.first.probability_in)} by ours"
    rarer = found.other.first.probability_in < found.theirs.probability_in and found.other.first.probability_toxic < found.theirs.probability_toxic
    why = ", which exceeds the toxicity alarm less often" if rarer else ""
    return f"{found.other.label} would choose {_choice(found.other)}{why}; {stake}: {reach}. It expects {exposure_words(found.ratio)} from it."


def _disagrees(found: Agreement) -> str:
    mine, theirs = found.ours.first, found.theirs
    toxic = (
        f" It exceeds the toxicity alarm in {_of_100(theirs.probability_toxic)}, not in {_of_100(mine.probability_toxic)}."
        if theirs.probability_toxic > mine.probability_toxic + LOSS
        else ""
    )
    by_it = f"By it, the regimen {_here(found)}, {regimen_words(mine.regimen)}, gives {exposure_words(found.ratio)}"
    reach = f"reaches the target in {_of_100(theirs.probability_in)} outcomes, not in {_of_100(mine.probability_in)}"
    return f"{found.other.label} disagrees and would choose {_choice(found.other)}. {by_it} and {reach}.{toxic}"


def _here(found: Agreement) -> str:
    return "recommended here" if found.ours.recommendation.best else "that comes first here"


def _of_100(probability: float) -> str:
    """65 of 100: rounded as the percentages on the cards are."""
    return f"{round(100 * probability)} of 100"


def _choice(other: Opinion) -> str:
    said = f"{regimen_words(other.first.regimen)} ({_of_100(other.first.probability_in)} in target)"
    return said if other.recommendation.best else f"none, {said} being the nearest"
