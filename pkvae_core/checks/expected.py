"""What did an engine expect of many patients: their draws side by side, and the probability below a truth or a measured level."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import ndtr

from pkvae_core.checks.engines import Engine, chunks
from pkvae_core.checks.progress import Progress
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import course
from pkvae_core.inference.observable import errors_of
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Patient
from pkvae_core.residual_error import ResidualError
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.body import changed
from pkvae_core.structural.exponentials import NEVER, together
from pkvae_core.structural.responses import Responses
from pkvae_core.structural.simulated import Simulated

Answer = TypeVar("Answer")
SHARING = 24  # patients asked with one seed share random numbers: with 500 draws this widens the scatter of a cohort's figures by 5 % at most


@dataclass(frozen=True)
class Answers:
    """Posteriors of several patients of one card, with as many draws each, as tables; `index` says which patients of the question they are."""

    card: DrugCard
    index: tuple[int, ...]
    patients: tuple[Patient, ...]
    responses: AnyResponses  # [subject draw]
    weight: Float[np.ndarray, "subject draw"]
    member: Float[np.ndarray, "subject draw model"]  # probability of each of the engine's models, whose residual error then applies
    errors: tuple[ResidualError, ...]  # of each of these models: published, or learned from a cohort
    z: Float[np.ndarray, "subject draw latent"] | None

    def concentration(self, time_h: Float[np.ndarray, "subject time"]) -> Float[np.ndarray, "subject draw time"]:
        """True concentration (mg/L) of each draw after the patient's recorded doses."""
        doses = course(self.card, [p.doses for p in self.patients])
        return self.responses.curves(doses, torch.as_tensor(time_h, dtype=torch.float32))[0].numpy()


def asked(
    engine: Engine, patients: Sequence[Patient], *, seed: int, progress: Progress, done: int = 0, total: int | None = None
) -> Iterator[Answers | dict[int, str]]:
    """What the engine believes of the patients, batch by batch, each batch with a seed of its own; and, by patient, why there is no answer.

    `progress` hears of `done` patients counted before these, out of `total`.
    """
    first, total = 0, total or len(patients)
    for number, batch in enumerate(chunks(patients, most=SHARING)):
        answers = engine.each(batch, seed=1009 * seed + number)
        places = range(first, first + len(batch))
        yield {i: answer for i, answer in zip(places, answers, strict=True) if isinstance(answer, str)}
        found = [(i, answer) for i, answer in zip(places, answers, strict=True) if isinstance(answer, Posterior)]
        if found:
            yield _beside([i for i, _ in found], [posterior for _, posterior in found])
        first += len(batch)
        progress(done + first, total)


def _beside(index: list[int], posteriors: Sequence[Posterior]) -> Answers:
    weight = np.stack([p.weight.double().numpy() for p in posteriors])
    z = None if posteriors[0].z is None else np.stack([p.z.numpy() for p in posteriors if p.z is not None])
    member = np.stack([_member(p) for p in posteriors])
    errors, first = tuple(error for _, error in errors_of(posteriors[0])), posteriors[0]
    return Answers(first.card, tuple(index), tuple(p.patient for p in posteriors), stacked([p.responses for p in posteriors]), weight, member, errors, z)


def _member(posterior: Posterior) -> Float[np.ndarray, "draw model"]:
    """How probably each draw is each of the engine's models'; where the engine does not say it of each draw, as it says of all."""
    shares = list(posterior.model_probability.values())
    table = np.tile(shares, (len(posterior.weight), 1)) if posterior.member is None else posterior.member.double().numpy()
    assert table.shape[1] == len(shares)
    return table


def stacked(parts: Sequence[AnyResponses]) -> AnyResponses:
    """Responses of different subjects, one below the other; where one has fewer changes or exponentials it is filled up with what changes nothing."""
    pulsed, simulated = [p for p in parts if isinstance(p, Responses)], [p for p in parts if isinstance(p, Simulated)]
    assert not (pulsed and simulated), "patients of one drug answer in one way"
    changes = max(len(p.earlier) for p in (*pulsed, *simulated))
    until = torch.cat([torch.nn.functional.pad(p.until, (changes - len(p.earlier), 0), value=NEVER) for p in (*pulsed, *simulated) if p.until is not None])
    if simulated:
        bodies = [_filled(p.body, p.earlier, changes) for p in simulated]
        *before, now = (changed(each, lambda *tables: torch.cat(tables)) for each in zip(*bodies, strict=True))
        return Simulated(now, tuple(before), until)
    *before, now = (together(each, 0) for each in zip(*(_filled(p.pulses, p.earlier, changes) for p in pulsed), strict=True))
    return type(pulsed[0])(now, tuple(before), until, pulsed[0].onset_changes)


def _filled(now: Answer, earlier: tuple[Answer, ...], changes: int) -> tuple[Answer, ...]:
    """Every epoch's answer, the first repeated until there are as many changes."""
    epochs = (*earlier, now)
    return epochs[:1] * (changes - len(earlier)) + epochs


def share_below(draws: Float[np.ndarray, "subject draw"], weight: Float[np.ndarray, "subject draw"], truth: Float[np.ndarray, " subject"]) -> np.ndarray:
    """Posterior probability [2, subject] of less than the truth, and of no more than it: the same number twice unless draws tie with it."""
    total = weight.sum(1)
    return np.stack([(weight * (draws < truth[:, None])).sum(1) / total, (weight * (draws <= truth[:, None])).sum(1) / total])


def level_below(answer: Answers, concentration: Float[np.ndarray, "subject draw"], level: Float[np.ndarray, " subject"]) -> Float[np.ndarray, " subject"]:
    """Posterior predictive probability of a measured level below `level` (mg/L): mean over draws and published models of Phi((level - C) / sd(C))."""
    each = [ndtr((level[:, None] - concentration) / residual_sd(error, concentration)) for error in answer.errors]
    below = (np.stack(each, -1) * answer.member).sum(-1)
    return (answer.weight * below).sum(1) / answer.weight.sum(1)


def residual_sd(error: ResidualError, concentration: np.ndarray) -> np.ndarray:
    """Standard deviation (mg/L) of a measured level around each concentration, by one model."""
    return np.maximum(np.hypot(error.additive_mg_per_L, error.proportional * concentration), 1e-6)
