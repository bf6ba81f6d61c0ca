"""A regimen of weeks, read off one interval, against every dose of it followed one by one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.structural.corrected import Corrected
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.ode import Held, integrate
from pkvae_core.structural.repeated import Repeated
from pkvae_core.structural.saturable import Saturable
from tests.structural.test_ode import phenytoin_by_scipy


def wide(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


BODY = Saturable(Vmax=wide(13.5, 9.0, 20.0), Km=wide(2.4, 6.0, 1.0), V=wide(36, 50, 30), ka=wide(1.5, 1.5, 1.2))
BENT = Corrected(BODY.Vmax, BODY.Km, BODY.V, BODY.ka, wide(7.5, 7.5, 7.5), torch.full((1, 3, 4), -0.02, dtype=torch.float64))
EMPTY = Held(BODY.start(), torch.zeros_like(BODY.ka))


def course(number: int, mg: float, interval_h: float, first_h: float = 0.0) -> Doses:
    start = first_h + interval_h * torch.arange(number, dtype=torch.float64)[None]
    return Doses(start, torch.full_like(start, mg), torch.zeros_like(start), torch.ones_like(start, dtype=torch.long))


@pytest.mark.parametrize("body", [BODY, BENT])
@pytest.mark.parametrize(("interval_h", "mg"), [(8.0, 90.0), (12.0, 138.0), (24.0, 276.0)])
def test_two_months_are_those_of_every_dose_followed_one_by_one(body, interval_h, mg):
    """The second draw eliminates less than it is given and never settles; the third has next to nothing left before each dose."""
    number = int(1440 / interval_h)
    last = Repeated(body, course(1, mg, interval_h), interval_h).amounts(EMPTY, (number,))[0] / body.V
    followed = integrate(body, course(number, mg, interval_h), torch.tensor([[number * interval_h]]).double())[0][..., 0]
    torch.testing.assert_close(last, followed, rtol=1e-3, atol=5e-3)


def test_sixty_days_agree_with_an_independent_integration():
    given = [(12.0 * i, 138.0) for i in range(120)]
    amounts = Repeated(BODY, course(1, 138.0, 12.0), 12.0).amounts(EMPTY, (20, 120))
    for draw in range(2):
        scipys = phenytoin_by_scipy(BODY, draw, np.array([240.0, 1440.0]), given)[0]
        np.testing.assert_allclose([float(a[0, draw] / BODY.V[0, draw]) for a in amounts], scipys, rtol=3e-3)


def test_what_is_held_before_and_another_first_dose_are_counted():
    before, opening, number = course(2, 200.0, 6.0), course(1, 600.0, 12.0), 10
    levels, _ = integrate(BODY, before, torch.tensor([[12.0]]).double())
    depot = sum(200.0 * torch.exp(-BODY.ka * since) for since in (12.0, 6.0))
    repeated = Repeated(BODY, course(1, 138.0, 12.0), 12.0)
    found = repeated.amounts(Held((levels[..., 0] * BODY.V)[..., None], depot), (number,), opening=opening)[0] / BODY.V
    rest = course(number - 1, 138.0, 12.0, first_h=24.0)
    whole = Doses(*(torch.cat([getattr(d, n) for d in (before, replace(opening, time=opening.time + 12), rest)], 1) for n in vars(rest)))
    torch.testing.assert_close(found, integrate(BODY, whole, torch.tensor([[12.0 + 12 * number]]).double())[0][..., 0], rtol=1e-3, atol=5e-3)


def test_an_interval_has_the_levels_and_the_area_of_that_interval():
    repeated, time = Repeated(BODY, course(1, 138.0, 12.0), 12.0), torch.tensor([1.0, 4.0, 12.0]).double()
    level, area = repeated.interval(repeated.amounts(EMPTY, (9,))[0], time)
    followed, areas = integrate(BODY, course(10, 138.0, 12.0), torch.cat([torch.tensor([108.0]), 108 + time])[None].double())
    torch.testing.assert_close(level, followed[..., 1:], rtol=1e-3, atol=5e-3)
    torch.testing.assert_close(area, areas[..., 1:] - areas[..., :1], rtol=1e-3, atol=5e-2)


def test_a_depot_that_is_slow_or_an_infusion_is_not_for_it():
    dose = course(1, 138.0, 12.0)
    assert Repeated(BODY, dose, 12.0).is_possible
    assert not Repeated(replace(BODY, ka=BODY.ka / 10), dose, 12.0).is_possible
    assert not Repeated(BODY, replace(dose, duration=torch.ones_like(dose.amount)), 12.0).is_possible
