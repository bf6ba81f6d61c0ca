"""Which exposure is aimed for, and what counts as reaching it."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from pkvae_core.dosing.course import COARSE, FINE
from pkvae_core.dosing.span import Span
from pkvae_core.drugs.card import DrugCard, TargetSpec
from pkvae_core.exposure import time_above

METRICS = {
    "auc24": ("AUC over 24 h", "mg·h/L"),
    "auc": ("AUC", "mg·h/L"),
    "trough": ("Trough", "mg/L"),
    "peak": ("Peak", "mg/L"),
    "time_above": ("Time above the level", "%"),
}


@dataclass(frozen=True)
class Target:
    """The exposure to reach, at steady state or, with `window_h`, in these hours counted from the start of the new regimen.

    auc24: AUC of the interval or window, scaled to 24 h. auc: that AUC itself. trough: concentration just before the last dose that falls due in the window
    (at its end when none does). peak: highest concentration. time_above: share of the interval or window, in per cent, above `threshold_mg_per_L` (the MIC when
    there is no threshold). One of `low` and `high` may be None.

    With `mic_mg_per_L` the bounds are ratios to the MIC (time_above excepted). `toxicity_alarm` is not: it stays an exposure, because a resistant germ does not
    protect the kidney.
    """

    metric: str
    low: float | None
    high: float | None
    best: float | None = None
    inefficacy_alarm: float | None = None
    toxicity_alarm: float | None = None
    threshold_mg_per_L: float | None = None
    window_h: tuple[float, float] | None = None
    mic_mg_per_L: float | None = None
    label: str = ""
    unit: str = ""
    least_probability: float = field(kw_only=True)
    toxicity_weight: float = field(kw_only=True)

    def __post_init__(self):
        if self.metric not in METRICS:
            raise ValueError(f"{self.metric!r} is no target. Choose one of: {', '.join(METRICS)}.")
        if self.low is None and self.high is None:
            raise ValueError("a target needs a lower or an upper bound; give at least one.")
        if any(bound is not None and not math.isfinite(bound) for bound in (self.low, self.high)):
            raise ValueError("a bound of the target is no number; leave it out where there is none.")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"the target runs from {self.low:g} to {self.high:g}; the lower bound must be below the upper one.")
        if self.window_h is not None and self.window_h[0] >= self.window_h[1]:
            raise ValueError(f"the window runs from {self.window_h[0]:g} h to {self.window_h[1]:g} h; it must end after it begins.")
        for name, level in (("MIC", self.mic_mg_per_L), ("threshold", self.threshold_mg_per_L)):
            if level is not None and not (math.isfinite(level) and level > 0):
                raise ValueError(f"the {name} is {level:g} mg/L; it must be above 0.")
        if self.metric == "time_above" and self.threshold_mg_per_L is None and self.mic_mg_per_L is None:
            raise ValueError("time above which level? Give the threshold or the MIC in mg/L.")
        for name, words in (("label", METRICS[self.metric][0]), ("unit", METRICS[self.metric][1])):
            object.__setattr__(self, name, getattr(self, name) or words)

    @classmethod
    def from_spec(cls, spec: TargetSpec) -> "Target":
        """The target as the drug's card states it."""
        same = (
            "metric",
            "low",
            "high",
            "best",
            "inefficacy_alarm",
            "threshold_mg_per_L",
            "mic_mg_per_L",
            "label",
            "unit",
            "least_probability",
            "toxicity_weight",
        )
        alarm = spec.toxicity_alarm and spec.toxicity_alarm * (spec.mic_mg_per_L or 1)
        return cls(**{name: getattr(spec, name) for name in same}, toxicity_alarm=alarm)

    @classmethod
    def followed(cls) -> "Target":
        """Nothing is aimed for: the AUC over 24 h, which any amount reaches. For a drug whose card has no target."""
        return cls("auc24", 0.0, None, least_probability=0.0, toxicity_weight=0.0)

    @classmethod
    def of(cls, card: DrugCard) -> "Target":
        """What the card aims for unless somebody says otherwise."""
        return cls.from_spec(card.target()) if card.targets else cls.followed()

    def with_mic(self, mic_mg_per_L: float) -> "Target":
        """The same ratio for a germ with another MIC."""
        return replace(self, mic_mg_per_L=mic_mg_per_L)

    @property
    def aim(self) -> float | None:
        """What the exact dose aims for: the best value, else the middle; None for a one-sided target without a best value."""
        if self.best is not None or self.low is None or self.high is None:
            return self.best
        return (self.low + self.high) / 2

    def exposure(self, span: Span) -> Float[np.ndarray, " draw"]:
        """Each draw's exposure in the unit of the bounds; infinite where it never settles, so that it counts as above."""
        value = measure(span, self.metric, self.threshold_mg_per_L or self.mic_mg_per_L)
        return value / self.divisor

    @property
    def points(self) -> int:
        """How finely an interval is looked at."""
        return FINE if self.metric == "time_above" else COARSE

    @property
    def divisor(self) -> float:
        return self.mic_mg_per_L if self.mic_mg_per_L and self.metric != "time_above" else 1.0


def measure(span: Span, metric: str, level_mg_per_L: float | None = None) -> Float[np.ndarray, " draw"]:
    """Each draw's exposure over the span, in the metric's own unit; infinite where it never settles."""
    if metric == "auc24":
        value = span.area_mg_h_per_L * 24 / span.length_h
    elif metric == "auc":
        value = span.area_mg_h_per_L
    elif metric == "trough":
        value = span.concentration_mg_per_L[:, span.trough]
    elif metric == "peak":
        value = span.concentration_mg_per_L.max(1)
    else:
        assert level_mg_per_L is not None
        value = 100 * time_above(span.time_h, span.concentration_mg_per_L, level_mg_per_L) / span.length_h
    return np.where(span.is_settled, value, np.inf)
