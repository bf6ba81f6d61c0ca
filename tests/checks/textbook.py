"""Virtual patients whose truth is a textbook model, and engines that know it: what a perfect check must find."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from pkvae_core.checks.engines import Engine
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import course
from pkvae_core.inference.posterior import Diagnostics, Posterior
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.structural.compartments import one_compartment
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.responses import Responses

CARD = load_card("vancomycin")
COVARIATES = tuple(Covariate(name, value) for name, value in CARD.typical_patient.items())
VOLUME = 50.0


def answers_of(clearance: Sequence[float]) -> Responses:
    """One-compartment responses [1, draw] into the vein, of each of these clearances (L/h)."""
    CL = torch.tensor([list(clearance)])
    amplitude, rate = one_compartment(CL, torch.full_like(CL, VOLUME))
    return Responses(Pulses(amplitude[:, :, None], rate[:, :, None], torch.zeros(*CL.shape, 1)))


def belief(patient: Patient, clearance: Sequence[float]) -> Posterior:
    """Equally likely clearances (L/h)."""
    draws = len(clearance)
    found = Posterior(
        card=CARD,
        engine="textbook",
        version="",
        provenance={},
        patient=patient,
        responses=answers_of(clearance),
        weight=torch.full((draws,), 1 / draws, dtype=torch.float64),
        model_probability={"goti2018": 1.0},
        diagnostics=Diagnostics("weighted", float(draws), draws, 0.1, 1.0),
        revise=lambda other: replace(found, patient=other),
    )
    return found


def knowing(clearance: Mapping[str, Sequence[float]], *, before: Sequence[float] | None = None, name: str = "knowing") -> Engine:
    """An engine that believes in these clearances of each patient (L/h) once it has seen a level, and in `before` without one."""

    def believe(patients: Sequence[Patient], seed: int) -> list[Posterior]:
        return [belief(p, before if before and not p.samples else clearance[p.id]) for p in patients]

    return Engine(name, believe)


def measured(name: str, CL: float, doses: Sequence[Dose], time_h: Sequence[float]) -> Patient:
    """A patient with this clearance (L/h) whose levels at these hours are exactly what the doses leave."""
    time = torch.tensor([list(time_h)], dtype=torch.float)
    level = answers_of([CL]).curves(course(CARD, [doses]), time)[0][0, 0].tolist()
    samples = tuple(Sample(t, c) for t, c in zip(time_h, level, strict=True))
    return Patient(name, tuple(doses), samples, COVARIATES)
