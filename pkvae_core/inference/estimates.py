"""What does a population fit estimate: which parameters a structure has, how covariates scale them, and the published form that estimates take.

    log P_i = X_i beta + eta_i,   eta ~ Normal(0, omega),   y ~ Normal(C, a^2 + (b C)^2)
The etas of different parameters are independent (a diagonal omega).
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import Parameters, PublishedModel, pulses
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.inference.mapbayes import heaviest
from pkvae_core.residual_error import ResidualError
from pkvae_core.structural.exponentials import disposition

CENTRE = {"WT": 70.0, "CRCL": 80.0, "IGE": 200.0, "FED": 1.0}
FLAGS = ("FED",)
# covariates that scale a parameter: fitted powers, and factors of flags
EFFECTS = {"CL": ("WT", "CRCL", "IGE"), "V1": ("WT", "IGE"), "V2": ("WT",), "ka": ("FED",), "tlag": ("FED",)}
AT_ONCE_PER_H = 60.0  # an absorption rate so fast that a swallowed dose is there at once
FIRST_VARIANCE = 0.15
LOG_SD, LOG_ERROR = (math.log(0.01), math.log(3.0)), (-7.0, 4.0)


@dataclass(frozen=True)
class Structure:
    """One or two compartments; what is swallowed is absorbed with a rate that is fitted, or at once."""

    compartments: int
    is_absorbed_at_once: bool = False
    has_lag: bool = False

    @classmethod
    def of_parameters(cls, names: Collection[str]) -> "Structure":
        """The structure with these parameters (of one that is absorbed at once nothing can be told from them)."""
        return cls(2 if "Q" in names else 1, has_lag="tlag" in names)

    def is_within(self, other: "Structure") -> bool:
        """Whether the other one can be this one too: with nothing in its second compartment, or no time before absorption."""
        is_smaller = self.compartments <= other.compartments and self.has_lag <= other.has_lag
        return self != other and is_smaller and self.is_absorbed_at_once == other.is_absorbed_at_once

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
class Estimates:
    """What is estimated: coefficients of each parameter, variances of the etas (with gradients while a likelihood is climbed), and the residual error."""

    beta: Mapping[str, Tensor]
    variance: Mapping[str, float | Tensor]
    error: ResidualError

    def plain(self) -> dict:
        beta = {name: each.tolist() for name, each in self.beta.items()}
        return {"beta": beta, "variance": dict(self.variance), "error": [self.error.proportional, self.error.additive_mg_per_L]}

    @classmethod
    def of(cls, plain: Mapping) -> "Estimates":
        """The estimates of such plain values."""
        beta = {name: torch.tensor(each).double() for name, each in plain["beta"].items()}
        return cls(beta, plain["variance"], ResidualError(*plain["error"]))

    def grown_from(self, smaller: "Estimates") -> "Estimates":
        """What a smaller structure found, and beside it a moderate second compartment or lag: where this one's climb may begin."""
        return self._with(smaller, Q=0.2, V2=0.5, tlag_h=0.2)

    def limit_of(self, smaller: "Estimates") -> "Estimates":
        """What a smaller structure found, in the form of this one: hardly anything reaches the second compartment, and the lag lasts seconds."""
        return self._with(smaller, Q=1e-3, V2=0.5, tlag_h=1e-3)

    def _with(self, smaller: "Estimates", *, Q: float, V2: float, tlag_h: float) -> "Estimates":
        """The smaller one's values; what it lacks begins as these shares of CL and V1, and as this lag."""
        CL, V1 = (float(smaller.beta[name][0]) for name in ("CL", "V1"))
        centres = {"Q": math.log(Q) + CL, "V2": math.log(V2) + V1, "tlag": math.log(tlag_h)}
        beta = {
            name: smaller.beta[name] if name in smaller.beta else torch.cat([torch.tensor([centres[name]]).double(), each[1:]])
            for name, each in self.beta.items()
        }
        return Estimates(beta, {name: smaller.variance.get(name, FIRST_VARIANCE) for name in beta}, smaller.error)

    def vector(self) -> Float[np.ndarray, " estimate"]:
        """All coefficients, then the logarithms of the standard deviations and of both errors."""
        logs = [*(0.5 * math.log(v) for v in self.variance.values()), math.log(self.error.proportional), math.log(self.error.additive_mg_per_L)]
        return np.concatenate([*(each.numpy() for each in self.beta.values()), logs])

    def as_shifted(
        self, by: Float[Tensor, "subject estimate"], covariates: Mapping[str, Tensor], used: tuple[str, ...], normal: Float[Tensor, "subject eta"]
    ) -> tuple[Float[Tensor, "subject eta"], ResidualError]:
        """The standard normals that mean under these estimates what `normal` means where each subject comes from a population of its own, whose estimates lie
        `by` so much from these; and its residual error [subject, 1]."""
        parts = by.split([*(len(each) for each in self.beta.values()), *[1] * (len(self.variance) + 2)], 1)
        size, sd = len(self.beta), [math.sqrt(each) for each in self.variance.values()]
        centre = torch.stack([(_design(name, covariates, used) * part).sum(1) / s for name, part, s in zip(self.beta, parts[:size], sd, strict=True)], 1)
        proportional, additive = (own * part.exp() for own, part in zip((self.error.proportional, self.error.additive_mg_per_L), parts[-2:], strict=True))
        return centre + normal * torch.cat(parts[size:-2], 1).exp(), _Differentiable(proportional, additive)

    def at(self, vector: Float[Tensor, " estimate"]) -> "Estimates":
        """The state of such a vector; in its gradients where the vector has any."""
        parts = iter(vector.split([*(len(each) for each in self.beta.values()), *[1] * (len(self.variance) + 2)]))
        beta = {name: next(parts) for name in self.beta}
        variance = {name: (2 * next(parts)[0]).exp() for name in self.variance}
        return Estimates(beta, variance, _Differentiable(*(next(parts)[0].exp() for _ in range(2))))  # pyright: ignore[reportArgumentType]

    def numbers_at(self, vector: Float[np.ndarray, " estimate"]) -> "Estimates":
        """The same in plain numbers."""
        found = self.at(torch.tensor(vector))
        variance = {name: float(each) for name, each in found.variance.items()}
        return Estimates(found.beta, variance, ResidualError(float(found.error.proportional), float(found.error.additive_mg_per_L)))

    def box(self, radius: float) -> list[tuple[float, float]]:
        """Bounds of the next climb: so far to either side, and within sense."""
        at, coefficients = self.vector(), sum(len(each) for each in self.beta.values())
        limits = [(-np.inf, np.inf)] * coefficients + [LOG_SD] * len(self.variance) + [LOG_ERROR] * 2
        return [(max(low, min(x - radius, high)), min(high, max(x + radius, low))) for x, (low, high) in zip(at, limits, strict=True)]


@dataclass(frozen=True)
class _Differentiable(ResidualError):
    """The same error with tensors in the place of numbers."""

    proportional: Tensor  # pyright: ignore[reportIncompatibleVariableOverride]
    additive_mg_per_L: Tensor  # pyright: ignore[reportIncompatibleVariableOverride]


def typical_patient(card: DrugCard) -> dict[str, Tensor]:
    """The card's typical patient as covariate tensors of one subject."""
    return {name: torch.tensor([float(value)]).double() for name, value in card.typical_patient.items()}


def first_estimates(card: DrugCard, structure: Structure, used: tuple[str, ...]) -> Estimates:
    """The values of the card's heaviest published model for its typical patient; sizes proportional to weight."""
    published = MODELS[heaviest(card)]
    typical = {name: float(value) for name, value in published.typical(typical_patient(card)).items()}
    if published.body is not None:  # as if its clearance were always that at the level aimed for
        CL = float(published.clearance(typical_patient(card), average_concentration(card)))
        typical |= {"CL": CL, "V1": typical["V1"] if "V1" in typical else typical["V"]}
    if "V1" not in typical:  # a power of time: the volume that a dose fills at once, and all the rest
        response = pulses({name: value[:, None] for name, value in published.typical(typical_patient(card)).items()})
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
    return Estimates(
        beta,
        {name: FIRST_VARIANCE for name in beta},
        ResidualError(max(start.proportional, 0.15), max(start.additive_mg_per_L, min(0.1, 0.05 * average_concentration(card)))),
    )


def _design(name: str, covariates: Mapping[str, Tensor], used: tuple[str, ...]) -> Float[Tensor, "subject coefficient"]:
    columns = [covariates[e].double() if e in FLAGS else (covariates[e].double() / CENTRE[e]).log() for e in EFFECTS.get(name, ()) if e in used]
    count = next(iter(covariates.values())).shape[0]
    return torch.stack([torch.ones(count, dtype=torch.float64), *columns], 1)


def published_form(card: DrugCard, structure: Structure, estimates: Estimates, used: tuple[str, ...]) -> PublishedModel:
    """The present estimates in the form of a published model."""

    def typical(covariates: Mapping[str, Tensor]) -> Parameters:
        found = {name: (_design(name, covariates, used) @ beta).exp() for name, beta in estimates.beta.items()}
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
        variance=dict(estimates.variance),
        error=estimates.error,
        headlines=(),
    )
