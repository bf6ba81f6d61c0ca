"""Where does the next level help most? The expected gain over the hours to come."""

import math
from datetime import datetime
from itertools import pairwise

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
    "For each hour the model draws levels that the laboratory may report, learns from each as if it had been measured, chooses the regimen that then "
    "ranks first, and counts how much better it scores than today's choice: chance in target, less that above the toxicity alarm. The curve is the average; "
    "of times that are nearly as good, the earliest is marked. Hours during an infusion, and half an hour after, are left out. "
    "The patient is taken to stay as today: draw sooner where that is in doubt."
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
    usual = min(later.time_h - earlier.time_h for earlier, later in pairwise(found.times))
    marks: list[tuple[float, float, str]] = []
    for earlier, expected in zip((None, *found.times), found.times, strict=False):
        if earlier and expected.time_h - earlier.time_h > 1.01 * usual:
            marks.append((expected.time_h - usual / 2, math.nan, ""))
        marks.append((expected.time_h, 100 * expected.gain, expected_words(expected)))
    moments, points, said = [_plain(case, t) for t, _, _ in marks], [p for _, p, _ in marks], [w for _, _, w in marks]
    best = next((i for i, (t, _, _) in enumerate(marks) if found.best and t == found.best.time_h), None)
    doses = [_plain(case, dose.time_h) for dose in found.regimen.doses(found.times[-1].time_h)]
    figure = plots.gains(theme(), moments, points, said, best, doses=doses)
    chart(figure, key="teach_gains", alt="Expected gain of the next level over the hours to come.")


def _plain(case: Case, time_h: float) -> datetime:
    return case.clock(time_h).replace(tzinfo=None)
