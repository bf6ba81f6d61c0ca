"""How sure is the model? Its rung, its draws, each level, what to check, and the patient beside the population."""

import streamlit as st

from pages import literal, posterior_for
from pages.dose_parts.judgement import anybody, judged
from pages.dose_parts.levels import show_levels
from pkvae_core.case import Case
from pkvae_core.dosing.reason import cautions_for
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.posterior import Posterior, parameters
from pkvae_core.patient import Regimen
from pkvae_core.report.words import interval_words, percent_words
from pkvae_core.wording import rounded

RUNGS = {
    "prior": (":gray-badge[:material/person_search: No level yet]", "The answer rests on what is known of the patient alone."),
    "weighted": (":green-badge[:material/check_circle: Fits]", "The levels fit what the model expects."),
    "adapted": (":orange-badge[:material/warning: Unusual]", "The levels are unusual; the estimate was moved to the patients that explain them."),
    "laplace": (":orange-badge[:material/warning: Unusual]", "The levels are unusual; a slower method found the patients that explain them."),
    "failed": (":red-badge[:material/error: Does not fit]", "The model cannot explain these levels. Do not dose by this answer."),
}
NONE_COUNTS = (":gray-badge[:material/radio_button_unchecked: No level counts]", "The answer rests on what is known of the patient without the levels.")
PARAMETERS = {"CL": ("Clearance", "L/h"), "V": ("Volume", "L"), "half_life": ("Half-life", "h")}


def show_trust(case: Case, ranking: Recommendation, shown: Regimen | None) -> None:
    """The card beside the ranked regimens; `shown` is the regimen on the card, None when there is none."""
    posterior = posterior_for(case)
    own = cautions_for(posterior, (*judged(case.digest, (shown,), case), *ranking.ranked), case.current) if shown else ranking.cautions
    badge, sentence = NONE_COUNTS if posterior.diagnostics.rung == "prior" and case.left_out else RUNGS[posterior.diagnostics.rung]
    st.markdown(f"{badge} {sentence} {_draws(posterior)}")
    show_levels(case, ranking)
    for caution in dict.fromkeys((*posterior.cautions, *own)):
        st.markdown(f":orange-badge[:material/warning: Check] {literal(caution)}")
    if case.problems:
        with st.expander(f"{len(case.problems)} {'note' if len(case.problems) == 1 else 'notes'} on the data", icon=":material/warning:"):
            st.text("\n".join(map(str, case.problems)))
    _parameters(case, posterior)
    if len(posterior.model_probability) > 1:
        shares = [f"{name[:-4].capitalize()} {name[-4:]} {percent_words(share)}" for name, share in posterior.model_probability.items()]
        st.caption(f"Published models behind it: {', '.join(shares)}")


def _draws(posterior: Posterior) -> str:
    """The effective draws in words."""
    found = posterior.diagnostics
    if found.rung == "prior":
        return ""
    worth = found.effective_draws / found.draws
    words = "well covered" if worth >= 0.2 else "covered" if worth >= 0.05 else "thinly covered: take the intervals with care"
    return f"This patient is {words} ({found.effective_draws:,.0f} of {found.draws:,} draws count)."


def _parameters(case: Case, posterior: Posterior) -> None:
    """CL, V and half-life: this patient with a 90 % interval, and the population's median."""
    own, population = parameters(posterior), parameters(anybody(case))
    weight, even = posterior.weight.numpy(), anybody(case).weight.numpy()
    for name, (label, unit) in PARAMETERS.items():
        low, middle, high = (float(weighted_quantile(own[name], weight, p)) for p in (0.05, 0.5, 0.95))
        usual = float(weighted_quantile(population[name], even, 0.5))
        st.markdown(f"{label} **{rounded(middle)} {unit}** ({interval_words(low, high)}) · population {rounded(usual)} {unit}")
