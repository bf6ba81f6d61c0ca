"""A typed table on the screen: text cells that keep whatever was typed; the file reader judges it."""

import pandas as pd
import streamlit as st

from pages.dose_parts.draft import TABLES, dateable, fields, replace_rows, rows, title
from pkvae_core.drugs.card import DrugCard
from pkvae_core.report.words import unit_words

IN_SIGHT = 12  # rows


def show_editor(table: str, card: DrugCard) -> None:
    """The table `table` (doses, levels, later); what it holds goes back into its canonical copy."""
    version = st.session_state.get(f"version_{table}", 0)
    if f"editor_{table}_{version}" not in st.session_state:  # first time, or back from another page: start from the canonical copy
        replace_rows(table, rows(table))
        version += 1
    config = _columns(table, card)
    base = pd.DataFrame(st.session_state[f"base_{table}"], columns=list(config), dtype=object).fillna("")
    height = "content" if len(base) <= IN_SIGHT else "auto"  # a long course is scrolled: the answer stands below it
    edited = st.data_editor(base, key=f"editor_{table}_{version}", num_rows="dynamic", hide_index=True, column_config=config, width="stretch", height=height)
    unseen = {row.get("When"): {name: value for name, value in row.items() if name not in config} for row in st.session_state[f"base_{table}"]}
    typed = edited.astype(object).where(edited.notna(), "").to_dict("records")
    st.session_state[f"draft_{table}"] = [unseen.get(row["When"], {}) | row for row in typed]  # what another drug's card asks for is kept


def _columns(table: str, card: DrugCard) -> dict:
    """The columns in order, each with how it is shown."""
    if table == "later":
        found: dict = {spec.name: st.column_config.TextColumn(title(spec, with_unit=True)) for spec in dateable(card)}
    else:
        found = {column: st.column_config.TextColumn(column) for column in TABLES[table][1:] if column != "Product"}
    if table == "doses" and len(card.products) > 1:
        found["Product"] = st.column_config.SelectboxColumn("Product", options=[p.label for p in card.products])
    if table == "levels":
        found["Level"] = st.column_config.TextColumn(f"Level ({unit_words(fields()['unit'])})", help="12.5, or <2 when it was below the laboratory's limit")
    return {"When": st.column_config.TextColumn("When", help="2026-03-09 06:00, or yesterday 06:00", width="medium")} | found
