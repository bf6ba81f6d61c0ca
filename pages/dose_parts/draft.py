"""What has been typed, as one table that the file reader judges: no second set of rules, and a wrong row stays on the screen."""

import csv
import io
import re
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from pkvae_core.case import Case
from pkvae_core.drugs.card import DrugCard
from pkvae_core.patient import Sample
from pkvae_core.records.problems import Problem
from pkvae_core.records.units import concentration_factor
from pkvae_core.wording import plain

TABLES = {"doses": ("When", "Amount (mg)", "Infusion (h)", "Product"), "levels": ("When", "Level")}
FIELDS = ("ID", "TIME", "EVID", "AMT", "DUR", "DV", "PRODUCT")
SEEN_AS = {"TIME": "When", "AMT": "Amount", "DUR": "Infusion", "DV": "Level", "PRODUCT": "Product", "RATE": "Infusion"}
CREATININE_UNITS = ("mg/dL", "umol/L")


def fields() -> dict[str, Any]:
    """The canonical copy of what is typed outside the tables. Widgets start from it and write back: no other page and no interrupted run loses it."""
    return st.session_state.setdefault("draft_fields", {})


def rows(table: str) -> list[dict[str, str]]:
    """The canonical copy of a typed table: what the editor last returned."""
    return st.session_state.setdefault(f"draft_{table}", [])


def replace_rows(table: str, new: list[dict[str, str]]) -> None:
    """Put other rows on the screen: an editor is never fed its own output, so it gets a new key instead."""
    st.session_state[f"draft_{table}"] = new
    st.session_state[f"version_{table}"] = st.session_state.get(f"version_{table}", 0) + 1
    st.session_state[f"base_{table}"] = new


def replace_fields(new: dict[str, Any]) -> None:
    """Put other values on the screen: the widgets get new keys and these as defaults (a value set by key is not shown when its run is interrupted)."""
    st.session_state["draft_fields"] = new
    st.session_state["base_fields"] = dict(new)
    st.session_state["version_fields"] = st.session_state.get("version_fields", 0) + 1


def clear(drug: str) -> None:
    """An empty form for this drug."""
    replace_fields({"drug": drug})
    for table in TABLES:
        replace_rows(table, [])


def fill(case: Case, card: DrugCard) -> None:
    """Put an opened case into the form, so that it can be edited."""
    stamp = "%Y-%m-%d %H:%M:%S" if any(case.clock(d.time_h).second for d in (*case.patient.doses, *case.patient.samples)) else "%Y-%m-%d %H:%M"
    labels = {product.name: product.label for product in card.products} | {"": card.product().label}
    factor = 1 / concentration_factor(case.unit, card.molar_mass_g_per_mol)
    given = [(f"{case.clock(d.time_h):{stamp}}", plain(d.amount_mg).replace(",", ""), plain(d.infusion_h, 4), labels[d.product]) for d in case.patient.doses]
    measured = [(f"{case.clock(s.time_h):{stamp}}", _level_text(s, factor)) for s in case.patient.samples]
    for table, typed in (("doses", given), ("levels", measured)):
        replace_rows(table, [dict(zip(TABLES[table], row, strict=True)) for row in typed])
    stated = {c.name: c.value for c in case.patient.covariates if not c.source.startswith("Cockcroft")}  # in time: the last one stands
    known: dict[str, Any] = {spec.name: stated[spec.name] for spec in card.covariates if spec.name in stated}
    if "SEX" in known:
        known["SEX"] = "Male" if known["SEX"] == 1 else "Female"
    replace_fields({"drug": case.drug, "label": case.label, "unit": case.unit, "now": case.clock(case.now_h).replace(tzinfo=None)} | known)


def _level_text(sample: Sample, factor: float) -> str:
    return f"<{(sample.lloq_mg_per_L or 0) * factor:.6g}" if sample.is_below_lloq else f"{(sample.concentration_mg_per_L or 0) * factor:.6g}"


def is_started(card: DrugCard) -> bool:
    """Whether anything about a patient has been typed."""
    return any(fields().get(spec.name) is not None for spec in card.covariates) or any(map(filled, rows("doses") + rows("levels")))


def filled(row: dict[str, str]) -> bool:
    """A row that says when or how much; a product alone was not typed."""
    return any(str(row.get(column) or "").strip() for column in ("When", "Amount (mg)", "Infusion (h)", "Level"))


def as_csv(card: DrugCard, today: datetime) -> tuple[bytes, list[str]]:
    """The typed patient as a table for `read_patients`, and for each of its rows where it stands on the screen."""
    stated = {spec.name: fields().get(spec.name) for spec in card.covariates}
    units = {"SCR": fields().get("SCR unit") or CREATININE_UNITS[0]}
    header = [*FIELDS, *(f"{name} ({units[name]})" if name in units else name for name in stated)]
    beside = ["" if value is None else value[0] if name == "SEX" else f"{value:.10g}" for name, value in stated.items()]
    names = {product.label: product.name for product in card.products} if len(card.products) > 1 else {}
    if not names:
        header.remove("PRODUCT")
    lines, places = [], []
    for table, evid in (("doses", 1), ("levels", 0)):
        for number, row in enumerate(rows(table), start=1):
            if not filled(row):
                continue
            cell = {column: str(row.get(column) or "").strip() for column in TABLES[table]}
            line = ["1", dated(cell["When"], today), evid, cell.get("Amount (mg)", ""), cell.get("Infusion (h)", ""), cell.get("Level", "")]
            lines.append([*line, *([names.get(cell.get("Product", ""), "")] if names else []), *beside])
            places.append(f"{table.capitalize()}, row {number}")
    now = fields().get("now")
    if now is not None or not lines:
        lines.append(["1", f"{now or today:%Y-%m-%d %H:%M:%S}", 2, *[""] * (3 + bool(names)), *beside])
        places.append("First new dose")
    text = io.StringIO()
    csv.writer(text).writerows([header, *lines])
    return text.getvalue().encode(), places


def dated(text: str, today: datetime) -> str:
    """ "yesterday 06:00" and "today 18:00" with their date; anything else as it was typed."""
    found = re.fullmatch(r"(today|yesterday)[ ,]*(.+)", text, re.IGNORECASE)
    day = today - timedelta(days=1) if found and found[1].lower() == "yesterday" else today
    return f"{day:%Y-%m-%d} {found[2]}" if found else text


def in_place(problem: Problem, places: list[str]) -> str:
    """A problem of the typed table with the names that stand on the screen."""
    where = places[problem.row - 2] if problem.row is not None and problem.row - 2 < len(places) else ""
    sentence = f"{problem.message}. {problem.remedy}"
    for ours, seen in SEEN_AS.items():
        sentence = re.sub(rf"\b{ours}\b", f"“{seen}”", sentence)
    sentence = re.sub(r"\brow (\d+)\b", lambda m: places[int(m[1]) - 2] if 0 <= int(m[1]) - 2 < len(places) else m[0], sentence)
    return f"{where}: {sentence}" if where else sentence[:1].upper() + sentence[1:]
