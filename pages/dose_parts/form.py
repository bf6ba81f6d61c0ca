"""Typing a patient: fields, doses with a builder, levels. The answer follows by itself."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import streamlit as st

from pages import clinical, drug_label, is_own, open_case, set_case
from pages.dose_parts.draft import (
    CREATININE_UNITS,
    FIRST_NEW_DOSE,
    as_csv,
    clear,
    fields,
    filled,
    in_place,
    is_started,
    replace_fields,
    replace_rows,
    rows,
    title,
)
from pages.dose_parts.editor import show_editor
from pages.dose_parts.later import show_later, show_later_button
from pages.dose_parts.opening import case_of, earlier_case, set_aside, wall_clock
from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.drugs.parts import CovariateSpec
from pkvae_core.patient import Regimen
from pkvae_core.records.problems import DataError
from pkvae_core.records.table import Cohort, read_patients
from pkvae_core.report.words import unit_words
from pkvae_core.wording import plain

MOST_DOSES = 100  # that one sentence makes
ICONS = {"error": ":material/error:", "warning": ":material/warning:"}


def show_form() -> None:
    """The whole form; what it holds becomes the open case on every run."""
    if "drug" not in fields():
        clear([drug for drug in clinical() if load_card(drug).gives_dose and not is_own(drug)][-1])
    elif _key("drug") not in st.session_state:  # back from another page, or the form was closed
        replace_fields(fields())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        before = fields()["drug"]
        _kept(st.selectbox, "Drug", "drug", options=clinical(), format_func=drug_label, width=170)
        card = load_card(fields()["drug"])
        if card.drug != before:
            _change_drug(before)
        _kept(st.text_input, "Pseudonym", "label", empty="", placeholder="no real name", width=170, max_chars=40)
        for spec in card.covariates:
            _covariate(spec)
        show_later_button()
    show_later(card)
    given, measured = st.columns([58, 42], gap="medium")
    with given:
        st.markdown("**Doses given**")
        _builder(card)
        show_editor("doses", card)
    with measured:
        st.markdown("**Levels measured**")
        _level_builder(card)
        show_editor("levels", card)
        due = "The moment the decision is for. Left empty: when the next dose falls due."
        _kept(st.datetime_input, "First new dose", "now", format="YYYY-MM-DD", step=timedelta(minutes=5), help=due)
    if said := st.session_state.pop("build_problem", None):
        st.warning(said, icon=":material/warning:")
    _answer(card)


def _key(name: str) -> str:
    return f"in_{name}_{st.session_state['version_fields']}"


def _kept(widget: Callable, label: str, name: str, *, empty: Any = None, **options: Any) -> None:
    """A widget that starts from the canonical copy of a field and writes back to it."""
    start = st.session_state["base_fields"].get(name)
    start = empty if start is None else start
    if widget is st.selectbox:
        options["index"] = None if start is None else list(options["options"]).index(start)
    else:
        options["default" if widget is st.segmented_control else "value"] = start
    fields()[name] = widget(label, key=_key(name), **options)


def _change_drug(before: str) -> None:
    """Amounts, levels and their unit belong to a drug; the patient stays."""
    kept, later = {name: value for name, value in fields().items() if name != "unit"}, rows("later")
    clear(before)
    replace_fields(kept)
    replace_rows("later", later)
    for name in ("trial", "compared", "with_loading"):
        st.session_state.pop(name, None)
    set_case(None)
    st.rerun()


def _covariate(spec: CovariateSpec) -> None:
    """One covariate of the card. No limits here: a value that cannot be true is answered in words."""
    if spec.name == "SEX":
        _kept(st.selectbox, "Sex", "SEX", options=["Female", "Male"], placeholder="", width=110)
        return
    if spec.is_flag:
        options = [words.capitalize() for words in spec.choices]
        _kept(st.selectbox, title(spec, with_unit=False), spec.name, options=options, placeholder="unknown", help=spec.note or None, width=150)
        return
    is_creatinine = spec.name == "SCR"
    name, width = title(spec, with_unit=not is_creatinine), 120 if is_creatinine else 150
    _kept(st.number_input, name, spec.name, step=None, width=width, help=spec.note or None, format="%g")
    if is_creatinine:
        _kept(st.selectbox, "Unit", "SCR unit", empty=CREATININE_UNITS[0], options=CREATININE_UNITS, format_func=unit_words, width=110)


def _builder(card: DrugCard) -> None:
    """A sentence that makes rows: 1,000 mg every 12 h over 1 h, from yesterday 06:00, 3 doses."""
    product = card.product()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input("Amount (mg)", value=None, key="build_amount", format="%g", width=110)
        st.number_input("every (h)", value=None, key="build_every", format="%g", width=90)
        if product.infusions_h != (0,):
            st.number_input("over (h)", value=None, key="build_over", format="%g", width=90)
        st.datetime_input("first dose", value=None, key="build_from", format="YYYY-MM-DD", step=timedelta(minutes=5), width=190)
        st.number_input("doses", value=None, key="build_count", step=1, width=80)
        st.button("Add doses", key="build", icon=":material/add:", on_click=_build)


def _build() -> None:
    """Append the rows that the sentence describes; a sentence that cannot be followed is answered, and stays."""
    amount, every, over, first, count = (st.session_state.get(f"build_{name}") for name in ("amount", "every", "over", "from", "count"))
    if amount is None or first is None:
        st.session_state["build_problem"] = "Give at least the amount and the time of the first dose."
        return
    number = int(count or 1)
    if not 1 <= number <= MOST_DOSES:
        st.session_state["build_problem"] = f"Give a number of doses between 1 and {MOST_DOSES}."
        return
    if number > 1 and every is None:
        st.session_state["build_problem"] = "Several doses need the interval between them: fill in “every (h)”."
        return
    try:
        times = [dose.time_h for dose in Regimen(amount, every or 24, over or 0).doses(number * (every or 24))]
    except ValueError as error:
        st.session_state["build_problem"] = f"{str(error)[:1].upper()}{str(error)[1:]}"
        return
    stamps = [f"{first + timedelta(hours=t):%Y-%m-%d %H:%M}" for t in times]
    new = [{"When": stamp, "Amount (mg)": plain(amount).replace(",", ""), "Infusion (h)": plain(over, 4) if over else "", "Product": ""} for stamp in stamps]
    replace_rows("doses", [row for row in rows("doses") if filled(row)] + new)


def _level_builder(card: DrugCard) -> None:
    """One level at a time; its unit holds for all of them."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.datetime_input("drawn at", value=None, key="build_drawn", format="YYYY-MM-DD", step=timedelta(minutes=5), width=190)
        st.text_input("Level", key="build_level", placeholder="12.5 or <2", width=100)
        before = fields().get("unit")
        _kept(st.segmented_control, "Unit", "unit", empty=card.concentration_unit, options=card.reporting_units, format_func=unit_words, required=True)
        if before and fields()["unit"] != before:  # levels are shown in the unit they are typed in, until another is chosen
            st.session_state.pop(f"goal_unit_{card.drug}", None)
        st.button("Add level", icon=":material/add:", on_click=_build_level)


def _build_level() -> None:
    """Append the level; whether it can be read is the file reader's affair."""
    drawn, level = st.session_state["build_drawn"], st.session_state["build_level"]
    if drawn is None or not level.strip():
        st.session_state["build_problem"] = "Give the time and the level."
        return
    replace_rows("levels", [row for row in rows("levels") if filled(row)] + [{"When": f"{drawn:%Y-%m-%d %H:%M}", "Level": level}])
    st.session_state["build_level"] = ""


def _answer(card: DrugCard) -> None:
    """Read what was typed; a case without errors is opened at once, anything else is said, and the last answer stays as one on earlier data."""
    if not is_started(card):
        return
    today = fields().setdefault("today", wall_clock())
    content, places = as_csv(card, today)
    try:
        cohort = read_patients(content, options=card.read_options(concentration_unit=fields()["unit"]))
    except DataError as error:
        set_aside()
        st.error(str(error), icon=ICONS["error"])
        return
    for problem in cohort.problems:
        if problem.severity == "error":
            st.error(in_place(problem, places), icon=ICONS["error"])
        else:
            st.caption(f"{ICONS['warning']} {in_place(problem, places)}")
    if not cohort.records:
        set_aside()
        return
    _open(card, cohort, content, now_row=places.index(FIRST_NEW_DOSE) + 2 if FIRST_NEW_DOSE in places else None)


def _open(card: DrugCard, cohort: Cohort, content: bytes, *, now_row: int | None) -> None:
    """The typed patient becomes the open case, unless it is the one that was put into the form and nobody touched it."""
    label, unit = fields()["label"], fields()["unit"]
    signature = (content, label, unit)
    if st.session_state.get("form_seen") == signature:
        if open_case() is None and (earlier := earlier_case()):  # the error was taken back
            set_case(earlier)
        return
    is_untouched = st.session_state.pop("form_filled", False)
    st.session_state["form_seen"] = signature
    if is_untouched and open_case() is not None:
        return
    record = cohort.records[0]
    now_h = next((asked.time_h for asked in record.prediction_times if asked.row == now_row), None) if fields()["now"] else None
    st.session_state["is_editing"] = True  # the form stays where it is while the answer appears below it
    typed = case_of(card.drug, record.patient, cohort.origin[record.patient.id], unit=unit, source="typed", label=label, now_h=now_h, problems=cohort.problems)
    known = open_case() or earlier_case()
    set_case(typed.with_choices_of(known) if known and known.drug == card.drug else typed)
