"""What stands in the report, before it is set on a page?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pkvae_core.case import DISCLAIMER, Case
from pkvae_core.dosing.agreement import Agreement
from pkvae_core.dosing.option import Option
from pkvae_core.dosing.reason import cautions_for
from pkvae_core.dosing.recommend import Recommendation, silence_of
from pkvae_core.dosing.target import METRICS, Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.inference.posterior import Posterior
from pkvae_core.insight.level_words import left_out_words
from pkvae_core.insight.levels import Standing
from pkvae_core.records.units import concentration_factor
from pkvae_core.report.curve import Curve, draw_curve
from pkvae_core.report.evidence import Line, Listing, changed, choices, covariates, doses, how_sure, levels, model_lines, to_check, warnings
from pkvae_core.report.words import area_unit, bounds_words, interval_words, moment_words, percent_words, twentieths, unit_words
from pkvae_core.wording import regimen_words, rounded

LEVELS = ("trough", "peak")


@dataclass(frozen=True)
class Exposure:
    """One exposure in words: "AUC over 24 h", "491 mg·h/L", "90 %: 408–642"."""

    label: str
    value: str
    interval: str


@dataclass(frozen=True)
class Chance:
    """The probability of one outcome; `role` is in_target, above or below, `of_20` its share of twenty marks."""

    role: str
    label: str
    probability: str
    of_20: int


@dataclass(frozen=True)
class Report:
    """One page, in sentences and numbers; how it looks is the renderers' affair."""

    title: str
    identity: tuple[str, ...]
    patient: str
    alarm: str
    heading: str
    answer: str
    detail: str
    exposures: tuple[Exposure, ...]
    target: str
    chances: tuple[Chance, ...]
    unchanged: str
    curve: Curve | None
    inputs: tuple[Listing, ...]
    judgement: tuple[Listing, ...]
    small_print: Listing
    disclaimer: str = DISCLAIMER


def compose(
    case: Case,
    posterior: Posterior,
    option: Option | None,
    *,
    printed: datetime,
    recommendation: Recommendation | None = None,
    unchanged: Option | None = None,
    standings: Sequence[Standing] = (),
    second: Agreement | None = None,
) -> Report:
    """The report on `option`, the regimen that was chosen; None when no regimen meets the target.

    `recommendation` is the ranking that it was chosen from, `unchanged` the current regimen judged, `printed` the local time, `standings` the levels judged,
    `second` what another engine makes of the recommended regimen.
    """
    card, regimen = posterior.card, option.regimen if option else None
    per_mg_per_L = 1 / concentration_factor(case.unit, card.molar_mass_g_per_mol)
    heading, detail = _heading(case, posterior, option, recommendation)
    target = f"{case.target.label}: {_bounds(case, per_mg_per_L)}" if card.gives_dose else ""
    label = "This regimen" if regimen else "If unchanged" if case.current else "No further dose"
    ranked = recommendation.ranked if recommendation else ()
    said = tuple(caution for caution in posterior.cautions if caution != _alarm(posterior))
    own = cautions_for(posterior, (option, *ranked), case.current) if option else recommendation.cautions if recommendation else ()
    return Report(
        title=f"{card.name} dosing report" if card.gives_dose else f"{card.name} report: concentrations, no dose",
        identity=(f"Printed {moment_words(printed)}", f"Model {posterior.version}", f"Data {case.digest}"),
        patient=case.label or "Patient without a label",
        alarm=_alarm(posterior),
        heading=heading,
        answer=regimen_words(regimen) if regimen else _no_regimen(posterior),
        detail=detail if option or not card.gives_dose else f"{target}. {detail}",
        exposures=_exposures(case, shown, per_mg_per_L) if (shown := option or (None if card.gives_dose else unchanged)) else (),
        target=target,
        chances=_chances(case.target, option) if option else (),
        unchanged=_if_unchanged(case, card, unchanged, per_mg_per_L) if unchanged and unchanged.regimen != regimen else "",
        curve=draw_curve(case, posterior, regimen or case.current, unit_factor=per_mg_per_L, label=label),
        inputs=(covariates(case, posterior), doses(case, card), levels(case, posterior, per_mg_per_L)),
        judgement=(
            warnings(case, (*changed(case, posterior), *said, *choices(case), *to_check(case, standings, per_mg_per_L), *_disagreement(second), *own)),
            how_sure(posterior, _second(case, second, per_mg_per_L)),
        ),
        small_print=model_lines(case, posterior),
    )


def _no_regimen(posterior: Posterior) -> str:
    """What stands in the place of a regimen."""
    if not posterior.card.gives_dose:
        return "The card gives no dose"
    return "No regimen is recommended" if silence_of(posterior) else "No regimen meets the target"


def _if_unchanged(case: Case, card: DrugCard, option: Option, per_mg_per_L: float) -> str:
    """What the current regimen leads to; whose exposure it is, where that stands above it."""
    return _unchanged(case, option, per_mg_per_L) if card.gives_dose else f"At steady state of the present regimen, {regimen_words(option.regimen)}."


def _disagreement(second: Agreement | None) -> tuple[str, ...]:
    """The alarm, among the warnings."""
    return (f"Second opinion: {second.sentence}",) if second and second.is_alarm else ()


def _second(case: Case, second: Agreement | None, per_mg_per_L: float) -> tuple[Line, ...]:
    """What the other engine says, with its exposure from the regimen that comes first here."""
    if second is None:
        return ()
    exposure = _exposures(case, second.theirs, per_mg_per_L)[0]
    numbers = f"{regimen_words(second.theirs.regimen)}: {exposure.value} ({exposure.interval}), {percent_words(second.theirs.probability_in)} in target"
    verdict = f"{second.other.label} disagrees: see the warnings." if second.is_alarm else second.sentence
    return (Line(verdict, numbers if second.other.has_a_say else ""),)


def _alarm(posterior: Posterior) -> str:
    """What stands above everything: why nobody answers, or why not the model."""
    if posterior.entitlement and posterior.entitlement.banner:
        return posterior.entitlement.banner
    return "The model could not match this patient's levels. Do not dose on this answer." if posterior.diagnostics.rung == "failed" else ""


def _heading(case: Case, posterior: Posterior, option: Option | None, recommendation: Recommendation | None) -> tuple[str, str]:
    """What stands above and below the regimen: is it ours or the prescriber's, and when does it begin."""
    if not posterior.card.gives_dose:
        return "Follow-up of levels", posterior.card.why_no_dose
    if option is None:
        return "Recommended regimen", (recommendation.reason if recommendation else None) or "No regimen was judged."
    regimen, best = option.regimen, recommendation.best if recommendation else None
    detail = [posterior.card.product(regimen.product).label, f"first dose {moment_words(case.clock(regimen.start_h))}"]
    if case.left_out:
        detail.append(left_out_words(len(case.left_out)))
    if case.current and case.current != regimen:
        detail.append(f"replaces {regimen_words(case.current)}")
    if recommendation and best and best.regimen == regimen:
        return f"Recommended regimen, best of {recommendation.tested} tested", " · ".join(detail)
    if best:
        detail.append(f"PKVAE recommends {regimen_words(best.regimen)}, {percent_words(best.probability_in)} in target")
    return "Regimen chosen by the prescriber", " · ".join(detail)


def _factor(case: Case, metric: str, per_mg_per_L: float) -> float:
    """From the unit of an exposure to the unit it is reported in: levels in the case's unit, areas only where that one is very small."""
    goes_with_levels = metric in LEVELS or (metric in ("auc24", "auc") and area_unit(case.unit) is not None)
    return per_mg_per_L if goes_with_levels and not (metric == case.target.metric and case.target.divisor != 1) else 1.0


def _unit(case: Case, metric: str) -> str:
    if metric == case.target.metric and case.target.divisor != 1:
        return "(ratio to the MIC)"
    if metric in LEVELS:
        return unit_words(case.unit)
    if metric in ("auc24", "auc") and (unit := area_unit(case.unit)):
        return unit
    return case.target.unit if metric == case.target.metric else METRICS[metric][1]


def _bounds(case: Case, per_mg_per_L: float) -> str:
    factor = _factor(case, case.target.metric, per_mg_per_L)
    return f"{bounds_words(*(b if b is None else b * factor for b in (case.target.low, case.target.high)))} {_unit(case, case.target.metric)}"


def _exposure(case: Case, metric: str, numbers: tuple[float, float, float], per_mg_per_L: float) -> Exposure:
    median, low, high = (n * _factor(case, metric, per_mg_per_L) for n in numbers)
    label = case.target.label if metric == case.target.metric else METRICS[metric][0]
    return Exposure(label, f"{rounded(median)} {_unit(case, metric)}", f"90 %: {interval_words(low, high)}")


def _exposures(case: Case, option: Option, per_mg_per_L: float) -> tuple[Exposure, ...]:
    """The exposure that the target is about, then its companions."""
    own = (option.exposure_median, option.exposure_low90, option.exposure_high90)
    companions = {metric: numbers for metric, numbers in option.companion.items() if metric != case.target.metric}
    return tuple(_exposure(case, metric, numbers, per_mg_per_L) for metric, numbers in {case.target.metric: own, **companions}.items())


def _chances(target: Target, option: Option) -> tuple[Chance, ...]:
    shares = (option.probability_below, option.probability_in, option.probability_above)
    marks = twentieths(shares)
    words = (("below", "below", target.low), ("in_target", "in target", 0), ("above", "above", target.high))
    return tuple(Chance(role, label, percent_words(p), n) for (role, label, bound), p, n in zip(words, shares, marks, strict=True) if bound is not None)


def _unchanged(case: Case, option: Option, per_mg_per_L: float) -> str:
    exposure = _exposures(case, option, per_mg_per_L)[0]
    chances = ", ".join(f"{chance.probability} {chance.label}" for chance in _chances(case.target, option))
    return f"If unchanged ({regimen_words(option.regimen)}): {exposure.label} {exposure.value} ({exposure.interval}); {chances}."
