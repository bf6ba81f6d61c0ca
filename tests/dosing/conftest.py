"""Patients whose every draw is known: the real posterior, predict and cumulative_auc, on a decoder that is a textbook compartment model."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import nn

from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.inference.posterior import Diagnostics, Posterior
from pkvae_core.patient import Dose, Patient
from pkvae_core.structural.compartments import first_order_absorption, two_compartment
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.vae.vae import PKVAE

DIAGNOSTICS = Diagnostics("weighted", 100.0, 100, 0.1, 1.0)


class Compartments:
    """z = logarithms of CL, V1, Q, V2 and ka; row 0 into the vein, row 1 swallowed."""

    is_dose_proportional = True

    def __call__(self, z: torch.Tensor) -> Pulses:
        CL, V1, Q, V2, ka = z.exp().unbind(-1)
        amplitude, rate = two_compartment(CL, V1, Q, V2)
        oral_amplitude, oral_rate = first_order_absorption(amplitude, rate, ka, torch.ones_like(ka))
        vein = torch.cat([amplitude, torch.zeros_like(amplitude)], -1), torch.cat([rate, rate], -1)
        return Pulses(torch.stack([vein[0], oral_amplitude], 2), torch.stack([vein[1], oral_rate], 2), torch.zeros(*ka.shape, 2))


class CompartmentModel(PKVAE):
    """Looks like a PKVAE; its decoder is `Compartments`."""

    def __init__(self, card: DrugCard):
        nn.Module.__init__(self)
        self.card, self.provenance, self.decoder = card, {}, Compartments()


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
    z = torch.stack([clearance, *(torch.full_like(clearance, p) for p in (V1, Q, V2, ka))], 1).log().float()
    mass = torch.ones_like(clearance) if weight is None else torch.tensor(weight, dtype=torch.float64)
    return Posterior(CompartmentModel(load_card(drug)), Patient("A", doses=past), z, mass / mass.sum(), {}, DIAGNOSTICS)


@pytest.fixture(scope="session")
def draws() -> Callable[..., Posterior]:
    return cohort
