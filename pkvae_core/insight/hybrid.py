"""Which patients need the complex model? Each model's predictive evidence for a patient's levels, against what chance would give a simple patient.

    score = max(log p(levels | two compartments), log p(levels | VAE)) - log p(levels | one compartment)      (nats)
What is swallowed is absorbed at one rate after a lag in both compartment models: a late start of absorption is not complex. They are population fits to a
cohort of the drug's virtual patients; the evidence is the mean of the importance weights, so that flexibility is paid for. A high score may be luck:
`null_scores` draws patients who truly are one compartment, with this very patient's doses, covariates and sampling times, and scores them alike; each comes
from a population of its own, as far from the fitted one as another cohort's fit might be. So at most 5 % of simple patients are called complex, whatever the
design (measured on patients of other populations: `benchmark --of complexity`). Drawing ends early once the score has been reached too often to be remarkable
(sequential Monte Carlo p-value: Besag & Clifford, Biometrika 1991;78:301). The probability of being complex is calibrated on virtual patients of both kinds,
whose answer is known.
"""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import minimize
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import Population, published_responses, rows, simulate
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.classical import ROUNDS, fit_nested, restored, task_of
from pkvae_core.inference.estimates import Estimates, Structure
from pkvae_core.inference.evidence import sample_etas
from pkvae_core.inference.importance import importance_sample
from pkvae_core.patient import Patient
from pkvae_core.vae.vae import PKVAE

ONE, TWO, LEARNED = "one compartment", "two compartments", "VAE"
NAMES = (ONE, TWO, LEARNED)
SEED_OFFSET, COHORT, CALIBRATION = 6_000_000_013, 100, 300
DRAWS, NULLS, LEAST_P = 300, 99, 0.05
AT_ONCE, ENOUGH, TOGETHER = 33, 10, 8  # nulls of a patient drawn together; hits after which no more are drawn: p is then above 0.1; patients together
LEAST_LEVEL = 1e-2  # of the level itself: what a simulated level below counts as "below its limit", where the record names none


@dataclass(frozen=True)
class Rivals:
    """The models that compete for a drug's patients, and the calibration of the score: log-odds of complex = intercept + slope x score.

    `fits`: the plain values of both compartment models, which bring them back without fitting again, and whether their fits settled. `root`: how uncertain the
    one-compartment population is, as the Cholesky factor of its estimates' covariance; None where it is taken for the very truth.
    """

    model: PKVAE
    one: PublishedModel
    two: PublishedModel
    intercept: float = 0.0
    slope: float = 1.0
    fits: tuple[dict, ...] = ()
    root: Float[Tensor, "estimate estimate"] | None = None

    @property
    def card(self) -> DrugCard:
        return self.model.card

    def probability(self, score: float) -> float:
        """Calibrated probability that a patient with this score is complex, where as many are as are not."""
        return 1 / (1 + math.exp(-(self.intercept + self.slope * score)))

    def plain(self) -> dict:
        """What `restore` makes the same rivals of."""
        root = {} if self.root is None else {"root": [[float(f"{value:.4g}") for value in row] for row in self.root.tolist()]}
        return {"fits": list(self.fits), "intercept": self.intercept, "slope": self.slope} | root

    @classmethod
    def restore(cls, model: PKVAE, plain: Mapping) -> "Rivals":
        one, two = (restored(model.card, Structure.of_parameters(each["beta"]), each) for each in plain["fits"])
        root = torch.tensor(plain["root"], dtype=torch.float64) if "root" in plain else None
        return cls(model, one, two, plain["intercept"], plain["slope"], tuple(plain["fits"]), root)


@dataclass(frozen=True)
class Classification:
    """One patient's class, and why. `evidence` holds log p(levels | model) in nats; `p` is the share of simple patients who score as high."""

    evidence: dict[str, float]
    score: float
    p: float
    probability: float

    @property
    def is_complex(self) -> bool:
        return self.p < LEAST_P

    @property
    def best(self) -> str:
        return max(self.evidence, key=lambda name: self.evidence[name])

    @property
    def sentence(self) -> str:
        """The class in words."""
        times = math.exp(min(abs(self.score), 20.0))
        if not self.is_complex:
            share = f"{self.p:.1%}" if self.p < 0.1 else f"{self.p:.0%}"  # near the limit of 5 % a whole number would not say on which side
            return f"Simple: {share} of one-compartment patients, dosed and sampled like this one, score as high or higher.".replace("%", " %")
        return (
            f"Complex: {self.best} explains the levels {times:,.0f} times better than one compartment; {self.p:.1%} of simple patients score so high.".replace(
                "%", " %"
            )
        )


def structures(card: DrugCard) -> tuple[Structure, Structure]:
    """One compartment and two, with a lag where the drug can be swallowed."""
    has_lag = len(card.routes) > 1
    return Structure(1, has_lag=has_lag), Structure(2, has_lag=has_lag)


def cohort_of(card: DrugCard, patients: int, *, seed: int) -> Population:
    """The virtual patients to whom compartment models are fitted: five levels each."""
    return simulate(card, patients, torch.Generator().manual_seed(SEED_OFFSET + seed), samples=5, changing=0.0).population


def fit_rivals(
    model: PKVAE, *, patients: int = COHORT, rounds: int = ROUNDS, seed: int = 0, tick: Callable[[int, int], None] = lambda done, total: None
) -> Rivals:
    """Both classical models fitted to the same fresh virtual cohort, and the score calibrated on other virtual patients."""
    card = model.card
    cohort = cohort_of(card, patients, seed=seed)
    one, two = fit_nested(card, cohort, structures(card), rounds=rounds, seed=seed, tick=tick)
    tick(2 * rounds, 2 * rounds)
    with torch.no_grad():
        root = task_of(card, cohort, one.structure, seed=seed).root(Estimates.of(one.estimates))
    rivals = Rivals(model, one.model, two.model, fits=(one.plain(), two.plain()), root=root)
    found, is_complex = labelled_scores(rivals, CALIBRATION, seed=seed + 1)
    return replace(rivals, **dict(zip(("intercept", "slope"), _logistic(found, is_complex), strict=True)))


def labelled_scores(rivals: Rivals, count: int, *, seed: int) -> tuple[Float[np.ndarray, " patient"], np.ndarray]:
    """Scores of `count` virtual patients of the published models (complex) and as many of the one-compartment fit (simple), and which are which."""
    generator = torch.Generator().manual_seed(SEED_OFFSET + 1000 * seed)
    population = simulate(rivals.card, count, generator, changing=0.0).population
    simple = one_compartment_twins(rivals, population, generator)
    scores = [scored(evidences(rivals, each, seed=seed)) for each in (population, simple)]
    return torch.cat(scores).numpy(), np.repeat([True, False], count)


@torch.no_grad()
def evidences(rivals: Rivals, population: Population, *, draws: int = DRAWS, seed: int = 0) -> Float[Tensor, "subject rival"]:
    """log p(levels | rival) of each subject, in the order of NAMES. Every subject must have a level."""
    found = [
        sample_etas(model, rivals.card, population, draws=draws, generator=torch.Generator().manual_seed(seed)).log_evidence
        for model in (rivals.one, rivals.two)
    ]
    drawn = importance_sample(rivals.model, population, draws=draws, generator=torch.Generator().manual_seed(seed))
    return torch.stack([*found, drawn.log_evidence.double()], 1)


def scored(evidence: Float[Tensor, "subject rival"]) -> Float[Tensor, " subject"]:
    """How much better the best complex model explains the levels than one compartment does (nats)."""
    return evidence[:, 1:].max(1).values - evidence[:, 0]


def one_compartment_twins(rivals: Rivals, population: Population, generator: torch.Generator) -> Population:
    """The same subjects, doses and times, but levels of patients who truly are one compartment, with that model's residual error."""
    drawn = [_normals(rivals, 1, population.level.shape[1], generator) for _ in range(len(population.level))]
    return _twins(rivals, population, *(torch.cat(each) for each in zip(*drawn, strict=True)))


def _normals(rivals: Rivals, count: int, samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Standard normals of the etas, of the population's estimates and of the levels of so many patients."""
    estimates = 0 if rivals.root is None else len(rivals.root)
    eta, shift = (torch.randn(count, size, dtype=torch.float64, generator=generator) for size in (len(rivals.one.variance), estimates))
    return eta, shift, torch.randn(count, samples, generator=generator)


def _twins(
    rivals: Rivals, population: Population, eta: Float[Tensor, "subject eta"], shift: Float[Tensor, "subject estimate"], noise: Float[Tensor, "subject sample"]
) -> Population:
    """One-compartment patients with these standard normals."""
    error = rivals.one.error
    if rivals.root is not None:
        covariates = {c.name: population.covariates[:, i] for i, c in enumerate(rivals.card.covariates)}
        eta, error = Estimates.of(rivals.fits[0]).as_shifted(shift @ rivals.root.T, covariates, rivals.one.covariates, eta)
    true = published_responses(rivals.one, rivals.card, population, eta[:, None]).curves(population.doses, population.sample_time)[0][:, 0]
    level = (true + error.sd(true) * noise).float()
    limit = torch.where(population.is_below_lloq, population.level, LEAST_LEVEL * population.level)
    is_below = level < limit
    return replace(population, level=torch.where(is_below, limit, level), is_below_lloq=is_below & population.is_sample)


def null_scores(rivals: Rivals, population: Population, *, count: int = NULLS, seed: int = 0) -> Float[Tensor, "subject null"]:
    """Scores of `count` one-compartment patients with each subject's doses, covariates and sampling times. They are the subject's own: drawn from a seed that
    its levels and their times make, whoever else is asked about."""
    drawn = []
    for i, is_sample in enumerate(population.is_sample):
        own = torch.stack([population.sample_time[i, is_sample], population.level[i, is_sample]])
        generator = torch.Generator().manual_seed(SEED_OFFSET + seed + zlib.crc32(own.numpy().tobytes()))
        eta, shift, own_noise = _normals(rivals, count, int(is_sample.sum()), generator)
        noise = torch.zeros(count, population.level.shape[1])
        noise[:, is_sample] = own_noise
        drawn.append((eta, shift, noise))
    same = rows(population, torch.arange(len(drawn)).repeat_interleave(count))
    twins = _twins(rivals, same, *(torch.cat(each) for each in zip(*drawn, strict=True)))
    return scored(evidences(rivals, twins, seed=seed)).view(-1, count)


def ready(rivals: Rivals, patient: Patient) -> Patient:
    """The patient with what can be derived. Raises ValueError where there is no level, or where what the classical models need is unknown."""
    patient = complete(rivals.card, patient)
    if not any(sample.trust > 0 for sample in patient.samples):
        raise ValueError(f"patient {patient.id} has no level; nothing can be classified. Add one.")
    if unknown := [name for name in rivals.one.covariates if patient.covariate(name) is None]:
        raise ValueError(f"the compartment models need {' and '.join(unknown)} of patient {patient.id}. Add it.")
    return patient


def classify(rivals: Rivals, patients: Sequence[Patient], *, seed: int = 0) -> list[Classification]:
    """The class of each patient, several at a time. Raises ValueError like `ready`."""
    completed, found = [ready(rivals, patient) for patient in patients], []
    for i in range(0, len(completed), TOGETHER):
        population = Population.of(rivals.card, completed[i : i + TOGETHER])
        evidence = evidences(rivals, population, seed=seed)
        score = scored(evidence)
        for each, own, p in zip(evidence.tolist(), score.tolist(), chances(rivals, population, score, seed=seed).tolist(), strict=True):
            found.append(Classification(dict(zip(NAMES, each, strict=True)), own, p, rivals.probability(own)))
    return found


def chances(rivals: Rivals, population: Population, score: Float[Tensor, " subject"], *, seed: int = 0) -> Float[Tensor, " subject"]:
    """The p-value of each subject's score: hits over draws up to the hit that ended them, or (1 + hits) over (1 + draws) where all were needed."""
    hits = torch.zeros(len(score), 0, dtype=torch.bool)
    while hits.shape[1] < NULLS and len(undecided := (hits.sum(1) < ENOUGH).nonzero()[:, 0]):
        more = torch.zeros(len(score), AT_ONCE, dtype=torch.bool)
        more[undecided] = null_scores(rivals, rows(population, undecided), count=AT_ONCE, seed=seed + hits.shape[1]) >= score[undecided, None]
        hits = torch.cat([hits, more], 1)
    total = hits.sum(1).double()
    last = (hits.cumsum(1) >= ENOUGH).double().argmax(1).double()
    return torch.where(total < ENOUGH, (1 + total) / (1 + hits.shape[1]), ENOUGH / (1 + last))


def _logistic(score: Float[np.ndarray, " patient"], is_complex: np.ndarray) -> tuple[float, float]:
    """Intercept and slope of Platt's calibration (1999)."""
    sign = np.where(is_complex, 1.0, -1.0)
    bounded = np.clip(score, -20, 20)

    def loss(theta: np.ndarray) -> float:
        return float(np.logaddexp(0, -sign * (theta[0] + theta[1] * bounded)).mean() + 1e-4 * theta[1] ** 2)

    intercept, slope = minimize(loss, np.array([0.0, 1.0])).x
    return float(intercept), float(slope)
