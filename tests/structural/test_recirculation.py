"""A body that swallows its drug again at meals, against an integration by scipy that knows nothing of our code."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.recirculation import MEALS_H, Recirculating, recirculate
from pkvae_core.structural.simulated import Simulated


def wide(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


NAMES = tuple(f.name for f in fields(Recirculating) if f.name != "morning")  # which no body is estimated by
BODY = Recirculating(
    CL=wide(10.2, 8),
    V1=wide(12.5, 20),
    Q=wide(16.1, 12),
    V2=wide(213, 150),
    ka=wide(3.53, 1.2),
    lag=wide(0.0956, 0.3),
    turnover=wide(0.442, 0.6),
    share=wide(0.291, 0.4),
    emptied=wide(1 - math.exp(-0.675), 0.7),
)
GIVEN = [(0.0, 500.0), (12.0, 500.0), (24.0, 700.0)]
TIME = np.linspace(0.4, 40, 150)


def doses(given: list[tuple[float, float]]) -> Doses:
    table = torch.tensor([given], dtype=torch.float64)
    return Doses(table[..., 0], table[..., 1], torch.zeros(table.shape[:2]), torch.ones(table.shape[:2], dtype=torch.long))


def by_scipy(body: Recirculating, draw: int, window_h: float | None = None, change: tuple[float, Recirculating] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Concentration and area at TIME; meals empty the bile at once, or over a window at a constant rate."""

    def parameters(of: Recirculating) -> dict[str, float]:
        return {name: float(getattr(of, name)[0, draw]) for name in NAMES}

    def slope(_, y, p, emptying):
        bile = emptying * y[4]
        exchange = p["Q"] / p["V1"] * y[1] - p["Q"] / p["V2"] * y[2]
        made, left = p["CL"] / p["V1"] * y[1], p["turnover"] * y[3]
        return [bile - p["ka"] * y[0], p["ka"] * y[0] - made - exchange, exchange, made - left, p["share"] * left - bile, y[1] / p["V1"]]

    p, emptying, state, last, found = parameters(body if change is None else change[1]), 0.0, np.zeros(6), 0.0, np.zeros((len(TIME), 2))
    meals = [day + meal for day in (0, 24) for meal in MEALS_H]
    events = [(at + p["lag"], "dose", mg) for at, mg in GIVEN] + [(TIME[-1] + 1e-6, "end", 0.0)] + ([] if change is None else [(change[0], "change", 0.0)])
    events += [(at, "meal", 0.0) for at in meals] if window_h is None else [e for at in meals for e in ((at, "on", 0.0), (at + window_h, "off", 0.0))]
    for at, kind, mg in sorted(events):
        run, inside = (
            solve_ivp(slope, (last, at), state, args=(p, emptying), rtol=1e-11, atol=1e-12, dense_output=True, method="LSODA"),
            (TIME > last) & (TIME <= at),
        )
        if inside.any():
            seen = run.sol(TIME[inside])
            found[inside] = np.stack([seen[1] / p["V1"], seen[5]], 1)
        state, last = run.y[:, -1].copy(), at
        if kind == "dose":
            state[0] += mg
        elif kind == "meal":
            state[0] += p["emptied"] * state[4]
            state[4] *= 1 - p["emptied"]
        elif kind == "change":
            p = parameters(body)
        emptying = -math.log(1 - p["emptied"]) / (window_h or 1) if kind == "on" else 0.0 if kind == "off" else emptying
    return found[:, 0], found[:, 1]


def flow(body: Recirculating, given=GIVEN, **changes) -> tuple[np.ndarray, np.ndarray]:
    level, area = recirculate(body, doses(given), torch.tensor(TIME)[None], **changes)
    return level[0].numpy(), area[0].numpy()


@pytest.mark.parametrize("draw", [0, 1])
def test_the_flow_agrees_with_an_integration(draw):
    for ours, scipys in zip(flow(BODY), by_scipy(BODY, draw), strict=True):
        np.testing.assert_allclose(ours[draw], scipys, rtol=1e-8, atol=1e-9)


def test_a_meal_at_once_is_the_papers_emptying_of_a_hundredth_of_an_hour():
    """In the first minutes what is emptied is on its way for half of that time more; a few minutes later nothing of that is left."""
    (level, area), (papers, papers_area) = flow(BODY), by_scipy(BODY, 0, window_h=0.01)
    is_later = np.min([(TIME - day - meal) % 48 for day in (0, 24) for meal in MEALS_H], axis=0) > 0.1
    np.testing.assert_allclose(level[0, is_later], papers[is_later], rtol=0.01)
    np.testing.assert_allclose(area[0], papers_area, rtol=5e-4)


def test_amounts_stay_where_they_are_when_the_body_changes():
    before = replace(BODY, CL=2 * BODY.CL, V1=1.5 * BODY.V1, V2=0.8 * BODY.V2, share=0.8 * BODY.share)
    ours = flow(BODY, earlier=(before,), until=torch.tensor([[15.0]], dtype=torch.float64))
    for mine, scipys in zip(ours, by_scipy(BODY, 1, change=(15.0, before)), strict=True):
        np.testing.assert_allclose(mine[1], scipys, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("equal", [{"ka": 2.0}, {"turnover": 2.0, "ka": 2.0}, {"turnover": 2.0}])
def test_equal_rates_do_not_break_the_flow(equal):
    """The fast rate of this body is made 2/h exactly: CL/V1 and Q/V1 of 0.85 and 1.12, and V2 to match."""
    rate, k10, k12 = 2.0, 0.85, 1.12
    k21 = rate * (rate - k10 - k12) / (rate - k10)  # from rate^2 - (k10 + k12 + k21) rate + k10 k21 = 0
    body = replace(BODY, CL=wide(k10 * 12, 8), V1=wide(12, 20), Q=wide(k12 * 12, 12), V2=wide(k12 * 12 / k21, 150))
    body = replace(body, **{name: wide(value, 0.5) for name, value in equal.items()})
    np.testing.assert_allclose(flow(body)[0][0], by_scipy(body, 0)[0], rtol=3e-3)


def test_a_meal_brings_a_second_peak_and_a_body_without_bile_has_none():
    time = torch.arange(1.0, 9.0, 0.05, dtype=torch.float64)[None]
    with_bile, without = (recirculate(body, doses([(0, 500.0)]), time)[0][0, 0] for body in (BODY, replace(BODY, share=0 * BODY.share)))
    assert bool((without.diff() < 0).all())
    assert float(with_bile[time[0] > 4.02].max()) > 1.3 * float(with_bile[time[0] < 3.98][-1])


def test_all_that_is_given_leaves_in_the_urine_in_the_end():
    late = torch.tensor([[4000.0]], dtype=torch.float64)
    area = recirculate(BODY, doses([(0, 500.0)]), late)[1][..., 0]
    torch.testing.assert_close(BODY.clearance() * area, torch.full_like(area, 500.0), rtol=1e-6, atol=0)


def test_doubling_all_doses_doubles_the_curve():
    once, twice = flow(BODY), flow(BODY, [(at, 2 * mg) for at, mg in GIVEN])
    np.testing.assert_allclose(twice[0], 2 * once[0], rtol=1e-12)


def test_the_same_dose_does_more_where_meals_follow():
    """Twelve hours later the clock is at night: the bile waits until lunch of the next day."""
    time = torch.tensor([[0.0, 12.0]], dtype=torch.float64)
    morning, evening = (recirculate(BODY, doses([(at, 500.0)]), time + at)[1] for at in (0.0, 12.0))
    assert bool((morning[..., 1] > 1.05 * evening[..., 1]).all())


def test_a_record_that_is_moved_with_its_morning_stays_as_it_was():
    """Also where bodies change on the way; and of two subjects each has its own morning."""
    time, until = torch.tensor([[1.0, 4.5, 11.0, 30.0, 41.0]], dtype=torch.float64), torch.tensor([[20.0]], dtype=torch.float64)
    earlier = replace(BODY, CL=2 * BODY.CL)
    expected = Simulated(BODY, (earlier,), until).curves(doses(GIVEN), time)
    later = replace(doses(GIVEN), time=doses(GIVEN).time + 7)
    moved = Simulated(BODY, (earlier,), until + 7).begun_at(torch.tensor([7.0])).curves(later, time + 7)
    for ours, theirs in zip(moved, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    both = Doses(*(torch.cat([getattr(given, name) for given in (later, doses(GIVEN))]) for name in ("time", "amount", "duration", "route")))
    wide = Simulated(BODY, (earlier,), until).repeated(2)
    pair = Simulated(wide.body, wide.earlier, torch.cat([until + 7, until])).begun_at(torch.tensor([7.0, 0.0])).curves(both, torch.cat([time + 7, time]))
    for ours, theirs in zip(pair, expected, strict=True):
        torch.testing.assert_close(ours, theirs.expand_as(ours))


def test_every_subject_keeps_its_own_clock_and_padding_changes_nothing():
    time = torch.tensor([[5.0, 20, 40], [1.0, 3, 4]], dtype=torch.float64)
    short, long = [(1.0, 700.0), (0.0, 0.0), (0.0, 0.0)], GIVEN
    both = Doses(*(torch.cat([getattr(doses(given), name) for given in (long, short)]) for name in ("time", "amount", "duration", "route")))
    together = recirculate(Recirculating(*(getattr(BODY, name).expand(2, -1) for name in NAMES)), both, time)
    for i, given in enumerate((long, short[:1])):
        for whole, one in zip(together, recirculate(BODY, doses(given), time[i : i + 1]), strict=True):
            torch.testing.assert_close(whole[i], one[0])


def test_a_recirculating_body_answers_to_the_verbs_of_all_simulated_ones():
    answer, time = Simulated(BODY), torch.tensor(TIME)[None]
    torch.testing.assert_close(answer.at(torch.tensor([1])).curves(doses(GIVEN), time)[0], answer.curves(doses(GIVEN), time)[0][:, 1:])


def test_the_lag_and_every_other_parameter_have_a_slope():
    tables = [getattr(BODY, name).clone().requires_grad_(True) for name in NAMES]
    level = recirculate(Recirculating(*tables), doses(GIVEN), torch.tensor([[1.0, 4.5, 11.0, 30.0]], dtype=torch.float64))[0]
    level.log().sum().backward()
    for name, table in zip(NAMES, tables, strict=True):
        nudged = [
            float(
                recirculate(replace(BODY, **{name: getattr(BODY, name) * factor}), doses(GIVEN), torch.tensor([[1.0, 4.5, 11.0, 30.0]]).double())[0].log().sum()
            )
            for factor in (1.0001, 0.9999)
        ]
        expected = (nudged[0] - nudged[1]) / 0.0002
        np.testing.assert_allclose(float((table.grad * table.detach()).sum()), expected, rtol=1e-4, atol=1e-6)
