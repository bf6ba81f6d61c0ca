"""Is a regimen without beginning the limit of a long one?"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pkvae_core.structural.exponentials import Doses, superpose
from pkvae_core.structural.periodic import area_until, periodic
from tests.dosing.conftest import pulses

LONG = 400  # doses after which nothing changes any more


def patient(CL: float, *, ka: float = 1.0, lag: float = 0.0):
    found = pulses(torch.tensor([[CL, 2 * CL]]), 40.0, 5.0, 30.0, ka)
    return type(found)(found.amplitude, found.rate, torch.tensor([0.0, lag]).expand(1, 2, 2))


def course(count: int, interval_h: float, infusion_h: float, route: int) -> Doses:
    time = interval_h * torch.arange(count)[None].float()
    return Doses(time, torch.ones_like(time), torch.full_like(time, infusion_h), torch.full(time.shape, route))


@given(st.floats(0.5, 12), st.sampled_from([4, 8, 12, 24]), st.sampled_from([0, 0.01, 0.5, 2, 3.9, 4]))
@settings(max_examples=15, deadline=None)
def test_infusions_for_ever_are_the_end_of_a_long_course(CL, interval_h, infusion_h):
    phase = interval_h * torch.tensor([1e-3, 0.1, 0.3, 0.5, 0.99, 1.0], dtype=torch.float64)
    begin = (LONG - 1) * interval_h
    simulated = superpose(patient(CL), course(LONG, interval_h, infusion_h, 0), (begin + phase)[None])[0]
    found = periodic(patient(CL), 0, phase, interval_h=interval_h, infusion_h=infusion_h)
    assert found[0].numpy() == pytest.approx(simulated[0].numpy(), rel=2e-3)


@pytest.mark.parametrize("lag", [0.0, 0.7, 9.5])
def test_a_swallowed_dose_arrives_after_its_lag_also_when_that_is_longer_than_the_interval(lag):
    phase = torch.tensor([0.2, 0.8, 2.0, 5.0, 8.0])
    simulated = superpose(patient(4.0, lag=lag), course(LONG, 8.0, 0.0, 1), (8.0 * (LONG - 1) + phase)[None])[0]
    found = periodic(patient(4.0, lag=lag), 1, phase, interval_h=8.0, infusion_h=0.0)
    assert found[0].numpy() == pytest.approx(simulated[0].numpy(), rel=2e-3, abs=1e-5)


@pytest.mark.parametrize(("route", "infusion_h"), [(0, 0.0), (0, 2.0), (1, 0.0)])
def test_the_area_of_one_dose_is_that_of_its_course(route, infusion_h):
    one, time = patient(3.0, lag=0.5), torch.tensor([3.0, 12.0, 100.0, 1000.0])
    simulated = superpose(one, course(1, 8.0, infusion_h, route), time[None])[1]
    assert area_until(one, route, time, infusion_h=infusion_h)[0].numpy() == pytest.approx(simulated[0].numpy(), rel=1e-4)
    assert area_until(one, route, torch.tensor([1e6]), infusion_h=infusion_h)[0, :, 0].numpy() == pytest.approx(one.auc()[0, :, route].numpy(), rel=1e-5)
