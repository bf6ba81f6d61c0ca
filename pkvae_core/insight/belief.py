"""How does one level change what is believed? Prior, likelihood and posterior of what matters, one level at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from pkvae_core.case import Case
from pkvae_core.dosing.option import judge
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.inference.posterior import Posterior, parameters, predict
from pkvae_core.insight.information import Pooled, learned
from pkvae_core.patient import Regimen, Sample

PARAMETERS = {"CL": ("Clearance", "L/h"), "V": ("Volume", "L"), "half_life": ("Half-life", "h")}
EXPOSURE = "exposure"
BAND = (0.05, 0.25, 0.5, 0.75, 0.95)
GRID = 160
SMOOTH = 1.5 * 1.06
RARE = 0.03  # of a belief's greatest height
PerDraw = Float[np.ndarray, " draw"]
Triple = tuple[float, float, float]  # median, 5 % and 95 %


@dataclass(frozen=True, eq=False)
class Belief:
    """One belief: each draw's clearance, volume, half-life and exposure on a regimen, by name, and its weight."""

    posterior: Posterior
    values: dict[str, PerDraw]

    @property
    def weight(self) -> PerDraw:
        return np.asarray(self.posterior.weight, dtype=float)

    def is_drawn(self, name: str) -> Bool[np.ndarray, " draw"]:
        """Which draws have a place on a logarithmic axis: an exposure that never settles has none."""
        return np.isfinite(self.values[name]) & (self.values[name] > 0)

    def share_undrawn(self, name: str) -> float:
        return float(self.weight[~self.is_drawn(name)].sum())

    def interval(self, name: str) -> Triple:
        """Median and 90 % interval."""
        low, median, high = weighted_quantiles(self.values[name], self.weight, (0.05, 0.5, 0.95)).tolist()
        return median, low, high


@dataclass(frozen=True, eq=False)
class Shapes:
    """Densities per unit of the logarithm, and the likelihood with its highest value at 1, over `value`."""

    value: Float[np.ndarray, " value"]
    before: Float[np.ndarray, " value"]
    likelihood: Float[np.ndarray, " value"]
    after: Float[np.ndarray, " value"]


@dataclass(frozen=True, eq=False)
class Step:
    """One level: the belief before and after it, and the draws of both pooled, by which prior times likelihood is the posterior."""

    sample: Sample
    before: Belief
    after: Belief
    pooled: Pooled

    @property
    def bits(self) -> float:
        return self.pooled.bits

    def narrowed(self, name: str) -> float | None:
        """By which share the 90 % interval became narrower (negative: wider); None where one of its ends is infinite."""
        (_, low0, high0), (_, low1, high1) = self.before.interval(name), self.after.interval(name)
        return 1 - (high1 - low1) / (high0 - low0) if np.isfinite([low0, high0, low1, high1]).all() and high0 > low0 else None

    def shapes(self, name: str) -> Shapes:
        """Prior, likelihood and posterior over one quantity, on its logarithm; the likelihood is averaged over what else is believed before this level.

        L(v) = E[L | v], by kernels over the pooled draws as wide as suits the narrower belief: so the product of prior and likelihood is the posterior.
        It is NaN where hardly a draw of either belief lies.
        """
        raw, counts = (np.concatenate([part(self.before), part(self.after)]) for part in (lambda b: b.values[name], lambda b: b.is_drawn(name)))
        logs, before, after = np.log(raw[counts]), self.pooled.before[counts], self.pooled.after[counts]
        grid = np.log(spread((self.before, self.after), name))
        prior, posterior = (_kernels(logs, weight, grid, _width(logs, before, after)) for weight in (before, after))
        is_peopled = (prior > RARE * prior.max()) | (posterior > RARE * posterior.max())
        likelihood = np.where(is_peopled & (prior > 0), posterior / np.maximum(prior, 1e-300), np.nan)
        return Shapes(np.exp(grid), prior, likelihood / np.nanmax(likelihood), posterior)


def _kernels(logs: PerDraw, weight: PerDraw, grid: Float[np.ndarray, " value"], width: float) -> Float[np.ndarray, " value"]:
    """Gaussian kernel density of weighted draws."""
    return np.exp(-0.5 * ((grid[:, None] - logs) / width) ** 2) @ weight / (width * np.sqrt(2 * np.pi))


def _width(logs: PerDraw, *weights: PerDraw) -> float:
    """Half as wide again as Silverman's width for the narrowest of these beliefs, 1.06 sd n^(-1/5): a shape to look at, and a ratio of two."""
    found = []
    for weight in (w / w.sum() for w in weights):
        sd = float(np.sqrt(weight @ (logs - weight @ logs) ** 2))
        found.append(SMOOTH * sd * float(np.square(weight).sum()) ** 0.2)
    return max(min(found), 1e-6)


def beliefs(case: Case, posterior: Posterior, regimen: Regimen) -> tuple[Belief, ...]:
    """What the engine of `posterior` believes with none of the case's levels, with the first, with the first two, and so on; exposure is that on `regimen`.

    Levels that are left out are not among them. The last belief is `posterior`.
    """
    samples = counted(case)
    each = [posterior.revise(replace(posterior.patient, samples=samples[:k])) for k in range(len(samples))] + [posterior]
    return tuple(believed(case, one, regimen) for one in each)


def counted(case: Case) -> tuple[Sample, ...]:
    """The levels that count, as weighed, in the order in which they were drawn."""
    return tuple(sample for sample in case.patient_as_weighed.samples if sample.trust > 0)


def believed(case: Case, posterior: Posterior, regimen: Regimen) -> Belief:
    """This belief in the reader's quantities."""
    exposure = {EXPOSURE: judge(posterior, case.target, regimen).exposure}
    return Belief(posterior, {name: np.asarray(value, dtype=float) for name, value in parameters(posterior).items()} | exposure)


def steps(case: Case, found: Sequence[Belief]) -> tuple[Step, ...]:
    """Every level of the case with the beliefs on both sides of it."""
    samples = counted(case)
    return tuple(Step(sample, a, b, learned(a.posterior, b.posterior, sample)) for sample, a, b in zip(samples, found[:-1], found[1:], strict=True))


def bands(posterior: Posterior, time_h: Sequence[float]) -> Float[np.ndarray, "quantile time"]:
    """The true concentration (mg/L) after the recorded doses: 5, 25, 50, 75 and 95 % at each time."""
    prediction = predict(posterior, posterior.patient.doses, np.asarray(time_h, dtype=float))
    return weighted_quantiles(prediction.concentration_mg_per_L, np.asarray(prediction.weight, dtype=float), BAND)


def course_times(case: Case) -> tuple[float, ...]:
    """Where the curve is looked at: from the first dose to now and to the last level, dose times and the ends of infusions included."""
    doses = case.patient.doses
    begin = min([d.time_h for d in doses] + [s.time_h for s in case.patient.samples] + [case.now_h])
    end = max([case.now_h] + [s.time_h + 1 for s in case.patient.samples])
    corners = [t for d in doses for t in (d.time_h, d.time_h + 1e-3, d.time_h + d.infusion_h) if begin <= t <= end]
    return tuple(np.union1d(np.linspace(begin, end, 160), corners).tolist())


def density(belief: Belief, name: str, value: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    """Density of one quantity per unit of its logarithm at these values; draws whose value is infinite are not in it."""
    counts = belief.is_drawn(name)
    logs, weight = np.log(belief.values[name][counts]), belief.weight[counts]
    return _kernels(logs, weight, np.log(value), _width(logs, weight))


def spread(found: Sequence[Belief], name: str) -> Float[np.ndarray, " value"]:
    """Values, evenly on the logarithm, that hold the middle 98 % of every one of these beliefs, as far as they are finite."""
    ends = [weighted_quantiles(b.values[name][b.is_drawn(name)], b.weight[b.is_drawn(name)], (0.01, 0.99)) for b in found]
    return np.geomspace(float(np.min(ends)), float(np.max(ends)), GRID)
