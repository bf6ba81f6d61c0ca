"""What is swallowed reaches the body through a lag and one or several compartments: checked against an independent integration."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from scipy.integrate import solve_ivp

from pkvae_core.structural.compartments import chained_absorption, first_order_absorption, two_compartment
from pkvae_core.structural.exponentials import Doses, Pulses, together
from pkvae_core.structural.onset import swallowed
from pkvae_core.structural.responses import Responses

TIMES = np.linspace(0, 24, 97)
BEFORE, AFTER = (21.2, 141.0, 79.0, 271.0), (42.4, 141.0, 79.0, 271.0)  # CL, V1, Q, V2: the clearance doubles


def pulses(parameters, ktr, *, stages=3, dtype=torch.float64) -> Pulses:
    amplitude, rate = two_compartment(*(torch.tensor([[p]], dtype=torch.float64) for p in parameters))
    return swallowed(amplitude.to(dtype), rate.to(dtype), torch.tensor([[ktr]], dtype=dtype), torch.zeros(1, 1, dtype=dtype), stages=stages)


def curve(response: Responses | Pulses, times=TIMES, dtype=torch.float64) -> np.ndarray:
    """After 1 mg swallowed at 0."""
    time, amount, duration = (torch.tensor([[value]], dtype=dtype) for value in (0.0, 1.0, 0.0))
    doses = Doses(time, amount, duration, torch.ones(1, 1, dtype=torch.long))
    responses = response if isinstance(response, Responses) else Responses(response)
    return responses.curves(doses, torch.tensor(times, dtype=dtype)[None])[0][0, 0].numpy()


def integrated(epochs, until, ktr) -> np.ndarray:
    """Gut, two transit compartments, 1 and 2; the second epoch begins at `until`."""

    def slope(t, x):
        CL, V1, Q, V2 = epochs[int(t >= until)]
        passing = ktr * x[:3]
        return [-passing[0], passing[0] - passing[1], passing[1] - passing[2], passing[2] - (CL + Q) * x[3] / V1 + Q * x[4] / V2, Q * x[3] / V1 - Q * x[4] / V2]

    first = solve_ivp(slope, (0, until), [1.0, 0, 0, 0, 0], t_eval=TIMES[until >= TIMES], rtol=1e-10, atol=1e-14)
    start = solve_ivp(slope, (0, until), [1.0, 0, 0, 0, 0], rtol=1e-10, atol=1e-14).y[:, -1]
    second = solve_ivp(slope, (until, 24), start, t_eval=TIMES[until < TIMES], rtol=1e-10, atol=1e-14)
    return np.concatenate([first.y[3] / epochs[0][1], second.y[3] / epochs[1][1]])


@settings(max_examples=12, deadline=None)
@example(8.0, 60.0, 102.0, 217.0, 2.5)
@given(st.floats(8, 60), st.floats(60, 400), st.floats(20, 300), st.floats(80, 900), st.floats(2, 9))
def test_three_transit_compartments_agree_with_the_ode(CL, V1, Q, V2, ktr):
    parameters = (CL, V1, Q, V2)
    expected = integrated((parameters, parameters), 12.0, ktr)
    for dtype in (torch.float64, torch.float32):  # mostly within 0.3 %; 1.2 % is the worst that was found, where a stage is just as fast as the disposition
        assert np.abs(curve(pulses(parameters, ktr, dtype=dtype), dtype=dtype) - expected).max() < 2e-2 * expected.max()


@pytest.mark.parametrize("until", [0.5, 2.0, 9.0])
def test_a_change_in_mid_absorption_agrees_with_the_ode(until):
    """Drug in the chain stays there, drug in the body clears at the new rate."""
    responses = Responses(pulses(AFTER, 5.11), (pulses(BEFORE, 5.11),), torch.tensor([[until]], dtype=torch.float64))
    expected = integrated((BEFORE, AFTER), until, 5.11)
    assert np.abs(curve(responses) - expected).max() < 5e-3 * expected.max()


def test_one_stage_is_first_order_absorption():
    amplitude, rate, ka, one = torch.tensor([[0.02, 0.01]]), torch.tensor([[0.9, 0.1]]), torch.tensor([1.5]), torch.ones(1)
    for mine, other in zip(chained_absorption(amplitude, rate, ka, one, stages=1), first_order_absorption(amplitude, rate, ka, one), strict=True):
        assert torch.equal(mine, other)


def test_all_that_is_swallowed_arrives():
    """The area is that of the same dose into the vein, also where a stage is as fast as the disposition."""
    for ktr in (5.11, float(two_compartment(*(torch.tensor([[p]]) for p in BEFORE))[1][0, 0, 0])):
        vein, mouth = pulses(BEFORE, ktr).auc()[0, 0].tolist()
        assert mouth == pytest.approx(vein, rel=1e-9) == pytest.approx(1 / BEFORE[0], rel=1e-9)


def test_responses_with_fewer_stages_stand_beside_others_unchanged():
    chain, depot = pulses(BEFORE, 5.11), pulses(BEFORE, 1.3, stages=1)
    both = together([depot, chain], 1)
    assert both.stages == 3
    for draw, alone in enumerate((depot, chain)):
        np.testing.assert_allclose(curve(both.map(lambda table, draw=draw: table[:, [draw]])), curve(alone), rtol=1e-9, atol=1e-15)
