"""What has been typed, as one table that the file reader judges: no second set of rules, and a wrong row stays on the screen."""

import csv
import io
import re
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.parts import CovariateSpec
from pkvae_core.records.problems import Problem
from pkvae_core.records.times import stamp
from pkvae_core.report.words import unit_words

TABLES = {"doses": ("When", "Amount (mg)", "Infusion (h)", "Product"), "levels": ("When", "Level"), "later": ("When",)}
DATEABLE = ("SCR", "CRCL", "WT", "PNA", "HCT")  # what changes during a course; anything else does where a file says so
FIELDS = ("ID", "TIME", "EVID", "AMT", "DUR", "DV", "PRODUCT")
SEEN_AS = {"TIME": "When", "AMT": "Amount", "DUR": "Infusion", "DV": "Level", "PRODUCT": "Product", "RATE": "Infusion"}
CREATININE_UNITS = ("mg/dL", "umol/L")
EVENTS = (("doses", 1), ("levels", 0), ("later", 2))
FIRST_NEW_DOSE = "First new dose"
PLACES = {"doses": "Doses", "levels": "Levels", "later": "Later values"}


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
    st.session_state.pop("later_is_open", None)


def dateable(card: DrugCard) -> list[CovariateSpec]:
    """The covariates that later values can be typed for: those that usually change, and any that has some already."""
    found = [spec for spec in card.covariates if spec.name in DATEABLE or any(str(row.get(spec.name) or "").strip() for row in rows("later"))]
    return sorted(found, key=lambda spec: DATEABLE.index(spec.name) if spec.name in DATEABLE else len(DATEABLE))


def title(spec: CovariateSpec, *, with_unit: bool) -> str:
    """What stands above a covariate's field."""
    name = spec.label.replace("Serum c", "C").replace("Creatinine clearance", "Measured CrCl")
    unit = creatinine_unit() if spec.name == "SCR" else spec.unit
    return f"{name} ({unit_words(unit)})" if with_unit else name


def creatinine_unit() -> str:
    return fields().get("SCR unit") or CREATININE_UNITS[0]


def is_started(card: DrugCard) -> bool:
    """Whether anything about a patient has been typed."""
    return any(fields().get(spec.name) is not None for spec in card.covariates) or any(map(filled, [row for table in TABLES for row in rows(table)]))


def filled(row: dict[str, str]) -> bool:
    """A row that says when or how much; a product alone was not typed."""
    return any(str(value or "").strip() for column, value in row.items() if column != "Product")


def as_csv(card: DrugCard, today: datetime) -> tuple[bytes, list[str]]:
    """The typed patient as a table for `read_patients`, and for each of its rows where it stands on the screen."""
    lines, places = [], []
    for table, evid in EVENTS:
        for number, row in enumerate(rows(table), start=1):
            if filled(row):
                cell = {column: str(value or "").strip() for column, value in row.items()}
                lines.append({"TIME": dated(cell.get("When", ""), today), "EVID": evid} | _event(cell, card))
                places.append(f"{PLACES[table]}, row {number}")
    now = fields().get("now")
    if now is not None or not any(line["EVID"] != 2 for line in lines):
        lines.append({"TIME": f"{now or today:%Y-%m-%d %H:%M:%S}", "EVID": 2})
        places.append(FIRST_NEW_DOSE)
    for spec in card.covariates:
        _state(spec.name, lines)
    order = sorted(range(len(lines)), key=lambda i: moment_of(lines[i]["TIME"]) or datetime.max)  # tables are typed one after the other
    lines, places = [lines[i] | {"ID": "1"} for i in order], [places[i] for i in order]
    header = {name: f"{name} ({creatinine_unit()})" if name == "SCR" else name for name in (*FIELDS, *(spec.name for spec in card.covariates))}
    if len(card.products) == 1:
        header.pop("PRODUCT")
    text = io.StringIO()
    csv.writer(text).writerows([list(header.values()), *([line.get(name, "") for name in header] for line in lines)])
    return text.getvalue().encode(), places


def _event(cell: dict[str, str], card: DrugCard) -> dict[str, Any]:
    """The cells of one row of the screen by the reader's names."""
    product = {p.label: p.name for p in card.products}.get(cell.get("Product", ""), "")
    known = {"AMT": cell.get("Amount (mg)", ""), "DUR": cell.get("Infusion (h)", ""), "DV": cell.get("Level", ""), "PRODUCT": product}
    return known | {spec.name: cell[spec.name] for spec in card.covariates if spec.name in cell}


def _state(name: str, lines: list[dict[str, Any]]) -> None:
    """Write a field's value into every line before its first later value, where it held; a clearance is not stated again beside a later creatinine."""
    value = fields().get(name)
    if value is None:
        return
    text = value[0] if name == "SEX" else str(int(value == "Yes")) if isinstance(value, str) else f"{value:.10g}"
    moments = [moment_of(line["TIME"]) for line in lines]
    first = min((moment for moment in moments if moment), default=None)
    ends = [m for m, line in zip(moments, lines, strict=True) if m and (line.get(name) or (name == "CRCL" and line.get("SCR") and line["EVID"] == 2))]
    for moment, line in zip(moments, lines, strict=True):
        if not line.get(name) and (not ends or moment is None or moment < min(ends) or moment == first):
            line[name] = text


def moment_of(text: str) -> datetime | None:
    """The moment in a typed date, or in a number of hours; None when it is none: then the reader says so."""
    try:
        return datetime(1, 1, 2) + timedelta(hours=float(text))
    except (ValueError, OverflowError):
        found = next((moment for order in ("ymd", "dmy", "mdy") if (moment := stamp(text, order))), None)
        return found and found.replace(tzinfo=None)


def dated(text: str, today: datetime) -> str:
    """ "yesterday 06:00" and "today 18:00" with their date; anything else as it was typed."""
    found = re.fullmatch(r"(today|yesterday)[ ,]*(.+)", text, re.IGNORECASE)
    day = today - timedelta(days=1) if found and found[1].lower() == "yesterday" else today
    return f"{day:%Y-%m-%d} {found[2]}" if found else text


def in_place(problem: Problem, places: list[str]) -> str:
    """A problem of the typed table with the names that stand on the screen."""
    where = places[problem.row - 2] if problem.row is not None and problem.row - 2 < len(places) else ""
    if problem.column and problem.column.split(" ")[0] not in FIELDS and not where.startswith(PLACES["later"]):
        where = ""  # a covariate's own field stands in no row
    sentence = f"{problem.message}. {problem.remedy}".replace("Add a column CRCL", "Fill in “Measured CrCl”")
    sentence = re.sub(r'If it is in (.+?), say so in the name of the column: "[^"]+"', r"If it is in \1, convert it or choose that unit", sentence)
    for ours, seen in SEEN_AS.items():
        sentence = re.sub(rf"\b{ours}\b", f"“{seen}”", sentence)
    sentence = re.sub(r"\brow (\d+)\b", lambda m: places[int(m[1]) - 2] if 0 <= int(m[1]) - 2 < len(places) else m[0], sentence)
    return f"{where}: {sentence}" if where else sentence[:1].upper() + sentence[1:]
