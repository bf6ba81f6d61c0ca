"""How far is each training, how does its loss go, and how is it stopped?"""

import streamlit as st

from pages import chart, literal, theme
from pages.checks_parts.pace import said, share
from pages.models_parts.trainings import Training, running, trainings
from pkvae_core.plots.models import loss_figure

EVERY_S = 2.0


def show_trainings() -> None:
    """The bars of all trainings on this server that are not over, redrawn by themselves; nothing when there are none."""
    if running():
        _bars(len(running()), _ended())


def _ended() -> int:
    return sum(len(each.job.outcomes) for each in trainings().values())


@st.fragment(run_every=EVERY_S)
def _bars(count: int, ended: int) -> None:
    """One card a training. When a step or a training has ended since the page was drawn, the whole page is drawn again."""
    found = running()
    if (len(found), _ended()) != (count, ended):
        st.rerun()
    for training in found:
        with st.container(border=True):
            _show(training)


def _show(training: Training) -> None:
    key, status = training.card.drug, training.job.status
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{literal(training.plan.name)}** · {len(training.patients):,} patients of {literal(training.plan.cohort)}", width="content")
        st.button("Cancel", key=f"train_cancel_{key}", icon=":material/close:", on_click=training.job.cancel, help="It can be resumed.")
    st.progress(share(status), text=said(status))
    if len(training.live.step) > 1:
        step, losses = training.live.step, training.live.losses
        latest = ", ".join(f"{name.replace('_', ' ')} {values[-1]:.3g}" for name, values in losses.items())
        chart(loss_figure(theme(), step, losses), key=f"train_loss_{key}", alt=f"Parts of the loss over the steps of training; now {latest}.")
    st.caption(":material/info: It goes on when you close this page; the model waits here.")
