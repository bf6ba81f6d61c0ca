"""Which regimen, how sure, and what happens when the dose is moved: the card, the slider and the chart, in one component."""

from collections.abc import Callable

import streamlit as st

from pages import posterior_for
from pages.dose_parts.component import component
from pages.dose_parts.curves import curves, scene
from pages.dose_parts.judgement import if_unchanged
from pages.dose_parts.outcome import axis, chips, dots, metrics, outcome, verdict
from pages.dose_parts.shown import bounds_of, clock_words, metric_name, unit_of
from pkvae_core.case import Case
from pkvae_core.dosing.option import Option
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.insight.level_words import left_out_words
from pkvae_core.patient import Regimen
from pkvae_core.wording import amount_words, duration_words, every_words, plain, regimen_words, rounded

LIVE = component("dose", "svg.js", "dose_chart.js", "dose_dots.js", "dose_live.js")
KEY = "Line: median · dark band: middle 50 % · light band: 90 % of likely concentrations · ● measured level · ▲ dose"
LEFT_OUT_KEY = " · ○ level left out"


def show_answer(case: Case, ranking: Recommendation, tried: Regimen, on: dict[str, Callable]) -> None:
    """The live component at the regimen `tried`; `on` answers on_trial_change, on_accept_change and on_compare_change."""
    options = sorted((o for o in ranking.ranked if _is_beside(o.regimen, tried)), key=lambda o: o.regimen.amount_mg)
    offered = [o.regimen for o in ranking.ranked]
    amounts = [o.regimen.amount_mg for o in options]
    best = ranking.best.regimen if ranking.best else None
    regimens = tuple(o.regimen for o in options)
    LIVE(
        key="live",
        data={
            "amounts_key": f"{case.digest} {tried.product} {tried.loading_amount_mg} {tried.interval_h} {tried.infusion_h}",
            "index": amounts.index(tried.amount_mg),
            "recommended_index": regimens.index(best) if best in regimens else -1,
            "is_blank": best is None and "trial" not in st.session_state,
            "interval_h": tried.interval_h,
            "infusion_h": tried.infusion_h,
            "intervals": _choices({r.interval_h for r in offered}, lambda t: f"{plain(t)} h"),
            "infusions": _choices({r.infusion_h for r in offered if r.interval_h == tried.interval_h}, lambda d: _infusion_words(d, tried.interval_h)),
            "target": axis(case),
            "scene": scene(case, regimens),
            "options": [_entry(case, o) | curve for o, curve in zip(options, curves(case, regimens), strict=True)],
            "words": _words(case, ranking, options[0].exact_amount_mg),
        },
        **{f"on_{name}_change": answer for name, answer in on.items()},
    )


def _is_beside(regimen: Regimen, tried: Regimen) -> bool:
    """Differs from the regimen tried in the amount only: a step of the slider."""
    return (regimen.interval_h, regimen.infusion_h) == (tried.interval_h, tried.infusion_h)


def _choices(values: set[float], words: Callable[[float], str]) -> list[dict]:
    """One button each; none where a swallowed drug leaves nothing to choose."""
    return [{"value": value, "words": words(value)} for value in sorted(values)] if values != {0} else []


def _infusion_words(infusion_h: float, interval_h: float) -> str:
    return "continuous" if infusion_h == interval_h else "bolus" if infusion_h == 0 else duration_words(infusion_h)


def _entry(case: Case, option: Option) -> dict:
    """Everything the browser says about one amount. Stars stand for bold."""
    regimen, headline = option.regimen, headline_words(option.regimen)
    result = outcome(case, option)
    return {
        "amount_mg": regimen.amount_mg,
        "label": amount_words(regimen.amount_mg),
        "headline": headline,
        "detail": detail_words(case, regimen),
        "metrics": metrics(case, option),
        "chips": chips(case, option),
        "dots": dots(case, option),
        "notice": verdict(case, option),
        "readout": f"*{headline}* · {result}",
        "spoken": f"{headline}: {result}",
        "alt": f"Concentration over time on {headline}, with 50 and 90 % bands. {result}. Arrow keys read values along the curve.",
    }  # fmt: skip


def headline_words(regimen: Regimen) -> str:
    """750 mg every 12 h."""
    return f"{amount_words(regimen.amount_mg)} {every_words(regimen.interval_h)}"


def detail_words(case: Case, regimen: Regimen) -> str:
    """Infused over 1 h · 10.4 mg/kg · first dose *today 18:00*."""
    card, weight_kg = posterior_for(case).card, case.patient.covariate("WT")
    parts = [card.product(regimen.product).label] if len(card.products) > 1 else []
    if regimen.loading_amount_mg is not None:
        parts.append(f"after {amount_words(regimen.loading_amount_mg)} once over {duration_words(regimen.loading_infusion_h)}")
    if regimen.infusion_h:
        parts.append("continuous infusion" if regimen.is_continuous else f"infused over {duration_words(regimen.infusion_h)}")
    if weight_kg:
        parts.append(f"{plain(regimen.amount_mg / weight_kg, 1)} mg/kg")
    parts.append(f"first dose *{clock_words(case, regimen.start_h)}*")
    return " · ".join([*parts, *([f"*{left_out_words(len(case.left_out))}*"] if case.left_out else [])])


def _words(case: Case, ranking: Recommendation, exact_mg: float | None) -> dict:
    left = if_unchanged(case.digest, case)
    replaces = [f"Replaces {regimen_words(case.current)}"] if case.current else []
    exact = [f"exact amount before rounding {rounded(exact_mg)} mg"] if exact_mg else []
    return {
        "heading": "Recommended regimen" if ranking.best else "No regimen meets the target",
        "asked": f"{metric_name(case.target, case.target.metric)}: {bounds_of(case)} {unit_of(case, case.target.metric)}",
        "badge": f"Best of {ranking.tested} tested" if ranking.best else "",
        "why": "Why",
        "reason": ranking.reason or "",
        "trying": "Regimen you are trying",
        "back": "Back to recommended" if ranking.best else "Back",
        "replaces": " · ".join([*replaces, *exact]),
        "if_left": f"*If left on {headline_words(case.current)}:* {_left_words(case, left)}" if left and case.current else "",
        "amount": "Dose",
        "accept": "Accept and write report",
        "report": "Write report",
        "compare": "Compare",
        "log": "Log scale",
        "key": KEY + (LEFT_OUT_KEY if case.left_out else ""),
    }


def _left_words(case: Case, left: Option) -> str:
    first = metrics(case, left)[0]
    return f"{first['label'].split(',')[0]} {first['value']} ({first['interval']}), {outcome(case, left)}."
