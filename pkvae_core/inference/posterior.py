"""What do we believe about this patient, and what will the concentration be?"""

import math
import time as clock
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.changes import change_cautions
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import Population, course, rows, typical_body
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.importance import unweighted
from pkvae_core.inference.ladder import climb
from pkvae_core.inference.mixing import Belief, Mixed, mixed, share_of
from pkvae_core.inference.occasions import occasion_caution, unmeasured, visited
from pkvae_core.inference.verdict import Entitlement
from pkvae_core.patient import Dose, Patient
from pkvae_core.records.covariates import CLEARANCE_NEEDS
from pkvae_core.residual_error import ResidualError
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.body import Body
from pkvae_core.structural.exponentials import NEVER
from pkvae_core.structural.responses import Responses
from pkvae_core.vae.vae import PKVAE
from pkvae_core.wording import rounded


@dataclass(frozen=True)
class Diagnostics:
    """How the answer was reached: the rung of the ladder, the raw weights' effective draws out of `draws`, and Pareto k-hat (None for the prior)."""

    rung: str
    effective_draws: float
    draws: int
    k_hat: float | None
    milliseconds: float


@dataclass(frozen=True)
class Posterior:
    """Weighted draws of how one patient answers to doses, whoever drew them: the drug's VAE, MAP-Bayes, or the exact reference.

    `engine` is "vae", "map:<published model>", "average" or "exact"; `member` says how probably each draw is each published model's, `z` are the VAE's latents,
    `entitlement` is what was found when asked whether the model may speak about this patient, `errors` each model's residual error where it is not a published
    model's. Weights sum to 1. `revise` asks the same engine, with the same options, about another record of the patient.
    """

    card: DrugCard
    engine: str
    version: str
    provenance: dict
    patient: Patient
    responses: AnyResponses
    weight: Float[Tensor, " draw"]
    model_probability: dict[str, float]
    diagnostics: Diagnostics
    revise: Callable[[Patient], "Posterior"]
    cautions: tuple[str, ...] = ()
    seed: int = 0
    member: Float[Tensor, "draw model"] | None = None
    z: Float[Tensor, "draw latent"] | None = None
    entitlement: Entitlement | None = None
    errors: tuple[ResidualError, ...] | None = None

    def prior(self) -> "Posterior":
        """What was believed before the levels: the same patient without them."""
        return self.revise(unmeasured(self.card, self.patient))

    def resampled(self, count: int) -> "Posterior":
        """The same belief as `count` draws of equal weight (systematic resampling, deterministic)."""
        edges = self.weight.cumsum(0).clamp(max=1 - 1e-12)
        index = torch.searchsorted(edges, (torch.arange(count, dtype=edges.dtype) + 0.5) / count)
        even = torch.full((count,), 1 / count, dtype=self.weight.dtype)
        member, z = (None if table is None else table[index] for table in (self.member, self.z))
        return replace(self, responses=self.responses.at(index), member=member, z=z, weight=even)

    def settled(self) -> "Posterior":
        """The same belief as if the latest covariates had always held: what a steady state is counted with."""
        return replace(self, responses=self.responses.settled())


@dataclass(frozen=True)
class Prediction:
    """True concentrations (no residual error) of each draw at each time, just before any dose given at that time."""

    time_h: Float[np.ndarray, " time"]
    concentration_mg_per_L: Float[np.ndarray, "draw time"]
    weight: Float[np.ndarray, " draw"]

    def quantile(self, probability: float) -> Float[np.ndarray, " time"]:
        return weighted_quantile(self.concentration_mg_per_L, self.weight, probability)

    @property
    def median(self) -> Float[np.ndarray, " time"]:
        return self.quantile(0.5)

    @property
    def mean(self) -> Float[np.ndarray, " time"]:
        return self.weight @ self.concentration_mg_per_L

    def interval(self, probability: float) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end of the central interval of this probability."""
        return self.quantile(0.5 - probability / 2), self.quantile(0.5 + probability / 2)


def individualise(model: PKVAE, patient: Patient, *, draws: int = 1000, seed: int = 0) -> Posterior:
    """The posterior of one patient by the ladder (see `climb`); without levels, the prior. Same seed, same answer."""
    return individualise_all(model, [patient], draws=draws, seed=seed)[0]


def individualise_all(model: PKVAE, patients: Sequence[Patient], *, draws: int = 1000, seed: int = 0) -> list[Posterior]:
    """The posterior of each patient, in one batch; `milliseconds` is each one's share. Of an ensemble, its members' answers mixed (see `mixing`)."""
    patients = [complete(model.card, patient) for patient in patients]
    population = Population.of(model.card, patients)
    found: dict[int, Posterior] = {}
    for index in _alike(population):
        started = clock.perf_counter()
        share = share_of(draws, len(model.members))
        each = [_believe(one, _some(population, index), share, seed) for one in model.members]
        took = 1e3 * (clock.perf_counter() - started) / len(index)
        for i, subject in enumerate(index.tolist()):
            found[subject] = _posterior(model, patients[subject], mixed([belief.of_subject(i) for belief in each]), took, draws, seed)
    return [found[i] for i in range(len(patients))]


def _alike(population: Population) -> list[Tensor]:
    """Who can be asked about together: all without levels, all whose levels are of one occasion at most, and each of the others alone."""
    has_levels, occasions = population.is_sample.any(1), (population.occasions > NEVER).sum(1)
    groups = [mask & (occasions == most) for most in (0, 1) for mask in (~has_levels, has_levels)]
    return [*(mask.nonzero()[:, 0] for mask in groups if bool(mask.any())), *(occasions > 1).nonzero()]


def _some(population: Population, index: Tensor) -> Population:
    """These subjects, without the occasions that none of them had."""
    some = rows(population, index)
    most = int((some.occasions > NEVER).sum(1).max()) if some.occasions.numel() else 0
    return replace(some, ends=some.occasions[:, some.occasions.shape[1] - most :])


def _believe(model: PKVAE, population: Population, draws: int, seed: int) -> Belief:
    generator, has_levels = torch.Generator().manual_seed(seed), bool(population.is_sample.any())
    with torch.no_grad():
        if population.occasions.shape[1]:
            found = visited(model, population, draws=draws, seed=seed)
            return Belief(found.drawn, found.rungs, model.responses(found.later, population, sampled=found.sampled))
        if has_levels:
            drawn, climbed = climb(model, population, draws=draws, generator=generator)
            rungs = tuple(climbed)
        else:
            drawn = unweighted(model, population, model.prior(population.covariates), draws=draws, generator=generator)
            rungs = ("prior",) * len(drawn.z)
        return Belief(drawn, rungs, _true(model, model.responses(drawn.z, population), generator))


def _true(model: PKVAE, responses: AnyResponses, generator: torch.Generator) -> AnyResponses:
    """The responses with what a learned model is known to miss, where its misfit is known: each draw off by a log-normal factor, half of whose variance is of
    height and half of pace. Off in pace, a curve is worst where it has fallen for long: there levels below their limit cannot tell."""
    misfit = model.configuration.misfit
    if not misfit:
        return responses
    assert isinstance(responses, Responses), "models learned from a cohort are proportional to dose"
    height, pace = (math.sqrt(0.5) * misfit * torch.randn(2, responses.pulses.lag.shape[1], generator=generator)).exp()
    return responses.scaled(height).paced(pace)


def _posterior(model: PKVAE, patient: Patient, belief: Mixed, milliseconds: float, draws: int, seed: int) -> Posterior:
    k_hat = None if belief.rung == "prior" else belief.k_hat
    return Posterior(
        card=model.card,
        engine="vae",
        version=model.version,
        provenance=model.provenance,
        patient=patient,
        responses=belief.responses,
        weight=belief.weight,
        model_probability=dict(zip(model.names, (belief.weight @ belief.member).tolist(), strict=True)),
        diagnostics=Diagnostics(belief.rung, belief.effective, len(belief.weight), k_hat, milliseconds),
        revise=partial(individualise, model, draws=draws, seed=seed),
        cautions=cautions_of(model.card, patient, belief.rung),
        seed=seed,
        member=belief.member,
        z=belief.z,
        errors=model.errors,
    )


def cautions_of(card: DrugCard, patient: Patient, rung: str) -> tuple[str, ...]:
    """What the reader must know before trusting the answer."""
    cautions = []
    if rung == "failed":
        cautions.append("The levels do not fit what this model has learned: its answer cannot be trusted. Check times, units and doses, and do not dose by it.")
    for spec in card.covariates:
        value = patient.covariate(spec.name)
        if value is None and spec.name == "CRCL" and all(patient.covariate(name) is not None for name in CLEARANCE_NEEDS):
            cautions.append(
                f"{spec.label} by Cockcroft-Gault lies outside {spec.low:g} to {spec.high:g} {spec.unit}: it is not used. Check creatinine, age and weight."
            )
        elif value is None:
            cautions.append(f"{spec.label} is unknown: the answer averages over patients of all values.")
        elif not spec.is_flag and not spec.soft_low <= value <= spec.soft_high:
            cautions.append(f"{spec.label} {value:.4g} {spec.unit} lies outside {spec.soft_low:g} to {spec.soft_high:g}, the range this model was made for.")
    return (*cautions, *change_cautions(card, patient), *occasion_caution(card, patient))


def predict(posterior: Posterior, doses: Sequence[Dose], time_h: Sequence[float] | np.ndarray) -> Prediction:
    """Concentration of each draw at each time after these doses (all of them: the past and what is planned)."""
    return Prediction(np.asarray(time_h, float), curves(posterior, doses, time_h)[0], posterior.weight.numpy())


def cumulative_auc(posterior: Posterior, doses: Sequence[Dose], time_h: Sequence[float] | np.ndarray) -> Float[np.ndarray, "draw time"]:
    """Exact area under each draw's curve from the first dose to each time (mg h/L); the difference of two columns is a window's AUC."""
    return curves(posterior, doses, time_h)[1]


def curves(
    posterior: Posterior, doses: Sequence[Dose], time_h: Sequence[float] | np.ndarray
) -> tuple[Float[np.ndarray, "draw time"], Float[np.ndarray, "draw time"]]:
    """Concentration (mg/L) and its integral (mg h/L) of each draw at each time, in one pass."""
    with torch.no_grad():
        time = torch.as_tensor(np.asarray(time_h, np.float32))[None]
        concentration, area = posterior.responses.curves(course(posterior.card, [doses]), time)
    return concentration[0].numpy(), area[0].numpy()


def parameters(posterior: Posterior) -> dict[str, Float[np.ndarray, " draw"]]:
    """Clearance CL (L/h), volume at steady state V (L) and terminal half-life (h) of each draw (see `disposition` and `parameter_names`)."""
    return parameters_of(posterior.card, posterior.responses)


def parameters_of(card: DrugCard, responses: AnyResponses) -> dict[str, Float[np.ndarray, " draw"]]:
    """The same of the first subject of these responses. Where clearance falls as the level rises, it and the half-life, ln 2 V / CL, are those at the level
    that the card aims for."""
    known, now = responses.disposition(), responses.now
    if isinstance(now, Body):
        CL = now.clearance(average_concentration(card))
        known = {**known, "CL": CL, "half_life": math.log(2) * known["V"] / CL}
    return {name: value[0].numpy() for name, value in known.items()}


def parameter_names(card: DrugCard) -> dict[str, tuple[str, str]]:
    """Label and unit of each of `parameters`; where clearance depends on the level, the level that it is said for."""
    body = typical_body(card)
    at = "" if body is None or body.scales else f" at {rounded(average_concentration(card))} mg/L"
    return {"CL": (f"Clearance{at}", "L/h"), "V": ("Volume", "L"), "half_life": (f"Half-life{at}", "h")}
