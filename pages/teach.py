"""How a level changes belief: a case, a guess, one level at a time, and what it taught."""

import streamlit as st

from pages import ROOT, literal, model, open_page, sign
from pages.teach_parts.ahead import show_ahead
from pages.teach_parts.asked import show_story
from pages.teach_parts.chosen import choose
from pages.teach_parts.stepped import show_steps
from pages.teach_parts.textbook import show_textbook
from pages.teach_parts.weighed import show_balance
from pkvae_core.case import Case
from pkvae_core.drugs.card import load_card

STEPS, BALANCE, AHEAD, TEXTBOOK = "One level at a time", "How much does the prior count?", "Where the next level helps most", "The textbook's PKVAE"
PARTS = {STEPS: ":material/stairs:", BALANCE: ":material/balance:", AHEAD: ":material/timeline:", TEXTBOOK: ":material/menu_book:"}


def show(part: str, name: str, case: Case) -> None:
    """The part of the page that is open; the others do not run."""
    if part == STEPS:
        show_steps(name, case)
    elif part == BALANCE:
        show_balance(case)
    elif part == AHEAD:
        show_ahead(case)
    elif part == TEXTBOOK:
        show_textbook()


open_page()
if st.session_state.pop("teach_goes", None):
    st.switch_page(ROOT / "pages" / "dose.py")
st.title("How a level changes belief", anchor=False)
name, case, lesson = choose()
sign(model(case.drug).version)
if lesson:
    show_story(lesson)
else:
    st.caption(f"{literal(case.label)} · {load_card(case.drug).name}: the patient on the table. Nothing of it is in the address.")
part = st.segmented_control(
    "Part",
    list(PARTS),
    default=STEPS,
    format_func=lambda p: f"{PARTS[p]} {p}",
    required=True,
    key="teach_part",
    label_visibility="collapsed",
    persist_state="session",
)
with st.container(border=True, key="teach_body"):
    try:
        show(part, name, case)
    except ValueError as error:  # a drug or a product for which the card has no regimen: there is no exposure to speak of
        st.warning(f"{str(error)[:1].upper()}{str(error)[1:]}", icon=":material/warning:")
