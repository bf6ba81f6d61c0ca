"""Which trainings go on in this server, whoever began them? They outlive the session that started them, and write into the drafts of the library.

One at a time, beside the checks, which have a gate of their own: a training takes half an hour, a check seconds.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from pages.checks_parts.jobs import Job, Step, Tick
from pkvae_core.checks.own_model import Plan, hold_out, is_resumable, make
from pkvae_core.drugs.card import DrugCard
from pkvae_core.patient import Patient
from pkvae_core.vae.library import drafts

GATE = threading.Semaphore(1)
MOST_POINTS = 400  # of the loss curve; beyond, every second one is dropped


@dataclass
class Live:
    """The parts of the loss as they come in. Lists are replaced whole, never changed in place: the page may be drawing them."""

    step: list[int] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)

    def add(self, done: int, losses: dict[str, float]) -> None:
        if not losses or (self.step and done <= self.step[-1]):
            return
        step = [*self.step, done]
        table = {name: [*self.losses.get(name, []), value] for name, value in losses.items()}
        if len(step) > MOST_POINTS:
            step, table = step[::2], {name: values[::2] for name, values in table.items()}
        self.step, self.losses = step, table


@dataclass(frozen=True)
class Training:
    """One run: what was asked for, on whom, and the thread that works on it."""

    plan: Plan
    card: DrugCard
    patients: tuple[Patient, ...]
    job: Job
    live: Live

    @property
    def folder(self) -> Path:
        return drafts() / self.card.drug

    @property
    def is_over(self) -> bool:
        return self.job.status.is_over


@st.cache_resource
def trainings() -> dict[str, Training]:
    """Every training since the server started, by the key of its model."""
    return {}


def running() -> list[Training]:
    return [each for each in trainings().values() if not each.is_over]


def begin(plan: Plan, card: DrugCard, patients: Sequence[Patient]) -> Training:
    """Start learning in the background, from where the last training of this name stopped if it had the same patients and settings.

    Raises ValueError where it is running already, and where another draft of that name waits.
    """
    known = trainings().get(card.drug)
    if known is not None and not known.is_over:
        raise ValueError(f"a model called {plan.name} is being trained already. Choose another name, or cancel that training.")
    live, folder, patients = Live(), drafts() / card.drug, tuple(patients)
    resume = folder.exists() and is_resumable(folder, plan, patients)
    if folder.exists() and not resume:
        raise ValueError(f"another draft called {plan.name} waits on this page. Save or discard it first, or choose another name.")

    def learning(tick: Tick) -> None:
        def told(done: int, total: int, losses: dict[str, float]) -> None:
            live.add(done, losses)
            tick(done, total)

        make(plan, card, patients, folder, resume=resume, tick=told)

    steps = [Step("learn", "Learning from all patients", learning)]
    if plan.folds:
        checking = f"Holding it against others on held-out patients, {plan.folds} folds"
        steps.append(Step("check", checking, lambda tick: hold_out(plan, card, patients, folder, progress=tick)))
    trainings()[card.drug] = training = Training(plan, card, patients, Job(steps, plan.name, gate=GATE), live)
    return training
