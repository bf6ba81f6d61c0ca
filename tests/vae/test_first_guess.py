"""Where learning begins: a typical patient close to the levels, whatever the route, and latents whose axes mean something."""

import math
from dataclasses import replace

import pytest
import torch

from pkvae_core.drugs.population import Population, course
from pkvae_core.patient import Dose
from pkvae_core.structural.responses import Responses
from pkvae_core.vae.arrivals import ArrivalDecoder
from pkvae_core.vae.first_guess import together
from pkvae_core.vae.observed_start import blank
from tests.vae.test_observed import CARD, cohort

BARE = CARD.model_copy(update={"published_models": ()})
AT = [1.5, 4.0, 9.0, 18.0]


def typical(patients, *, arrivals: int) -> torch.Tensor:
    """The typical patient's concentrations at `AT`."""
    torch.manual_seed(0)
    model = blank(BARE, Population.of(BARE, patients), latent=3, arrivals=arrivals, terms=2, stages=2, width=16)
    pulses = model.decoder.pulses(model.decoder.centre[None, None]).map(torch.detach)
    return Responses(pulses).curves(course(BARE, [patients[0].doses]), torch.tensor([AT]))[0][0, 0]


def truth(times: list[float]) -> list[float]:
    cl, v, ka = 3.0, 35.0, 1.2
    return [300 * ka / (v * (ka - cl / v)) * (math.exp(-cl / v * t) - math.exp(-ka * t)) for t in times]


@pytest.mark.parametrize("arrivals", [1, 4])
def test_the_typical_patient_is_near_the_true_one_before_anything_is_learned(arrivals):
    assert typical(cohort(100), arrivals=arrivals).tolist() == pytest.approx(truth(AT), rel=0.15)


def test_also_after_infusions():
    """The same levels, said to come from an hour's infusion: once absorption is over the curves are the same."""
    infused = [replace(p, doses=(Dose(0, 300, 1.0, "aminophylline"),)) for p in cohort(100)]
    assert typical(infused, arrivals=2)[1:].tolist() == pytest.approx(truth(AT)[1:], rel=0.2)


def test_each_axis_moves_its_own_group_of_parameters_first():
    torch.manual_seed(0)
    found = together(ArrivalDecoder(latent=7, terms=2, arrivals=3, width=8, stages=2))
    amplitude, rate, share, onset, lag = found.split([2, 2, 3, 3, 3])
    for axis, group in enumerate((amplitude, rate, onset, lag)):
        assert float(group[:, axis].min()) > 0.15
    assert float(share[0, 4]) > 0.15 and float(share[1:, 4].max()) < -0.15
