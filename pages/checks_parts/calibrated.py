"""Calibration on the page: coverage against its nominal level, by stratum, and where the truth ranks among the draws."""

from collections.abc import Sequence

import streamlit as st

from pages import model, theme
from pages.checks_parts.exhibit import exhibit, says_who_is_missing
from pages.checks_parts.source import Source
from pkvae_core.checks.coverage import Coverage, CoveragePoint
from pkvae_core.checks.goals import goal_of
from pkvae_core.checks.ranks import RankCheck, Ranks
from pkvae_core.checks.strata import EVERYBODY
from pkvae_core.plots import calibration as plots

FEWEST = 20  # cases; a stratum with fewer is named, not drawn


def show_coverage(source: Source, coverage: Coverage) -> None:
    """Two charts of one quantity: all nominal levels, and the 90 % interval by number of levels and stratum."""
    says_who_is_missing(coverage.left_out)
    labels = {p.quantity: p.label for p in coverage.points}
    if not labels:
        st.info("There was no level to foresee: nothing to say about coverage.", icon=":material/info:")
        return
    quantity = st.segmented_control(
        "Interval of", list(labels), default=next(iter(labels)), required=True, format_func=labels.__getitem__, key="checks_quantity", persist_state="session"
    )
    found = coverage.select(quantity=quantity if quantity in labels else next(iter(labels)))
    left, right = st.columns(2)
    with left:
        _show_reliability(source, found)
    with right:
        _show_strata(source, found)


def _show_reliability(source: Source, points: Sequence[CoveragePoint]) -> None:
    """Virtual patients by the number of levels known; a cohort, which is smaller, only with and without any."""
    mine = [p for p in points if p.stratum == EVERYBODY and (source.is_virtual or p.levels in ("0", "1+"))]
    series = {level_words(levels): [p for p in mine if p.levels == levels] for levels in dict.fromkeys(p.levels for p in mine)}
    read = "On the dashed line an interval holds exactly what it promises; below it the model is surer than it may be, above it less sure than it could be."
    exhibit(source, "coverage", plots.reliability_figure(theme(), series), rows_of(mine), title="Coverage against nominal level", read=read)


def _show_strata(source: Source, points: Sequence[CoveragePoint]) -> None:
    """Everybody by the number of levels known, then each group; groups of too few cases are named instead."""
    everybody = [p for p in points if p.nominal == 0.9 and p.stratum == EVERYBODY and p.levels != "1+"]
    levels = ("0", "2") if source.is_virtual else ("all",)
    groups = [p for p in points if p.nominal == 0.9 and p.stratum != EVERYBODY and p.levels in levels]
    shown = [*everybody, *(p for p in groups if p.cases >= FEWEST)]
    names = {_row_name(p): p for p in shown}
    aim = goal_of(model(source.drug).card)
    goals = f"{aim.coverage_words} of everybody, {aim.stratum_words} of a group"
    read = f"A dot in its shaded goal keeps the promise ({goals}); whiskers: 95 % interval; behind each name its cases."
    figure = plots.strata_figure(theme(), names, is_overall=[p.stratum == EVERYBODY for p in shown], aim=aim)
    drawn = {p.stratum for p in shown}
    few = dict.fromkeys(in_text(p.stratum) for p in groups if p.stratum not in drawn)
    found = f"Not drawn, because fewer than {FEWEST} cases are known: {', '.join(few)}." if few else ""
    rows = rows_of([*everybody, *groups])
    exhibit(source, "coverage-strata", figure, rows, title="The 90 % interval, by levels known and by group", read=read, found=found)


def _row_name(point: CoveragePoint) -> str:
    levels = level_words(point.levels)
    return levels if point.stratum == EVERYBODY else point.stratum if point.levels == "all" else f"{point.stratum}<br>{in_text(levels)}"


def level_words(levels: str) -> str:
    """ "No level", "1 level", "4 or more levels", "Any number of levels"."""
    return {"0": "No level", "1": "1 level", "all": "Any number of levels"}.get(levels, f"{levels.replace('+', ' or more')} levels")


def rows_of(points: Sequence[CoveragePoint]) -> list[dict]:
    return [dict(vars(p)) for p in points]


def show_ranks(source: Source, check: RankCheck) -> None:
    """Histogram and difference curve of one quantity's ranks."""
    says_who_is_missing(check.left_out)
    if not check.quantities:
        return
    st.markdown(check.sentence)
    by_name = {r.quantity: r for r in check.quantities}
    key = f"checks_rank_{check.source}"
    name = st.segmented_control("Rank of", list(by_name), default=next(iter(by_name)), required=True, format_func=lambda n: by_name[n].label, key=key)
    ranks, which = by_name[name], "own-ranks" if "itself" in check.source else "ranks"
    left, right = st.columns(2)
    with left:
        read = "Even bars mean an honest posterior; a heap in the middle, one that is too wide; at both ends, too narrow; a slope, biased."
        rows = bar_rows(ranks)
        exhibit(source, which, plots.rank_figure(theme(), ranks.bars), rows, title=f"Where the true {in_text(ranks.label)} ranks among its draws", read=read)
    with right:
        verdict = "It does: no sign of a wrong posterior." if ranks.is_uniform else "It leaves the band: these ranks are not even."
        read = "The curve should stay in its band, which holds the whole curve of an honest posterior 95 times in 100."
        rows = [row for row in check.rows() if row["quantity"] == name]
        exhibit(
            source,
            f"{which}-curve",
            plots.rank_curve_figure(theme(), ranks.uniformity),
            rows,
            title="The same, summed up from the left",
            read=read,
            found=verdict,
        )


def bar_rows(ranks: Ranks) -> list[dict]:
    """The histogram's numbers."""
    bars = ranks.bars
    band = dict(low99=bars.low99, high99=bars.high99)
    return [dict(quantity=ranks.quantity, low=float(a), high=float(b), share=float(s)) | band for a, b, s in zip(bars.low, bars.high, bars.share, strict=True)]


def in_text(label: str) -> str:
    """A label inside a sentence: "clearance", but "AUC24 at steady state"."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]
