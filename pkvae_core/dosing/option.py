"""How does one regimen do against the target: exposure of every draw, probabilities, and the exact amount behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pkvae_core.dosing.candidates import departures
from pkvae_core.dosing.course import window_spans
from pkvae_core.dosing.exact import exact_amount
from pkvae_core.dosing.span import SimulatedSpans, Span, SpanOf
from pkvae_core.dosing.steady_state import steady_spans
from pkvae_core.dosing.target import Target, measure
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Regimen

DRAWS = 1000  # of a simulated search: as many as an answer has; the exact posterior has more
COMPANIONS = ("auc24", "trough", "peak")
AREAS = ("auc24", "auc")  # these follow in closed form: the interval need not be looked at in between
Interval90 = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Option:
    """One regimen, judged. `exposure` is each draw's, in the unit of the target's bounds; infinite where it never settles, which counts as above the target.

    `companion` holds median and 90 % interval of auc24 (mg h/L), trough and peak (mg/L) over the same interval or window. `exact_amount_mg` is the amount, at
    this interval and infusion, whose median exposure is what the target aims for; None when no amount reaches it or the target aims for no value. `cautions`
    say what is not on the card.
    """

    regimen: Regimen
    probability_in: float
    probability_above: float
    probability_below: float
    probability_toxic: float
    score: float
    share_never_settled: float
    exposure: Float[np.ndarray, " draw"]
    weight: Float[np.ndarray, " draw"]
    exposure_median: float
    exposure_low90: float
    exposure_high90: float
    companion: dict[str, Interval90]
    exact_amount_mg: float | None
    cautions: tuple[str, ...] = ()


def judge(posterior: Posterior, target: Target, regimen: Regimen) -> Option:
    """This regimen against this target: the one being tried, or the present one left unchanged."""
    return judge_all(posterior, target, (regimen,))[0]


def judge_all(posterior: Posterior, target: Target, regimens: Sequence[Regimen]) -> tuple[Option, ...]:
    """Every regimen against this target, in the order given. With a dose-proportional model, regimens that differ in the amount only share one simulation.

    With any other, at most `DRAWS` draws are simulated.
    """
    posterior = affordable(posterior)
    card, weight = posterior.card, np.asarray(posterior.weight, dtype=float)
    shapes = {replace(r, amount_mg=1.0): r.amount_mg for r in regimens}
    span_of = spans(posterior, target, tuple(shapes))
    _prepare(span_of, regimens)
    exact = {shape: exact_amount(target, span_of[shape], weight, near_mg=amount_mg) for shape, amount_mg in shapes.items()}
    shape_of = [replace(r, amount_mg=1.0) for r in regimens]
    lived = [span_of[shape](r.amount_mg) for shape, r in zip(shape_of, regimens, strict=True)]
    found = judge_spans(target, regimens, lived, weight)
    return tuple(replace(o, exact_amount_mg=exact[shape], cautions=departures(card, o.regimen)) for o, shape in zip(found, shape_of, strict=True))


def screen(posterior: Posterior, target: Target, regimens: Sequence[Regimen]) -> tuple[Option, ...]:
    """`judge_all` without companions, exact amounts and cautions: all that a ranking asks for, in a fraction of the time."""
    posterior = affordable(posterior)
    weight, shapes = np.asarray(posterior.weight, dtype=float), [replace(r, amount_mg=1.0) for r in regimens]
    points = 0 if target.metric in AREAS else target.points
    span_of = spans(posterior, target, tuple(dict.fromkeys(shapes)), points)
    _prepare(span_of, regimens)
    lived = [span_of[shape](r.amount_mg) for shape, r in zip(shapes, regimens, strict=True)]
    return tuple(judge_spans(target, regimens, lived, weight, companions=()))


def affordable(posterior: Posterior) -> Posterior:
    """The belief itself where doses scale; where every amount is simulated, no more than `DRAWS` draws of it, of equal weight."""
    return posterior if posterior.responses.is_dose_proportional or len(posterior.weight) <= DRAWS else posterior.resampled(DRAWS)


def _prepare(span_of: dict[Regimen, SpanOf], regimens: Sequence[Regimen]) -> None:
    """All amounts of a regimen are simulated in one go, where they have to be."""
    for shape, span in span_of.items():
        if isinstance(span, SimulatedSpans):
            span.prepare([r.amount_mg for r in regimens if replace(r, amount_mg=1.0) == shape])


def spans(posterior: Posterior, target: Target, regimens: Sequence[Regimen], points: int | None = None) -> dict[Regimen, SpanOf]:
    """For each regimen, from an amount to what it does over the interval or window that the target speaks of, looked at as finely as the target asks."""
    if target.window_h is None:
        return steady_spans(posterior, regimens, target.points if points is None else points)
    return window_spans(posterior, regimens, target.window_h, target.points if points is None else points)


def judge_spans(
    target: Target, regimens: Sequence[Regimen], lived: Sequence[Span], weight: Float[np.ndarray, " draw"], *, companions: tuple[str, ...] = COMPANIONS
) -> list[Option]:
    """What every draw lived through on each regimen, against the target; all of them are sorted in one go."""
    metrics, level = tuple(dict.fromkeys((*companions, target.metric))), target.threshold_mg_per_L or target.mic_mg_per_L
    tables = [np.stack([measure(span, metric, level) for metric in metrics], 1) for span in lived]
    quantiles = np.moveaxis(weighted_quantiles(np.stack(tables, 2), weight, (0.5, 0.05, 0.95)), (0, 2), (2, 0)).tolist()  # regimen metric quantile
    known = [{metric: tuple(numbers) for metric, numbers in zip(metrics, each, strict=True)} for each in quantiles]
    own = metrics.index(target.metric)
    return [
        _option(target, regimen, span, table[:, own] / target.divisor, numbers, weight)
        for regimen, span, table, numbers in zip(regimens, lived, tables, known, strict=True)
    ]


def _option(
    target: Target, regimen: Regimen, span: Span, exposure: Float[np.ndarray, " draw"], known: dict[str, Interval90], weight: Float[np.ndarray, " draw"]
) -> Option:
    """`known` holds median and 90 % interval of each metric in its own unit, `exposure` each draw's in the unit of the target's bounds."""
    median, low90, high90 = (number / target.divisor for number in known[target.metric])
    is_below = exposure < (-np.inf if target.low is None else target.low)
    is_above = exposure > (np.finfo(float).max if target.high is None else target.high)
    is_toxic = exposure * target.divisor > (np.inf if target.toxicity_alarm is None else target.toxicity_alarm)
    below, above, inside, toxic, unsettled = (float(weight @ mask) for mask in (is_below, is_above, ~is_below & ~is_above, is_toxic, ~span.is_settled))
    return Option(
        regimen=regimen,
        probability_in=inside,
        probability_above=above,
        probability_below=below,
        probability_toxic=toxic,
        score=inside - target.toxicity_weight * toxic,
        share_never_settled=unsettled,
        exposure=exposure,
        weight=weight,
        exposure_median=median,
        exposure_low90=low90,
        exposure_high90=high90,
        companion={metric: known[metric] for metric in COMPANIONS if metric in known},
        exact_amount_mg=None,
    )
