"""The story, the question, what the class says, and the teacher's reveal."""

import streamlit as st

from pages.teach_parts.found import facts_of
from pkvae_core.insight.facts import debrief, finding
from pkvae_core.insight.lessons import Lesson


def show_story(lesson: Lesson) -> None:
    """Who the patient is, and the question, with the class's answer, which is kept."""
    with st.container(border=True, key="teach_story"):
        st.markdown(f"{lesson.story}  \n**{lesson.question}**")
        _show_choices(lesson)


def _show_choices(lesson: Lesson) -> None:
    revealed = is_revealed(lesson)
    texts = [choice.text for choice in lesson.choices]
    st.radio("The class says", texts, index=None, key=_key(lesson), disabled=revealed, persist_state="session")
    if not revealed:
        has_chosen = st.session_state.get(_key(lesson)) is not None
        label = "Reveal the answer" if has_chosen else "Reveal without a guess"
        st.button(label, icon=":material/visibility:", key="teach_reveal", type="primary" if has_chosen else "secondary", on_click=_reveal, args=(lesson.name,))
        return
    _show_answer(lesson)


def _show_answer(lesson: Lesson) -> None:
    """What the engine says, beside what the class said, and why."""
    found = facts_of(lesson.case.digest, lesson.case)
    remedied = facts_of(lesson.remedy.digest, lesson.remedy) if lesson.remedy else None
    right = next(choice.text for choice in lesson.choices if choice.when == finding(lesson, found))
    guess = st.session_state.get(_key(lesson))
    if guess == right:
        st.success(f"**{right}.** The class and the engine agree.", icon=":material/check_circle:")
    else:
        said = "The class did not say." if guess is None else f"The class said: {guess[:1].lower()}{guess[1:]}."
        st.info(f"**{right}.** {said}", icon=":material/school:")
    st.markdown(debrief(lesson, found, remedied))
    st.markdown(f":material/lightbulb: **{lesson.teaches}**")
    st.button("Hide the answer again", icon=":material/visibility_off:", key="teach_hide", type="tertiary", on_click=_hide, args=(lesson.name,))


def is_revealed(lesson: Lesson) -> bool:
    return lesson.name in st.session_state.get("teach_revealed", ())


def _key(lesson: Lesson) -> str:
    return f"teach_guess_{lesson.name}"


def _reveal(name: str) -> None:
    st.session_state["teach_revealed"] = {*st.session_state.get("teach_revealed", ()), name}


def _hide(name: str) -> None:
    st.session_state["teach_revealed"] = st.session_state["teach_revealed"] - {name}
