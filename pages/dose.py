"""Dose a patient: who, which regimen, how sure, and what else could be given."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages import clinical, literal, model, open_case, open_page, posterior_for
from pages.dose_parts.answer import show_answer
from pages.dose_parts.engines import show_engines
from pages.dose_parts.entitled import show_banner
from pages.dose_parts.export import show_report
from pages.dose_parts.followed import show_followed
from pages.dose_parts.judgement import Asked, recommendation, tried_regimen
from pages.dose_parts.meals import say_meals, warn_of_meals
from pages.dose_parts.opening import earlier_case
from pages.dose_parts.ranked import MOST, show_compared, show_ranked
from pages.dose_parts.scenarios import show_scenarios
from pages.dose_parts.strip import show_strip
from pages.dose_parts.trust import show_trust
from pages.dose_parts.ways_in import show_ways_in
from pages.dose_parts.whatif import changeable, show_what_if
from pkvae_core.case import Case
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.drugs.changes import unsteady
from pkvae_core.patient import Regimen

open_page()


def page() -> None:
    """The strip stands above the way in, yet knows what was just typed there."""
    head = st.container()
    if on_the_table() is None or st.session_state.get("is_editing"):
        show_ways_in()
    case = on_the_table()
    if case is None and (earlier := earlier_case()) and earlier.drug in clinical():
        _show_earlier(head, earlier)
        return
    with head:
        if case is None:
            st.title("Dose a patient", anchor=False)
            st.markdown("Open an example, upload a file, or type: the recommendation appears by itself.")
            say_who_is_not_here()
            return
        show_strip(case)
        if caution := st.session_state.get("reopened"):
            st.warning(caution, icon=":material/history:")
    answer(case)


def on_the_table() -> Case | None:
    """The open case; none where it takes a made-up drug, which no page under Clinic shows."""
    case = open_case()
    return case if case is not None and case.drug in clinical() else None


def say_who_is_not_here() -> None:
    """That a patient is open who takes no medicine, where one is."""
    if case := open_case():
        name = literal(model(case.drug).card.name)
        st.info(f"{literal(case.label)} takes {name}, no real drug: the pages under Teach and Research show this patient.", icon=":material/science:")


def _show_earlier(head: DeltaGenerator, case: Case) -> None:
    """What was typed holds an error: the answer before it stays in sight, grey and out of reach (assets/brand/style.css), and says what it is."""
    with head.container(key="earlier_strip"):
        show_strip(case)
    st.warning("**Based on earlier data.** What is typed above holds an error; this was the answer before it.", icon=":material/history:")
    with st.container(key="earlier_answer"):
        answer(case)


def answer(case: Case) -> None:
    """Everything that follows from the open case."""
    if not model(case.drug).card.gives_dose:
        show_followed(case)
        return
    asked = _asked(case)
    try:
        ranking = recommendation(case, asked)
    except ValueError as error:
        st.warning(f"{str(error)[:1].upper()}{str(error)[1:]}", icon=":material/warning:")
        return
    if not show_banner(case):
        _show_unanswered(case, ranking)
        return
    tried = tried_regimen(ranking, st.session_state.get("trial"))
    alarm = st.container(key="second_opinion_alarm")
    for caution in unsteady(posterior_for(case).card, posterior_for(case).patient):
        st.warning(caution, icon=":material/trending_up:")
    warn_of_meals(case)
    show_answer(case, ranking, tried, {"trial": lambda: _try("live"), "accept": lambda: _accept(case, ranking), "compare": lambda: _compare("live")})
    say_meals(case)
    show_report(case, ranking)
    table, trust = st.columns([64, 36], gap="medium")
    with table:
        st.header("Regimens, ranked by chance in target", anchor=False)
        show_ranked(case, ranking, tried, {"trial": lambda: _try("ranked"), "compare": lambda: _compare("ranked")})
    with trust:
        st.header("How sure is the model?", anchor=False)
        with st.container(border=True):
            show_trust(case, ranking, tried if ranking.best or "trial" in st.session_state else None)
    st.header("Second opinion", anchor=False)
    show_engines(case, ranking, tried, alarm)
    show_compared(case, ranking)
    with st.expander("What if a dose is missed, late, or treatment stops?", icon=":material/event_busy:", key="scenarios", on_change="rerun") as opened:
        if opened.open:
            show_scenarios(case, tried)
    _show_what_if(case, ranking, tried)


def _show_what_if(case: Case, ranking: Recommendation, tried: Regimen) -> None:
    names = [spec.label.lower() for spec in changeable(case)] or ["the patient"]
    title = f"What if {', '.join(names[:-1])}{' or ' if len(names) > 1 else ''}{names[-1]} changes?"
    with st.expander(title, icon=":material/science:", key="whatif", on_change="rerun") as opened:
        if opened.open:
            show_what_if(case, ranking, tried)


def _show_unanswered(case: Case, ranking: Recommendation) -> None:
    """Where nobody answers: what was looked at, and each level with its switch, so that the mistake can be found."""
    st.header("What to check", anchor=False)
    with st.container(border=True):
        show_trust(case, ranking, None)


def _asked(case: Case) -> Asked:
    """Which product, and whether with a loading dose, where the card leaves a choice."""
    card = model(case.drug).card
    product, with_loading = "", False
    if len(card.products) == 1 and card.loading is None:
        return product, with_loading
    with st.container(horizontal=card.loading is not None, vertical_alignment="center", gap="medium"):  # products alone wrap on a phone
        if len(card.products) > 1:
            labels = {p.name: p.label for p in card.products}
            key = f"product_{case.drug}"
            st.session_state.setdefault(key, case.current.product if case.current and case.current.product in labels else card.products[0].name)
            chosen = st.segmented_control(
                "Product", list(labels), format_func=lambda name: labels[name], key=key, required=True, label_visibility="collapsed", persist_state="session"
            )
            product = chosen or card.products[0].name
        if card.loading and card.product(card.loading.product) == card.product(product):
            with_loading = st.toggle("Begin with a loading dose", key="with_loading", persist_state="session")
            if with_loading:
                st.caption(literal(card.loading.note))
    return product, with_loading


def _try(component: str) -> None:
    """What the reader tries: the slider's regimen, a row of the table, or nothing any more."""
    st.session_state.pop("trial", None)
    if key := st.session_state[component]["trial"]:
        st.session_state["trial"] = tuple(key)


def _accept(case: Case, ranking: Recommendation) -> None:
    """The regimen on the card as it was clicked; none where no regimen meets the target and none is tried."""
    key = st.session_state["live"]["accept"]
    if open_case() is None:
        return  # an answer on earlier data is not to be acted on
    st.session_state["accepted"] = case.digest, tried_regimen(ranking, tuple(key)) if key else None


def _compare(component: str) -> None:
    """Lay this regimen beside the others, or take it away."""
    key, compared = tuple(st.session_state[component]["compare"]), st.session_state.setdefault("compared", [])
    if key in compared:
        compared.remove(key)
    elif len(compared) < MOST:
        compared.append(key)


page()
