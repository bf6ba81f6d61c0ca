"""What do other engines say about the open case, each asked once per state of it?"""

import numpy as np
import streamlit as st

from pages import model, posterior_for
from pkvae_core.case import Case
from pkvae_core.dosing.agreement import Agreement, Opinion, compare, opinion, opinion_of
from pkvae_core.dosing.fan import fan
from pkvae_core.dosing.option import Option, judge
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.inference.mapbayes import map_bayes
from pkvae_core.inference.posterior import Posterior
from pkvae_core.inference.reference import exact_individual
from pkvae_core.patient import Regimen

QUANTILES = (0.05, 0.5, 0.95)


def own_opinion(case: Case, ranking: Recommendation) -> Opinion:
    """What stands on the page, as one engine among others."""
    return opinion_of(posterior_for(case), ranking)


def beside(case: Case, ranking: Recommendation, engine: str) -> Agreement:
    """This engine's opinion beside the one that answers. Raises ValueError, in a sentence, where the engine cannot be asked."""
    return compare(own_opinion(case, ranking), _opinion(case.digest, _offered(ranking), engine, case, ranking))


def second_opinion(case: Case, ranking: Recommendation) -> Agreement | None:
    """Averaged MAP-Bayes beside the model's answer; None where MAP-Bayes is what answers, or cannot be asked, or nothing was ranked."""
    try:
        return beside(case, ranking, "average") if posterior_for(case).engine == "vae" and ranking.ranked else None
    except ValueError:
        return None


def posterior_by(case: Case, engine: str) -> Posterior:
    """What this engine ("average", "exact", "map:<published model>", or the one that answers) believes about the patient. Raises ValueError."""
    return posterior_for(case) if engine == posterior_for(case).engine else _posterior(case.digest, engine, case)


def judged_by(case: Case, engine: str, regimen: Regimen) -> Option:
    """One regimen as this engine sees it."""
    return _judged(case.digest, engine, regimen, case)


def bands_by(case: Case, engine: str, regimen: Regimen, time_h: tuple[float, ...]) -> np.ndarray:
    """5, 50 and 95 % of the concentration [quantile, time], mg/L, with this regimen after the recorded doses."""
    return _bands(case.digest, engine, regimen, time_h, case)


def _offered(ranking: Recommendation) -> tuple:
    """What the candidates depend on beside the case: the product, and the loading dose."""
    first = ranking.ranked[0].regimen
    return first.product, first.loading_amount_mg


@st.cache_resource(max_entries=64, show_spinner=False)
def _posterior(digest: str, engine: str, _case: Case) -> Posterior:
    card, patient = model(_case.drug).card, _case.patient_as_weighed
    if engine == "exact":
        return exact_individual(card, patient)
    return map_bayes(card, patient, names=None if engine == "average" else (engine.removeprefix("map:"),))


@st.cache_resource(max_entries=64, show_spinner=False)
def _opinion(digest: str, offered: tuple, engine: str, _case: Case, _ranking: Recommendation) -> Opinion:
    """The engine's ranking of the regimens that were ranked, each with its best infusion."""
    return opinion(posterior_by(_case, engine), _case.target, [o.regimen for o in _ranking.distinct], current=_case.current)


@st.cache_resource(max_entries=128, show_spinner=False)
def _judged(digest: str, engine: str, regimen: Regimen, _case: Case) -> Option:
    return judge(posterior_by(_case, engine), _case.target, regimen)


@st.cache_data(max_entries=64, show_spinner=False)
def _bands(digest: str, engine: str, regimen: Regimen, time_h: tuple[float, ...], _case: Case) -> np.ndarray:
    return fan(posterior_by(_case, engine), regimen, [regimen.amount_mg], np.array(time_h), probabilities=QUANTILES)[0].astype(np.float32)
