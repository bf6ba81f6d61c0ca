"""The state-jump flow, which follows whole courses: laws that hold untrained, whatever the patient and the drug."""

import pytest
import torch

from pkvae_core.checks.decoder_training import Budget, course_objective, learn, lesson, shown, start
from pkvae_core.drugs.card import load_card
from pkvae_core.structural.exponentials import Doses
from pkvae_core.vae.challenger import Challenger

DRUGS = ("phenytoin", "omalizumab", "mycophenolate")


def course(*time_h: float, padding: int = 0) -> Doses:
    time = torch.tensor([*time_h, *(time_h[-1] + 12.0 * (i + 1) for i in range(padding))]).expand(3, -1)
    amount = torch.tensor([150.0] * len(time_h) + [0.0] * padding).expand(3, -1)
    return Doses(time, amount, torch.zeros_like(amount), torch.ones_like(amount, dtype=torch.long))


@pytest.fixture(scope="module", params=DRUGS)
def decoder(request):
    model = start(load_card(request.param), "flow", 1)
    assert isinstance(model, Challenger)
    with torch.no_grad():
        for parameter in model.challenger.parameters():
            parameter.mul_(1.5)
    return model.challenger


def patients(decoder) -> torch.Tensor:
    return torch.randn(3, 2, decoder.knowing[0].in_features, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def test_the_area_is_the_integral_of_the_level(decoder):
    doses, grid = course(0.0, 12.0, 30.0), torch.linspace(0, 200, 100_001).expand(3, -1)
    by_hand = torch.trapezoid(decoder.level(patients(decoder), doses, grid).double(), grid[:, None].double())
    assert torch.allclose(decoder.area(patients(decoder), doses, grid[:, -1:])[..., 0].double(), by_hand, rtol=2e-3)


@torch.no_grad()
def test_a_level_is_never_negative_and_nothing_before_the_first_dose(decoder):
    level = decoder.level(patients(decoder), course(5.0, 17.0), torch.linspace(0, 400, 2001).expand(3, -1))
    assert bool((level >= -1e-5).all()) and not bool(level[..., :25].abs().gt(1e-5).any()) and float(level.max()) > 0.01


@torch.no_grad()
def test_padding_and_later_doses_change_nothing_before_them(decoder):
    time, z = torch.tensor([[1.0, 8.0, 20.0]]).expand(3, -1), patients(decoder)
    plain = decoder.level(z, course(0.0, 12.0), time)
    assert torch.allclose(decoder.level(z, course(0.0, 12.0, padding=3), time), plain, rtol=1e-5)
    assert torch.allclose(decoder.level(z, course(0.0, 12.0, 24.0), time), plain, rtol=1e-5)


@torch.no_grad()
def test_only_mycophenolate_jumps_at_meals(decoder):
    z, doses, time = patients(decoder), course(0.0), torch.tensor([[9.0]]).expand(3, -1)
    events = decoder._events(z, doses, time)
    if not decoder.flow.has_meals:
        assert events.time.shape[-1] == 1 and not bool(events.is_meal.any())
        return
    assert events.is_meal[0, 0].tolist() == [0.0, 1.0] and bool((events.time[..., 1] == 4.0).all())  # lunch is 4 h after the first dose


@pytest.mark.parametrize("drug", DRUGS)
def test_a_few_steps_teach_it_something(drug):
    card = load_card(drug)
    taught, model = [lesson(card, 128, 3)], start(card, "flow", 1)
    assert isinstance(model, Challenger)
    part, seen = next(shown(card, taught, Budget(1.0)))

    def misfit(of) -> float:
        return float(course_objective(of, part, seen, curve_sd=0.5).reconstruction.detach())

    before = misfit(model)
    learned = learn(model, taught, Budget(1.0, steps=25), lambda line: None)
    assert learned.steps == 25 and misfit(learned.model) < before
