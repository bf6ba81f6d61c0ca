"""The gallery: shapes that compartment models miss, turned by the reader; truth, textbook fits and the learned one side by side."""

import pandas as pd
import streamlit as st

from pages import chart, sign, theme
from pkvae_core.insight.gallery import COUNTS, FITTED, Answer, Exhibit, exhibit
from pkvae_core.plots import shapes as plots
from pkvae_core.plots.profiles import LABELS
from pkvae_core.structural.shapes import SHAPES, Knob, Shape
from pkvae_core.vae.shapes import ShapeVAE
from pkvae_core.vae.shapes_training import load_shapes

MULTIPLES = (0.5, 2.0)


@st.cache_resource(show_spinner=False)
def _model() -> ShapeVAE:
    return load_shapes()


@st.cache_data(max_entries=200, show_spinner=False)
def _exhibit(index: int, turned: tuple[tuple[str, float], ...], count: int, multiple: float, has_lag: bool, seed: int, version: str) -> Exhibit:
    return exhibit(_model(), SHAPES[index], dict(turned), count=count, multiple=multiple, has_lag=has_lag, seed=seed)


def show_gallery() -> None:
    """The whole section. Everything on it is synthetic."""
    st.markdown(
        "Seven **synthetic** kinds of patient. Turn the knobs; in all else the patient is typical of its kind. The fits see the dots alone, the dotted line is "
        "the truth."
    )
    sign(_model().version)
    names = [shape.name for shape in SHAPES]
    name = st.selectbox("Shape", names, index=2, key="gallery_shape", width=360, persist_state="session")
    index = names.index(name)
    shape = SHAPES[index]
    st.caption(shape.where)
    turned = _knobs(shape)
    count, has_lag, is_log, multiple = _options(index)
    seed = st.session_state.setdefault("gallery_seed", 0)
    try:
        found = _exhibit(index, turned, count, multiple, has_lag, seed, _model().version)
    except ValueError as error:
        st.warning(f"{str(error)[0].upper()}{str(error)[1:]}", icon=":material/warning:")
        return
    _show(found, multiple, is_log)
    if found.rung == "failed":
        st.warning(f"Only {found.distinct} of the VAE's draws differ for these levels: its band is rough.", icon=":material/warning:")
    _say_what_each_is(has_lag)


def _knobs(shape: Shape) -> tuple[tuple[str, float], ...]:
    """The knobs of this shape, side by side."""
    with st.container(border=True):
        turned: dict[str, float] = {}
        for column, knob in zip(st.columns(len(shape.knobs)), shape.knobs, strict=True):
            turned[knob.name] = _turned(column, shape, knob, is_idle=bool(knob.needs) and not turned[knob.needs])
        return tuple(turned.items())


def _turned(column, shape: Shape, knob: Knob, *, is_idle: bool) -> float:
    key = f"gallery_{shape.curve.__name__}_{knob.name}"
    words = f"{knob.words} ({knob.unit})" if knob.unit else knob.words
    if knob.is_switch:
        return float(column.toggle(words, value=knob.usual > 0, key=key, persist_state="session"))
    if knob.is_log:
        return float(column.select_slider(words, knob.stops, knob.usual, format_func=lambda v: f"{v:g}", key=key, disabled=is_idle, persist_state="session"))
    return float(column.slider(words, knob.low, knob.high, knob.usual, step=knob.step, key=key, disabled=is_idle, persist_state="session"))


def _options(index: int) -> tuple[int, bool, bool, float]:
    """How many levels, whether the textbook fits may have a lag, the scale, and the other dose."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.segmented_control("Levels, each with 10 % error", COUNTS, default=8, required=True, key="gallery_count", persist_state="session")
        multiple = st.segmented_control(
            "Then asked for", MULTIPLES, default=2.0, required=True, format_func=lambda m: f"{m:g} × the dose", key="gallery_multiple", persist_state="session"
        )
        has_lag = SHAPES[index].is_swallowed and st.toggle("Textbook fits may have a lag", value=True, key="gallery_lag", persist_state="session")
        is_log = st.toggle("Logarithmic scale", key="gallery_log", persist_state="session")
        st.button("Draw the errors again", icon=":material/casino:", on_click=_draw_again)
    return count, has_lag, is_log, multiple


def _draw_again() -> None:
    st.session_state["gallery_seed"] += 1


def _show(found: Exhibit, multiple: float, is_log: bool) -> None:
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        st.markdown(f"**After the dose given, {found.given.dose_mg:,.0f} mg**")
        chart(
            plots.shape_figure(theme(), found, is_log=is_log), key="gallery_given",
            alt="True concentration, levels, and the curves of one compartment, two compartments and the VAE with its 90 % band.",
        )  # fmt: skip
    with right.container(border=True, height="stretch"):
        st.markdown(f"**Foretold for {multiple:g} times that, {found.asked.dose_mg:,.0f} mg; no level of it was given**")
        chart(
            plots.asked_figure(theme(), found, is_log=is_log), key="gallery_asked",
            alt="True concentration after the other dose, and what the three fits foretell.",
        )  # fmt: skip
    left, right = st.columns([60, 40])
    with left.container(border=True, height="stretch"):
        st.markdown("**How far each curve is off**")
        chart(plots.misses_figure(theme(), found), key="gallery_misses", alt="Each fit over the truth, less one, over time.")
        st.caption("Only where the truth is above a hundredth of its peak; beyond twice the truth the line leaves the chart.")
    with right.container(border=True, height="stretch"):
        st.markdown("**Error of the whole curve**")
        columns = {f"{answer.dose_mg:,.0f} mg": _errors(answer) for answer in (found.given, found.asked)}
        st.table(pd.DataFrame(columns, index=[LABELS[name] for name in FITTED]))
        st.caption(f"Root mean square over 36 h, in per cent of the mean true concentration. {_in_the_gallery(found)}")


def _errors(answer: Answer) -> list[str]:
    return [f"{fit.error_percent:.1f} %" for fit in answer.fits]


def _in_the_gallery(found: Exhibit) -> str:
    """What was measured on fresh patients of this shape."""
    held_out = _model().provenance["held_out"]
    each = held_out["shapes"][found.shape.name]
    errors = ", ".join(f"{each['given'][name]:.0f} % ({LABELS[name].lower() if name != 'VAE' else name})" for name in FITTED)
    held, low, high = (100 * value for value in each["held"])
    is_narrow = each["asked_held"][2] < 0.87  # the whole interval lies below
    caution = ", which is too narrow: one dose says little of how a body that is not proportional answers another" if is_narrow else ""
    return (
        f"On {held_out['compared']} fresh patients of this shape, {held_out['levels']} levels each, the median was {errors}. The VAE's 90 % band held "
        f"{held:.0f} % of the true concentrations (95 %: {low:.1f} to {high:.1f}; {held_out['patients']:,} patients), foretold for "
        f"{held_out['multiple']:g} times the dose {100 * each['asked_held'][0]:.0f} %{caution}. Reproduce: `python -m pkvae_core shapes --recorded`."
    )


def _say_what_each_is(has_lag: bool) -> None:
    """What each curve is, truthfully."""
    lag = ", with a lag time" if has_lag else ""
    trained = _model().provenance["training"]["patients"] * len(SHAPES)
    st.caption(
        f":material/info: **One and two compartments**: textbook curves{lag}, least squares on the logarithm of these levels alone. **VAE**: one small model, "
        f"trained beforehand on {trained:,} virtual patients of all seven shapes, whose knobs lay anywhere in these ranges; not told which shape this is. "
        f"Shown is the median of its posterior after these levels, with the 90 % band, in which is what its decoder says that it misses. Model "
        f"{_model().version}."
    )
