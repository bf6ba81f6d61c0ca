"""Who are the patients that the model itself believes in: truths drawn from its prior p(z | c), levels from its decoder with its residual error."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from pkvae_core.checks.engines import vae
from pkvae_core.checks.expected import Answers, asked, residual_sd, stacked
from pkvae_core.checks.progress import silent
from pkvae_core.checks.replicates import at_samples
from pkvae_core.checks.virtual import Virtual, fresh
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.inference.occasions import unmeasured
from pkvae_core.patient import Patient, Sample
from pkvae_core.vae.vae import PKVAE

LIMIT_SHARE = 0.03  # of the concentration that the card aims at: the limit of quantification of the model's own patients


@torch.no_grad()
def own_patients(model: PKVAE, count: int, *, levels: int | None = None, seed: int = 0) -> tuple[Virtual, Float[np.ndarray, "subject latent"]]:
    """`count` patients of the model with 1 to 10 levels (or exactly `levels`) and their true z; covariates, doses and times are a virtual patient's."""
    generator = np.random.default_rng(seed)
    asks = fresh(model.card, count, samples=max(levels, 1) if levels is not None else None, seed=29 + seed)
    patients, z, parts = [], [], []
    for answer in asked(vae(model, draws=500), [unmeasured(model.card, p) for p in asks.patients], seed=seed + 1, progress=silent):
        assert not isinstance(answer, dict) or not answer, "the model refuses one of its own patients"
        if isinstance(answer, dict):
            continue
        chosen = generator.integers(answer.weight.shape[1], size=len(answer.index))
        own = [asks.patients[i] for i in answer.index]
        patients += [p if levels != 0 else replace(p, samples=()) for p in _measured(answer, own, chosen, generator)]
        assert answer.z is not None
        z.append(answer.z[np.arange(len(chosen)), chosen])
        parts.append(answer.responses.map(_picked(chosen)))
    return Virtual(model.card, tuple(patients), stacked(parts), asks.model), np.concatenate(z)


def _picked(chosen: Int[np.ndarray, " subject"]) -> Callable[[Tensor], Tensor]:
    """Takes one draw of each subject out of a table [subject, draw, ...]."""
    subject, draw = torch.arange(len(chosen)), torch.as_tensor(chosen)
    return lambda table: table[subject, draw][:, None]


def _measured(answer: Answers, patients: Sequence[Patient], chosen: Int[np.ndarray, " subject"], generator: np.random.Generator) -> list[Patient]:
    """The patients with the levels of their chosen draws."""
    concentration, is_sample = at_samples(answer, patients)
    limit = LIMIT_SHARE * average_concentration(answer.card)
    found = []
    for i, (patient, draw) in enumerate(zip(patients, chosen, strict=True)):
        true, share = concentration[i, draw][is_sample[i]], answer.member[i, draw]
        sd = residual_sd(answer.errors[generator.choice(len(share), p=share / share.sum())], true)
        levels = true + sd * generator.standard_normal(len(true))
        samples = [Sample(s.time_h, float(y) if y >= limit else None, None if y >= limit else limit) for s, y in zip(patient.samples, levels, strict=True)]
        found.append(replace(patient, samples=tuple(samples)))
    return found
