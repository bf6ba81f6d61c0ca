"""A dose keeps the absorption of the hour at which it was swallowed: checked against an independent integration, dose by dose."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from pkvae_core.structural.compartments import one_compartment, two_compartment
from pkvae_core.structural.exponentials import NEVER, Doses, Pulses
from pkvae_core.structural.intake import superpose_by_intake
from pkvae_core.structural.onset import in_waves, with_onset_of
from pkvae_core.structural.responses import Responses

FASTED = ((1.8, 0.3, 0.6), (1.5, 6.0, 0.4))  # ka (1/h), lag (h), share of each wave
FED = ((0.9, 1.2, 0.3), (1.1, 6.5, 0.7))
GIVEN = ((0.0, 200.0), (12.0, 100.0), (24.0, 300.0), (36.0, 200.0))
UNTIL_H = (11.0, 30.0)  # fasted, then fed, then fasted again
TIMES = [0.2, 0.8, 5.0, 7.0, 11.5, 12.5, 13.5, 19.0, 26.0, 31.0, 35.0, 37.0, 43.0, 60.0]


def double(value) -> torch.Tensor:
    return torch.tensor([[value]], dtype=torch.float64)


def response(body, waves) -> Pulses:
    """`body`: CL and V, or CL, V1, Q and V2."""
    amplitude, rate = (one_compartment if len(body) == 2 else two_compartment)(*map(double, body))
    ka, lag, share = (torch.tensor([[column]], dtype=torch.float64) for column in zip(*waves, strict=True))
    return in_waves(amplitude, rate, ka, lag, share)


def course(given=GIVEN) -> Doses:
    time, amount = torch.tensor(given, dtype=torch.float64).T[:, None]
    return Doses(time, amount, torch.zeros_like(time), torch.ones_like(time, dtype=torch.long))


def at_once(waves):
    """The same waves without their lags."""
    return tuple((ka, 0.0, share) for ka, _, share in waves)


def changing(bodies, onsets=(FASTED, FED, FASTED), until=UNTIL_H) -> Responses:
    each = [response(b, w) for b, w in zip(bodies, onsets, strict=True)]
    return Responses(each[-1], tuple(each[:-1]), torch.tensor([until], dtype=torch.float64), onset_changes=True)


def _held_inside(slope, low, high):
    """The slope of one stretch between two events, at its ends too."""
    return lambda t, x: slope(min(max(t, np.nextafter(low, high)), np.nextafter(high, low)), x)


def integrated(bodies, onsets, times) -> np.ndarray:
    """Concentration by following every dose's two depots, each with its own rate, through one body of two compartments."""
    arrivals = []
    for start, amount in GIVEN:
        arrivals += [(start + lag, amount * share, ka) for ka, lag, share in onsets[sum(start >= u for u in UNTIL_H)]]

    def slope(t, x):
        CL, V1, Q, V2 = bodies[sum(t >= u for u in UNTIL_H)]
        into = sum(amount * ka * np.exp(-ka * (t - start)) for start, amount, ka in arrivals if t > start)
        return [into - (CL + Q) * x[0] / V1 + Q * x[1] / V2, Q * x[0] / V1 - Q * x[1] / V2]

    state, found = np.zeros(2), {}
    edges = sorted({0.0, *UNTIL_H, *times, *(start for start, _, _ in arrivals)})
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        state = solve_ivp(_held_inside(slope, low, high), (low, high), state, rtol=1e-10, atol=1e-12).y[:, -1]
        found[high] = state[0] / bodies[sum(high > u for u in UNTIL_H)][1]
    return np.array([found[t] for t in times])


def test_meals_that_change_agree_with_the_ode():
    bodies, onsets = ((6.0, 30.0, 4.0, 20.0),) * 3, (FASTED, FED, FASTED)
    concentration, _ = changing(bodies, onsets).curves(course(), torch.tensor([TIMES], dtype=torch.float64))
    assert concentration[0, 0].numpy() == pytest.approx(integrated(bodies, onsets, TIMES), rel=1e-6)


def test_meals_and_clearances_that_change_agree_with_the_ode_where_nothing_lags():
    """With a lag, what is swallowed feels a change of the body one lag late (see `superpose`)."""
    bodies, onsets = ((6.0, 30.0, 4.0, 20.0), (3.0, 30.0, 4.0, 20.0), (5.0, 36.0, 4.8, 24.0)), tuple(map(at_once, (FASTED, FED, FASTED)))
    concentration, _ = changing(bodies, onsets).curves(course(), torch.tensor([TIMES], dtype=torch.float64))
    assert concentration[0, 0].numpy() == pytest.approx(integrated(bodies, onsets, TIMES), rel=1e-6)


def test_a_meal_after_the_capsule_changes_nothing_of_it():
    time = torch.tensor([TIMES], dtype=torch.float64)
    one = course(GIVEN[:1])
    later = changing(((6.0, 30.0),) * 2, (FASTED, FED), (1.0,)).curves(one, time)
    never = Responses(response((6.0, 30.0), FASTED)).curves(one, time)
    assert all(torch.allclose(a, b, rtol=1e-6) for a, b in zip(later, never, strict=True))


def test_a_change_at_the_hour_of_the_capsule_counts_for_it():
    time = torch.tensor([TIMES], dtype=torch.float64)
    one = course(GIVEN[:1])
    at_once = changing(((6.0, 30.0),) * 2, (FASTED, FED), (0.0,)).curves(one, time)
    fed = Responses(response((6.0, 30.0), FED)).curves(one, time)
    assert all(torch.allclose(a, b, rtol=1e-6) for a, b in zip(at_once, fed, strict=True))


def test_with_no_change_or_the_same_onset_it_is_plain_superposition():
    time, same = torch.tensor([TIMES], dtype=torch.float64), response((6.0, 30.0), FASTED)
    plain = Responses(same).curves(course(), time)
    for until in (torch.tensor([[NEVER]]), torch.tensor([[20.0]])):
        assert all(torch.allclose(a, b, rtol=1e-5) for a, b in zip(superpose_by_intake((same, same), until, course(), time), plain, strict=True))


def test_every_milligram_arrives_however_often_meals_change():
    area = changing(((6.0, 30.0),) * 3).curves(course(), torch.tensor([[400.0]], dtype=torch.float64))[1]
    assert float(area) == pytest.approx(sum(amount for _, amount in GIVEN) / 6.0, rel=1e-5)


def test_an_onset_put_on_another_body_keeps_shares_rates_and_lags():
    onset, body = response((6.0, 30.0), FED), response((3.0, 40.0, 5.0, 20.0), FASTED)
    assert torch.allclose(with_onset_of(body, onset).amplitude, response((3.0, 40.0, 5.0, 20.0), FED).amplitude)
    assert torch.equal(with_onset_of(body, onset).lag, onset.lag)
