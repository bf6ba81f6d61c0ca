"""Plausibility on the page: laws that no patient breaks, and how often the model does."""

import pandas as pd
import streamlit as st

from pages.checks_parts.calibrated import in_text
from pages.checks_parts.exhibit import download, says_who_is_missing
from pages.checks_parts.source import Source
from pkvae_core.checks.plausibility import Plausibility


def show_plausibility(source: Source, found: Plausibility) -> None:
    """One row for each law, with what was tested and what broke it."""
    says_who_is_missing(found.left_out)
    st.markdown(found.sentence)
    rows = [("Yes" if c.is_kept else "No", f"{c.name}: {in_text(c.question)}", f"{c.tested:,}", f"{c.violated:,}", c.worst_case or "–") for c in found.checks]
    with st.container(border=True):
        st.caption("Each row is a law or a range, tried on draws of the model: all should be kept, a range by all but a few draws; the worst draw is named.")
        st.table(pd.DataFrame(rows, columns=["Kept", "Question", "Draws tried", "Draws that break it", "Worst draw"]), hide_index=True)
        download(source, "plausibility", found.rows())
