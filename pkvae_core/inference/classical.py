"""What would a classical population analysis make of a cohort? A plain model fitted to it: a comparator, so that "the wrong structure" is a fair opponent.

    log P_i = X_i beta + eta_i,   eta ~ Normal(0, omega),   y ~ Normal(C, a^2 + (b C)^2)
by Monte-Carlo parametric EM (Bauer & Guzy 2004): draws of each subject's etas around the MAP mode, weighed by importance (`evidence`); then beta by least
squares of the mean log-parameters on the covariates, omega as their mean square about it, a and b by maximum likelihood of the levels given the draws. The etas
of different parameters are independent (a diagonal omega). The same random numbers serve every round, so that the iteration settles.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, published_responses, simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import Parameters, PublishedModel, pulses
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.inference.evidence import LAPLACE, EtaDraws, around
from pkvae_core.inference.mapbayes import heaviest
from pkvae_core.inference.mode import find_mode
from pkvae_core.residual_error import ResidualError, log_likelihood
from pkvae_core.structural.exponentials import disposition

CENTRE = {"WT": 70.0, "CRCL": 80.0, "IGE": 200.0, "FED": 1.0}
FLAGS = ("FED",)
# covariates that scale a parameter: fitted powers, and factors of flags
EFFECTS = {"CL": ("WT", "CRCL", "IGE"), "V1": ("WT", "IGE"), "V2": ("WT",), "ka": ("FED",), "tlag": ("FED",)}
AT_ONCE_PER_H = 60.0  # an absorption rate so fast that a swallowed dose is there at once
LEAST_VARIANCE, FIRST_VARIANCE = 1e-4, 0.15
DRAWS, ROUNDS, SETTLED = 150, 60, 3e-3
COHORT = 200


@dataclass(frozen=True)
class Structure:
    """One or two compartments; what is swallowed is absorbed with a rate that is fitted, or at once."""

    compartments: int
    is_absorbed_at_once: bool = False
    has_lag: bool = False

    def parameters(self, card: DrugCard) -> tuple[str, ...]:
        """What varies between patients."""
        disposition = ("CL", "V1") if self.compartments == 1 else ("CL", "V1", "Q", "V2")
        if len(card.routes) == 1 or self.is_absorbed_at_once:
            return disposition
        return (*disposition, "ka", "tlag") if self.has_lag else (*disposition, "ka")

    @property
    def words(self) -> str:
        number = "one compartment" if self.compartments == 1 else "two compartments"
        return number + (", absorbed at once" if self.is_absorbed_at_once else ", with a lag" if self.has_lag else "")


@dataclass(frozen=True)
class Fit:
    """The fitted model in the form of a published one, and log p(levels) under it; `estimates` are the plain values that bring it back (see `restored`)."""

    model: PublishedModel
    log_likelihood: float
    rounds: int
    is_settled: bool
    estimates: dict


@dataclass(frozen=True)
class _State:
    """What is estimated: coefficients of each parameter, variances of the etas, and the residual error."""

    beta: Mapping[str, Float[Tensor, " coefficient"]]
    variance: Mapping[str, float]
    error: ResidualError

    def plain(self) -> dict:
        beta = {name: each.tolist() for name, each in self.beta.items()}
        return {"beta": beta, "variance": dict(self.variance), "error": [self.error.proportional, self.error.additive_mg_per_L]}


def fit_population(
    card: DrugCard, population: Population, structure: Structure, *, rounds: int = ROUNDS, seed: int = 0, tick: Callable[[int, int], None] | None = None
) -> Fit:
    """A model of this structure fitted to patients whose weight (and creatinine clearance, where the card has one) is known. Raises ValueError otherwise."""
    used = _used(card, population)
    state, is_settled, taken = _start(card, structure, used), False, 0
    while taken < rounds and not is_settled:
        if tick:
            tick(taken, rounds)
        taken += 1
        found = _expect(card, population, _model(card, structure, state, used), seed)
        following = _maximise(card, population, structure, state, found, used)
        is_settled, state = _difference(state, following) < SETTLED, following
    model = _model(card, structure, state, used)
    return Fit(model, float(_expect(card, population, model, seed).log_evidence.sum()), taken, is_settled, state.plain())


def restored(card: DrugCard, structure: Structure, estimates: Mapping) -> PublishedModel:
    """The model that a `Fit` to this card's patients ended with."""
    beta = {name: torch.tensor(each).double() for name, each in estimates["beta"].items()}
    return _model(card, structure, _State(beta, estimates["variance"], ResidualError(*estimates["error"])), _covariates(card))


def opponent_of(card: DrugCard, *, patients: int = COHORT, rounds: int = ROUNDS, seed: int = 0) -> PublishedModel:
    """The best model of a wrong structure for a fresh cohort of the card's virtual patients: two compartments where a dose comes in parts or the bile
    brings it back, one where there are two, else absorption at once."""
    typical = MODELS[heaviest(card)].typical(_typical_patient(card))
    structure = Structure(2) if "odds" in typical else Structure(1, is_absorbed_at_once="Q" not in typical)
    population = simulate(card, patients, torch.Generator().manual_seed(1_000_000_007 + seed)).population
    with torch.no_grad():
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


def _typical_patient(card: DrugCard) -> dict[str, Tensor]:
    return {name: torch.tensor([float(value)]).double() for name, value in card.typical_patient.items()}


def _start(card: DrugCard, structure: Structure, used: tuple[str, ...]) -> _State:
    """The values of the card's heaviest published model for its typical patient; sizes proportional to weight."""
    published = MODELS[heaviest(card)]
    typical = {name: float(value) for name, value in published.typical(_typical_patient(card)).items()}
    if published.body is not None:  # as if its clearance were always that at the level aimed for
        CL = float(published.clearance(_typical_patient(card), average_concentration(card)))
        typical |= {"CL": CL, "V1": typical["V1"] if "V1" in typical else typical["V"]}
    if "V1" not in typical:  # a power of time: the volume that a dose fills at once, and all the rest
        response = pulses({name: value[:, None] for name, value in published.typical(_typical_patient(card)).items()})
        typical["V1"] = float(1 / response.amplitude[0, 0, 0].sum())
        typical["V2"] = float(disposition(response)["V"]) - typical["V1"]
    if structure.compartments == 1:
        typical["V1"] += typical.get("V2", 0.0)
    typical = {"Q": 0.5 * typical["CL"], "V2": typical["V1"], "ka": 1.0, "tlag": 0.2} | typical
    beta = {}
    for name in structure.parameters(card):
        effects = [e for e in EFFECTS.get(name, ()) if e in used]
        slopes = [0.0 if e in FLAGS else 1.0 if name != "CL" else 0.5 for e in effects]
        centre = math.log(typical[name]) - sum(s * math.log(card.typical_patient[e] / CENTRE[e]) for s, e in zip(slopes, effects, strict=True) if s)
        beta[name] = torch.tensor([centre, *slopes]).double()
    start = published.error
    return _State(
        beta,
        {name: FIRST_VARIANCE for name in beta},
        ResidualError(max(start.proportional, 0.15), max(start.additive_mg_per_L, min(0.1, 0.05 * average_concentration(card)))),
    )


def _design(name: str, covariates: Mapping[str, Tensor], used: tuple[str, ...]) -> Float[Tensor, "subject coefficient"]:
    columns = [covariates[e].double() if e in FLAGS else (covariates[e].double() / CENTRE[e]).log() for e in EFFECTS.get(name, ()) if e in used]
    count = next(iter(covariates.values())).shape[0]
    return torch.stack([torch.ones(count, dtype=torch.float64), *columns], 1)


def _model(card: DrugCard, structure: Structure, state: _State, used: tuple[str, ...]) -> PublishedModel:
    """The present estimates in the form of a published model."""

    def typical(covariates: Mapping[str, Tensor]) -> Parameters:
        found = {name: (_design(name, covariates, used) @ beta).exp() for name, beta in state.beta.items()}
        if len(card.routes) > 1:
            still = torch.ones_like(found["CL"])
            found = {"ka": AT_ONCE_PER_H * still, "tlag": 0 * still} | found
        return found

    return PublishedModel(
        name=f"fitted, {structure.words}",
        drug=card.drug,
        citation="",
        doi="",
        reading="",
        population=f"{structure.words}, fitted to a cohort",
        covariates=used,
        typical=typical,
        variance=dict(state.variance),
        error=state.error,
        headlines=(),
    )


def _expect(card: DrugCard, population: Population, model: PublishedModel, seed: int) -> EtaDraws:
    """Weighed draws of everybody's etas under the present estimates."""
    mode = find_mode(model, card, population)
    return around(model, card, population, (mode.normal, mode.scale), draws=DRAWS, generator=torch.Generator().manual_seed(seed), rung=LAPLACE)


def _maximise(card: DrugCard, population: Population, structure: Structure, state: _State, drawn: EtaDraws, used: tuple[str, ...]) -> _State:
    """The estimates that these draws make likeliest."""
    covariates = {c.name: population.covariates[:, i] for i, c in enumerate(card.covariates)}
    weight = drawn.log_weight.exp()[..., None]
    eta = drawn.normal * torch.tensor(list(state.variance.values())).double().sqrt()
    mean = (weight * eta).sum(1)
    beta, variance = {}, {}
    for i, name in enumerate(state.beta):
        design = _design(name, covariates, used)
        beta[name] = state.beta[name] + torch.linalg.lstsq(design, mean[:, i, None]).solution[:, 0]
        shift = design @ (beta[name] - state.beta[name])
        variance[name] = max(float((weight[..., 0] * (eta[..., i] - shift[:, None]).square()).sum(1).mean()), LEAST_VARIANCE)
    concentration = published_responses(_model(card, structure, state, used), card, population, drawn.normal).curves(population.doses, population.sample_time)[
        0
    ]
    return _State(beta, variance, _error(population, concentration.double(), weight, state.error))


def _error(population: Population, concentration: Float[Tensor, "subject draw sample"], weight: Tensor, start: ResidualError) -> ResidualError:
    """The residual error that makes the levels likeliest, given the draws."""
    logs = torch.tensor([math.log(start.proportional), math.log(start.additive_mg_per_L)], dtype=torch.float64, requires_grad=True)
    observed, below, counts = population.level[:, None].double(), population.is_below_lloq[:, None], (population.is_sample * population.trust).double()[:, None]
    optimiser = torch.optim.LBFGS([logs], max_iter=8, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        with torch.enable_grad():
            optimiser.zero_grad()
            proportional, additive = logs.clamp(-12, 4).exp().unbind()
            value = -(log_likelihood(concentration, observed, below, _Differentiable(proportional, additive)) * counts * weight).sum() / len(observed)
            value.backward()
        return value

    optimiser.step(loss)
    proportional, additive = logs.detach().clamp(-7, 4).exp().tolist()
    return ResidualError(proportional, additive)


@dataclass(frozen=True)
class _Differentiable(ResidualError):
    """The same error with tensors in the place of numbers."""

    proportional: Tensor  # pyright: ignore[reportIncompatibleVariableOverride]
    additive_mg_per_L: Tensor  # pyright: ignore[reportIncompatibleVariableOverride]


def _difference(before: _State, after: _State) -> float:
    """The largest change of a coefficient, of a standard deviation, or of the error (relative)."""
    beta = max(float((after.beta[n] - before.beta[n]).abs().max()) for n in before.beta)
    sd = max(abs(math.sqrt(after.variance[n]) - math.sqrt(before.variance[n])) for n in before.variance)
    return max(beta, sd, abs(math.log(after.error.proportional / before.error.proportional)))
