"""How much does the prior count? A slider from mostly the levels to only the prior, with Bayes' rule marked."""

import streamlit as st

from pages import chart, latent_posterior, posterior_for, theme
from pages.teach_parts.found import balanced_of, hills
from pages.teach_parts.stepped import quantities
from pkvae_core.case import Case
from pkvae_core.inference.ladder import LEAST_EFFECTIVE_SHARE
from pkvae_core.insight.balance import BALANCES, balance_words
from pkvae_core.insight.belief import EXPOSURE, counted
from pkvae_core.insight.belief_words import triple_words
from pkvae_core.plots import teach as plots

BAYES, ONLY_PRIOR = next(i for i, b in enumerate(BALANCES) if b.is_bayes), len(BALANCES) - 1


def show_balance(case: Case) -> None:
    """The slider, what it means, and what it does to clearance and exposure."""
    if not counted(case):
        st.markdown("No level has been drawn, so there is nothing to weigh the prior against.")
        return
    labels = [balance.label for balance in BALANCES]
    chosen = st.select_slider("How much does the prior count?", labels, "Bayes", key="teach_balance", help="Left: mostly the levels. Right: only the prior.")
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        for mark in ("◂ mostly the levels", "Bayes", "only the prior ▸"):
            st.caption(mark, width="content")
    index = labels.index(chosen)
    st.markdown(balance_words(BALANCES[index]))
    if posterior_for(case).engine != latent_posterior(case).engine:
        st.info("Classical MAP-Bayes answers for this patient. The slider shows the trained model's own belief all the same.", icon=":material/swap_horiz:")
    found = {name: balanced_of(case.digest, i, case) for name, i in (("only the prior", ONLY_PRIOR), ("Bayes", BAYES), (chosen, index))}
    effective = found[chosen].posterior.diagnostics
    if effective.effective_draws < LEAST_EFFECTIVE_SHARE * effective.draws:
        st.warning("Too few draws count at these powers: the picture cannot be trusted.", icon=":material/warning:")
    _show(case, found)


def _show(case: Case, found: dict) -> None:
    for column, name in zip(st.columns(2), ("CL", EXPOSURE), strict=True):
        label, unit, factor = quantities(case)[name]
        value, heights = hills(case, list(found.values()), name)
        with column:
            st.markdown(f"**{label}**")
            figure = plots.balance(theme(), value, list(zip(found, heights, strict=True)), unit, factor=factor)
            chart(figure, key=f"teach_balance_{name}", alt=f"{label} by {', '.join(found)}.")
            looks = ("grey", "blue", "orange, dashed")
            st.markdown(
                "  \n".join(f"{who} ({look}) **{triple_words(b.interval(name), unit, factor)}**" for (who, b), look in zip(found.items(), looks, strict=False))
            )
    st.caption(
        "Median and 90 % interval. The prior is never left out altogether: with fewer levels than unknowns the levels alone allow everything, "
        "and the model has learned no patients outside its population."
    )
