"""What the latent page computes once and shows to everybody: the population's curves, and where the open patient has been."""

import numpy as np
import streamlit as st

from pages import latent_map, latent_posterior, model, open_case
from pkvae_core.case import Case
from pkvae_core.inference.posterior import Posterior
from pkvae_core.insight.latent import Bundle, course_times, decode, typical_regimen
from pkvae_core.insight.placement import beliefs_by_level
from pkvae_core.insight.walk import Course
from pkvae_core.patient import Regimen

INTERVALS = 4  # drawn of the typical regimen


def patient_here(drug: str) -> tuple[Case, tuple[Posterior, ...]] | None:
    """The open patient of this drug and what the model believed after each level; None without one, or where the model gives no place in a latent space."""
    case = open_case()
    if case is None or case.drug != drug or latent_posterior(case).z is None:
        return None
    return case, _beliefs(case.digest, case)


@st.cache_resource(max_entries=16, show_spinner=False)
def _beliefs(digest: str, _case: Case) -> tuple[Posterior, ...]:
    return beliefs_by_level(model(_case.drug), latent_posterior(_case))


def regimen_of(drug: str) -> Regimen:
    """The regimen after which every curve on this page is drawn."""
    return typical_regimen(model(drug).card)


def course_of(drug: str, intervals: int, *, points: int = 200) -> Course:
    """That many intervals of it, and the hours at which it is drawn."""
    regimen = regimen_of(drug)
    end_h = intervals * regimen.interval_h
    doses = regimen.doses(end_h)
    return Course(doses, course_times(doses, end_h, points=points))


@st.cache_resource(max_entries=16, show_spinner=False)
def everybody(drug: str, intervals: int, points: int = 200) -> Bundle:
    """The whole population's curves."""
    return bundle_of(drug, latent_map(drug)[0].z, course_of(drug, intervals, points=points))


def bundle_of(drug: str, z: np.ndarray, given: Course) -> Bundle:
    return Bundle.of(given.time_h, decode(model(drug), z, given.doses, given.time_h))
