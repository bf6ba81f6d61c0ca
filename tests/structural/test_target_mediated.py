"""A body in which the drug meets its target: laws, and a year of omalizumab against an integration by scipy."""

from dataclasses import astuple, fields

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from pkvae_core.drugs.published.hayashi2007 import MODEL
from pkvae_core.structural.corrected_target import CorrectedTarget
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.ode import integrate
from pkvae_core.structural.stretch import Stretch, solve
from pkvae_core.structural.target_mediated import TargetMediated

NAMES = [field.name for field in fields(TargetMediated)]
LEVELS = (0.5, 3.0, 20.0, 120.0)


def bodies(count: int = 20) -> TargetMediated:
    """Patients of Hayashi 2007, light and heavy, with little and much IgE, in double precision."""
    generator = torch.Generator().manual_seed(0)
    covariates = {"WT": torch.linspace(42, 100, count).double(), "IGE": torch.logspace(1.5, 3, count).double().flip(0)}
    found = MODEL.individual(covariates, draws=1, generator=generator)
    return TargetMediated(*(found[name] for name in ("CL", "excess_CL", "target_CL", "V", "complex_V", "production", "baseline", "Kd0", "ka")))


def bent(body: TargetMediated) -> CorrectedTarget:
    weight = 0.4 * torch.randn(*body.V.shape, 2, generator=torch.Generator().manual_seed(1)).double()
    return CorrectedTarget(*(getattr(body, name) for name in NAMES), torch.full_like(body.V, 100.0), weight)


def given(*doses: tuple[float, float]) -> Doses:
    table = torch.tensor([doses], dtype=torch.float64)
    return Doses(table[..., 0], table[..., 1], torch.zeros_like(table[..., 0]), torch.ones_like(table[..., 0], dtype=torch.long))


def a_year_by_scipy(body: TargetMediated, doses: list[tuple[float, float]], time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Level and area at relative tolerance 1e-10, written anew from the paper's equations."""
    CL, excess, CLE, V, VC, production, baseline, Kd0, ka = (float(value) for value in astuple(body))

    def bound_in(drug, target):
        loose = drug + target + Kd0 * (drug / target) ** 0.157 * V**2 / VC
        return (loose - np.sqrt(loose**2 - 4 * drug * target)) / 2

    def slope(_, y):
        drug, target = max(y[1], 0.0), y[2]
        bound = bound_in(drug, target)
        gone = (CL + excess) * bound / VC
        level = ((drug - bound) / V + bound / VC) * 0.15
        return [-ka * y[0], ka * y[0] / 0.15 - CL * (drug - bound) / V - gone, production - CLE * (target - bound) / V - gone, level]

    state, found = np.array([0.0, 0.0, baseline * V, 0.0]), np.zeros((len(time), 4))
    for i, (at, mg) in enumerate(doses):
        end = doses[i + 1][0] if i + 1 < len(doses) else time[-1] + 1e-6
        state = state + np.array([mg, 0, 0, 0])
        run = solve_ivp(slope, (at, end), state, rtol=1e-10, atol=1e-12, dense_output=True, method="LSODA")
        inside = (time > at) & (time <= end)
        found[inside] = run.sol(time[inside]).T
        state = run.y[:, -1]
    bound = bound_in(found[:, 1], found[:, 2])
    return ((found[:, 1] - bound) / V + bound / VC) * 0.15, found[:, 3]


@pytest.mark.parametrize(("finer", "tolerance"), [(1, 2e-3), (4, 2e-4)])
def test_a_year_of_omalizumab_every_two_weeks_agrees_with_scipy(finer, tolerance):
    body = TargetMediated(*(table[3:4] for table in astuple(bodies())))
    doses, time = [(336.0 * i, 225.0) for i in range(26)], np.linspace(24, 26 * 336.0, 60)
    level, area = integrate(body, given(*doses), torch.tensor(time)[None], finer=finer)
    right, under = a_year_by_scipy(body, doses, time)
    np.testing.assert_allclose(level[0, 0], right, rtol=tolerance)
    np.testing.assert_allclose(area[0, 0, -1], under[-1], rtol=tolerance)


@pytest.mark.parametrize("change", [lambda body: body, bent])
def test_at_its_steady_level_a_body_loses_what_its_clearance_says_and_its_target_stands_still(change):
    body = change(bodies())
    level = torch.tensor(LEVELS).double().view(-1, 1, 1) * 1e3 / 150
    _, drug, target = body._balance(level)
    slope = body.slope(torch.stack([drug, target], -1))
    lost = torch.stack([body.clearance(each) for each in LEVELS]) * level
    torch.testing.assert_close(-slope[..., 0], lost, rtol=1e-5, atol=0)
    assert float((slope[..., 1] / body.production).abs().max()) < 1e-5


@pytest.mark.parametrize("IgE", [10.0, 40.0, 300.0, 3000.0])
@pytest.mark.parametrize("mg", [75.0, 600.0])
@pytest.mark.parametrize("interval_h", [336.0, 672.0])
def test_however_a_dose_outnumbers_the_target_each_hour_agrees_with_scipy(IgE, mg, interval_h):
    """One patient alone: nobody else's absorption makes the steps finer."""
    typical = MODEL.typical({"WT": torch.tensor([61.1]), "IGE": torch.tensor([IgE])})
    body = TargetMediated(*(typical[name][:, None].float() for name in NAMES))
    doses = [(0.0, mg), (interval_h, mg)]
    time = np.concatenate([[0.5, 1, 2, 4, 8, 16], np.linspace(24, 2 * interval_h, 30)])
    level, area = integrate(body, given(*doses), torch.tensor(time)[None])
    right, under = a_year_by_scipy(body, doses, time)
    np.testing.assert_allclose(level[0, 0], right, rtol=5e-3)
    np.testing.assert_allclose(area[0, 0, 6:], under[6:], rtol=1e-2)


@pytest.mark.parametrize("change", [lambda body: body, bent])
def test_no_step_makes_negative_target(change):
    body = change(bodies())
    dose = torch.full_like(body.V, 600.0)
    length = torch.full((20, 1), 5000.0, dtype=torch.float64)
    states = solve(Stretch(body, length, dose, torch.zeros_like(dose)), body.start(), torch.linspace(0, 1, 4).double())
    assert float(states[1:].min()) > 0


@pytest.mark.parametrize("change", [lambda body: body, bent])
def test_the_rates_stay_between_those_of_the_free_and_of_the_bound(change):
    body = change(bodies())
    state = torch.logspace(-9, 6, 16).double().view(-1, 1, 1)
    rates = body.rates(torch.stack(torch.broadcast_tensors(state, state.flip(0), body.V[None])[:2], -1))
    bound = (body.CL + body.excess_CL) / body.complex_V
    free_drug = body.free_CL(torch.logspace(-9, 6, 40).double().view(-1, 1, 1).expand(-1, 20, 1)) / body.V
    for rate, free in ((rates[..., 0], free_drug), (rates[..., 1], (body.target_CL / body.V)[None])):
        assert bool((rate >= 0.99 * torch.minimum(bound, free.amin(0))).all())
        assert bool((rate <= 1.01 * torch.maximum(bound, free.amax(0))).all())


def test_a_correction_of_nothing_is_the_textbook():
    body = bodies()
    same = CorrectedTarget(*(getattr(body, n) for n in NAMES), torch.full_like(body.V, 9.0), torch.zeros(*body.V.shape, 2).double())
    doses, time = given((0.0, 300.0), (672.0, 300.0)), torch.tensor([[100.0, 700.0, 2000.0]]).double()
    wide = Doses(*(getattr(doses, name).expand(20, -1) for name in ("time", "amount", "duration", "route")))
    torch.testing.assert_close(integrate(same, wide, time.expand(20, -1))[0], integrate(body, wide, time.expand(20, -1))[0])


def test_a_body_with_more_target_clears_small_amounts_faster_and_large_ones_alike():
    few, many = (
        MODEL.body({n: v[:, None] for n, v in MODEL.typical({"WT": torch.tensor([61.1]), "IGE": torch.tensor([ige])}).items()}) for ige in (50.0, 1000.0)
    )
    assert float(many.clearance(2.0)) > 1.15 * float(few.clearance(2.0))
    assert float(many.clearance(2000.0)) == pytest.approx(float(few.clearance(2000.0)), rel=0.02)


def test_the_last_drop_is_cleared_as_complex():
    body = bodies()
    torch.testing.assert_close(body.clearance(0.0), body.CL + body.excess_CL)
    assert bool(((body.clearance(1e-9) / body.clearance(0.0) - 1).abs() < 0.05).all())


def test_traits_tell_bodies_apart_that_clear_alike_at_high_levels():
    """Twice the target's production shows in the traits although the clearance at 2,000 mg/L is all but the same."""
    body = bodies()
    other = TargetMediated(*(table * (2 if name == "production" else 1) for name, table in zip(NAMES, astuple(body), strict=True)))
    assert float((other.traits(LEVELS) - body.traits(LEVELS)).abs().amax(-1).min()) > 0.15
