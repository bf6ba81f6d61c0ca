"""Patients whose every draw is known: the real posterior, predict and cumulative_auc, on the responses of a textbook compartment model."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.inference.posterior import Diagnostics, Posterior
from pkvae_core.patient import Dose, Patient
from pkvae_core.structural.compartments import first_order_absorption, two_compartment
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.responses import Responses

DIAGNOSTICS = Diagnostics("weighted", 100.0, 100, 0.1, 1.0)


class Simulated(Responses):
    """The same answers from a model that says it is not proportional to dose."""

    is_dose_proportional = False


@pytest.fixture(scope="session")
def simulated() -> Callable[[Posterior], Posterior]:
    return lambda posterior: replace(posterior, responses=Simulated(posterior.responses.pulses))


def pulses(CL: torch.Tensor, V1: float, Q: float, V2: float, ka: float) -> Pulses:
    """A textbook two-compartment model: row 0 into the vein, row 1 swallowed."""
    amplitude, rate = two_compartment(CL, *(torch.full_like(CL, p) for p in (V1, Q, V2)))
    oral_amplitude, oral_rate = first_order_absorption(amplitude, rate, torch.full_like(CL, ka), torch.ones_like(CL))
    vein = torch.cat([amplitude, torch.zeros_like(amplitude)], -1), torch.cat([rate, rate], -1)
    return Pulses(torch.stack([vein[0], oral_amplitude], 2), torch.stack([vein[1], oral_rate], 2), torch.zeros(*CL.shape, 2))


def cohort(
    CL: Sequence[float],
    *,
    V1: float = 40.0,
    Q: float = 5.0,
    V2: float = 30.0,
    ka: float = 1.0,
    weight: Sequence[float] | None = None,
    past: tuple[Dose, ...] = (),
    drug: str = "vancomycin",
) -> Posterior:
    """A posterior with one draw per clearance (L/h); volumes and Q are shared."""
    clearance = torch.tensor(CL, dtype=torch.float64)
    mass = torch.ones_like(clearance) if weight is None else torch.tensor(weight, dtype=torch.float64)
    found = Posterior(
        card=load_card(drug),
        engine="vae",
        version="textbook",
        provenance={},
        patient=Patient("A", doses=past),
        responses=Responses(pulses(clearance.float()[None], V1, Q, V2, ka)),
        weight=mass / mass.sum(),
        model_probability={},
        diagnostics=DIAGNOSTICS,
        revise=lambda patient: replace(found, patient=patient),
    )
    return found


@pytest.fixture(scope="session")
def draws() -> Callable[..., Posterior]:
    return cohort
