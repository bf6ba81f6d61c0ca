"""Dose predictions on the page: where our doses land on virtual patients, and how they compare with the doses that real patients were given."""

import streamlit as st

from pages import theme
from pages.checks_parts.exhibit import exhibit, says_who_is_missing
from pages.checks_parts.source import Source
from pkvae_core.checks.folds import ALL, CrossValidation
from pkvae_core.checks.trial import DoseTrial
from pkvae_core.plots import trials as plots


def show_doses(source: Source, found: DoseTrial | CrossValidation) -> None:
    """The truth is known of virtual patients; of real ones, the level that followed each dose."""
    says_who_is_missing(found.left_out)
    if not found.doses:
        st.info("There was no dose to predict.", icon=":material/info:")
        return
    st.markdown(found.sentence)
    if isinstance(found, DoseTrial):
        _show_trial(source, found)
    else:
        _show_folds(source, found)


def _show_trial(source: Source, found: DoseTrial) -> None:
    left, right = st.columns(2)
    engine, most = found.cells[0].engine, max(c.levels for c in found.cells)
    with left:
        read = "The nearer to the dashed line, which is what the available amounts allow, the better the choice; whiskers: 95 % over patients."
        title = f"Doses whose true {found.target} lands in target"
        exhibit(source, "doses-landed", plots.landing_figure(theme(), found.cells), found.rows(), title=title, read=read)
    with right:
        chosen = [d for d in found.doses if d.engine == engine and d.levels == most]
        rows = [row for row in found.dose_rows() if row["engine"] == engine and row["levels"] == most]
        read = "On the dashed line the model chooses what the truth asks for; filled dots land in target once rounded to an available amount."
        exhibit(source, "doses-asked", plots.asked_figure(theme(), chosen), rows, title=f"Chosen against needed dose, with {most} levels", read=read)


def _show_folds(source: Source, found: CrossValidation) -> None:
    """Each level asks: which dose would have led to it? The answer is the dose that was given."""
    engine = next(iter(found.levels))
    left, right = st.columns(2)
    with left:
        read = "On the dashed line the model, held out, names the dose that led to the level; filled dots: inside its 90 % interval."
        mine = [d for d in found.doses if d.engine == engine]
        rows = [row for row in found.dose_rows() if row["engine"] == engine]
        exhibit(source, "folds-doses", plots.backwards_figure(theme(), mine), rows, title="Predicted against given dose", read=read)
    with right:
        read = "The lower the better: half of the predicted doses lie within this many per cent of the dose given; whiskers: 95 % over patients."
        scores = [s for s in found.scores if s.fold == ALL and s.earlier_levels not in (ALL, "1+") and s.n]
        exhibit(source, "folds-scores", plots.scores_figure(theme(), scores), found.rows(), title="Error of the dose by earlier levels", read=read)
