"""Superposition is exact: for any infusion, any number of doses, any route."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from scipy.integrate import solve_ivp

from pkvae_core.structural.compartments import first_order_absorption, one_compartment, two_compartment
from pkvae_core.structural.exponentials import Doses, Pulses, disposition, superpose

CL, V1, Q, V2 = (torch.tensor([[x]], dtype=torch.float64) for x in (4.0, 30.0, 6.0, 40.0))


def vein(double=True) -> Pulses:
    amplitude, rate = two_compartment(CL, V1, Q, V2)
    pulses = Pulses(amplitude[:, :, None], rate[:, :, None], torch.zeros(1, 1, 1, dtype=torch.float64))
    return pulses if double else Pulses(pulses.amplitude.float(), pulses.rate.float(), pulses.lag.float())


def course(*doses: tuple[float, float, float], dtype=torch.float64, route: int = 0) -> Doses:
    table = torch.tensor(doses, dtype=dtype)
    return Doses(table[None, :, 0], table[None, :, 1], table[None, :, 2], torch.full((1, len(doses)), route))


def curve(pulses: Pulses, doses: Doses, times) -> tuple[torch.Tensor, torch.Tensor]:
    concentration, area = superpose(pulses, doses, torch.as_tensor(times, dtype=doses.time.dtype)[None])
    return concentration[0, 0], area[0, 0]


def integrated(doses, end: float) -> tuple[float, float]:
    """Concentration and AUC at `end` by an independent integration of the two-compartment equations, infusions only."""
    cl, v1, q, v2 = (float(x) for x in (CL, V1, Q, V2))

    def slope(t, y):
        inflow = sum(a / d for s, a, d in doses if s <= t < s + d)
        return [inflow - (cl + q) / v1 * y[0] + q / v2 * y[1], q / v1 * y[0] - q / v2 * y[1], y[0] / v1]

    edges = sorted({0.0, end, *(x for s, _, d in doses for x in (s, s + d) if 0 < x < end)})
    state = [0.0, 0.0, 0.0]
    for a, b in zip(edges, edges[1:], strict=False):
        state = solve_ivp(slope, (a, b - 1e-12), state, rtol=1e-10, atol=1e-12, max_step=(b - a) / 4).y[:, -1]
    return state[0] / v1, state[2]


@pytest.mark.parametrize("infusion", [1 / 60, 1.0, 4.0, 12.0, 24.0])
def test_closed_form_agrees_with_the_ode(infusion):
    """From one minute to a day, overlapping or continuous, to a tenth of a per cent, in single precision."""
    doses = [(0.0, 1000.0, infusion), (12.0, 750.0, infusion), (24.0, 750.0, infusion)]
    for end in (0.5, 13.0, 36.0, 60.0):
        concentration, area = curve(vein(double=False), course(*doses, dtype=torch.float32), [end])
        expected, expected_area = integrated(doses, end)
        assert float(concentration[0]) == pytest.approx(expected, rel=1e-3)
        assert float(area[0]) == pytest.approx(expected_area, rel=1e-3)


def test_a_swallowed_dose_agrees_with_bateman():
    ka, F = torch.tensor([[1.5]]), torch.tensor([[0.8]])
    amplitude, rate = first_order_absorption(*one_compartment(torch.tensor([[3.0]]), torch.tensor([[30.0]])), ka, F)
    pulses = Pulses(amplitude[:, :, None], rate[:, :, None], torch.full((1, 1, 1), 0.5))
    t = 4.0
    expected = 300 * 0.8 / 30 * 1.5 / (1.5 - 0.1) * (torch.exp(torch.tensor(-0.1 * (t - 0.5))) - torch.exp(torch.tensor(-1.5 * (t - 0.5))))
    concentration, _ = curve(pulses, course((0.0, 300.0, 0.0), dtype=torch.float32), [t, 0.5, 0.4])
    assert float(concentration[0]) == pytest.approx(float(expected), rel=1e-4)
    assert concentration[1:].tolist() == [0.0, 0.0]


def test_absorption_as_fast_as_elimination_is_no_hole():
    amplitude, rate = first_order_absorption(torch.tensor([0.1]), torch.tensor([0.2]), torch.tensor(0.2), torch.tensor(1.0))
    t = torch.tensor(3.0)
    assert float((amplitude * torch.exp(-rate * t)).sum()) == pytest.approx(float(0.1 * 0.2 * t * torch.exp(-0.2 * t)), rel=2e-3)


times = st.lists(st.floats(0, 200), min_size=1, max_size=6)
doses = st.lists(st.tuples(st.floats(0, 100), st.floats(1, 2000), st.sampled_from([0.0, 0.0167, 1.0, 5.0, 24.0])), min_size=1, max_size=8)


@settings(max_examples=40)
@given(doses, times)
def test_doubling_the_doses_doubles_the_curve(given_doses, at):
    once, area = curve(vein(), course(*given_doses), at)
    twice, double_area = curve(vein(), course(*[(t, 2 * a, d) for t, a, d in given_doses]), at)
    torch.testing.assert_close(twice, 2 * once)
    torch.testing.assert_close(double_area, 2 * area)


@settings(max_examples=40)
@given(doses, times)
def test_a_course_is_the_sum_of_its_doses(given_doses, at):
    together, area = curve(vein(), course(*given_doses), at)
    apart = [curve(vein(), course(dose), at) for dose in given_doses]
    torch.testing.assert_close(together, sum(c for c, _ in apart), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(area, sum(a for _, a in apart), rtol=1e-6, atol=1e-9)


@settings(max_examples=40)
@given(doses, times, st.floats(-50, 50))
def test_moving_the_clock_moves_the_curve(given_doses, at, shift):
    here, _ = curve(vein(), course(*given_doses), [t + 1e-6 for t in at])
    there, _ = curve(vein(), course(*[(t + shift, a, d) for t, a, d in given_doses]), [t + shift + 1e-6 for t in at])
    torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-6)


def test_a_short_infusion_is_a_bolus():
    bolus, _ = curve(vein(), course((0.0, 1000.0, 0.0)), [1.0, 5.0])
    short, _ = curve(vein(), course((0.0, 1000.0, 1e-5)), [1.0, 5.0])
    torch.testing.assert_close(bolus, short, rtol=1e-5, atol=0)


def test_a_dose_at_the_time_of_a_level_does_not_count():
    before, _ = curve(vein(), course((0.0, 1000.0, 0.0)), [12.0])
    at, _ = curve(vein(), course((0.0, 1000.0, 0.0), (12.0, 1000.0, 0.0)), [12.0])
    assert float(before[0]) == float(at[0])


def test_padding_with_nothing_changes_nothing():
    plain, _ = curve(vein(), course((3.0, 500.0, 1.0)), [5.0, 30.0])
    padded, _ = curve(vein(), course((3.0, 500.0, 1.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), [5.0, 30.0])
    torch.testing.assert_close(plain, padded)


def test_sixty_doses_reach_the_steady_state_of_the_clearance():
    concentration, area = curve(vein(double=False), course(*[(12.0 * i, 1000.0, 1.0) for i in range(60)], dtype=torch.float32), [59 * 12.0, 60 * 12.0])
    assert float(area[1] - area[0]) == pytest.approx(1000 / 4.0, rel=1e-3)


def test_clearance_and_volume_are_read_off_the_response():
    found = disposition(vein())
    assert float(found["CL"]) == pytest.approx(4.0)
    assert float(found["V"]) == pytest.approx(70.0)


def test_the_half_life_is_that_of_the_terminal_slope_also_where_two_terms_share_it():
    """Of a textbook curve ln 2 / beta; of one whose slow term is split in two that straddle beta, half as far off as its slowest rate, 20 %."""
    amplitude, rate = two_compartment(*(torch.tensor([[value]], dtype=torch.float64) for value in (4.0, 40.0, 5.0, 30.0)))
    beta = rate[..., 1:]
    split = torch.cat([amplitude[..., :1], amplitude[..., 1:] / 2, amplitude[..., 1:] / 2], -1), torch.cat([rate[..., :1], 1.2 * beta, beta / 1.2], -1)
    one, other = (float(disposition(Pulses(a[:, :, None], r[:, :, None], torch.zeros(1, 1, 1)))["half_life"]) for a, r in ((amplitude, rate), split))
    assert one == pytest.approx(math.log(2) / float(beta), rel=0.01)
    assert one < other < 1.1 * one


def test_a_switch_from_vein_to_mouth_adds_up():
    amplitude, rate = one_compartment(torch.tensor([[3.0]]), torch.tensor([[35.0]]))
    oral = first_order_absorption(amplitude, rate, torch.tensor([[1.7]]), torch.ones(1, 1))
    pulses = Pulses(
        torch.stack([torch.cat([amplitude, torch.zeros_like(amplitude)], -1), oral[0]], 2),
        torch.stack([torch.cat([rate, rate], -1), oral[1]], 2),
        torch.tensor([[[0.0, 0.1]]]),
    )
    infusion, tablet = (0.0, 500.0, 6.0), (12.0, 300.0, 0.0)
    both = Doses(*(torch.tensor([[a, b]]) for a, b in zip(infusion, tablet, strict=True)), torch.tensor([[0, 1]]))
    together, area = curve(pulses, both, [20.0])
    first, first_area = curve(pulses, course(infusion, dtype=torch.float32, route=0), [20.0])
    second, second_area = curve(pulses, course(tablet, dtype=torch.float32, route=1), [20.0])
    assert float(together) == pytest.approx(float(first + second), rel=1e-6)
    assert float(area) == pytest.approx(float(first_area + second_area), rel=1e-6)


@pytest.mark.parametrize("start", [500.0, 5_000.0, 20_000.0])
def test_a_short_infusion_late_in_a_long_course_keeps_its_amount(start):
    _, area = curve(vein(double=False), course((start, 1000.0, 1 / 60), dtype=torch.float32), [1e6])
    assert float(area[0]) == pytest.approx(1000 / 4.0, rel=1e-3)
