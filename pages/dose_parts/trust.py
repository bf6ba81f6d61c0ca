"""How sure is the model? Its rung, its draws, each level, what to check, and the patient beside the population."""

import streamlit as st

from pages import literal, posterior_for
from pages.dose_parts.entitled import badge_of, found_in, show_looked_at
from pages.dose_parts.judgement import anybody, judged
from pages.dose_parts.levels import show_levels
from pages.dose_parts.next_level import show_next_level
from pages.dose_parts.shown import since_words
from pkvae_core.case import Case
from pkvae_core.dosing.reason import cautions_for
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.dosing.steady_state import steady_after_h
from pkvae_core.drugs.changes import change_sentences, unsteady
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.posterior import Posterior, parameter_names, parameters
from pkvae_core.inference.verdict import REFUSED
from pkvae_core.patient import Regimen
from pkvae_core.report.words import interval_words, percent_words
from pkvae_core.wording import rounded, slow_unit, spell_words


def show_trust(case: Case, ranking: Recommendation, shown: Regimen | None) -> None:
    """The card beside the ranked regimens; `shown` is the regimen on the card, None when there is none."""
    posterior = posterior_for(case)
    own = cautions_for(posterior, (*judged(case.digest, (shown,), case), *ranking.ranked), case.current) if shown else ranking.cautions
    badge, sentence = badge_of(case, posterior)
    is_silent = found_in(case).verdict == REFUSED
    st.markdown(f"{badge} {sentence} {'' if is_silent else _draws(posterior)}")
    show_levels(case, ranking)
    if not is_silent:
        show_next_level(case, ranking)
    show_looked_at(case)
    for sentence in change_sentences(posterior.card, posterior.patient, lambda time_h: since_words(case, time_h)):
        st.markdown(f":blue-badge[:material/event_repeat: Changed] {literal(sentence)}")
    above = unsteady(posterior.card, posterior.patient)  # said beside the recommendation
    for caution in dict.fromkeys(c for c in (*posterior.cautions, *own) if c not in above):
        if caution != found_in(case).banner:  # it stands above the answer
            st.markdown(f":orange-badge[:material/warning: Check] {literal(caution)}")
    if case.problems:
        with st.expander(f"{len(case.problems)} {'note' if len(case.problems) == 1 else 'notes'} on the data", icon=":material/warning:"):
            st.text("\n".join(map(str, case.problems)))
    if is_silent:
        return
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
    for name, (label, unit) in parameter_names(posterior.card).items():
        low, middle, high = (float(weighted_quantile(own[name], weight, p)) for p in (0.05, 0.5, 0.95))
        usual = float(weighted_quantile(population[name], even, 0.5))
        hours, said = slow_unit(middle) if unit == "h" else (1.0, unit)
        interval = interval_words(low / hours, high / hours)
        st.markdown(f"{label} **{rounded(middle / hours)} {said}** ({interval}) · population {rounded(usual / hours)} {said}")
        if name == "half_life" and getattr(posterior.responses.now, "saturates", False):
            st.markdown("The higher the level, the longer the half-life, and a steady state takes weeks: measure again after each change of dose.")
        elif name == "half_life":
            steady = f"**{spell_words(steady_after_h(middle))}** ({spell_words(steady_after_h(low))} to {spell_words(steady_after_h(high))})"
            st.markdown(f"Steady state after about {steady} on one regimen")
