"""Did the new model get better? Everybody on the same held-out patients, with intervals, and the verdict in words."""

import pandas as pd
import streamlit as st

from pages import chart, literal, theme
from pkvae_core.checks.accuracy import Figure
from pkvae_core.checks.adaptation import RULE, Validation
from pkvae_core.plots.models import against_figure

BOXES = {"better": (st.success, ":material/trending_up:"), "worse": (st.error, ":material/trending_down:")}


def show_verdict(found: Validation, *, key: str) -> None:
    """The verdict first, then the figures behind it and the rule."""
    box, icon = BOXES.get(found.verdict or "", (st.warning, ":material/balance:"))
    box(f"**{found.sentence}**", icon=icon)
    left, right = st.columns([56, 44], gap="medium")
    with left:
        st.markdown(f"**Next level of {found.patients:,} held-out patients**, in {found.folds} folds")
        st.table(pd.DataFrame(_rows(found)).set_index("Engine"))
        st.caption("In brackets: 95 % intervals when whole patients are drawn anew. Each level is forecast from what was known just before it.")
    with right:
        if found.comparisons:
            st.markdown("**Error of the new model over the error of others**")
            said = "; ".join(f"{c.rival} {_words(c.all_levels.log_RMSE, 2)}" for c in found.comparisons)
            chart(against_figure(theme(), _ratios(found)), key=f"against_{key}", alt=f"Ratio of errors, below 1 the new model is better: {said}.")
    with st.expander("The rule behind the verdict", icon=":material/gavel:"):
        st.markdown(RULE)
        for sentence in found.left_out:
            st.caption(f":material/info: Not answered: {literal(sentence)}")


def _words(figure: Figure, digits: int = 0) -> str:
    """23 (19–28)."""
    if figure.value is None:
        return "none"
    between = f" ({figure.low95:.{digits}f}–{figure.high95:.{digits}f})" if figure.low95 is not None and figure.high95 is not None else ""
    return f"{figure.value:.{digits}f}{between}"


def _rows(found: Validation) -> list[dict[str, str]]:
    return [
        {
            "Engine": f"{name[0].upper()}{name[1:]}",
            "Mean error, %": _words(score.MAPE),
            "Median error, %": _words(score.MdAPE),
            "In the 90 % interval, %": _words(score.coverage_90),
            "Levels": f"{score.levels:,}",
        }
        for name, score in found.scores.items()
    ]


def _ratios(found: Validation) -> list[tuple[str, str, float | None, float | None, float | None]]:
    """(rival, which levels, ratio, low, high), the first rival on top."""
    parts = [(c.rival, words, ratio.log_RMSE) for c in found.comparisons for words, ratio in (("all levels", c.all_levels), ("after a level", c.later_levels))]
    return [(rival, words, f.value, f.low95, f.high95) for rival, words, f in parts]
