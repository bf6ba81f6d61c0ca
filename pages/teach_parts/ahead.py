"""Where does the next level help most? The expected gain over the hours to come."""

import math

import streamlit as st

from pages import chart, theme
from pages.dose_parts.shown import clock_words
from pages.teach_parts.found import next_of
from pkvae_core.case import Case
from pkvae_core.insight.next_level import NextLevel
from pkvae_core.insight.next_level_words import best_words, expected_words
from pkvae_core.plots import teach as plots
from pkvae_core.wording import regimen_words

SILENT = "Nobody answers for this patient, so no next level can be planned. Check the levels that are there."
METHOD = (
    "For each hour the model draws levels that the laboratory may report, learns from each as if it had been measured, chooses the regimen that then ranks first, "
    "and counts how much better it does than today's choice: in the target, less the chance above the toxicity alarm. The curve is the average; "
    "of times that are nearly as good, the earliest is marked. Hours during an infusion, and half an hour after, are left out."
)


def show_ahead(case: Case) -> None:
    """The curve with the best hour marked, and what it would bring."""
    found = next_of(case.digest, case)
    if found is None:
        st.markdown(SILENT)
        return
    best = found.best
    st.markdown(best_words(found, clock_words(case, best.time_h) if best else ""))
    _draw(case, found)
    st.caption(f"{regimen_words(found.regimen)[:1].upper()}{regimen_words(found.regimen)[1:]} is given from now on. {METHOD}")


def _draw(case: Case, found: NextLevel) -> None:
    """A gap wherever the hours in between are left out."""
    moments, points, said, best, usual = [], [], [], None, min(b.time_h - a.time_h for a, b in zip(found.times, found.times[1:], strict=False))
    for i, expected in enumerate(found.times):
        if i and expected.time_h - found.times[i - 1].time_h > 1.01 * usual:
            moments.append(_plain(case, expected.time_h - usual / 2)), points.append(math.nan), said.append("")
        best = len(moments) if expected is found.best else best
        moments.append(_plain(case, expected.time_h)), points.append(100 * expected.gain), said.append(expected_words(expected))
    doses = [_plain(case, dose.time_h) for dose in found.regimen.doses(found.times[-1].time_h)]
    figure = plots.gains(theme(), moments, points, said, best, doses=doses)
    chart(figure, key="teach_gains", alt="Expected gain of the next level over the hours to come.")


def _plain(case: Case, time_h: float):
    return case.clock(time_h).replace(tzinfo=None)
