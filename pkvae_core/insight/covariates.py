"""Which covariates move clearance, volume and exposure, and by how much in the reader's units?

What the model believes of such patients does not count: a model reads them with all covariates hidden, so that everybody's prior is the population's; from
given posteriors each one's own prior is divided out (`discovery.levels_alone`). What the levels alone say is then regressed on all covariates at once
(`discovery.regression`): splines for each, products for each pair (`discovery.pairs`), p-values by permutation given all others, false discoveries by
Benjamini-Hochberg for each quantity, effects and pairs apart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pkvae_core.drugs.card import DrugCard
from pkvae_core.inference.posterior import Posterior, individualise_all
from pkvae_core.insight.discovery.columns import Column, choose, columns_of
from pkvae_core.insight.discovery.effects import Effect, effects_on
from pkvae_core.insight.discovery.levels_alone import Quantity, Told, levels_alone
from pkvae_core.insight.discovery.pairs import Pair, pairs_on
from pkvae_core.patient import Patient
from pkvae_core.vae.vae import PKVAE

FEWEST = 30  # patients; fewer are not asked
AT_ONCE = 50  # patients individualised between two ticks
PRIOR_DRAWS = 4000
PATIENTS_A_COLUMN = 4


@dataclass(frozen=True)
class Plan:
    """What is asked. `names`: covariates (None = all on the records); `words`: groups that a coded one stands for; `rate`: false discoveries allowed."""

    names: tuple[str, ...] | None = None
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rate: float = 0.1
    permutations: int = 4999
    draws: int = 400
    seed: int = 0


@dataclass(frozen=True)
class Discovery:
    """Every effect and every pair that was tested; those with q at most `rate` are called. `notes` say what was left out or set aside, and why."""

    columns: tuple[Column, ...]
    quantities: tuple[Quantity, ...]
    effects: tuple[Effect, ...]
    pairs: tuple[Pair, ...]
    rate: float
    patients: int
    notes: tuple[str, ...]

    def effects_on(self, quantity: str) -> tuple[Effect, ...]:
        """The effects on one quantity, most important first, what is called before what is not."""
        return tuple(sorted((e for e in self.effects if e.quantity.name == quantity), key=lambda e: (e.q > self.rate, -e.importance)))

    def pairs_on(self, quantity: str) -> tuple[Pair, ...]:
        """The pairs that are called, surest first."""
        return tuple(p for p in self.pairs if p.quantity.name == quantity and p.q <= self.rate)


def discover_covariates(
    known: PKVAE | Sequence[Posterior], patients: Sequence[Patient], plan: Plan = Plan(), *, progress: Callable[[int, int], None] = lambda done, total: None
) -> Discovery:
    """What is found on these patients, by a model or by posteriors of theirs, one each, whoever drew them. Same seed, same answer.

    Raises ValueError when there are too few patients with levels, or nothing that varies between them.
    """
    chosen = [i for i, patient in enumerate(patients) if patient.samples]
    notes = [f"{len(patients) - len(chosen):,} patients without a level are left out."] if len(chosen) < len(patients) else []
    if len(chosen) < FEWEST:
        raise ValueError(f"{len(chosen)} patients have levels; fewer than {FEWEST} show nothing of covariates. Bring a larger cohort.")
    patients = [patients[i] for i in chosen]
    card = known.card if isinstance(known, PKVAE) else known[0].card
    columns, odd = columns_of(card, patients, names=plan.names, words=plan.words)
    testable = choose(columns)
    if not testable.columns:
        raise ValueError(" ".join(testable.notes) or "the patients' records hold no covariate. Add columns to the file.")
    total = len(patients) + 6 * AT_ONCE
    told = _heard(known, card, patients, chosen, plan, lambda done: progress(done, total))
    asked, more = _audible(told, len(testable.columns))
    generator = np.random.default_rng(plan.seed)
    effects, pairs = [], []
    for i, each in enumerate(asked):
        found = pairs_on(each, testable.columns, plan.rate, permutations=2 * plan.permutations + 1, generator=generator)
        progress(len(patients) + (2 * i + 1) * AT_ONCE, total)
        effects += effects_on(each, testable.columns, _places(found, testable.columns, plan.rate), permutations=plan.permutations, generator=generator)
        pairs += found
        progress(len(patients) + (2 * i + 2) * AT_ONCE, total)
    quantities, all_notes = tuple(each.quantity for each in asked), (*notes, *more, *odd, *testable.notes)
    return Discovery(testable.columns, quantities, tuple(effects), tuple(pairs), plan.rate, len(patients), all_notes)


def _places(pairs: Sequence[Pair], columns: Sequence[Column], rate: float) -> list[tuple[int, int]]:
    """Where the covariates of the called pairs stand."""
    place = {column.name: i for i, column in enumerate(columns)}
    return [(place[p.first.name], place[p.second.name]) for p in pairs if p.q <= rate]


def _heard(
    known: PKVAE | Sequence[Posterior], card: DrugCard, patients: Sequence[Patient], chosen: Sequence[int], plan: Plan, tick: Callable[[int], None]
) -> tuple[Told, ...]:
    """What the levels alone say of each patient."""
    if not isinstance(known, PKVAE):
        mine = [known[i] for i in chosen]
        priors = []
        for i, posterior in enumerate(mine):
            priors.append(posterior.prior())
            tick(i + 1)
        return levels_alone(card, mine, priors)
    hidden = [replace(patient, covariates=()) for patient in patients]
    posteriors: list[Posterior] = []
    for begin in range(0, len(hidden), AT_ONCE):
        posteriors += individualise_all(known, hidden[begin : begin + AT_ONCE], draws=plan.draws, seed=plan.seed)
        tick(len(posteriors))
    prior = individualise_all(known, [replace(hidden[0], samples=())], draws=PRIOR_DRAWS, seed=plan.seed)
    return levels_alone(card, posteriors, prior)


def _audible(told: Sequence[Told], columns: int) -> tuple[list[Told], list[str]]:
    """The quantities of which most patients' levels tell enough, and a sentence on each patient and quantity that they do not. Raises ValueError when none is.

    Where the levels of few tell, those few are not like the others, and what little is told follows clearance: such a quantity is not asked.
    """
    asked, notes = [], []
    for each in told:
        silent, count = int((~each.is_told).sum()), len(each.log_value)
        name = each.quantity.label.lower() if each.quantity.name in ("CL", "V") else each.quantity.label
        if silent > count / 2 or count - silent < max(FEWEST, PATIENTS_A_COLUMN * columns):
            notes.append(f"The levels of {silent:,} of {count:,} patients say too little about {name}: what moves it is not asked.")
            continue
        asked.append(each)
        if silent:
            notes.append(f"The levels of {silent:,} of {count:,} patients say too little about {name}: they do not count there.")
    if not asked:
        raise ValueError(" ".join(notes) + " Bring more patients or more levels, or ask about fewer covariates.")
    return asked, notes
