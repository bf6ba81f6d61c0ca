"""What is a published population model: typical values from covariates, variability between patients, residual error."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
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
    `variance` holds w2 of each log-normal eta, `covariance` the pairs, `occasion_variance` that of each kappa: what differs from one occasion to the next.

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
    occasion_variance: Mapping[str, float] | None = None

    def __post_init__(self):
        assert set(self.occasion_variance or ()) <= set(self.variance), "what varies between occasions varies between patients"

    @property
    def omega(self) -> Tensor:
        """Covariance of the etas [parameter, parameter], in the order of `variance`."""
        names = list(self.variance)
        omega = torch.diag(torch.stack([torch.as_tensor(each, dtype=torch.float64) for each in self.variance.values()]))
        for (a, b), value in (self.covariance or {}).items():
            omega[names.index(a), names.index(b)] = omega[names.index(b), names.index(a)] = value
        return omega

    @property
    def total(self) -> Tensor:
        """Covariance of eta + kappa: of the bodies of all patients on one occasion."""
        within = self.occasion_variance
        return self.omega + torch.diag(torch.tensor([within.get(name, 0.0) for name in self.variance], dtype=torch.float64)) if within else self.omega

    def normals(self, occasions: int) -> int:
        """How many standard normals make a patient: with this many occasions that levels tell of, the kappas of each and of one thereafter are among them."""
        return len(self.variance) + (occasions + 1) * self.later_normals(occasions)

    def later_normals(self, occasions: int) -> int:
        """How many of them, the last ones, are of the occasion thereafter: none where one body holds throughout."""
        return len(self.occasion_variance or ()) if occasions else 0

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

    def at(self, covariates: Mapping[str, Tensor], normal: Float[Tensor, "subject draw normal"], occasion: Int[Tensor, " subject"] | None = None) -> Parameters:
        """Parameters [subject, draw] of patients whose etas are the Cholesky factor of omega times these standard normals.

        Without an `occasion` there is one normal for each eta, which then has the total variance; with it, those of the etas are followed by those of the
        kappas of each occasion.
        """
        known = {name: covariates[name].double() for name in self.covariates}
        typical = self.typical(known or {"subject": torch.zeros(len(normal), dtype=torch.float64)})  # without covariates: how many subjects there are
        deviation = normal.double() @ torch.linalg.cholesky(self.total).T if occasion is None else self._on(normal.double(), occasion)
        eta = dict(zip(self.variance, deviation.unbind(-1), strict=True))
        still = torch.zeros(normal.shape[:2], dtype=torch.float64)
        return {name: value[:, None] * eta.get(name, still).exp() for name, value in typical.items()}

    def _on(self, normal: Float[Tensor, "subject draw normal"], occasion: Int[Tensor, " subject"]) -> Float[Tensor, "subject draw eta"]:
        """eta + kappa of each subject's occasion."""
        within, names = self.occasion_variance or {}, list(self.variance)
        eta = normal[..., : len(names)] @ torch.linalg.cholesky(self.omega).T
        if not within:
            return eta
        kappa = normal[..., len(names) :].unflatten(-1, (-1, len(within)))[torch.arange(len(normal)), :, occasion]
        sd = torch.tensor(list(within.values()), dtype=torch.float64).sqrt()
        return eta.index_add(-1, torch.tensor([names.index(name) for name in within]), kappa * sd)


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
