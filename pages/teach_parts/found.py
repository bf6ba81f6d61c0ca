"""The verbs of the Teach page, each answered once per state of a case."""

from functools import cache

import numpy as np
import streamlit as st

from pages import latent_posterior, model, posterior_for
from pkvae_core.case import Case
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.recommend import Recommendation, recommend
from pkvae_core.insight.balance import BALANCES, balanced
from pkvae_core.insight.belief import Belief, Shapes, Step, bands, beliefs, believed, course_times, density, spread, steps
from pkvae_core.insight.facts import Facts, facts, regimen_of
from pkvae_core.insight.lessons import Lesson, lessons
from pkvae_core.insight.next_level import NextLevel, next_level
from pkvae_core.patient import Regimen


@cache
def shipped() -> dict[str, Lesson]:
    """The case library, by name, in the order of teaching."""
    return {lesson.name: lesson for lesson in lessons()}


@st.cache_resource(max_entries=32, show_spinner=False)
def ranking_of(digest: str, _case: Case) -> Recommendation:
    """Every candidate of the current product, or of the card's first one, ranked."""
    posterior = posterior_for(_case)
    offered = candidates(posterior.card, start_h=_case.now_h, product=_case.current.product if _case.current else "")
    return recommend(posterior, _case.target, offered, current=_case.current)


def exposure_regimen(case: Case) -> Regimen:
    """On which regimen exposure is counted: the current one, else the one that ranks first."""
    return case.current or regimen_of(case, ranking_of(case.digest, case))


@st.cache_resource(max_entries=32, show_spinner=False)
def steps_of(digest: str, _case: Case) -> tuple[Step, ...]:
    """Every level with the beliefs on both sides of it."""
    return steps(_case, beliefs_of(digest, _case))


@st.cache_resource(max_entries=32, show_spinner=False)
def beliefs_of(digest: str, _case: Case) -> tuple[Belief, ...]:
    """The belief with no level, with the first one, and so on."""
    return beliefs(_case, posterior_for(_case), exposure_regimen(_case))


@st.cache_data(max_entries=64, show_spinner=False)
def curve(digest: str, number: int, _case: Case) -> np.ndarray:
    """Quantiles of the concentration over the recorded course (mg/L) with this many levels known."""
    return bands(beliefs_of(digest, _case)[number].posterior, course_times(_case)).astype(np.float32)


@st.cache_resource(max_entries=64, show_spinner=False)
def shapes_of(digest: str, index: int, name: str, _case: Case) -> Shapes:
    """Prior, likelihood and posterior of one quantity at one level."""
    return steps_of(digest, _case)[index].shapes(name)


@st.cache_resource(max_entries=16, show_spinner="Asking the engine")
def facts_of(digest: str, _case: Case) -> Facts:
    """Everything that a debrief may name."""
    return facts(_case, posterior_for)


@st.cache_resource(max_entries=64, show_spinner=False)
def balanced_of(digest: str, index: int, _case: Case) -> Belief:
    """The model's own belief with the powers of `BALANCES[index]`."""
    return believed(_case, balanced(model(_case.drug), latent_posterior(_case), BALANCES[index]), exposure_regimen(_case))


def hills(case: Case, chosen: list[Belief], name: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Densities of one quantity under several beliefs, over the same values."""
    value = spread(chosen, name)
    return value, [density(belief, name, value) for belief in chosen]


@st.cache_resource(max_entries=32, show_spinner=False)
def next_of(digest: str, _case: Case) -> NextLevel | None:
    """When the next level would help most."""
    return next_level(_case, posterior_for(_case), ranking_of(digest, _case))
