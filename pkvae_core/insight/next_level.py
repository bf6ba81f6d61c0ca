"""When would another level help the dose most? What it is expected to teach, for each time at which it could be drawn.

Preposterior analysis (Raiffa & Schlaifer 1961) on the posterior's own draws: of a draw d and a published model m comes a level y ~ Normal(C_d(t), a_m^2 +
(b_m C_d)^2) at time t; the draws are weighed again by p(y | d); the regimen that then ranks first is chosen. With U_dr the utility of regimen r to draw d (1 in
the target, less the target's weight of toxicity above its alarm: the score of `recommend`) and r* today's best,
    gain(t) = E_y[ max_r E[U_r | y] - E[U_r* | y] ],
the expected value of sample information, never negative. Beside it the mutual information of level and patient, E_y KL(p(d | y) || p(d)), and how wide the 90 %
interval of the exposure under r* is then expected to be. Every time is asked with the same draws and errors, so that the curve is smooth.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import ndtr

from pkvae_core.case import Case
from pkvae_core.dosing.course import concentration
from pkvae_core.dosing.option import Option, affordable
from pkvae_core.dosing.recommend import Recommendation, silence_of
from pkvae_core.dosing.target import Target
from pkvae_core.inference.observable import errors_of
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Dose, Regimen

OUTCOMES, DRAWS = 64, 500  # levels simulated for each time, and equal draws that are weighed again by each
LONGEST_H, HALF_HOURS = 48.0, 24.0  # two days ahead at most; in steps of half an hour up to a day
SETTLES_H = 0.5  # after the end of an infusion: before, a level is spoilt by the line and by a minute's error in its time
WORTH_IT = 0.01  # gain below which another level is not worth its needle: a tie, to `recommend`
NEXT_TO_NOTHING = 1e-12  # a weight below this counts as 0: denormal numbers slow the arithmetic tenfold
AS_GOOD = 0.9  # share of the highest gain from which an earlier level is preferred to a later one

PerOutcome = Float[np.ndarray, "outcome draw"]


@dataclass(frozen=True)
class Expected:
    """What a level drawn at `time_h` is expected to bring: `gain` in the score, `gain_in` in the chance in target, bits, and the width of the exposure's 90 %
    interval relative to now (None where the exposure of some draws never settles).
    """

    time_h: float
    gain: float
    gain_in: float
    bits: float
    relative_width: float | None


@dataclass(frozen=True)
class NextLevel:
    """Every time that was asked, and the regimen that is given until then."""

    times: tuple[Expected, ...]
    regimen: Regimen

    @property
    def highest(self) -> Expected:
        return max(self.times, key=lambda expected: expected.gain)

    @property
    def best(self) -> Expected | None:
        """The earliest time whose gain is nearly the highest; None where no level is worth it."""
        highest = self.highest.gain
        return next(expected for expected in self.times if expected.gain >= AS_GOOD * highest) if highest >= WORTH_IT else None


def next_level(case: Case, posterior: Posterior, ranking: Recommendation, *, seed: int = 0) -> NextLevel | None:
    """When to draw the next level, the regimen that ranks first being given until then; None where nobody answers.

    `ranking` is what `recommend` said of this posterior for the case's target, from the case's now on.
    """
    if silence_of(posterior) is not None:
        return None
    posterior = affordable(posterior)
    regimen, target = ranking.ranked[0].regimen, ranking.target
    doses, times = planned_doses(case, regimen), candidate_times(case, regimen)
    lowest = max([s.lloq_mg_per_L for s in case.patient.samples if s.lloq_mg_per_L], default=0.0)
    return NextLevel(expected_of(posterior, target, ranking.distinct, doses, times, lloq_mg_per_L=lowest, seed=seed), regimen)


def planned_doses(case: Case, regimen: Regimen) -> tuple[Dose, ...]:
    """What was given before now, and this regimen from its start on."""
    return tuple(d for d in case.patient.doses if d.time_h < regimen.start_h) + regimen.doses(regimen.start_h + LONGEST_H)


def candidate_times(case: Case, regimen: Regimen) -> tuple[float, ...]:
    """From now on over two intervals (at least one day, at most two), in steps of half an hour or an hour: not during an infusion, nor soon after it."""
    span = min(LONGEST_H, max(24.0, 2 * regimen.interval_h))
    step = 0.5 if span <= HALF_HOURS else 1.0
    times = math.ceil(case.now_h * 2 - 1e-9) / 2 + step * np.arange(int(span / step) + 1)
    infusions = [(d.time_h, d.time_h + d.infusion_h + SETTLES_H) for d in planned_doses(case, regimen) if d.infusion_h and not regimen.is_continuous]
    return tuple(float(t) for t in times if not any(start < t < end for start, end in infusions))


def expected_of(
    posterior: Posterior, target: Target, options: Sequence[Option], doses: Sequence[Dose], times_h: Sequence[float], *,
    lloq_mg_per_L: float = 0.0, seed: int = 0,
) -> tuple[Expected, ...]:  # fmt: skip
    """What a level at each of these times is expected to bring, with these doses given until then; `options` are the regimens to choose from.

    A simulated level below `lloq_mg_per_L` counts with its probability (M3), as a measured one does. Same seed, same answer.
    """
    kept, random = _systematic(np.asarray(posterior.weight, dtype=float), DRAWS), np.random.default_rng(seed)
    inside, utility = _utilities(target, [option.exposure[kept] for option in options])
    today = int(utility.mean(0).argmax())
    inside, utility, exposure = inside - inside[:, [today]], utility - utility[:, [today]], options[today].exposure[kept]
    shares, asked = _shares(posterior, kept), _systematic(np.full(DRAWS, 1 / DRAWS), OUTCOMES)
    noise = _errors(posterior, shares[asked], random)
    found = []
    for time_h, true in zip(times_h, concentration(_only(posterior, kept), doses, np.asarray(times_h, dtype=float)).T, strict=True):
        weights, bits = _weighed(_likelihoods(posterior, shares, true, _levels(true[asked], noise), lloq_mg_per_L))
        scores, chances = _expected(weights, utility), _expected(weights, inside)
        best, rows = scores.argmax(1), np.arange(OUTCOMES)
        gain, gain_in = float(scores[rows, best].mean()), float(chances[rows, best].mean())
        found.append(Expected(float(time_h), gain, gain_in, bits, _relative_width(exposure, weights)))
    return tuple(found)


def _utilities(target: Target, exposures: Sequence[np.ndarray]) -> tuple[Float[np.ndarray, "draw regimen"], Float[np.ndarray, "draw regimen"]]:
    """For each draw and regimen: whether it is in the target, and that less the weight of toxicity above its alarm (as `recommend` scores it)."""
    exposure = np.stack(exposures, 1)
    low, high = -np.inf if target.low is None else target.low, np.finfo(float).max if target.high is None else target.high
    alarm = np.inf if target.toxicity_alarm is None else target.toxicity_alarm
    inside = ((exposure >= low) & (exposure <= high)).astype(np.float32)
    return inside, inside - np.float32(target.toxicity_weight) * (exposure * target.divisor > alarm)


def _systematic(weight: Float[np.ndarray, " draw"], count: int) -> np.ndarray:
    """Which draws speak for the belief when only `count` are asked: evenly along the cumulative weight."""
    return np.searchsorted(weight.cumsum().clip(max=1 - 1e-12), (np.arange(count) + 0.5) / count)


def _only(posterior: Posterior, kept: np.ndarray) -> Posterior:
    """The same belief as these draws, all worth the same."""
    index = torch.as_tensor(kept)
    member, z = (None if table is None else table[index] for table in (posterior.member, posterior.z))
    even = torch.full((len(kept),), 1 / len(kept), dtype=posterior.weight.dtype)
    return replace(posterior, responses=posterior.responses.at(index), member=member, z=z, weight=even)


def _shares(posterior: Posterior, kept: np.ndarray) -> Float[np.ndarray, "draw model"]:
    """How probably each published model is the one of each draw."""
    every = [np.broadcast_to(np.asarray(share, dtype=float), posterior.weight.shape)[kept] for share, _ in errors_of(posterior)]
    return np.stack(every, 1)


def _errors(posterior: Posterior, shares: Float[np.ndarray, "outcome model"], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each outcome the additive and the proportional error of its published model, and a standard normal number."""
    model = (shares.cumsum(1) < random.uniform(size=(len(shares), 1)) * shares.sum(1, keepdims=True)).sum(1)
    additive, proportional = np.array([(e.additive_mg_per_L, e.proportional) for _, e in errors_of(posterior)])[model].T
    return additive, proportional, random.standard_normal(len(shares))


def _levels(true: Float[np.ndarray, " outcome"], noise: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Float[np.ndarray, " outcome"]:
    """What the laboratory would report of these outcomes."""
    additive, proportional, normal = noise
    return true + np.hypot(additive, proportional * true) * normal


def _likelihoods(posterior: Posterior, shares: np.ndarray, true: Float[np.ndarray, " draw"], level: Float[np.ndarray, " outcome"], lloq: float) -> PerOutcome:
    """p(level | draw), each published model with its probability and its error, up to a constant of each outcome."""
    total, is_below = np.zeros((len(level), len(true)), dtype=np.float32), level < lloq
    for share, (_, error) in zip(shares.T, errors_of(posterior), strict=True):
        sd = np.hypot(error.additive_mg_per_L, error.proportional * true).clip(min=1e-6)
        deviation = ((np.where(is_below, lloq, level)[:, None] - true) / sd).astype(np.float32)
        density = np.exp(np.float32(-0.5) * deviation**2) * (share / sd).astype(np.float32)
        if is_below.any():
            density[is_below] = share * ndtr(deviation[is_below])
        total += density
    return total


def _weighed(likelihood: PerOutcome) -> tuple[PerOutcome, float]:
    """The weights of equal draws after each outcome, and the mean information gained in bits: KL of the new weights to the even ones."""
    weights = likelihood / likelihood.sum(1, keepdims=True)
    weights[weights < NEXT_TO_NOTHING] = 0
    return weights, float(np.mean(math.log2(weights.shape[1]) - _entropy_bits(weights)))


def _expected(weights: PerOutcome, table: Float[np.ndarray, "draw regimen"]) -> Float[np.ndarray, "outcome regimen"]:
    """Mean of every regimen under each row of weights; by torch, which the pages keep to one thread."""
    return (torch.from_numpy(weights) @ torch.from_numpy(table)).numpy()


def _entropy_bits(weights: PerOutcome) -> Float[np.ndarray, " outcome"]:
    return -(weights * np.log2(np.maximum(weights, 1e-30))).sum(1)


def _relative_width(exposure: Float[np.ndarray, " draw"], weights: PerOutcome) -> float | None:
    """The mean width of the central 90 % interval under each row of weights, relative to that of equal draws."""
    order = np.argsort(exposure)
    cumulated, ranked = np.vstack([weights, np.full(len(exposure), 1 / len(exposure), dtype=np.float32)])[:, order].cumsum(1), exposure[order]
    low, high = (ranked[(cumulated < p).sum(1).clip(max=len(ranked) - 1)] for p in (0.05, 0.95))
    *then, now = (high - low).tolist()
    return float(np.mean(then)) / now if np.isfinite(now) and np.isfinite(then).all() else None
