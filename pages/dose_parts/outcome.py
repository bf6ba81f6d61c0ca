"""What does one judged regimen mean, in words and in twenty dots?"""

import math

from pages.dose_parts.shown import NAMES, bound_words, bounds_of, factor_of, figure_words, metric_name, unit_of
from pkvae_core.case import Case
from pkvae_core.dosing.option import Interval90, Option
from pkvae_core.exposure import weighted_quantile
from pkvae_core.report.words import percent_words, twentieths

OUTCOMES = 20
NEVER = "never settles"
OFF_THE_CHART = 1e9  # stands for "never settles" where JSON knows no infinity


def metrics(case: Case, option: Option) -> list[dict]:
    """The exposure that the target is about, then AUC and trough: label, value, interval."""
    target = case.target
    own = {target.metric: (option.exposure_median, option.exposure_low90, option.exposure_high90)}
    found = own | {metric: option.companion[metric] for metric in ("auc24", "trough") if metric != target.metric}
    labels = {metric: metric_name(target, metric) if metric == target.metric else NAMES[metric] for metric in found}
    return [{"label": labels[metric]} | _said(case, metric, numbers) for metric, numbers in found.items()]


def _said(case: Case, metric: str, numbers: Interval90) -> dict:
    """Value and interval; of a body whose elimination is saturated, that it never settles."""
    value, interval, unit = figure_words(case, metric, *numbers)
    median, low, _ = map(math.isfinite, numbers)
    return {"value": value if median else NEVER, "interval": f"90 %: {interval} {unit}".rstrip() if low else f"90 %: {NEVER}"}


def counts(option: Option) -> tuple[int, int, int]:
    """How many of twenty equally likely outcomes are below, in and above the target."""
    below, within, above = twentieths((option.probability_below, option.probability_in, option.probability_above))
    return below, within, above


def outcome(case: Case, option: Option) -> str:
    """17 of 20 likely outcomes in target, 2 above 600, 1 below 400."""
    below, within, above = counts(option)
    sides = [f"{above} above {bound_words(case, case.target.high)}"] * (above > 0) + [f"{below} below {bound_words(case, case.target.low)}"] * (below > 0)
    return ", ".join([f"{within} of {OUTCOMES} likely outcomes in target", *sides])


def chips(case: Case, option: Option) -> list[dict]:
    """The three chances in per cent; the one that decides is coloured."""
    target = case.target
    found = [{"role": "in" if option.probability_in >= 0.5 else "watch", "words": f"{percent_words(option.probability_in)} in target {bounds_of(case)}"}]
    if target.high is not None:
        found.append({"role": "", "words": f"{percent_words(option.probability_above)} above"})
    if target.low is not None:
        found.append({"role": "", "words": f"{percent_words(option.probability_below)} below"})
    return found


def dots(case: Case, option: Option) -> list[float]:
    """Twenty quantiles of the exposure, the middles of twenty equal shares."""
    shares, factor = [(k + 0.5) / OUTCOMES for k in range(OUTCOMES)], factor_of(case, case.target.metric)
    values = [float(weighted_quantile(option.exposure, option.weight, share)) * factor for share in shares]
    finite = [value if math.isfinite(value) else OFF_THE_CHART for value in values]
    return [_on_its_side(case, value, side) for value, side in zip(finite, _sides(option), strict=True)]


def _sides(option: Option) -> list[str]:
    below, within, above = counts(option)
    return ["below"] * below + ["in"] * within + ["above"] * above


def _on_its_side(case: Case, value: float, side: str) -> float:
    """A quantile that falls a hair beyond a limit is drawn on the side where the probabilities count it."""
    factor = factor_of(case, case.target.metric)
    low, high = (None if bound is None else bound * factor for bound in (case.target.low, case.target.high))
    if side == "below":
        return min(value, math.nextafter(low or 0.0, 0.0))
    if side == "above":
        return max(value, math.nextafter(high or 0.0, math.inf))
    return min(max(value, low if low is not None else value), high if high is not None else value)


def axis(case: Case) -> dict:
    """The dot plot's limits and axis, the same for every amount: the target in the middle, room on both sides."""
    target, factor = case.target, factor_of(case, case.target.metric)
    low, high, alarm = (None if v is None else v * factor for v in (target.low, target.high, target.toxicity_alarm))
    span = max(high - low, 0.2 * (high + low)) if low is not None and high is not None else (low or high or 1)  # a narrow target still needs room
    begin, unit = max(0, low - 0.75 * span) if low is not None else 0, unit_of(case, target.metric)
    end = max(high + 1.25 * span if high is not None else 3 * span, (alarm or 0) / target.divisor + 0.3 * span)
    return {
        "low": low,
        "high": high,
        "axis": [begin, end],
        "axis_label": f"{metric_name(target, target.metric)} ({unit})" if unit else metric_name(target, target.metric),
    }


def verdict(case: Case, option: Option) -> dict:
    """One notice, always: how the outcomes fall, in orange or red where that is not good. The card never grows."""
    below, within, above = counts(option)
    target, sentence = case.target, f"{outcome(case, option)[:1].upper()}{outcome(case, option)[1:]}."
    toxic = twentieths((1 - option.probability_toxic, option.probability_toxic))[1]
    if option.probability_toxic >= 0.5:
        return {"role": "stop", "title": "Toxic exposure likely", "words": f"{toxic} of {OUTCOMES} likely outcomes are above the alarm of {_alarm(case)}."}
    if option.probability_above >= max(0.25, option.probability_below):
        return {"role": "watch", "title": "High exposure likely" if above >= 10 else "High exposure possible", "words": sentence}
    if option.probability_in < target.least_probability or option.probability_below >= 0.5:
        return {"role": "watch", "title": "Low exposure likely" if below > above else "The target is unlikely to be met", "words": sentence}
    return {
        "role": "fine" if option.probability_in >= 0.5 else "plain",
        "title": f"{within} of {OUTCOMES} likely outcomes in target",
        "words": _beside(case, below, above),
    }


def _alarm(case: Case) -> str:
    unit = unit_of(case, case.target.metric)
    return f"{(case.target.toxicity_alarm or 0) / case.target.divisor * factor_of(case, case.target.metric):g} {unit}"


def _beside(case: Case, below: int, above: int) -> str:
    """2 above 600, 1 below 400."""
    target = case.target
    sides = [f"{above} above {bound_words(case, target.high)}"] * (target.high is not None) + [f"{below} below {bound_words(case, target.low)}"] * (
        target.low is not None
    )
    return f"{' and '.join(sides)} {unit_of(case, target.metric)}".rstrip() + "."
