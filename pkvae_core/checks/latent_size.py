"""How many latent dimensions does a drug need? Models of several sizes, trained alike, asked how well they explain patients that none of them has seen.

Held-out evidence: log p(levels | doses, covariates) of fresh virtual patients, by importance sampling. The published models that made them explain them best,
so what a model falls short of those, in nats a patient, is what its size and its short training cost; of two sizes on the same patients the difference is
paired.
"""

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, rows, simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.evidence import sample_etas
from pkvae_core.inference.ladder import climb
from pkvae_core.insight.dimensions import dimensions
from pkvae_core.vae.train import Schedule, train

SEED_OFFSET = 6_000_000_011
LEVELS, DRAWS, AT_ONCE = 4, 1000, 50

Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """One model: its dimensions, those in use, and what it falls short of the generating models [patient] (nats)."""

    latent: int
    in_use: int
    short: np.ndarray


def latent_sizes(card: DrugCard, sizes: tuple[int, ...], *, steps: int, patients: int, seed: int, say: Say) -> list[Size]:
    """A model of each size, trained for so many steps on the same virtual patients, measured on the same others."""
    held_out = simulate(card, patients, _generator(SEED_OFFSET + seed), samples=LEVELS).population
    best, found = published_evidence(card, held_out, seed), []
    for latent in sizes:
        with tempfile.TemporaryDirectory() as folder:
            model = train(card.drug, Path(folder), schedule=replace(Schedule.of(card), steps=steps), latent=latent, log=io.StringIO())
        with torch.no_grad():
            evidence = [climb(model, some, draws=DRAWS, generator=_generator(seed))[0].log_evidence for some in batches(held_out)]
        short = best - torch.cat(evidence).double().numpy()
        use = dimensions(model, _generator(SEED_OFFSET + seed + 1), levels=LEVELS)
        found.append(Size(latent, use.in_use, short))
        say(f"{card.drug}, {latent} latents ({use.in_use} in use): {short.mean():.3f} nats a patient short of the generating models")
    return found


@torch.no_grad()
def published_evidence(card: DrugCard, population: Population, seed: int) -> np.ndarray:
    """log p(levels | doses, covariates) [patient] under the card's mixture of published models."""
    each, weight = [], torch.tensor([m.weight for m in card.published_models]).double()
    for published in card.published_models:
        parts = [sample_etas(MODELS[published.name], card, some, draws=DRAWS, generator=_generator(seed)) for some in batches(population)]
        each.append(torch.cat([part.log_evidence for part in parts]))
    return (torch.stack(each) + (weight / weight.sum()).log()[:, None]).logsumexp(0).numpy()


def batches(population: Population) -> list[Population]:
    """A few subjects at a time."""
    return [rows(population, index) for index in torch.arange(len(population.covariates)).split(AT_ONCE)]


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
