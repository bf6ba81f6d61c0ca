"""One level at a time: what we believed, what the level says by itself, and both together."""

from datetime import datetime

import numpy as np
import streamlit as st

from pages import chart, model, posterior_for, theme
from pages.dose_parts.shown import clock_words, factor_of, metric_name, per_mg_per_L, unit_of
from pages.teach_parts.found import beliefs_of, curve, exposure_regimen, shapes_of, steps_of
from pkvae_core.case import Case
from pkvae_core.dosing.recommend import silence_of
from pkvae_core.inference.observable import observable
from pkvae_core.inference.posterior import parameter_names
from pkvae_core.insight.belief import EXPOSURE, counted, course_times
from pkvae_core.insight.belief_words import BIT, narrowed_words, taught_words, triple_words
from pkvae_core.plots import teach as plots
from pkvae_core.report.words import interval_words, percent_words, unit_words
from pkvae_core.wording import regimen_words, rounded

STAGES = ("Before", "The level alone", "Both together")
SHOWN = ((plots.PRIOR,), (plots.PRIOR, plots.LIKELIHOOD), (plots.PRIOR, plots.LIKELIHOOD, plots.POSTERIOR))
KEYS = (
    ":gray[**— before this level**]",
    ":gray[**— before this level**] · :orange[**- - this level alone**]",
    ":gray[**— before this level**] · :orange[**- - this level alone**] · :blue[**— both together**]",
)
HELP = (
    "Grey is what was believed before this level. The bracket holds nine tenths of the levels that the laboratory may report.",
    "Orange, dashed: how well each value explains this level, all else being as believed. The level alone knows no more than this.",
    "Blue is grey times orange: Bayes' rule.",
)


def show_steps(name: str, case: Case) -> None:
    """The level that is looked at, the curve, the three hills, and what the level taught."""
    if not counted(case):
        _show_prior(case)
        return
    index, stage = _choose(name, case)
    _show_course(name, case, index, stage)
    st.caption(HELP[stage])
    _show_hills(case, index, stage)
    if stage == 2:
        _show_taught(case, index)
        _show_doubts(case, index)
    _show_buttons(name, case, index, stage)


def _choose(name: str, case: Case) -> tuple[int, int]:
    """The level and the stage, from the two rows of buttons."""
    levels, keys = counted(case), (f"teach_level_{name}", f"teach_stage_{name}")
    for key in keys:
        st.session_state.setdefault(key, 0)
    st.session_state[keys[0]] = min(st.session_state[keys[0]], len(levels) - 1)
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(levels) > 1:
            words = [f"Level {i + 1}: {clock_words(case, level.time_h)}" for i, level in enumerate(levels)]
            st.segmented_control(
                "Level", range(len(levels)), format_func=words.__getitem__, key=keys[0], required=True, label_visibility="collapsed", persist_state="session"
            )
        st.segmented_control("Stage", range(3), format_func=_stage_words, key=keys[1], required=True, label_visibility="collapsed", persist_state="session")
    return st.session_state[keys[0]], st.session_state[keys[1]]


def _stage_words(stage: int) -> str:
    return f"{stage + 1} {STAGES[stage]}"


def _show_buttons(name: str, case: Case, index: int, stage: int) -> None:
    """Back, and on: to the next stage, then to the next level."""
    last = len(counted(case)) - 1
    following = STAGES[stage + 1] if stage < 2 else f"Level {index + 2}" if index < last else None
    with st.container(horizontal=True):
        st.button("Back", icon=":material/arrow_back:", key="teach_back", disabled=index == stage == 0, on_click=_go, args=(name, 3 * index + stage - 1))
        if following:
            st.button(
                f"Next: {following[:1].lower()}{following[1:]}",
                icon=":material/arrow_forward:",
                key="teach_next",
                on_click=_go,
                args=(name, 3 * index + stage + 1),
            )


def _go(name: str, step: int) -> None:
    st.session_state[f"teach_level_{name}"], st.session_state[f"teach_stage_{name}"] = divmod(step, 3)


def _show_course(name: str, case: Case, index: int, stage: int) -> None:
    """The curve so far; before the level is revealed, the class says where it will lie."""
    levels, factor, unit = counted(case), per_mg_per_L(case), unit_words(case.unit)
    level, seen = levels[index], observable(beliefs_of(case.digest, case)[index].posterior, levels[index].time_h)
    low, high = (seen.quantile(p) * factor for p in (0.05, 0.95))
    guess = _guess(name, case, index, high, is_open=stage == 0)
    value = (level.lloq_mg_per_L if level.is_below_lloq else level.concentration_mg_per_L) or 0.0
    before = curve(case.digest, index, case) * factor
    after = curve(case.digest, index + 1, case) * factor if stage == 2 else None
    known = levels[: index + (stage > 0)]
    dots = [
        plots.Dot(_plain(case, s.time_h), ((s.lloq_mg_per_L if s.is_below_lloq else s.concentration_mg_per_L) or 0.0) * factor, s.is_below_lloq) for s in known
    ]
    ceiling = 1.06 * max([float((before if after is None else np.maximum(before, after))[4].max()), high, *(dot.value for dot in dots)])
    hidden = plots.Expected(_plain(case, level.time_h), low, high, guess) if stage < 2 else None
    figure = plots.course(theme(), [_plain(case, t) for t in course_times(case)], before, after, dots, hidden, ceiling=ceiling, unit=unit)
    chart(figure, key="teach_course", alt=f"Concentration over time, {STAGES[stage].lower()} of level {index + 1}.")
    if stage:
        said = f"The class said {rounded(guess)}; the" if guess is not None else "The"
        reported = f"{'under ' if level.is_below_lloq else ''}{rounded(value * factor)} {unit}"
        st.markdown(f"{said} model expected {interval_words(low, high)} {unit} (90 %); the laboratory reported **{reported}**.")


def _plain(case: Case, time_h: float) -> datetime:
    return case.clock(time_h).replace(tzinfo=None)


def _guess(name: str, case: Case, index: int, high: float, *, is_open: bool) -> float | None:
    """What the class says this level will be; None until it moved the slider. It is kept, and closed once the level is revealed."""
    key, kept = f"teach_predicts_{name}_{index}", f"teach_predicted_{name}_{index}"
    top = float(f"{1.6 * high:.1g}")
    when = clock_words(case, counted(case)[index].time_h)
    if is_open:
        st.session_state.setdefault(key, min(st.session_state.get(kept, 0.0), top))
        label = f"The class predicts the level of {when} ({unit_words(case.unit)})"
        st.slider(label, 0.0, top, step=float(f"{top / 100:.1g}"), format="%g", key=key, on_change=_keep, args=(key, kept))
    return st.session_state.get(kept)


def _keep(key: str, kept: str) -> None:
    st.session_state[kept] = st.session_state[key]


def quantities(case: Case) -> dict[str, tuple[str, str, float]]:
    """Label, unit and factor of everything that a belief holds."""
    metric = case.target.metric
    exposure = {EXPOSURE: (metric_name(case.target, metric), unit_of(case, metric), factor_of(case, metric))}
    return {name: (label, unit, 1.0) for name, (label, unit) in parameter_names(model(case.drug).card).items()} | exposure


def _show_hills(case: Case, index: int, stage: int) -> None:
    """Clearance, volume or half-life, and exposure: prior, likelihood, posterior."""
    known = quantities(case)
    st.markdown(KEYS[stage])
    columns = st.columns(3, vertical_alignment="bottom")
    with columns[1]:
        second = st.segmented_control(
            "Second quantity",
            ["V", "half_life"],
            default="V",
            format_func=lambda n: known[n][0],
            required=True,
            key="teach_second",
            label_visibility="collapsed",
            persist_state="session",
        )
    for column, name in zip(columns, ("CL", second or "V", EXPOSURE), strict=True):
        label, unit, factor = known[name]
        with column:
            if name in ("CL", EXPOSURE):
                st.markdown(f"**{label}**")
            figure = plots.belief(theme(), shapes_of(case.digest, index, name, case), SHOWN[stage], unit, factor=factor)
            chart(figure, key=f"teach_hill_{name}", alt=f"{label}: {', '.join(SHOWN[stage])}.")
    off = beliefs_of(case.digest, case)[index + (stage == 2)].share_undrawn(EXPOSURE)
    unsettled = f" In {percent_words(off)} of outcomes it never settles; these are not in the picture." if off else ""
    if stage == 0 or off:
        st.caption(f"Exposure is that on {regimen_words(exposure_regimen(case))}.{unsettled}")


def _show_taught(case: Case, index: int) -> None:
    """What the level taught, in words, in bits and in what it moved."""
    step = steps_of(case.digest, case)[index]
    st.markdown(taught_words(step), help=f"The Kullback-Leibler divergence of what is believed after the level from what was believed before it. {BIT}")
    rows = []
    for name, (label, unit, factor) in quantities(case).items():
        before, after = (triple_words(belief.interval(name), unit, factor) for belief in (step.before, step.after))
        rows.append(f"| {label} | {before} | **{after}** | {narrowed_words(step.narrowed(name))} |")
    st.markdown("\n".join(["| | Before | With this level | 90 % interval |", "|---|---|---|---|", *rows]))


def _show_doubts(case: Case, index: int) -> None:
    """With the last level: whether the belief may be dosed by, and whose it is where it is not the trained model's."""
    posterior = posterior_for(case)
    if index < len(counted(case)) - 1:
        return
    if silence_of(posterior):
        st.warning("Nobody may dose by this belief: the levels do not fit such a patient.", icon=":material/block:")
    elif posterior.engine != "vae":
        st.info("The patient lies outside what the trained model has learned: this is what classical MAP-Bayes believes.", icon=":material/swap_horiz:")


def _show_prior(case: Case) -> None:
    """Without a level there is only what is believed before any."""
    factor, unit = per_mg_per_L(case), unit_words(case.unit)
    st.markdown("No level has been drawn: all that is believed comes from who the patient is, and from patients like this one.")
    before = curve(case.digest, 0, case) * factor
    moments = [_plain(case, t) for t in course_times(case)]
    chart(
        plots.course(theme(), moments, before, None, [], None, ceiling=1.06 * float(before[4].max()), unit=unit),
        key="teach_course",
        alt="Concentration over time before any level.",
    )
    belief = beliefs_of(case.digest, case)[0]
    st.markdown(" · ".join(f"{label} **{triple_words(belief.interval(name), unit, factor)}**" for name, (label, unit, factor) in quantities(case).items()))
    st.caption(f"Median and 90 % interval. Exposure is that on {regimen_words(exposure_regimen(case))}.")
