"""A decoder of several waves: its laws, and a training objective that a lag on the wrong side of a point does not blow up."""

from dataclasses import replace

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import simulate
from pkvae_core.structural.exponentials import Doses, superpose
from pkvae_core.structural.onset import swallowed
from pkvae_core.vae.hiding import hide
from pkvae_core.vae.train import untrained
from pkvae_core.vae.vae import Configuration, objective


@pytest.fixture(scope="module")
def model():
    return untrained(load_card("two_sites"), seed=3).eval()


@pytest.fixture(scope="module")
def drawn(model):
    z = torch.randn(1, 60, model.configuration.latent, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model.decoder(z)


def test_the_shares_of_the_waves_add_up_to_one(drawn):
    area = (drawn.amplitude / drawn.rate).sum(-1)
    assert drawn.lag.shape[-1] == 3
    assert torch.allclose(area[..., 1:].sum(-1), area[..., 0], rtol=1e-3) and bool((area > 0).all())


def test_nothing_is_there_before_the_first_wave_and_never_less_than_nothing(drawn):
    time = torch.linspace(0.01, 24, 400)
    dose = Doses(torch.zeros(1, 1), torch.ones(1, 1), torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.long))
    curve, first = superpose(drawn, dose, time[None])[0][0], drawn.lag[0, :, 1:].min(-1).values
    assert bool((curve >= 0).all()) and bool((curve[time < first[:, None]] == 0).all())


def test_a_covariate_that_acts_on_absorption_may_move_its_latents(model):
    z, fed = torch.zeros(1, 1, model.configuration.latent), torch.ones(1, 1)
    assert torch.equal(model.before(z, fed, torch.zeros(1, 1)), z)
    moved = (model.before(z, fed, torch.full((1, 1), -2.0)) - z)[0, 0].detach()
    assert bool((moved[-model.configuration.absorption :] != 0).all())


def test_a_configuration_of_before_there_were_waves_has_one_and_no_clock(model):
    old = {k: v for k, v in model.configuration.to_dict().items() if k not in ("waves", "clock_h", "onset_changes")}
    read = Configuration.from_dict(old)
    assert (read.waves, read.clock_h, read.onset_changes) == (1, 0.0, False)
    assert Configuration.from_dict(model.configuration.to_dict()) == model.configuration


def test_only_where_lags_lie_among_the_points_of_the_curve_is_there_a_clock():
    clocks = {drug: untrained(load_card(drug), seed=1).configuration.clock_h for drug in ("warfarin", "two_sites", "theophylline", "tacrolimus", "vancomycin")}
    assert {drug for drug, clock in clocks.items() if clock} == {"warfarin", "two_sites"}


def test_the_steepness_is_that_of_the_curve():
    """Central differences of the logarithm of concentration and of area, at every point that is on a rise."""
    model = untrained(load_card("warfarin"), seed=1)
    table = [torch.tensor([[value]]) for value in (1.2, 0.5)]
    response = swallowed(torch.full((1, 1, 1), 0.125), torch.full((1, 1, 1), 0.0166), *table)
    time, step = torch.tensor(model.configuration.curve_times_h), 1e-2

    def curves(at):
        dose = Doses(torch.zeros(1, 1), torch.ones(1, 1), torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.long))
        return [table[0, 0].double().log() for table in superpose(response, dose, at[None])]

    by_difference = torch.cat([(b - a) / (2 * step) for a, b in zip(curves(time - step), curves(time + step), strict=True)])
    found = model.steepness(response)[0, 0].double().unflatten(0, (2, -1))
    is_rising = (torch.cat([time, time]) > 0.55) & (torch.cat([time, time]) < 3)
    assert not bool(found[0].any())  # into the vein
    assert torch.allclose(found[1][is_rising], by_difference[is_rising], rtol=0.02)


def test_the_clock_takes_the_cliffs_out_of_the_gradient():
    """Warfarin's lag is 0.3 to 2.5 h: without a clock most of the gradient comes from points on the wrong side of it, and training does not settle."""
    card = load_card("warfarin")
    model, patients = untrained(card, seed=1), simulate(card, 256, torch.Generator().manual_seed(2))
    seen, norms = hide(patients.population, torch.Generator().manual_seed(3), ("WT",)), {}
    for clock in (model.configuration.clock_h, 0.0):
        model.configuration = replace(model.configuration, clock_h=clock)
        torch.manual_seed(1)
        model.zero_grad()
        objective(model, patients, seen, curve_sd=0.05).reconstruction.backward()
        assert model.decoder.onset is not None
        norms[clock] = float(torch.cat([p.grad.flatten() for p in model.decoder.onset.parameters() if p.grad is not None]).norm())
    assert norms[0.0] > 2 * norms[0.05]


def test_a_power_of_time_gets_all_its_exponentials_and_a_curve_that_is_long_enough():
    """The slowest one's half-life is a month: four of them are 2,900 h in the middle, and longer in one patient of ten."""
    found = untrained(load_card("power_law"), seed=1)
    assert found.configuration.terms == 6 and 2900 < found.configuration.curve_times_h[-1] <= 5000
    untaught = found.decoder(torch.zeros(1, 1, found.configuration.latent)).auc()[0, 0, 0].detach()
    assert 1 / float(untaught) == pytest.approx(6.0, rel=0.5)  # L/h: it begins near the typical patient
