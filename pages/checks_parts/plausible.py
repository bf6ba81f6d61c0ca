"""Plausibility on the page: laws that no patient breaks, and how often the model does."""

import pandas as pd
import streamlit as st

from pages.checks_parts.exhibit import download, says_who_is_missing
from pages.checks_parts.source import Source
from pkvae_core.checks.plausibility import Plausibility


def show_plausibility(source: Source, found: Plausibility) -> None:
    """One row for each law, with what was tested and what broke it."""
    says_who_is_missing(found.left_out)
    st.markdown(found.sentence)
    rows = [
        ("Kept" if c.is_kept else "Broken", c.question, f"{c.tested:,}", f"{c.violated:,}", f"{c.worst:.2g} (allowed: {c.tolerance:.2g}), {c.worst_case}")
        for c in found.checks
    ]
    with st.container(border=True):
        st.caption("Each row is a law of pharmacokinetics, tried on curves drawn from the model: none may be broken, and the draw that came nearest is named.")
        st.table(pd.DataFrame(rows, columns=["Result", "Law", "Tried", "Broken", "Worst draw"]), hide_index=True)
        download(source, "plausibility", found.rows())
