"""How surprising are a patient's levels before they are known, and would a slip explain them better?

The levels y are scored under the prior predictive, p(y) = mean over the prior's draws of p(y | draw), and under four rivals: every level is ten times too
high, or ten times too low, the highest and the lowest are exchanged, or nothing is known but their size (log-normal, three times as wide, each level by
itself). By Neyman and Pearson the likelihood ratio of the rivals together against the model is the strongest test of this mixture. Its tail probability is
its rank among replicates: levels drawn from the very same prior at the same times, each scored without the draw that made it. So the probability is right
whatever the drug, the number of levels and what is unknown of the patient, and there is nothing to tune.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pkvae_core.inference.observable import errors_of
from pkvae_core.inference.posterior import Posterior, predict
from pkvae_core.patient import Sample

REPLICATES = 400
AT_ONCE = 100
ENOUGH = (
    20  # so many replicates that speak as much against the model settle that nothing is unusual (sequential test, Besag & Clifford, Biometrika 1991;78:301)
)
WIDER = 3.0
DETECTABLE_mg_per_L = 1e-3  # a replicate below it counts as "not detected", where the laboratory's own limit is not known
HIGH, LOW, EXCHANGED, ANYTHING = "ten times too high", "ten times too low", "exchanged", "anything"
RIVALS = {HIGH: 0.35, LOW: 0.35, EXCHANGED: 0.2, ANYTHING: 0.1}  # how likely each is thought to be when something is wrong
SLIPS = (HIGH, LOW, EXCHANGED)


@dataclass(frozen=True)
class Surprise:
    """`probability` that levels of such a patient speak as much against the model; `odds`: how many times better than the model each rival explains them.

    `alone` is the index of the level that explains them best when it alone is ten times too high, or too low (`alone_slip`), and `alone_odds` how much better.
    """

    probability: float
    odds: dict[str, float]
    alone: int = 0
    alone_slip: str = HIGH
    alone_odds: float = 0.0

    @property
    def slip(self) -> str:
        """The slip that explains the levels best."""
        return max(SLIPS, key=lambda name: self.odds[name])

    @property
    def slip_odds(self) -> float:
        """How many times better than the model the best slip explains the levels, be it of all of them or of one."""
        return max(self.odds[self.slip], self.alone_odds)


@dataclass(frozen=True)
class _Draws:
    """The prior at the levels' times: true concentration and sd of the measurement, mg/L, and the limit below which a level is only "below"."""

    concentration: Float[Tensor, "draw sample"]
    sd: Float[Tensor, "draw sample"]
    limit: Float[Tensor, " sample"]

    @cached_property
    def table(self) -> Float[Tensor, "feature draw"]:
        """What each draw has to say to 1, "below", -y^2/2 and y of every sample. Where it explains the levels all terms are small: single precision will do."""
        precision = self.sd**-2
        constant = -self.sd.log() - 0.5 * math.log(2 * math.pi) - 0.5 * precision * self.concentration**2
        below = torch.special.log_ndtr((self.limit - self.concentration) / self.sd).clamp(min=-1e6)
        return torch.cat([constant, below, precision, self.concentration * precision], 1).T.float()


def surprise(prior: Posterior, samples: Sequence[Sample], *, seed: int = 0) -> Surprise:
    """How surprising these levels are under `prior`, what is believed of the same patient without them."""
    generator = torch.Generator().manual_seed(seed)
    draws = _at_levels(prior, samples, generator)
    level = torch.tensor([[s.lloq_mg_per_L if s.is_below_lloq else s.concentration_mg_per_L for s in samples]], dtype=torch.float64)
    is_measured = torch.tensor([[not s.is_below_lloq for s in samples]])
    drawn = draws.concentration[:REPLICATES] + draws.sd[:REPLICATES] * torch.randn(draws.sd[:REPLICATES].shape, dtype=torch.float64, generator=generator)
    usual = drawn.clamp(min=draws.limit).log()
    centre, spread = usual.mean(0), WIDER * usual.std(0) + 0.1
    own = _ratios(level, is_measured, draws, centre, spread)
    prior_log = torch.tensor(list(RIVALS.values()), dtype=torch.float64).log()[:, None]
    against, seen = 0, 0
    while seen < len(drawn) and against < ENOUGH:
        some = drawn[seen : seen + AT_ONCE]
        others = _ratios(some, some > draws.limit, draws, centre, spread, first=seen)
        against += int(((others + prior_log).logsumexp(0) >= (own + prior_log).logsumexp(0)).sum())
        seen += len(some)
    odds = {name: _exp(v) for name, v in zip(RIVALS, own[:, 0].tolist(), strict=True)}
    return Surprise((1 + against) / (seen + 1), odds, *_alone(level, is_measured, draws))


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _alone(level: Float[Tensor, "1 sample"], is_measured: Bool[Tensor, "1 sample"], draws: _Draws) -> tuple[int, str, float]:
    """The one level whose slip by ten explains all best: its index, the slip, and the odds. Nothing (odds 0) where there is one level only."""
    count = level.shape[1]
    if count < 2:
        return 0, HIGH, 0.0
    changed = level.repeat(2 * count, 1)
    index = torch.arange(count)
    changed[index, index] /= 10
    changed[count + index, index] *= 10
    sign = torch.cat([-torch.ones(count), torch.ones(count)]).double() * math.log(10)
    own = _log_evidence(level, is_measured, draws).clamp(min=-1e6)
    ratio = _log_evidence(changed, is_measured.expand(2 * count, -1), draws) + sign - own
    ratio = torch.where(is_measured[0].repeat(2), ratio, -torch.inf)
    best = int(ratio.argmax())
    return best % count, HIGH if best < count else LOW, _exp(float(ratio[best]))


def _at_levels(prior: Posterior, samples: Sequence[Sample], generator: torch.Generator) -> _Draws:
    """The prior's draws at the levels, each with the residual error of one published model; in random order, so that the first ones stand for all."""
    predicted = predict(prior, prior.patient.doses, [s.time_h for s in samples])
    weight = torch.as_tensor(np.asarray(predicted.weight, float))
    index = torch.multinomial(weight, len(weight), replacement=bool((weight != weight[0]).any()), generator=generator)
    concentration = torch.as_tensor(np.asarray(predicted.concentration_mg_per_L, float))[index]
    errors = errors_of(prior)
    share = torch.stack([torch.as_tensor(np.broadcast_to(p, (len(weight),)).astype(float)) for p, _ in errors], 1)[index]
    which = torch.multinomial(share, 1, generator=generator)
    sd = torch.stack([e.sd(concentration) for _, e in errors], -1).gather(-1, which[:, None].expand(-1, len(samples), 1))[..., 0]
    limit = torch.tensor([s.lloq_mg_per_L or DETECTABLE_mg_per_L for s in samples], dtype=torch.float64)
    return _Draws(concentration, sd.clamp(min=DETECTABLE_mg_per_L), limit)


def _ratios(
    level: Float[Tensor, "set sample"], is_measured: Bool[Tensor, "set sample"], draws: _Draws, centre: Tensor, spread: Tensor, *, first: int | None = None
) -> Float[Tensor, "rival set"]:
    """Log-likelihood of sets of levels under each rival minus that under the model. Where `first` is given, set i
    was made from draw `first` + i, which then must not explain it."""
    measured = is_measured.sum(1)
    model = _log_evidence(level, is_measured, draws, first=first)
    exchanged, can_be = _exchanged(level, is_measured)
    rivals = [
        _log_evidence(level / 10, is_measured, draws, first=first) - measured * math.log(10),
        _log_evidence(level * 10, is_measured, draws, first=first) + measured * math.log(10),
        torch.where(can_be, _log_evidence(exchanged, is_measured, draws, first=first), -torch.inf),
        _log_size(level, is_measured, draws, centre, spread),
    ]
    return torch.stack(rivals) - model.clamp(min=-1e6)


def _exchanged(level: Float[Tensor, "set sample"], is_measured: Bool[Tensor, "set sample"]) -> tuple[Tensor, Bool[Tensor, " set"]]:
    """The sets with their highest and lowest measured level exchanged, and where that is possible."""
    high = torch.where(is_measured, level, -torch.inf).argmax(1, keepdim=True)
    low = torch.where(is_measured, level, torch.inf).argmin(1, keepdim=True)
    swapped = level.scatter(1, high, level.gather(1, low)).scatter(1, low, level.gather(1, high))
    can_be = is_measured.sum(1) > 1
    return torch.where(can_be[:, None], swapped, level), can_be


def _log_evidence(
    level: Float[Tensor, "set sample"], is_measured: Bool[Tensor, "set sample"], draws: _Draws, *, first: int | None = None
) -> Float[Tensor, " set"]:
    """log of the mean over draws of p(levels | draw), the squares multiplied out so that all sets meet all draws in one product of matrices."""
    kept, known = torch.where(is_measured, level, 0), is_measured.to(level.dtype)
    each = torch.cat([known, 1 - known, -0.5 * kept**2, kept], 1).float() @ draws.table
    if first is not None:
        each[range(len(each)), range(first, first + len(each))] = -torch.inf
    highest = each.max(1, keepdim=True).values
    return each.sub_(highest).exp_().sum(1).double().log() + highest[:, 0].double() - math.log(each.shape[1] - (first is not None))


def _log_size(level: Tensor, is_measured: Tensor, draws: _Draws, centre: Tensor, spread: Tensor) -> Float[Tensor, " set"]:
    """Log-density when nothing but the size of each level is known."""
    size = level.clamp(min=DETECTABLE_mg_per_L).log()
    density = -0.5 * ((size - centre) / spread) ** 2 - spread.log() - size - 0.5 * math.log(2 * math.pi)
    below = torch.special.log_ndtr((draws.limit.log() - centre) / spread)
    return torch.where(is_measured, density, below.expand_as(density)).sum(1)
