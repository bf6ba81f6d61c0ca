"""How is a result of the open case shown: its unit, its clock, its target, in words."""

from datetime import timedelta

from pages import model
from pkvae_core.case import Case
from pkvae_core.dosing.target import METRICS, Target
from pkvae_core.records.units import concentration_factor
from pkvae_core.report.words import area_unit, bounds_words, interval_words, unit_words
from pkvae_core.wording import rounded

NAMES = {"auc24": "AUC₂₄", "auc": "AUC", "trough": "Trough", "peak": "Peak", "time_above": "Time above the level"}
LEVELS = ("trough", "peak")


def per_mg_per_L(case: Case) -> float:
    """How many of the unit that levels are shown in one mg/L is."""
    return 1 / concentration_factor(case.unit, model(case.drug).card.molar_mass_g_per_mol)


def is_level(case: Case, metric: str) -> bool:
    """Whether this metric is shown in the unit of levels: areas stay in mg·h/L but for the smallest units, and a ratio to the MIC has none to convert."""
    return (metric in LEVELS or _is_small_area(case, metric)) and not (metric == case.target.metric and case.target.divisor != 1)


def _is_small_area(case: Case, metric: str) -> bool:
    return metric in ("auc24", "auc") and area_unit(case.unit) is not None


def factor_of(case: Case, metric: str) -> float:
    """From our unit of this metric to the shown one."""
    return per_mg_per_L(case) if is_level(case, metric) else 1.0


def unit_of(case: Case, metric: str) -> str:
    """The unit that goes with `factor_of`; a ratio to the MIC has none."""
    if is_level(case, metric):
        return area_unit(case.unit) or "" if _is_small_area(case, metric) else unit_words(case.unit)
    if metric == case.target.metric and case.target.divisor != 1:
        return ""
    return case.target.unit if metric == case.target.metric else METRICS[metric][1]


def figure_words(case: Case, metric: str, median: float, low: float, high: float) -> tuple[str, str, str]:
    """("491", "408–642", "mg·h/L")."""
    factor = factor_of(case, metric)
    return rounded(median * factor), interval_words(low * factor, high * factor), unit_of(case, metric)


def bound_words(case: Case, bound: float | None) -> str:
    """One bound of the case's target in the shown unit, without the unit."""
    return "" if bound is None else rounded(bound * factor_of(case, case.target.metric))


def bounds_of(case: Case) -> str:
    """The bounds of the case's target in the shown unit: 400–600."""
    factor = factor_of(case, case.target.metric)
    return bounds_words(*(None if bound is None else bound * factor for bound in (case.target.low, case.target.high)))


def metric_name(target: Target, metric: str) -> str:
    """AUC₂₄, steady state; Trough, hours 24 to 48; AUC₂₄/MIC where the bounds are a ratio to another MIC than 1 mg/L."""
    ratio = "/MIC" if metric == target.metric and target.divisor != 1 else ""
    when = "steady state" if target.window_h is None else f"hours {target.window_h[0]:g} to {target.window_h[1]:g}"
    return f"{NAMES[metric]}{ratio}, {when}"


def since_words(case: Case, time_h: float) -> str:
    """yesterday 14:00, on Thu 12 Mar 06:00: for "fell ..."."""
    words = clock_words(case, time_h)
    return words if words.startswith(("yesterday", "today", "tomorrow")) else f"on {words}"


def clock_words(case: Case, time_h: float) -> str:
    """today 18:00, tomorrow 06:00, Thu 12 Mar 06:00: seen from the case's own now."""
    moment, today = case.clock(time_h), case.clock(case.now_h).date()
    near = {today - timedelta(days=1): "yesterday", today: "today", today + timedelta(days=1): "tomorrow"}
    return f"{near.get(moment.date()) or f'{moment:%a} {moment.day} {moment:%b}'} {moment:%H:%M}"
