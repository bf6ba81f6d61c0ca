"""The other regimens, ranked: which to try, which to lay side by side."""

from collections.abc import Callable

import streamlit as st

from pages import chart, theme
from pages.dose_parts.component import component
from pages.dose_parts.curves import future_times, rounded_lists
from pages.dose_parts.judgement import Key, bands, if_unchanged, judged, tried_regimen
from pages.dose_parts.outcome import metrics, outcome
from pages.dose_parts.shown import LEVELS, NAMES, bound_words, clock_words, metric_name, per_mg_per_L, unit_of
from pkvae_core.case import Case
from pkvae_core.dosing.option import Option
from pkvae_core.dosing.recommend import KEPT, Recommendation
from pkvae_core.patient import Regimen
from pkvae_core.plots.dose import side_by_side
from pkvae_core.report.words import percent_words, unit_words
from pkvae_core.wording import amount_words, duration_words, plain

TABLE = component("ranked", "ranked.js")
SHOWN, MOST = 8, 4  # rows of the table; regimens side by side


def key_of(regimen: Regimen) -> Key:
    return regimen.amount_mg, regimen.interval_h, regimen.infusion_h


def show_ranked(case: Case, ranking: Recommendation, tried: Regimen, on: dict[str, Callable]) -> None:
    """The table of the best regimens, with the current one and the one that is tried wherever they rank."""
    compared = st.session_state.get("compared", [])
    listed = list(ranking.distinct[:SHOWN])
    for extra in (judged(case.digest, (tried,), case)[0], if_unchanged(case.digest, case)):
        if extra and not any(_same(extra.regimen, o.regimen) for o in listed):
            listed.append(extra)
    second = second_of(case)
    above = f"Above {bound_words(case, case.target.high)}" if case.target.high is not None else "Above"
    names = [metric_name(case.target, metric).split(",")[0] for metric in (case.target.metric, second)]
    data = {
        "caption": f"{_ranked_by(case, ranking)} Choose one to try it; tick up to {MOST} to lay them side by side.",
        "head": ["Regimen", "In target", above, names[0], "90 % interval", f"{names[1]} {unit_of(case, second)}", "Compare"],
        "rows": [_row(case, ranking, o, tried, compared) for o in listed],
        "is_full": len(compared) >= MOST,
    }
    TABLE(key="ranked", data=data, **{f"on_{name}_change": answer for name, answer in on.items()})


def _ranked_by(case: Case, ranking: Recommendation) -> str:
    """How the order came about, also where the one that comes first has not the highest chance."""
    alarm = case.target.toxicity_alarm if case.target.divisor == 1 else None  # an exposure, never a ratio to the MIC
    toxicity = "toxicity" if alarm is None else f"toxicity (above {bound_words(case, alarm)} {unit_of(case, case.target.metric)})"
    kept = f"; every {plain(case.current.interval_h)} h is kept where it comes within {100 * KEPT:.0f} points" if case.current else ""
    return f"{ranking.tested} regimens tested, ranked by the chance in target less that of {toxicity}{kept}."


def second_of(case: Case) -> str:
    """The exposure that stands beside the target's own."""
    return "trough" if case.target.metric != "trough" else "auc24"


def _same(a: Regimen, b: Regimen) -> bool:
    return (a.amount_mg, a.interval_h) == (b.amount_mg, b.interval_h)


def regimen_label(regimen: Regimen) -> str:
    return f"{amount_words(regimen.amount_mg)} every {plain(regimen.interval_h)} h{' continuous' if regimen.is_continuous else ''}"


def _row(case: Case, ranking: Recommendation, option: Option, tried: Regimen, compared: list[Key]) -> dict:
    own, *others = metrics(case, option)
    second = next(m for m in others if m["label"] == NAMES[second_of(case)])
    tags = (["recommended"] if ranking.best and _same(option.regimen, ranking.best.regimen) else []) + (
        ["current"] if case.current and _same(option.regimen, case.current) else []
    )
    return {
        "key": list(key_of(option.regimen)),
        "words": regimen_label(option.regimen),
        "tags": tags,
        "narrow": f"{own['value']} ({own['interval'].removeprefix('90 %: ')})",
        "inside": _short(option.probability_in),
        "share_in": option.probability_in,
        "above": _short(option.probability_above),
        "share_above": option.probability_above,
        "cells": [own["value"], own["interval"].removeprefix("90 %: ").removesuffix(f" {unit_of(case, case.target.metric)}"), second["value"]],
        "is_shown": _same(option.regimen, tried),
        "is_compared": key_of(option.regimen) in compared,
    }  # fmt: skip


def _short(probability: float) -> str:
    return percent_words(probability).replace("under ", "<").replace("over ", ">")


def show_compared(case: Case, ranking: Recommendation) -> None:
    """Up to four regimens side by side, on one scale."""
    compared: list[Key] = st.session_state.get("compared", [])
    if not compared:
        return
    st.header("Side by side", anchor=False)
    regimens = [tried_regimen(ranking, key) for key in compared]
    times = [future_times(case, regimen) for regimen in regimens]
    fans = [rounded_lists(bands(case.digest, (r,), t, "individual", case)[0] * per_mg_per_L(case)) for r, t in zip(regimens, times, strict=True)]
    highest = max(max(fan[4]) for fan in fans)
    target = (case.target.low, case.target.high) if case.target.metric in LEVELS else None
    for column, regimen, time_h, fan in zip(st.columns(len(regimens)), regimens, times, fans, strict=True):
        with column.container(border=True):
            _panel(case, regimen, time_h, fan, highest, target)


def _panel(case: Case, regimen: Regimen, time_h: tuple[float, ...], fan: list, highest: float, target: tuple | None) -> None:
    option = judged(case.digest, (regimen,), case)[0]
    st.markdown(
        f"**{regimen_label(regimen)}**" + (f"  \nover {duration_words(regimen.infusion_h)}" if regimen.infusion_h and not regimen.is_continuous else "")
    )
    st.markdown("  \n".join(f"{m['label'].split(',')[0]} **{m['value']}** ({m['interval']})" for m in metrics(case, option)))
    st.markdown(f"{outcome(case, option)}.")
    moments = [case.clock(t).replace(tzinfo=None) for t in time_h]
    figure = side_by_side(moments, fan, theme(), ceiling=highest, target=target, unit=unit_words(case.unit))
    chart(
        figure, alt=f"Concentration on {regimen_label(regimen)} from {clock_words(case, time_h[0])} on: {outcome(case, option)}", key=f"panel_{key_of(regimen)}"
    )
