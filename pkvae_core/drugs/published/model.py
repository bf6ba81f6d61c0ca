"""What is a published population model: typical values from covariates, variability between patients, residual error."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.residual_error import ResidualError
from pkvae_core.structural.body import AnyBody
from pkvae_core.structural.compartments import one_compartment, power_law, two_compartment
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.onset import in_waves, swallowed

Parameters = dict[str, Tensor]
STAGES = {"ka": 1, "ktr": 3}  # how many compartments a swallowed dose passes at that rate


def variance_from_cv(percent: float) -> float:
    """Variance of a log-normal effect whose coefficient of variation is printed: ln(1 + CV^2)."""
    return math.log(1 + (percent / 100) ** 2)


@dataclass(frozen=True)
class Headline:
    """A value that the paper prints for a given patient; `lint` recomputes it."""

    covariates: Mapping[str, float]
    parameter: str
    value: float
    tolerance: float
    quote: str


@dataclass(frozen=True)
class PublishedModel:
    """`typical` maps covariate tensors to CL, Q (L/h), V1, V2 (L), ka or ktr (1/h), tlag (h);
    `variance` holds w2 of each log-normal eta, `covariance` the pairs.

    A power law has an exponent alpha and the rate of its `fastest` exponential (1/h) in the place of volumes.
    What is swallowed in two waves has a second ka2 and tlag2, and the `odds` that a milligram comes with the first.
    A model that is not proportional to dose has its own parameters, and a `body` that is made from them [subject, draw].
    Where covariates act on absorption, the `onset_changes` with them from one dose to the next.
    """

    name: str
    drug: str
    citation: str
    doi: str
    reading: str
    population: str
    covariates: tuple[str, ...]
    typical: Callable[[Mapping[str, Tensor]], Parameters]
    variance: Mapping[str, float | Tensor]
    error: ResidualError
    headlines: tuple[Headline, ...]
    covariance: Mapping[tuple[str, str], float] | None = None
    assumptions: tuple[str, ...] = ()
    body: Callable[[Parameters], AnyBody] | None = None
    onset_changes: bool = False

    @property
    def omega(self) -> Tensor:
        """Covariance of the etas [parameter, parameter], in the order of `variance`."""
        names = list(self.variance)
        omega = torch.diag(torch.stack([torch.as_tensor(each, dtype=torch.float64) for each in self.variance.values()]))
        for (a, b), value in (self.covariance or {}).items():
            omega[names.index(a), names.index(b)] = omega[names.index(b), names.index(a)] = value
        return omega

    def clearance(self, covariates: Mapping[str, Tensor], concentration_mg_per_L: float) -> Float[Tensor, " subject"]:
        """Typical clearance (L/h) at a steady concentration."""
        typical = self.typical(covariates)
        return (
            typical["CL"] if self.body is None else self.body({name: value[:, None] for name, value in typical.items()}).clearance(concentration_mg_per_L)[:, 0]
        )

    def individual(self, covariates: Mapping[str, Tensor], *, draws: int, generator: torch.Generator) -> Parameters:
        """Parameters [subject, draw] of `draws` patients with each subject's covariates [subject]: typical x exp(eta), eta ~ Normal(0, omega)."""
        subjects = next(iter(covariates.values())).shape[0]
        return self.at(covariates, torch.randn(subjects, draws, len(self.variance), dtype=torch.float64, generator=generator))

    def at(self, covariates: Mapping[str, Tensor], normal: Float[Tensor, "subject draw eta"]) -> Parameters:
        """Parameters [subject, draw] of patients whose etas are the Cholesky factor of omega times these standard normals."""
        known = {name: covariates[name].double() for name in self.covariates}
        typical = self.typical(known or {"subject": torch.zeros(len(normal), dtype=torch.float64)})  # without covariates: how many subjects there are
        eta = dict(zip(self.variance, (normal.double() @ torch.linalg.cholesky(self.omega).T).unbind(-1), strict=True))
        still = torch.zeros(normal.shape[:2], dtype=torch.float64)
        return {name: value[:, None] * eta.get(name, still).exp() for name, value in typical.items()}


def pulses(parameters: Parameters) -> Pulses:
    """Responses to 1 mg: row 0 into the vein, row 1 (where there is a ka or ktr) swallowed, or a row for each of its two waves.

    Parameters [subject, draw] as published, CL/F and V/F in an oral model."""
    amplitude, rate = _disposition(parameters)
    name = next((name for name in STAGES if name in parameters), None)
    if name is None:
        return Pulses(amplitude[:, :, None].float(), rate[:, :, None].float(), torch.zeros_like(amplitude[..., :1]).float())
    lag = parameters.get("tlag", torch.zeros_like(parameters[name]))
    if "ka2" in parameters:
        share = torch.stack([parameters["odds"], torch.ones_like(lag)], -1) / (1 + parameters["odds"])[..., None]
        per_h, lags = (torch.stack([parameters[one], parameters[two]], -1) for one, two in (("ka", "ka2"), ("tlag", "tlag2")))
        return in_waves(amplitude, rate, per_h, lags, share).map(Tensor.float)
    return swallowed(amplitude, rate, parameters[name], lag, stages=STAGES[name]).map(Tensor.float)


def _disposition(parameters: Parameters) -> tuple[Tensor, Tensor]:
    if "alpha" in parameters:
        return power_law(*(parameters[p] for p in ("CL", "alpha", "fastest")))
    if "Q" in parameters:
        return two_compartment(*(parameters[p] for p in ("CL", "V1", "Q", "V2")))
    return one_compartment(parameters["CL"], parameters["V1"])
