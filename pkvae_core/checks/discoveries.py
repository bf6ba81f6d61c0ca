"""Is what covariate discovery calls true, and does it find what is there? Virtual populations whose effects are known.

A call counts as false when that covariate does not move that quantity, or that pair does not act together on it. Single effects of the two that act only
together count neither way: they do move clearance, but not on average.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pkvae_core.checks.known_effects import MAIN, XOR, known_effects
from pkvae_core.insight.covariates import Discovery, Plan, discover_covariates
from pkvae_core.insight.discovery.effects import Effect
from pkvae_core.vae.vae import PKVAE

EXPONENTS = {"WT": 0.75, "CRCL": 0.6}
SHIFT = 0.7
ON_CLEARANCE = ("CL", "auc24")


@dataclass(frozen=True)
class Score:
    """One population: true and false calls, which effects on clearance were found, whether the pair was, what was estimated, and the seconds it took."""

    true: int
    false: int
    found: frozenset[str]
    is_xor_found: bool
    exponents: dict[str, float]
    shift: tuple[float, float, float]
    told: dict[str, int]
    seconds: float

    @property
    def false_share(self) -> float:
        """0 when nothing was called."""
        return self.false / max(self.true + self.false, 1)


def score_populations(model: PKVAE, seeds: Sequence[int], *, patients: int = 500, tick: Callable[[int, Score], None] = lambda seed, score: None) -> list[Score]:
    """One score for each population."""
    scores = []
    for seed in seeds:
        drawn = known_effects(model.card, patients, seed).patients
        began = time.perf_counter()
        found = discover_covariates(model, drawn, Plan(seed=seed))
        scores.append(score(found, time.perf_counter() - began))
        tick(seed, scores[-1])
    return scores


def score(found: Discovery, seconds: float = 0.0) -> Score:
    """How the calls of one population compare with the truth."""
    effects = [e for e in found.effects if e.q <= found.rate and e.column.name not in XOR]
    pairs = [p for p in found.pairs if p.q <= found.rate]
    verdicts = [e.column.name in MAIN[e.quantity.name] for e in effects]
    verdicts += [p.quantity.name in ON_CLEARANCE and {p.first.name, p.second.name} == XOR for p in pairs]
    clearance = {e.column.name: e for e in found.effects if e.quantity.name == "CL"}
    contrast = clearance["SHIFT"].shape.contrasts[0]
    return Score(
        true=sum(verdicts),
        false=len(verdicts) - sum(verdicts),
        found=frozenset(e.column.name for e in effects if e.quantity.name == "CL") & frozenset(MAIN["CL"]),
        is_xor_found=any(p.quantity.name == "CL" and {p.first.name, p.second.name} == XOR for p in pairs),
        exponents={name: exponent(clearance[name]) for name in EXPONENTS},
        shift=(contrast.ratio, contrast.low95, contrast.high95),
        told={q.name: max(e.patients for e in found.effects if e.quantity.name == q.name) for q in found.quantities},
        seconds=seconds,
    )


def exponent(effect: Effect) -> float:
    """The power of the covariate that joins the curve at its 10th and 90th percentiles."""
    ends = np.quantile(effect.column.values, [0.1, 0.9])
    low, high = np.interp(ends, effect.curve.x, effect.curve.value)
    return float(np.log(high / low) / np.log(ends[1] / ends[0]))


def summary(scores: Sequence[Score]) -> dict:
    """The figures over all populations, as they are recorded."""
    return {
        "populations": len(scores),
        "false_discovery_rate": float(np.mean([s.false_share for s in scores])),
        "true_calls": sum(s.true for s in scores),
        "false_calls": sum(s.false for s in scores),
        "power": {name: float(np.mean([name in s.found for s in scores])) for name in MAIN["CL"]},
        "xor_found": sum(s.is_xor_found for s in scores),
        "exponents": {
            name: {
                "truth": truth,
                "mean": float(np.mean([s.exponents[name] for s in scores])),
                "sd": float(np.std([s.exponents[name] for s in scores], ddof=1)),
            }
            for name, truth in EXPONENTS.items()
        },
        "shift": {
            "truth": SHIFT,
            "mean": float(np.exp(np.mean([np.log(s.shift[0]) for s in scores]))),
            "covered": int(sum(s.shift[1] <= SHIFT <= s.shift[2] for s in scores)),
        },
        "told": {name: float(np.mean([s.told.get(name, 0) for s in scores])) for name in ("CL", "V")},
        "seconds": float(np.median([s.seconds for s in scores])),
    }
