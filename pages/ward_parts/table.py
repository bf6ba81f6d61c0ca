"""The ward as a table: filtered, sorted, and one patient chosen."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages import theme
from pages.dose_parts.shown import NAMES
from pages.ward_parts.cohort import Ward
from pages.ward_parts.opened import open_patient
from pkvae_core.insight.urgency import URGENCIES, Urgency
from pkvae_core.insight.ward import WardRow
from pkvae_core.insight.ward_words import counted
from pkvae_core.plots.ward import coloured
from pkvae_core.report.ward import level_text
from pkvae_core.report.words import interval_words, unit_words
from pkvae_core.wording import regimen_words, rounded

URGENCY, PATIENT, OPEN = "Urgency", "Patient", "open"
ROW_PX, HEAD_PX, MOST_PX = 36, 40, 620
CHOSEN, GRID, OPENED = "ward_patient", "ward_grid", "ward_row_opened"


def filtered(rows: Sequence[WardRow]) -> list[WardRow]:
    """Those that the reader wants to see: of some urgencies, with a text in the name. All of them at first."""
    count = counted(row.urgency for row in rows)
    by_name = {urgency.name: urgency for urgency in count}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.pills(
            "Show",
            list(by_name),
            selection_mode="multi",
            format_func=lambda name: f"{by_name[name].words} {count[by_name[name]]:,}",
            key="ward_show",
            help="\n\n".join(f"**{urgency.words}**: {urgency.means}" for urgency in URGENCIES),
            wrap=True,
        )
        text = st.text_input("Patient", key="ward_search", placeholder="Search a patient", label_visibility="collapsed", icon=":material/search:", width=200)
    wanted: set[Urgency] = {by_name[name] for name in chosen or () if name in by_name}
    return [row for row in rows if (not wanted or row.urgency in wanted) and text.lower() in row.patient_id.lower()]


def show_table(ward: Ward, rows: Sequence[WardRow]) -> None:
    """The rows in the order of urgency; a click on a row chooses the patient, one on a heading sorts."""
    shown = pd.DataFrame([_cells(ward, row) for row in rows])
    ids = [row.patient_id for row in rows]
    st.dataframe(
        coloured(shown, URGENCY, theme()),
        key=GRID,
        hide_index=True,
        height=min(MOST_PX, HEAD_PX + ROW_PX * len(rows)),
        row_height=ROW_PX,
        on_select=lambda: _choose(ids),
        selection_mode="single-row",
        column_config=_columns(ward) | {OPEN: st.column_config.ButtonColumn("", width=70, on_click=lambda: _open(ward, rows), key=OPENED)},
        alt="The patients of the ward, the most urgent first. The card beside the table says everything about the chosen one.",
    )


def _choose(ids: Sequence[str]) -> None:
    """The clicked row becomes the chosen patient."""
    if places := st.session_state[GRID]["selection"]["rows"]:
        st.session_state[CHOSEN] = ids[places[0]]


def _open(ward: Ward, rows: Sequence[WardRow]) -> None:
    """The patient whose button was clicked; one whose rows hold errors has none."""
    row = rows[st.session_state[OPENED].row]
    if row.now_h is not None:
        open_patient(ward, row.patient_id)


def _cells(ward: Ward, row: WardRow) -> dict[str, object]:
    exposure, advice = row.exposure, row.advice
    return {
        PATIENT: row.patient_id,
        URGENCY: row.urgency.words,
        OPEN: "Open" if row.now_h is not None else None,
        "high": exposure and _percent(exposure.chances.too_high),
        "low": exposure and _percent(exposure.chances.too_low),
        "in": exposure and _percent(exposure.chances.in_target),
        "exposure": f"{rounded(exposure.median)} ({interval_words(exposure.low90, exposure.high90)})" if exposure else "",
        "best": regimen_words(advice.regimen) if advice else "none: see the card" if row.reason else "",
        "best_in": advice and _percent(advice.probability_in),
        "change": advice.change if advice else "",
        "level": level_text(row.last_level, ward.unit_mg_per_L) if row.last_level else "",
        "verdict": row.verdict or "not asked",
    }


def _percent(probability: float | None) -> float | None:
    return None if probability is None else 100 * probability


def _columns(ward: Ward) -> dict[str, Any]:
    target = ward.target
    unit = f" ({target.unit})" if target else ""
    alarms = ("", "") if target is None else tuple("" if a is None else f" {rounded(a)}" for a in (target.toxicity_alarm, target.inefficacy_alarm))
    share: Any = {"format": "%.0f %%", "width": 84}
    return {
        PATIENT: st.column_config.TextColumn(pinned=True, width=96),
        URGENCY: st.column_config.TextColumn(width=150),
        "high": st.column_config.NumberColumn(f"Above{alarms[0]}", help="Chance above the toxicity alarm, if nothing changes", **share),
        "low": st.column_config.NumberColumn(f"Below{alarms[1]}", help="Chance below the inefficacy alarm, if nothing changes", **share),
        "in": st.column_config.NumberColumn("In target", help="Chance in target, if nothing changes", **share),
        "exposure": st.column_config.TextColumn(
            f"{NAMES[target.metric] if target else 'Exposure'}{unit}",
            width=180,
            help="Median and 90 % interval if nothing changes; over the past 24 h where the doses follow no clear regimen",
        ),
        "best": st.column_config.TextColumn("Best regimen", width=230),
        "best_in": st.column_config.NumberColumn("Its chance", help="Chance in target with the best regimen", **share),
        "change": st.column_config.TextColumn("Change", width=210),
        "level": st.column_config.TextColumn(f"Last level ({unit_words(ward.unit)})", width=110),
        "verdict": st.column_config.TextColumn("Domain check", width=100),
    }
