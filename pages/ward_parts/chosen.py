"""Everything about the chosen patient, and the way to the Dose page."""

from collections.abc import Sequence

import streamlit as st

from pages import literal
from pages.dose_parts.entitled import VERDICTS
from pages.ward_parts.cohort import Ward
from pages.ward_parts.opened import open_patient
from pages.ward_parts.table import CHOSEN
from pkvae_core.commands.changed import clock_of
from pkvae_core.dosing.agreement import engine_label
from pkvae_core.insight.urgency import NO_ALARM, PERHAPS_HIGH, PERHAPS_LOW, TOO_HIGH, TOO_LOW, UNANSWERED
from pkvae_core.insight.ward import WardRow
from pkvae_core.report.ward import level_text
from pkvae_core.report.words import bounds_words, interval_words, percent_words, unit_words
from pkvae_core.wording import regimen_words, rounded, times_out_of

BADGES = {TOO_HIGH: "orange", PERHAPS_HIGH: "orange", TOO_LOW: "violet", PERHAPS_LOW: "violet", NO_ALARM: "green", UNANSWERED: "red"}
BASES = {"unchanged": "if nothing changes", "past day": "over the past 24 h (the doses follow no clear regimen)"}


def show_chosen(ward: Ward, rows: Sequence[WardRow]) -> None:
    """The card beside the table: the patient who was clicked or searched for, at first the most urgent one."""
    ids = [row.patient_id for row in rows]
    if st.session_state.get(CHOSEN) not in ids:
        st.session_state[CHOSEN] = ids[0]
    with st.container(border=True):
        chosen = st.selectbox("Patient", ids, key=CHOSEN, label_visibility="collapsed")
        row = rows[ids.index(chosen)]
        st.markdown(f":{BADGES.get(row.urgency, 'gray')}-badge[{row.urgency.words}] {_verdict(row)}")
        _show_advice(row)
        st.markdown("\n".join(f"- {line}" for line in _lines(ward, row)))
        if row.reason:
            (st.error if row.urgency == UNANSWERED else st.info)(
                literal(row.reason), icon=":material/block:" if row.urgency == UNANSWERED else ":material/info:"
            )
        _show_cautions(row)
        if row.now_h is not None:
            label, icon = "Open on the Dose page", ":material/prescriptions:"
            st.button(label, type="primary", icon=icon, key="ward_open", width="stretch", on_click=open_patient, args=(ward, row.patient_id))


def _verdict(row: WardRow) -> str:
    """Who answers, where that is not simply the drug's own model."""
    return VERDICTS[row.verdict][0] if row.verdict in VERDICTS and row.urgency != UNANSWERED else ""


def _show_advice(row: WardRow) -> None:
    if row.advice is None:
        return
    st.caption("Best regimen")
    st.subheader(regimen_words(row.advice.regimen), anchor=False)
    change = f" · {row.advice.change}" if row.advice.change else ""
    st.markdown(f"in target in **{times_out_of(row.advice.probability_in)}** outcomes{change}")


def _lines(ward: Ward, row: WardRow) -> list[str]:
    target, lines = ward.target, []
    if row.current:
        lines.append(f"Now on {regimen_words(row.current)}")
    if row.exposure and target:
        found = row.exposure
        aimed = bounds_words(target.low, target.high)
        lines.append(
            f"{target.label} **{rounded(found.median)}** {target.unit} (90 %: {interval_words(found.low90, found.high90)}; target {aimed}) {BASES[found.basis]}"
        )
        chances = [
            f"{percent_words(found.chances.in_target)} in target",
            *([] if found.chances.too_high is None else [f"{percent_words(found.chances.too_high)} above {rounded(target.toxicity_alarm or 0)}"]),
            *([] if found.chances.too_low is None else [f"{percent_words(found.chances.too_low)} below {rounded(target.inefficacy_alarm or 0)}"]),
        ]
        lines.append(f"Chances: {', '.join(chances)} {target.unit}")
    if row.last_level:
        when = clock_of(ward.cohort.origin.get(row.patient_id))(row.last_level.time_h)
        lines.append(f"Last level **{level_text(row.last_level, ward.unit_mg_per_L)}** {unit_words(ward.unit)} {when}")
    if row.version and row.urgency != UNANSWERED:
        lines.append(f"{engine_label(row.engine)} answers")
    return lines


def _show_cautions(row: WardRow) -> None:
    if row.cautions:
        number = len(row.cautions)
        with st.expander(f"{'One caution' if number == 1 else f'{number} cautions'}", icon=":material/warning:", key="ward_cautions"):
            st.markdown("\n".join(f"- {literal(caution)}" for caution in row.cautions))
