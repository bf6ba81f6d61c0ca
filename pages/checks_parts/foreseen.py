"""Forecasts on the page: how well each level was foreseen, by the number of levels known before it."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from pages import theme
from pages.checks_parts.exhibit import download, exhibit, says_who_is_missing
from pages.checks_parts.source import Source
from pkvae_core.checks.accuracy import Figure, Summary
from pkvae_core.checks.levels import LevelAccuracy
from pkvae_core.plots import accuracy as plots
from pkvae_core.wording import rounded

SHOWN = ("MAPE", "MPE", "RMSE", "within_20", "within_30", "within_margin", "coverage_90")


def show_forecasts(source: Source, found: LevelAccuracy) -> None:
    """One statistic by number of levels as a chart, all of them as a table."""
    says_who_is_missing(found.left_out)
    if not found.forecasts:
        st.info("There was no level to foresee.", icon=":material/info:")
        return
    summaries, labels = found.summaries, plots.LABELS
    st.markdown(found.sentence)
    chosen = st.selectbox("Figure", SHOWN, format_func=labels.__getitem__, key="checks_statistic", width=330, persist_state="session")
    left, right = st.columns([42, 58])
    rows = found.rows()
    with left:
        read = (
            "With every earlier level the filled dots should do better than the open ones, which know doses and covariates only; whiskers: 95 % over patients."
        )
        figure = plots.forecast_figure(theme(), summaries, chosen, labels[chosen])
        exhibit(source, "forecasts", figure, rows, title=f"{labels[chosen].rsplit(' (', 1)[0]} by number of earlier levels", read=read)
    with right.container(border=True, height="stretch"):
        st.markdown("**In figures**")
        _table(summaries)
        download(source, "levels", found.level_rows(), "Every level and its forecast (CSV)")
    _explain(found)


def _table(summaries: Mapping[str, Summary]) -> None:
    """A priori and a posteriori beside each other, a row for each number of earlier levels."""
    rows = []
    for group, s in summaries.items():
        if s.n:
            name = {"all": "All", "1+": "1 or more"}.get(group, group)
            gain = words(s.IPRED_against_PRED.bayesian_impact)
            rows.append((name, f"{s.n:,} ({s.n_subjects:,})", pair(s, "MAPE"), pair(s, "MPE"), pair(s, "RMSE"), pair(s, "within_30"), gain))
    columns = ["Earlier levels", "Levels (patients)", "MAPE %", "MPE %", "RMSE mg/L", "F30 %", "Impact %"]
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True, width="stretch")
    st.caption("A priori → a posteriori. Impact: by how much the levels make the RMSE smaller (Bayesian impact).")


def _explain(found: LevelAccuracy) -> None:
    n_blq, margin = found.summaries["all"].n_blq, found.margin
    blq = f" {n_blq:,} of them lie below the limit of quantification: they have no error and count in the coverage alone." if n_blq else ""
    st.caption(
        f"Each level was foreseen from what was known just before it: no later level, dose or covariate.{blq} "
        f"The margin is {margin.relative_percent:g} % or {rounded(margin.absolute_mg_per_L)} mg/L, whichever is wider."
    )


def pair(summary: Summary, statistic: str) -> str:
    """ "31 → 18"."""
    return f"{words(getattr(summary.PRED, statistic))} → {words(getattr(summary.IPRED, statistic))}"


def words(figure: Figure) -> str:
    return "–" if figure.value is None else f"{figure.value:.1f}".replace("-", "−")
