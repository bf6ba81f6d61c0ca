"""What would a classical population analysis make of a cohort? A plain model fitted to it: a comparator, so that "the wrong structure" is a fair opponent.

Maximum likelihood: the marginal likelihood (`marginal`: importance sampling, as NONMEM's IMP evaluates it) is climbed in beta, log omega, log a and log b (see
`estimates`) within a box about the present values; then the draws are made anew around the new modes. What does not turn out higher there is not kept, and the
box shrinks. First few draws, then more of them. The same random numbers serve every round, so that the climb settles. Of structures that contain each other,
the larger is begun from the fitted smaller one too, and at last where it is the smaller one: so it is never less likely.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, rows, simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.estimates import CENTRE, Estimates, Structure, first_estimates, published_form, typical_patient
from pkvae_core.inference.mapbayes import heaviest
from pkvae_core.inference.marginal import Draws, climb, draws_at, log_evidence
from pkvae_core.inference.mode import inverse_root

DRAWS, FINAL_DRAWS = (72, 288), 1152  # of the two climbs and of the likelihood that is reported: powers of 2, and an eighth of each from the prior
STEPS, ROUNDS = 8, 30  # of the line search from one set of draws, and sets of draws
SETTLED, LEAST_RADIUS = 0.1, 0.02  # nats that one box still promises; its half width, in coefficients and logarithms
NUDGE = 0.02  # of a coefficient or logarithm
AT_ONCE = 100  # patients
COHORT = 200
Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Fit:
    """The fitted model in the form of a published one, and log p(levels) under it; `estimates` are the plain values that bring it back (see `restored`).

    `is_settled`: no box around the estimates promised more than `SETTLED` nats, or nothing above them held with other draws.
    """

    structure: Structure
    model: PublishedModel
    log_likelihood: float
    rounds: int
    is_settled: bool
    estimates: dict

    def plain(self) -> dict:
        """The estimates and how they were come by."""
        return self.estimates | {"log_likelihood": round(self.log_likelihood, 2), "is_settled": self.is_settled}


@dataclass(frozen=True)
class _Place:
    """Estimates, the draws around everybody's mode under them, and log p(levels) by these draws."""

    estimates: Estimates
    drawn: tuple[Draws, ...]
    height: float


@dataclass(frozen=True)
class Task:
    """Which structure is fitted to whom: some patients at a time, so that little memory is taken."""

    card: DrugCard
    parts: tuple[Population, ...]
    structure: Structure
    used: tuple[str, ...]
    seed: int

    def model(self, estimates: Estimates) -> PublishedModel:
        return published_form(self.card, self.structure, estimates, self.used)

    def look(self, estimates: Estimates, draws: int, *, seed: int | None = None) -> _Place:
        model = self.model(estimates)
        drawn = tuple(draws_at(model, self.card, part, count=draws, seed=self.seed if seed is None else seed) for part in self.parts)
        height = sum(float(log_evidence(model, self.card, *each).sum()) for each in zip(self.parts, drawn, strict=True))
        return _Place(estimates, drawn, height)

    def better(self, here: _Place, radius: float) -> tuple[Estimates, float]:
        """The highest estimates within a box, as seen from here, and what they promise (nats)."""

        def heights(vector: Tensor):
            for each in zip(self.parts, here.drawn, strict=True):
                yield log_evidence(self.model(here.estimates.at(vector)), self.card, *each).sum()

        found, gain = climb(heights, here.estimates.vector(), here.estimates.box(radius), steps=STEPS)
        return here.estimates.numbers_at(found), gain

    def climbed(self, start: Estimates, draws: int, *, rounds: int, tick: Tick | None = None) -> Fit:
        """The highest estimates found from these on. Its log-likelihood is the one by the draws that were climbed."""
        here, radius, taken, is_settled = self.look(start, draws), 1.0, 0, False
        while taken < rounds and not is_settled:
            if tick:
                tick(taken, rounds)
            taken += 1
            proposal, promised = self.better(here, radius)
            there = self.look(proposal, draws)
            is_higher = there.height > here.height
            radius = min(2 * radius, 1.0) if is_higher else radius / 4
            here = there if is_higher else here
            is_settled = promised < SETTLED or radius < LEAST_RADIUS
        return Fit(self.structure, self.model(here.estimates), here.height, taken, is_settled, here.estimates.plain())

    def root(self, estimates: Estimates) -> Float[Tensor, "estimate estimate"]:
        """Cholesky factor of the covariance of these estimates, had the cohort been another: the inverse of I + sum_i s_i s_i^T, s_i the slope of patient i's
        log p(levels) (Berndt 1974), by central differences; I, as if each were known to about 1 beforehand, where the cohort says nothing."""
        at, drawn = torch.tensor(estimates.vector()), self.look(estimates, DRAWS[1]).drawn

        def each(vector: Tensor) -> Float[Tensor, " subject"]:
            model = self.model(estimates.at(vector))
            return torch.cat([log_evidence(model, self.card, *some) for some in zip(self.parts, drawn, strict=True)])

        slopes = torch.stack([(each(at + nudge) - each(at - nudge)) / (2 * NUDGE) for nudge in NUDGE * torch.eye(len(at), dtype=torch.float64)], 1)
        return inverse_root(torch.eye(len(at), dtype=torch.float64) + slopes.T @ slopes)

    def reported(self, fit: Fit) -> Fit:
        """The same with log p(levels) by other and many draws."""
        return replace(fit, log_likelihood=self.look(Estimates.of(fit.estimates), FINAL_DRAWS, seed=self.seed + 1).height)


def task_of(card: DrugCard, population: Population, structure: Structure, *, seed: int) -> Task:
    """The task of fitting this structure to these patients. Raises ValueError where a covariate that it needs is unknown."""
    parts = tuple(rows(population, index) for index in torch.arange(len(population.level)).split(AT_ONCE))
    return Task(card, parts, structure, _used(card, population), seed)


def fit_population(card: DrugCard, population: Population, structure: Structure, *, rounds: int = ROUNDS, seed: int = 0, tick: Tick | None = None) -> Fit:
    """A model of this structure fitted to patients whose weight (and creatinine clearance, where the card has one) is known. Raises ValueError otherwise."""
    return fit_nested(card, population, (structure,), rounds=rounds, seed=seed, tick=tick)[0]


@torch.no_grad()
def fit_nested(
    card: DrugCard, population: Population, structures: Sequence[Structure], *, rounds: int = ROUNDS, seed: int = 0, tick: Tick | None = None
) -> list[Fit]:
    """The fits of these structures to the same patients, smaller ones first; none is less likely than one that it contains."""
    found: list[Fit] = []
    for i, structure in enumerate(structures):
        task = task_of(card, population, structure, seed=seed)
        own = None if tick is None else lambda done, total, i=i: tick(i * total + done, len(structures) * total)
        found.append(_best(task, [fit for fit in found if fit.structure.is_within(structure)], rounds, own))
    return found


def _best(task: Task, smaller: Sequence[Fit], rounds: int, tick: Tick | None) -> Fit:
    """The likeliest fit from the card's own values and from what the smaller structures found."""
    first = first_estimates(task.card, task.structure, task.used)
    starts = [first, *(first.grown_from(Estimates.of(fit.estimates)) for fit in smaller)]
    rough = [task.climbed(start, DRAWS[0], rounds=rounds, tick=tick) for start in starts]
    best = task.reported(_finished(task, max(rough, key=lambda fit: fit.log_likelihood), rounds, tick))
    within = max(smaller, key=lambda fit: fit.log_likelihood, default=best)
    return best if best.log_likelihood >= within.log_likelihood else _from_limit(task, within, rounds, tick)


def _from_limit(task: Task, smaller: Fit, rounds: int, tick: Tick | None) -> Fit:
    """The climb begun where this structure is the smaller one. What ends there has the smaller one's likelihood, which its own draws may tell lower."""
    start = first_estimates(task.card, task.structure, task.used).limit_of(Estimates.of(smaller.estimates))
    found = task.reported(task.climbed(start, DRAWS[1], rounds=rounds, tick=tick))
    return replace(found, log_likelihood=max(found.log_likelihood, smaller.log_likelihood))


def _finished(task: Task, rough: Fit, rounds: int, tick: Tick | None) -> Fit:
    """The climb gone on with more draws; all rounds counted together."""
    if rough.rounds >= rounds:
        return rough
    fine = task.climbed(Estimates.of(rough.estimates), DRAWS[1], rounds=rounds - rough.rounds, tick=tick)
    return replace(fine, rounds=rough.rounds + fine.rounds)


def restored(card: DrugCard, structure: Structure, estimates: Mapping) -> PublishedModel:
    """The model that a `Fit` to this card's patients ended with."""
    return published_form(card, structure, Estimates.of(estimates), _covariates(card))


def opponent_of(card: DrugCard, *, patients: int = COHORT, rounds: int = ROUNDS, seed: int = 0) -> PublishedModel:
    """The best model of a wrong structure for a fresh cohort of the card's virtual patients: two compartments where a dose comes in parts or the bile
    brings it back, one where there are two, else absorption at once."""
    typical = MODELS[heaviest(card)].typical(typical_patient(card))
    structure = Structure(2) if "odds" in typical else Structure(1, is_absorbed_at_once="Q" not in typical)
    population = simulate(card, patients, torch.Generator().manual_seed(1_000_000_007 + seed)).population
    return fit_population(card, population, structure, rounds=rounds, seed=seed).model


def _covariates(card: DrugCard) -> tuple[str, ...]:
    """The card's covariates among those that scale parameters."""
    return tuple(name for name in CENTRE if name in {c.name for c in card.covariates})


def _used(card: DrugCard, population: Population) -> tuple[str, ...]:
    """The same, once everybody is seen to have them."""
    names, used = [c.name for c in card.covariates], _covariates(card)
    if unknown := [name for name in used if bool(population.covariates[:, names.index(name)].isnan().any())]:
        raise ValueError(f"a population fit needs {' and '.join(unknown)} of every patient; leave out the patients for whom it is unknown.")
    return used
