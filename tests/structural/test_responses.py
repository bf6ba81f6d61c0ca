"""When covariates change, the drug in the body stays and goes on at the new rates: checked against an independent integration."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from pkvae_core.structural.compartments import first_order_absorption, one_compartment, two_compartment
from pkvae_core.structural.exponentials import NEVER, Doses, Pulses, with_terms
from pkvae_core.structural.responses import Responses, joined

EPOCHS = ((5.0, 30.0, 6.0, 40.0), (2.0, 30.0, 6.0, 40.0), (3.5, 33.0, 6.6, 44.0))  # CL, V1, Q, V2: kidneys fail, then recover in a heavier body
UNTIL_H = (30.0, 55.0)
KA_PER_H = 0.9
GIVEN = ((0.0, 1000.0, 1.0), (12.0, 900.0, 0.0), (24.0, 750.0, 8.0), (48.0, 500.0, 2.0), (60.0, 500.0, 1.0))  # hours, mg, hours


def doses(given, route=0) -> Doses:
    table = torch.tensor(given, dtype=torch.float64).T[:, None]
    return Doses(table[0], table[1], table[2], torch.full(table[0].shape, route, dtype=torch.long))


def pulses(parameters, is_oral=False) -> Pulses:
    values = [torch.tensor([[p]], dtype=torch.float64) for p in parameters]
    amplitude, rate = two_compartment(*values) if len(values) == 4 else one_compartment(*values)
    if not is_oral:
        return Pulses(amplitude[:, :, None], rate[:, :, None], torch.zeros(1, 1, 1, dtype=torch.float64))
    oral = first_order_absorption(amplitude, rate, torch.full_like(values[0], KA_PER_H), torch.ones_like(values[0]))
    vein = torch.cat([amplitude, torch.zeros_like(amplitude)], -1), torch.cat([rate, rate], -1)
    return Pulses(torch.stack([vein[0], oral[0]], 2), torch.stack([vein[1], oral[1]], 2), torch.zeros(1, 1, 2, dtype=torch.float64))


def responses(epochs=EPOCHS, until=UNTIL_H, is_oral=False) -> Responses:
    each = [pulses(p, is_oral) for p in epochs]
    return Responses(each[-1], tuple(each[:-1]), torch.tensor([until], dtype=torch.float64))


def integrated(given, is_oral, times) -> tuple[np.ndarray, np.ndarray]:
    """Concentration and AUC by stepping through every event: amounts in the gut, compartments 1 and 2."""
    state, found = np.zeros(4), {0.0: (0.0, 0.0)}
    edges = sorted({0.0, *UNTIL_H, *times, *(t for start, _, long in given for t in (start, start + long))})
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        CL, V1, Q, V2 = EPOCHS[sum(low >= u for u in UNTIL_H)]
        state = state + np.array([0, 1, 0, 0] if not is_oral else [1, 0, 0, 0]) * sum(a for t, a, long in given if long == 0 and t == low)
        rate = sum(a / long for t, a, long in given if long and t <= low < t + long)

        def slope(_, x, CL=CL, V1=V1, Q=Q, V2=V2, rate=rate):
            into = KA_PER_H * x[0] + rate
            return [-KA_PER_H * x[0], into - (CL + Q) * x[1] / V1 + Q * x[2] / V2, Q * x[1] / V1 - Q * x[2] / V2, x[1] / V1]

        state = solve_ivp(slope, (low, high), state, rtol=1e-10, atol=1e-10).y[:, -1]
        found[high] = (state[1] / V1, state[3])
    return tuple(np.array([found[t][i] for t in times]) for i in range(2))


@pytest.mark.parametrize("is_oral", [False, True])
def test_changing_clearance_and_volume_agree_with_the_ode(is_oral):
    given = tuple((t, a, 0.0) for t, a, _ in GIVEN) if is_oral else GIVEN
    times = [5.0, 20.0, 29.0, 30.0, 31.0, 47.0, 50.0, 54.0, 55.0, 66.0, 90.0]
    concentration, area = responses(is_oral=is_oral).curves(doses(given, int(is_oral)), torch.tensor([times], dtype=torch.float64))
    expected, expected_area = integrated(given, is_oral, times)
    np.testing.assert_allclose(concentration[0, 0], expected, rtol=2e-6, atol=1e-9)
    np.testing.assert_allclose(area[0, 0], expected_area, rtol=2e-6)


def test_when_renal_function_falls_the_rest_of_a_dose_leaves_at_the_new_clearance():
    """One compartment, by hand: exp(-CL/V t) until the fall, half that rate from then on."""
    changed = responses(((4.0, 40.0), (2.0, 40.0)), (10.0,))
    concentration, area = changed.curves(doses([(0.0, 400.0, 0.0)]), torch.tensor([[10.0, 30.0, 1e4]], dtype=torch.float64))
    at_fall, later = 10 * np.exp(-0.1 * 10), 10 * np.exp(-0.1 * 10 - 0.05 * 20)
    np.testing.assert_allclose(concentration[0, 0, :2], [at_fall, later], rtol=1e-6)
    assert float(area[0, 0, 2]) == pytest.approx((10 - at_fall) * 40 / 4 + at_fall * 40 / 2, rel=1e-6)


def test_mass_is_conserved_over_a_change():
    """What left before (CL x AUC) and after adds up to the dose, to infinity."""
    area = responses().curves(doses([(20.0, 700.0, 3.0)]), torch.tensor([[30.0, 55.0, 1e5]], dtype=torch.float64))[1][0, 0].diff(prepend=torch.zeros(1))
    assert float(area @ torch.tensor([p[0] for p in EPOCHS], dtype=area.dtype)) == pytest.approx(700, rel=1e-6)


def test_a_change_to_the_same_is_no_change():
    time = torch.linspace(0.5, 90, 40, dtype=torch.float64)[None]
    for is_oral in (False, True):
        same = responses((EPOCHS[0], EPOCHS[0]), (30.0,), is_oral).curves(doses(GIVEN, int(is_oral)), time)
        never = responses((EPOCHS[1], EPOCHS[0]), (NEVER,), is_oral).curves(doses(GIVEN, int(is_oral)), time)
        plain = Responses(pulses(EPOCHS[0], is_oral)).curves(doses(GIVEN, int(is_oral)), time)
        for found in (same, never):
            torch.testing.assert_close(found, plain, rtol=1e-6, atol=1e-9)


def test_exponentials_of_nothing_change_nothing():
    more = Responses(with_terms(responses().pulses, 4), tuple(with_terms(p, 4) for p in responses().earlier), responses().until)
    time = torch.linspace(0.5, 90, 40, dtype=torch.float64)[None]
    torch.testing.assert_close(more.curves(doses(GIVEN), time), responses().curves(doses(GIVEN), time), rtol=1e-6, atol=1e-9)


def test_joined_draws_answer_as_each_did():
    one, other = responses(), responses(((3.0, 30.0), (1.5, 30.0), (3.0, 30.0)))
    time = torch.linspace(0.5, 90, 10, dtype=torch.float64)[None]
    both = joined([one, other]).curves(doses(GIVEN), time)[0]
    for i, each in enumerate((one, other)):
        torch.testing.assert_close(both[:, i : i + 1], each.curves(doses(GIVEN), time)[0], rtol=1e-6, atol=1e-9)
