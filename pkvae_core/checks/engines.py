"""Whose beliefs are checked? Every check asks an engine, never a model, so that all engines go through the same code."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pkvae_core.drugs.card import DrugCard
from pkvae_core.inference.mapbayes import heaviest, map_all
from pkvae_core.inference.posterior import Posterior, individualise_all
from pkvae_core.patient import Patient
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.vae import PKVAE

DOSES_AT_ONCE = 2000  # padded doses in a batch; with 1,000 draws some 100 MB


@dataclass(frozen=True)
class Engine:
    """What to call it, and its way from patients and a seed to posteriors, one for each patient in order. `believe` raises ValueError where it cannot answer.

    Patients asked with one seed may share random numbers: a check that averages over patients asks with several.
    """

    name: str
    believe: Callable[[Sequence[Patient], int], Sequence[Posterior]]

    def each(self, patients: Sequence[Patient], *, seed: int = 0) -> list[Posterior | str]:
        """The posterior of each patient, or the sentence that says why there is none."""
        try:
            return list(self.believe(patients, seed))
        except ValueError:
            return [self._one(patient, seed) for patient in patients]

    def _one(self, patient: Patient, seed: int) -> Posterior | str:
        try:
            return self.believe([patient], seed)[0]
        except ValueError as error:
            return str(error)


def vae(model: PKVAE, *, draws: int = 1000) -> Engine:
    """The shipped engine (see `individualise`), in batches."""

    def believe(patients: Sequence[Patient], seed: int) -> list[Posterior]:
        return [posterior for some in chunks(patients) for posterior in individualise_all(model, some, draws=draws, seed=seed)]

    return Engine("vae", believe)


def classical(card: DrugCard, names: tuple[str, ...] | None = None, *, draws: int = 1000) -> Engine:
    """MAP-Bayes with these published models (None = all of the card's, averaged), in batches."""

    def believe(patients: Sequence[Patient], seed: int) -> list[Posterior]:
        return [posterior for some in chunks(patients) for posterior in map_all(card, some, names=names, draws=draws, seed=seed)]

    return Engine("average" if names is None else f"map:{'+'.join(names)}", believe)


def engine_named(word: str, card: DrugCard) -> Engine:
    """The engine that `word` names: vae, average, map (the card's heaviest published model) or map:<published model>. Raises ValueError for any other word."""
    if word == "vae":
        return vae(load_model(card.drug))
    if word == "average":
        return classical(card)
    kind, _, name = word.partition(":")
    has = [m.name for m in card.published_models]
    if kind == "map" and (name in has or word == "map"):
        return classical(card, (name or heaviest(card),))
    raise ValueError(f"there is no engine {word!r}. Choose vae, average, map, or {' or '.join(f'map:{n}' for n in has)}.")


def chunks(patients: Sequence[Patient], *, most: int = 64) -> Iterator[Sequence[Patient]]:
    """The patients in order, in batches of at most `most` whose padded doses stay within `DOSES_AT_ONCE`."""
    first, longest = 0, 1
    for i, patient in enumerate(patients):
        longest = max(longest, len(patient.doses))
        if i > first and (i - first >= most or (i - first + 1) * longest > DOSES_AT_ONCE):
            yield patients[first:i]
            first, longest = i, max(1, len(patient.doses))
    if first < len(patients):
        yield patients[first:]
