"""The verbs of the Dose page, each answered once per state of the case."""

from dataclasses import replace

import numpy as np
import streamlit as st

from pages import posterior_for
from pkvae_core.case import Case
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.compare import unchanged
from pkvae_core.dosing.fan import BAND, fan
from pkvae_core.dosing.option import Option, judge_all
from pkvae_core.dosing.recommend import Recommendation, recommend
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Regimen

Asked = tuple[str, bool]  # product, with a loading dose: what the candidates are to be
Key = tuple[float, float, float]  # amount, interval, infusion: a candidate


def recommendation(case: Case, asked: Asked) -> Recommendation:
    """Every candidate ranked. Raises ValueError when the card has none for this patient."""
    return _recommendation(case.digest, asked, case)


@st.cache_resource(max_entries=32, show_spinner=False)
def _recommendation(digest: str, asked: Asked, _case: Case) -> Recommendation:
    (product, with_loading), posterior = asked, posterior_for(_case)
    weight_kg = _case.patient.covariate("WT")
    offered = candidates(posterior.card, start_h=_case.now_h, product=product, weight_kg=weight_kg, with_loading=with_loading)
    return recommend(posterior, _case.target, offered, current=_case.current)


def tried_regimen(ranking: Recommendation, trial: Key | None) -> Regimen:
    """What is shown: the regimen being tried, as amount, interval and infusion; else the recommended one, or the one that comes first.

    Another interval may need another infusion, or allow other amounts: then the nearest that the card has.
    """
    if trial is None:
        return (ranking.best or ranking.ranked[0]).regimen
    amount_mg, interval_h, infusion_h = trial
    offered = [o.regimen for o in ranking.ranked]
    return min(offered, key=lambda r: (abs(r.interval_h - interval_h), abs(r.infusion_h - infusion_h), abs(r.amount_mg - amount_mg)))


@st.cache_resource(max_entries=64, show_spinner=False)
def judged(digest: str, regimens: tuple[Regimen, ...], _case: Case) -> tuple[Option, ...]:
    """These regimens against the case's target, in the order given."""
    return judge_all(posterior_for(_case), _case.target, regimens)


@st.cache_resource(max_entries=32, show_spinner=False)
def if_unchanged(digest: str, _case: Case) -> Option | None:
    """The current regimen, left as it is."""
    return unchanged(posterior_for(_case), _case.target, _case.current, start_h=_case.now_h) if _case.current else None


def before_levels(case: Case) -> Posterior:
    """What was expected of this patient before any level."""
    return posterior_for(replace(case, patient=replace(case.patient, samples=())))


def anybody(case: Case) -> Posterior:
    """What is expected of a patient of whom nothing is known but the doses."""
    return posterior_for(replace(case, patient=replace(case.patient, samples=(), covariates=())))


@st.cache_data(max_entries=64, show_spinner=False)
def bands(digest: str, regimens: tuple[Regimen, ...], time_h: tuple[float, ...], whose: str, _case: Case) -> np.ndarray:
    """Concentration quantiles [amount, quantile, time] of regimens that differ in the amount only; `whose` is individual, apriori or population (medians)."""
    posterior = {"individual": posterior_for, "apriori": before_levels, "population": anybody}[whose](_case)
    probabilities = BAND if whose == "individual" else (0.5,)
    return fan(posterior, regimens[0], [r.amount_mg for r in regimens], np.array(time_h), probabilities=probabilities).astype(np.float32)
