"""One chart as every section shows it: its title, how to read it, the figure, its numbers to take away."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pages import chart
from pages.checks_parts.source import Source
from pages.dose_parts.reading import SHOWN


def exhibit(source: Source, name: str, figure: go.Figure, rows: Sequence[Mapping[str, Any]], *, title: str, read: str, found: str = "") -> None:
    """A card with the chart. `read` says in one sentence how to read it; `found` what it says; `rows` are its numbers; `name` is unique on the page."""
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{title}**")
        st.caption(read)
        chart(figure, key=f"checks-{name}", alt=f"{title}. {read} The numbers are in the CSV below.")
        if found:
            st.markdown(f":small[{found}]")
        download(source, name, rows)


def csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """These rows as a file."""
    return pd.DataFrame(list(rows)).to_csv(index=False).encode()


def download(source: Source, name: str, rows: Sequence[Mapping[str, Any]], label: str = "Numbers (CSV)") -> None:
    """A button that saves these rows, in a file named by the drug."""
    st.download_button(label, csv(rows), f"pkvae-{source.drug}-{name}.csv", "text/csv", icon=":material/download:", on_click="ignore", key=f"checks-csv-{name}")


def says_who_is_missing(left_out: Sequence[str]) -> None:
    """Patients without an answer are named with the reason, never dropped in silence."""
    if left_out:
        number = "One patient is" if len(left_out) == 1 else f"{len(left_out):,} patients are"
        with st.expander(f"{number} left out of this check", icon=":material/warning:"):
            st.text("\n".join(left_out[:SHOWN]) + (f"\nand {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""))
