"""The gallery's shapes: each reduces to what is known where its knob says so, and its curves are those of an independent integration."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from pkvae_core.structural.shapes import DOSE, SHAPES, TIMES_H, USUAL_DOSE_mg

BY_NAME = {shape.curve.__name__: shape for shape in SHAPES}
USUAL = torch.tensor([USUAL_DOSE_mg])


def usual(name: str, **turned: float) -> dict[str, torch.Tensor]:
    shape = BY_NAME[name]
    return shape.of({knob.name: turned.get(knob.name, knob.usual) for knob in shape.knobs})


def one_compartment(p: dict[str, torch.Tensor]) -> np.ndarray:
    k, ka, t = float(p["CL"] / p["V"]), float(p["ka"]), TIMES_H.numpy()
    return USUAL_DOSE_mg / float(p["V"]) * ka / (ka - k) * (np.exp(-k * t) - np.exp(-ka * t))


@pytest.mark.parametrize("name", BY_NAME)
def test_no_curve_is_negative_or_infinite_anywhere_in_the_ranges(name):
    shape, generator = BY_NAME[name], torch.Generator().manual_seed(1)
    curves = shape.curves(shape.draw(200, generator), DOSE.draw(200, generator))
    assert curves.isfinite().all() and (curves >= 0).all()


@pytest.mark.parametrize("name", BY_NAME)
def test_twice_the_dose_is_twice_the_curve_only_where_the_body_is_linear(name):
    shape, p = BY_NAME[name], usual(name)
    once, twice = shape.curves(p, USUAL), shape.curves(p, 2 * USUAL)
    assert torch.allclose(twice, 2 * once, rtol=1e-3, atol=1e-4) == shape.is_proportional


def test_without_a_target_the_body_is_one_compartment():
    p = usual("target_mediated") | {"R0": torch.tensor([1e-6]).double()}
    assert np.allclose(BY_NAME["target_mediated"].curves(p, USUAL)[0].numpy(), one_compartment(p), rtol=5e-3, atol=1e-3)


def test_fasted_and_bile_that_is_never_emptied_are_plain_absorption():
    p = usual("food", fed=0.0) | {"lag": torch.zeros(1).double()}
    assert np.allclose(BY_NAME["food"].curves(p, USUAL)[0].numpy(), one_compartment(p), rtol=2e-3, atol=1e-3)
    p = usual("recirculation", share=0.0) | {"Q": torch.tensor([1e-9]).double()}
    assert np.allclose(BY_NAME["recirculation"].curves(p, USUAL)[0].numpy(), one_compartment(p), rtol=2e-3, atol=1e-3)


def test_exponents_of_one_are_a_plain_exponential():
    p = usual("multi_phase", stretch=1.0, share=0.0)
    assert np.allclose(BY_NAME["multi_phase"].curves(p, USUAL)[0].numpy(), USUAL_DOSE_mg / 20 * np.exp(-TIMES_H.numpy() / 2))


def test_the_target_mediated_curve_is_that_of_an_independent_integration():
    p = usual("target_mediated")
    v = {name: float(value) for name, value in p.items()}

    def slope(t: float, s: np.ndarray) -> list[float]:
        depot, L, R = s
        gap = L - R - v["KSS"]
        C = (gap + np.sqrt(gap**2 + 4 * v["KSS"] * L)) / 2
        bound = R * C / (v["KSS"] + C)
        inflow = v["ka"] * depot
        return [-inflow, inflow / v["V"] - v["CL"] / v["V"] * C - v["kint"] * bound, v["kdeg"] * (v["R0"] - R) - (v["kint"] - v["kdeg"]) * bound]

    times = TIMES_H.numpy()
    L, R = solve_ivp(slope, (0, times[-1]), [USUAL_DOSE_mg, 0, v["R0"]], t_eval=times, method="LSODA", rtol=1e-9, atol=1e-11).y[1:]
    gap = L - R - v["KSS"]
    expected = (gap + np.sqrt(gap**2 + 4 * v["KSS"] * L)) / 2
    got = BY_NAME["target_mediated"].curves(p, USUAL)[0].numpy()
    assert np.abs(got - expected).max() < 0.01 * expected.max()


def test_a_knob_offers_round_values_within_its_range():
    for shape in SHAPES:
        for knob in shape.knobs:
            assert knob.low <= knob.usual <= knob.high
            assert not knob.is_log or (knob.usual in knob.stops and knob.low <= knob.stops[0] and knob.stops[-1] <= knob.high)
