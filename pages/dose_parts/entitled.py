"""May the model speak about this patient? The banner above the answer, the badge in the trust card, and what was looked at."""

import streamlit as st

from pages import literal, posterior_for
from pkvae_core.case import Case
from pkvae_core.inference.posterior import Posterior
from pkvae_core.inference.verdict import CAUTION, OUT, REFUSED, Entitlement

RUNGS = {
    "prior": (":gray-badge[:material/person_search: No level yet]", "The answer rests on what is known of the patient alone."),
    "weighted": (":green-badge[:material/check_circle: Fits]", "The levels fit what the model expects."),
    "adapted": (":orange-badge[:material/warning: Unusual]", "The levels are unusual; the estimate was moved to the patients that explain them."),
    "laplace": (":orange-badge[:material/warning: Unusual]", "The levels are unusual; a slower method found the patients that explain them."),
    "failed": (":red-badge[:material/error: Does not fit]", "The model cannot explain these levels. Do not dose by this answer."),
}
NONE_COUNTS = (":gray-badge[:material/radio_button_unchecked: No level counts]", "The answer rests on what is known of the patient without the levels.")
VERDICTS = {
    CAUTION: (":orange-badge[:material/warning: With caution]", "The model answers; something about this patient is unusual."),
    OUT: (":orange-badge[:material/swap_horiz: MAP-Bayes answers]", "The patient lies outside what the model has learned."),
    REFUSED: (":red-badge[:material/block: Nobody answers]", "What stands above has to be checked first."),
}
LOOKED_AT = {
    "covariates together": "of the model's patients are at least as far from the typical one in all covariates together",
    "surprise of the levels": "of such patients would have levels that surprise the model at least as much",
    "misfit": "of levels drawn again would lie at least as far from the curve",
}


def show_banner(case: Case) -> bool:
    """Above the answer: why another method gives it, or why nobody does. Returns whether anybody answers."""
    found = found_in(case)
    if found.verdict == REFUSED:
        st.error(literal(found.banner), icon=":material/block:")
    elif found.verdict == OUT:
        st.warning(literal(found.banner), icon=":material/swap_horiz:")
    return found.verdict != REFUSED


def found_in(case: Case) -> Entitlement:
    """What was found when we asked whether the model may speak about this patient."""
    return posterior_for(case).entitlement or Entitlement()


def badge_of(case: Case, posterior: Posterior) -> tuple[str, str]:
    """The badge of the trust card and its sentence: the verdict where it is grave, else the rung of the ladder."""
    verdict, rung = (posterior.entitlement or Entitlement()).verdict, posterior.diagnostics.rung
    if verdict in (OUT, REFUSED) or (verdict == CAUTION and rung in ("prior", "weighted")):
        return VERDICTS[verdict]
    return NONE_COUNTS if rung == "prior" and case.left_out else RUNGS[rung]


def show_looked_at(case: Case) -> None:
    """The numbers behind the verdict, also where there is nothing to say."""
    measured = dict(found_in(case).measured)
    lines = [f"- {_share(measured[name])} {words}" for name, words in LOOKED_AT.items() if name in measured]
    if "latent distance" in measured:
        lines.append(f"- The levels place this patient {measured['latent distance']:.1f} standard deviations from the middle of such patients")
    if lines:
        with st.expander("The numbers behind this", icon=":material/query_stats:", key="looked_at"):
            st.caption("\n".join(["Is the model entitled to speak about this patient?", "", *lines]))


def _share(probability: float) -> str:
    return f"{probability:.0%}".replace("%", " %") if probability >= 0.01 else "under 1 %"
