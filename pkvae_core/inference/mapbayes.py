"""What does classical pharmacometrics believe about this patient: MAP-Bayes under each published model, averaged by how well each explains the levels.

p(model | levels) is the card's weight times the marginal likelihood (`evidence`); the averaged posterior is the mixture. With the ladder's draws it is, up to
their number, the exact posterior of the card's models, so what a trained model can at best reach; the mode and its Laplace covariance are the classical answer.
"""

import math
import time as clock
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import Population, published_responses, rows
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.evidence import RUNGS, EtaDraws, sample_etas
from pkvae_core.inference.mode import Mode, find_mode
from pkvae_core.inference.posterior import Diagnostics, Posterior, cautions_of
from pkvae_core.inference.typical import with_typical
from pkvae_core.patient import Patient
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.responses import joined

LEAST_SHARE = 0.1  # of the draws, for a model that hardly explains the levels: its probability must be found out too
COUNTS_FROM = 0.05  # probability from which a model's diagnostics matter to the average


@dataclass(frozen=True)
class Individual:
    """One published model's answer for a batch of subjects."""

    name: str
    mode: Mode
    drawn: EtaDraws
    responses: AnyResponses


@dataclass(frozen=True)
class Averaged:
    """The answers of several published models, each with its probability given the levels [subject model]."""

    each: tuple[Individual, ...]
    probability: Float[Tensor, "subject model"]

    @property
    def responses(self) -> AnyResponses:
        """All draws side by side, in the order of `weight`."""
        return joined([one.responses for one in self.each])

    @property
    def weight(self) -> Float[Tensor, "subject draw"]:
        """Weight of each draw; sums to 1."""
        return torch.cat([one.drawn.log_weight.exp() * p[:, None] for one, p in zip(self.each, self.probability.unbind(1), strict=True)], 1)

    @property
    def member(self) -> Float[Tensor, "draw model"]:
        """1 in the column of the model that a draw comes from."""
        counts = torch.tensor([one.drawn.normal.shape[1] for one in self.each])
        return torch.eye(len(counts), dtype=torch.float64).repeat_interleave(counts, 0)

    def of_subject(self, subject: int) -> "Averaged":
        """The answers about one subject of the batch."""
        one = slice(subject, subject + 1)
        each = tuple(Individual(e.name, rows(e.mode, one), rows(e.drawn, one), rows(e.responses, one)) for e in self.each)
        return Averaged(each, self.probability[one])


def find_modes(card: DrugCard, population: Population, names: tuple[str, ...] | None = None) -> dict[str, Mode]:
    """The modes of a batch whose covariates are all known, under each of these models."""
    return {name: find_mode(MODELS[name], card, population) for name in known_names(card, names)}


def map_batch(
    card: DrugCard, population: Population, *, names: tuple[str, ...] | None = None, draws: int = 1000, seed: int = 0, modes: dict[str, Mode] | None = None
) -> Averaged:
    """MAP-Bayes for a batch whose covariates are all known: mode, Laplace covariance and `draws` weighed draws of each model. `modes` spares finding them."""
    modes = modes or find_modes(card, population, names)
    return _averaged(card, population, modes, {name: draws for name in modes}, seed)


def map_bayes(card: DrugCard, patient: Patient, *, names: tuple[str, ...] | None = None, draws: int = 1000, seed: int = 0) -> Posterior:
    """One patient's posterior under these published models (None = all of the card's), averaged by their probability given the levels.

    `draws` are shared out by Laplace's guess of that probability. An unknown covariate is taken at its
    typical value, which a caution says. Same seed, same answer.
    """
    started = clock.perf_counter()
    names = known_names(card, names)
    patient = complete(card, patient)
    filled, assumed = with_typical(card, patient, names)
    population = Population.of(card, [complete(card, filled)])
    with torch.no_grad():
        modes = find_modes(card, population, names)
        found = _averaged(card, population, modes, _shared_out(card, modes, draws), seed)
    return _posterior(card, patient, (filled, assumed), found, 1e3 * (clock.perf_counter() - started), draws=draws, seed=seed)


def map_all(card: DrugCard, patients: Sequence[Patient], *, names: tuple[str, ...] | None = None, draws: int = 1000, seed: int = 0) -> list[Posterior]:
    """`map_bayes` for several patients in one batch, with `draws` of each model: the same beliefs, up to the draws, in a fraction of the time."""
    names = known_names(card, names)
    found: dict[int, Posterior] = {}
    for is_prior in (True, False):
        index = [i for i, patient in enumerate(patients) if is_prior != any(sample.trust > 0 for sample in patient.samples)]
        found |= zip(index, _together(card, [patients[i] for i in index], names, draws, seed), strict=True) if index else {}
    return [found[i] for i in range(len(patients))]


def _together(card: DrugCard, patients: Sequence[Patient], names: tuple[str, ...], draws: int, seed: int) -> list[Posterior]:
    """Patients who all have levels, or none."""
    started = clock.perf_counter()
    patients = [complete(card, patient) for patient in patients]
    known = [with_typical(card, patient, names) for patient in patients]
    with torch.no_grad():
        found = map_batch(card, Population.of(card, [complete(card, filled) for filled, _ in known]), names=names, draws=draws, seed=seed)
    took = 1e3 * (clock.perf_counter() - started) / len(patients)
    return [_posterior(card, patient, known[i], found.of_subject(i), took, draws=draws, seed=seed) for i, patient in enumerate(patients)]


def _posterior(
    card: DrugCard, patient: Patient, known: tuple[Patient, tuple[str, ...]], found: Averaged, milliseconds: float, *, draws: int, seed: int
) -> Posterior:
    """The answer for one patient; `known` is the record with what had to be assumed, and the sentences that say so."""
    names, (filled, assumed), diagnostics = tuple(one.name for one in found.each), known, _diagnostics(found, milliseconds)
    return Posterior(
        card=card,
        engine=f"map:{names[0]}" if len(names) == 1 else "average",
        version=f"MAP-Bayes, {' + '.join(names)}, card {card.version}",
        provenance=provenance(card, names),
        patient=patient,
        responses=found.responses,
        weight=found.weight[0],
        model_probability=dict(zip(names, found.probability[0].tolist(), strict=True)),
        diagnostics=diagnostics,
        revise=partial(map_bayes, card, names=names, draws=draws, seed=seed),
        cautions=(*cautions_of(card, filled, diagnostics.rung), *assumed),
        seed=seed,
        member=found.member,
    )


def known_names(card: DrugCard, names: tuple[str, ...] | None) -> tuple[str, ...]:
    """The published models asked for, in the card's order. Raises ValueError for one that the card does not have."""
    has = [m.name for m in card.published_models]
    if not has:
        raise ValueError(f"MAP-Bayes needs a published model, and {card.name} has none: its model was learned from a cohort alone.")
    for name in names or ():
        if name not in has:
            raise ValueError(f"{card.name} has no published model {name!r}. The card has: {', '.join(has)}.")
    return tuple(name for name in has if names is None or name in names)


def heaviest(card: DrugCard) -> str:
    """The published model that the card trusts most (the first of equals)."""
    known_names(card, None)  # says so where there is none
    return max(card.published_models, key=lambda m: m.weight).name


def provenance(card: DrugCard, names: tuple[str, ...]) -> dict:
    """Where the answer comes from, in the form of a trained model's provenance."""
    weights = {m.name: m.weight for m in card.published_models}
    papers = [{"name": n, "weight": weights[n], "citation": MODELS[n].citation, "doi": MODELS[n].doi} for n in names]
    return {"drug": card.drug, "version": f"MAP-Bayes, {' + '.join(names)}, card {card.version}", "card_version": card.version, "published_models": papers}


def individual(model: PublishedModel, card: DrugCard, population: Population, mode: Mode, *, draws: int, generator: torch.Generator) -> Individual:
    """One model's weighed draws for a batch, from its modes; the model need not be on the card (see `classical`)."""
    drawn = sample_etas(model, card, population, draws=draws, generator=generator, mode=mode)
    return Individual(model.name, mode, drawn, published_responses(model, card, population, drawn.normal))


def _averaged(card: DrugCard, population: Population, modes: dict[str, Mode], draws: dict[str, int], seed: int) -> Averaged:
    generator = torch.Generator().manual_seed(seed)
    each = [individual(MODELS[name], card, population, mode, draws=draws[name], generator=generator) for name, mode in modes.items()]
    weights = {m.name: m.weight for m in card.published_models}
    log_share = torch.stack([one.drawn.log_evidence + math.log(weights[one.name]) for one in each], 1)
    return Averaged(tuple(each), log_share.softmax(1))


def _shared_out(card: DrugCard, modes: dict[str, Mode], draws: int) -> dict[str, int]:
    """Draws of each model: a least share, the rest by Laplace's guess of its probability."""
    weights = {m.name: m.weight for m in card.published_models}
    guess = torch.tensor([float(mode.log_evidence[0]) + math.log(weights[name]) for name, mode in modes.items()]).double().softmax(0)
    share = LEAST_SHARE + (1 - LEAST_SHARE * len(guess)) * guess
    counts = [math.floor(draws * s) for s in share.tolist()]
    counts[int(guess.argmax())] += draws - sum(counts)
    return dict(zip(modes, counts, strict=True))


def _diagnostics(found: Averaged, milliseconds: float) -> Diagnostics:
    """Of the models that matter: the worst rung and k-hat; the effective draws are those of the whole mixture."""
    matter = [one.drawn for one, p in zip(found.each, found.probability[0].tolist(), strict=True) if p >= COUNTS_FROM]
    rung = RUNGS[max(int(drawn.rung[0]) for drawn in matter)]
    effective = sum(float(p) ** 2 / float(one.drawn.effective[0]) for one, p in zip(found.each, found.probability[0], strict=True))
    k_hat = None if rung == "prior" else max(float(drawn.k_hat[0]) for drawn in matter)
    return Diagnostics(rung, 1 / effective, sum(one.drawn.normal.shape[1] for one in found.each), k_hat, milliseconds)
