"""Whose patients is the model checked on: fresh virtual ones, an uploaded cohort, or a group of either?"""

from dataclasses import dataclass
from hashlib import sha256

import streamlit as st

from pages import drug_label, is_own, literal, model, models, open_case, sign
from pages.dose_parts.reading import list_problems, read_table, show_options, show_template
from pkvae_core.checks.strata import EVERYBODY, Stratum, strata
from pkvae_core.checks.virtual import fresh
from pkvae_core.drugs.derived import complete
from pkvae_core.patient import Patient
from pkvae_core.records.problems import Problem
from pkvae_core.records.spreadsheet import MAX_BYTES, MAX_ROWS
from pkvae_core.records.table import Cohort
from pkvae_core.wording import counted

VIRTUAL, UPLOADED = "Fresh virtual patients", "A cohort of yours"
SIZES = (50, 100, 200, 500, 1000)
LEVELS = {0: "1 to 10, as in practice", 1: "1", 2: "2", 4: "4"}
EXAMPLE, EXAMPLE_SEED = 30, 2026  # patients in the example cohort, and who they are
FEW = 20  # patients; below, the page says that figures are rough


@dataclass(frozen=True)
class Source:
    """What is checked on whom. `given` are the uploaded patients, None for virtual ones: `count` of them, `samples` levels each (None: as in practice)."""

    drug: str
    stratum: Stratum | None
    given: tuple[Patient, ...] | None = None
    count: int = 0
    samples: int | None = None
    seed: int = 0
    name: str = ""

    @property
    def is_virtual(self) -> bool:
        return self.given is None

    @property
    def size(self) -> int:
        return self.count if self.given is None else len(self.given)

    @property
    def key(self) -> str:
        """The same for the same patients and the same model: results are kept under it."""
        group = self.stratum.label if self.stratum else EVERYBODY
        told = (self.drug, model(self.drug).version, group, self.given, self.count, self.samples, self.seed)
        return sha256(repr(told).encode()).hexdigest()[:16]

    def wants(self, patient: Patient) -> bool:
        """Whether a patient belongs to the chosen group."""
        return self.stratum is None or self.stratum.holds(complete(model(self.drug).card, patient))

    def words(self) -> str:
        """Who was checked, for the line above the figures."""
        group = f", {self.stratum.label[0].lower()}{self.stratum.label[1:]}" if self.stratum else ""
        who = (
            f"{self.size:,} patients of {self.name}"
            if self.given is not None
            else f"{self.count:,} virtual patients that training never saw (draw {self.seed})"
        )
        return f"{who}{group}"


def choose_source() -> Source | None:
    """The row of choices on top; None while something is still open, which is said."""
    names = {drug: literal(drug_label(drug)) if is_own(drug) else drug_label(drug) for drug in models()}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        case = open_case()
        first = case.drug if case else next(iter(names))
        index = list(names).index(first)
        drug = st.selectbox("Drug", list(names), index, format_func=names.__getitem__, key="checks_drug", width=230, persist_state="session")
        kind = UPLOADED  # no virtual patients without a published model
        if model(drug).card.published_models:
            kind = st.segmented_control("Checked on", [VIRTUAL, UPLOADED], default=VIRTUAL, required=True, key="checks_kind", persist_state="session")
        sign(model(drug).version)
        groups = {s.label: s for s in strata(model(drug).card)}
        group = groups.get(st.selectbox("Group", [EVERYBODY, *groups], key=f"checks_group_{drug}", width=290, persist_state="session"))
        if kind == VIRTUAL:
            return _virtual(drug, group)
    return _uploaded(drug, group)


def _virtual(drug: str, group: Stratum | None) -> Source:
    count = st.selectbox("Patients", SIZES, 1, format_func=lambda n: f"{n:,}", key="checks_size", width=110, persist_state="session")
    samples = st.selectbox("Levels each", list(LEVELS), format_func=LEVELS.__getitem__, key="checks_levels", width=190, persist_state="session")
    seed = st.number_input("Draw", 0, 9999, 1, key="checks_seed", width=110, help="Another number draws other patients; the same one draws them again.")
    return Source(drug, group, None, count, samples or None, seed)


def _uploaded(drug: str, group: Stratum | None) -> Source | None:
    """The cohort that was uploaded for this drug, or the example, which stay while the reader is on other pages."""
    kept = f"checks_cohort_of_{drug}"
    if kept not in st.session_state:
        _ask_file(drug, kept)
    if kept not in st.session_state:
        return None
    name, patients, problems = st.session_state[kept]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{name}**: {counted(len(patients), 'patient')} with {counted(sum(len(p.samples) for p in patients), 'level')}.", width="content")
        st.button("Another file", icon=":material/swap_horiz:", type="tertiary", on_click=_forget, args=(kept,))
    list_problems(problems)
    source = Source(drug, group, patients, name=name)
    chosen = tuple(p for p in patients if source.wants(p))
    if not chosen:
        st.warning("No patient of this cohort has a level and is known to belong to this group. Choose another group or file.", icon=":material/group_off:")
        return None
    if group:
        st.caption(f"{counted(len(chosen), 'patient').capitalize()} of {len(patients):,} are known to belong to this group.")
    if len(chosen) < FEW:
        st.caption(f":material/info: {counted(len(chosen), 'patient').capitalize()} in all: every figure is rough, and its interval says how rough.")
    return Source(drug, group, chosen, name=name)


def _ask_file(drug: str, kept: str) -> None:
    """A file, with the questions that it leaves open, or the example in one click."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.popover("Units and options", icon=":material/tune:"):
                overrides = show_options(drug, place="checks_file")
            show_template(drug)
            if model(drug).card.published_models:
                _offer_example(drug, kept)
        file = st.file_uploader(
            f"Patients on {literal(model(drug).card.name.lower())}: CSV or Excel, up to {MAX_BYTES // 10**6} MB and {MAX_ROWS:,} rows",
            key=f"checks_file_{drug}",
        )
        if file is None:
            return
        if read := read_table(file.file_id, file.getvalue(), drug, overrides, place="checks_file"):
            _keep(literal(file.name), read[1], kept)


def _offer_example(drug: str, kept: str) -> None:
    st.button(f"Example: {EXAMPLE} synthetic patients", icon=":material/science:", key="checks_example", on_click=_open_example, args=(drug, kept))


def _keep(name: str, cohort: Cohort, kept: str) -> None:
    """The patients who have levels become the cohort; a file without any is answered."""
    patients = tuple(r.patient for r in cohort.records if r.patient.samples)
    if not patients:
        list_problems(cohort.problems)
        st.error("No patient in this file can be checked: it needs patients without errors who have a level.", icon=":material/error:")
        return
    idle = len(cohort.records) - len(patients)
    note = (Problem("warning", f"{idle} patients without a level are left out", "A check needs levels."),) if idle else ()
    st.session_state[kept] = name, patients, cohort.problems + note
    st.rerun()


def _open_example(drug: str, kept: str) -> None:
    """Virtual patients in the place of a file: a check of a cohort to look at, without a cohort."""
    st.session_state[kept] = "Synthetic example", fresh(model(drug).card, EXAMPLE, seed=EXAMPLE_SEED).patients, ()


def _forget(kept: str) -> None:
    """Back to the choice of a file; results of the last one stay until the session ends."""
    st.session_state.pop(kept, None)
    st.session_state.pop("checks_file_cohort", None)
