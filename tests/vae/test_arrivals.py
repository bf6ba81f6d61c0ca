"""A dose that arrives in several waves: what holds for one wave holds for their sum."""

import pytest
import torch

from pkvae_core.structural.exponentials import Doses, Pulses, superpose
from pkvae_core.structural.periodic import area_until, periodic
from pkvae_core.structural.responses import Responses
from pkvae_core.vae.arrivals import ArrivalDecoder


@pytest.fixture(scope="module", params=[1, 2], ids=["one stage", "two stages"])
def pulses(request) -> Pulses:
    torch.manual_seed(1)
    decoder = ArrivalDecoder(latent=3, terms=2, arrivals=3, width=8, stages=request.param)
    with torch.no_grad():
        decoder.centre.copy_(torch.tensor([-4.0, -4.5, -0.5, -2.0, 1.0, 0.0, 0.0, 0.5, 0.0, -0.5, -2.0, 1.2, 2.2]))
        return decoder(torch.randn(2, 5, 3))


def course(route: int, times=(0.0, 12.0)) -> Doses:
    time = torch.tensor(times).expand(2, -1)
    return Doses(time, torch.full_like(time, 100.0), torch.zeros_like(time), torch.full(time.shape, route))


TIME = torch.linspace(0.1, 40, 60).expand(2, -1)


def test_the_waves_add_up(pulses):
    whole = superpose(pulses, course(1), TIME)
    tables = [[getattr(pulses, f)[:, :, [0, r]] for f in ("amplitude", "rate", "lag")] for r in (1, 2, 3)]
    each = [superpose(Pulses(*one, pulses.stages), course(1), TIME) for one in tables]
    for got, parts in zip(whole, zip(*each, strict=True), strict=True):
        torch.testing.assert_close(got, torch.stack(parts).sum(0), rtol=1e-4, atol=1e-5)


def test_nothing_is_negative_nor_there_before_it_arrives(pulses):
    concentration = superpose(pulses, course(1, (5.0,)), TIME)[0]
    assert bool((concentration >= 0).all()) and float(concentration[TIME[:, None].expand_as(concentration) < 5].max()) == 0


def test_all_that_is_swallowed_arrives_once(pulses):
    """The area under the waves together is that into the vein: the shares add up to 1."""
    area = pulses.auc()
    torch.testing.assert_close(area[..., 0], area[..., 1], rtol=1e-4, atol=1e-4)


def test_a_change_that_changes_nothing_goes_unnoticed(pulses):
    still = Responses(pulses, (pulses,), torch.full((2, 1), 15.0)).curves(course(1), TIME)
    for got, plain in zip(still, superpose(pulses, course(1), TIME), strict=True):
        torch.testing.assert_close(got, plain, rtol=1e-3, atol=1e-4)


def test_at_twice_the_pace_the_curve_is_over_in_half_the_time(pulses):
    fast, doses = Responses(pulses).paced(torch.full((5,), 2.0)), course(1, (0.0,))
    torch.testing.assert_close(fast.curves(doses, TIME / 2)[0], superpose(pulses, doses, TIME)[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(2 * fast.curves(doses, TIME / 2)[1], superpose(pulses, doses, TIME)[1], rtol=1e-4, atol=1e-4)


def test_the_steady_state_is_what_a_long_course_comes_to(pulses):
    times = tuple(12.0 * i for i in range(60))
    phase = torch.tensor([0.7, 3.0, 8.0, 12.0])
    after = superpose(pulses, course(1, times), (times[-1] + phase).expand(2, -1))[0]
    torch.testing.assert_close(100 * periodic(pulses, 1, phase, interval_h=12.0, infusion_h=0.0), after, rtol=2e-3, atol=1e-3)


def test_the_area_of_one_dose_is_that_of_superposition(pulses):
    torch.testing.assert_close(
        100 * area_until(pulses, 1, TIME[0], infusion_h=0.0).float(), superpose(pulses, course(1, (0.0,)), TIME)[1], rtol=1e-3, atol=1e-3
    )
