"""Is the distance from one compartment zero for one compartment, and does it grow with what one compartment cannot draw?"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pkvae_core.insight.complexity import distance_from_one_compartment, exposure_times
from pkvae_core.structural.compartments import one_compartment, two_compartment
from pkvae_core.structural.exponentials import Pulses

positive = st.floats(0.1, 50)


def vein(amplitude: torch.Tensor, rate: torch.Tensor) -> Pulses:
    return Pulses(amplitude[:, None, None], rate[:, None, None], torch.zeros(len(rate), 1, 1))


def two(CL: float, V1: float, Q: float, V2: float) -> Pulses:
    return vein(*two_compartment(*(torch.tensor([value], dtype=torch.float64) for value in (CL, V1, Q, V2))))


def distance(pulses: Pulses) -> float:
    return float(distance_from_one_compartment(pulses)[0, 0])


@given(CL=positive, V=positive)
def test_one_compartment_lies_at_no_distance(CL, V):
    assert distance(vein(*one_compartment(torch.tensor([CL]).double(), torch.tensor([V]).double()))) < 1e-6


@given(CL=positive, V1=positive, Q=positive, V2=positive, dose=st.floats(0.01, 100), clock=st.floats(0.01, 100))
def test_neither_dose_nor_clock_matters(CL, V1, Q, V2, dose, clock):
    plain = two(CL, V1, Q, V2)
    other = Pulses(plain.amplitude * dose, plain.rate * clock, plain.lag)
    assert distance(other) == pytest.approx(distance(plain), rel=1e-5, abs=1e-6)


def test_a_slower_exchange_is_a_greater_distance():
    found = [distance(two(4, 30, Q, 40)) for Q in (1e3, 20, 8, 3)]
    assert found == sorted(found)
    assert found[0] < 1
    assert found[-1] > 10


def test_terms_of_amplitude_0_change_nothing():
    plain = two(4, 30, 5, 40)
    padded = Pulses(*(torch.nn.functional.pad(t, (0, 2), value=v) for t, v in ((plain.amplitude, 0.0), (plain.rate, 1e-6))), plain.lag)
    assert distance(padded) == pytest.approx(distance(plain), rel=1e-9)


def test_the_times_split_the_exposure_into_equal_shares():
    """Of one exponential, the share q has passed at -ln(1 - q)/rate."""
    time = exposure_times(torch.ones(1, 1, 1).double(), torch.full((1, 1, 1), 0.2).double(), 4)
    assert time[0, 0].tolist() == pytest.approx([-math.log(1 - q) / 0.2 for q in (0.125, 0.375, 0.625, 0.875)], rel=1e-6)
