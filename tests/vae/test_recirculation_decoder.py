"""The learned flow of a drug that meals bring back."""

import json
from dataclasses import fields

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.recirculation import Recirculating
from pkvae_core.vae.encoder import clock_features
from pkvae_core.vae.recirculation import RecirculationDecoder
from pkvae_core.vae.untrained import untrained
from pkvae_core.vae.vae import PKVAE, Configuration, objective


@pytest.fixture(scope="module")
def model() -> PKVAE:
    return untrained(load_card("mycophenolate"), seed=1)


def test_untrained_it_is_nearly_the_typical_patient(model):
    body = model.decoder(torch.zeros(1, 1, model.configuration.latent))
    published = MODELS["jiao2008"]
    typical = published.body(published.at({"WT": torch.tensor([65.5])}, torch.zeros(1, 1, len(published.variance))))
    for name in (field.name for field in fields(Recirculating) if field.name != "morning"):
        assert float((getattr(body, name) / getattr(typical, name)).detach()) == pytest.approx(1, abs=0.35), name


def test_what_absorbs_is_driven_by_its_own_latents_alone(model):
    decoder = model.decoder
    assert isinstance(decoder, RecirculationDecoder)
    z = torch.randn(1, 2, model.configuration.latent, generator=torch.Generator().manual_seed(1))
    z[:, 1, : decoder.disposition_size] = z[:, 0, : decoder.disposition_size]
    body = decoder(z)
    for field in fields(Recirculating):
        same = torch.equal(*getattr(body, field.name)[0].unbind())
        assert same == (field.name not in ("ka", "lag")), field.name


def test_every_draw_is_a_body(model):
    body = model.decoder(5 * torch.randn(1, 500, model.configuration.latent, generator=torch.Generator().manual_seed(2)))
    assert all(bool((getattr(body, f.name) > 0).all()) for f in fields(Recirculating) if f.name != "morning")
    assert bool((body.share < 1).all()) and bool((body.emptied < 1).all())


def test_one_step_of_training_moves_every_part(model):
    patients = simulate(model.card, 32, torch.Generator().manual_seed(3))
    torch.manual_seed(0)
    parts = objective(model, patients, patients.population, curve_sd=0.5)
    parts.total(1.0).backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)
    for part in (model.decoder.disposition, model.decoder.onset, model.encoder.read, model.teacher.net):
        assert float(part[0].weight.grad.abs().sum()) > 0
    model.zero_grad()


def test_the_configuration_is_rebuilt_from_json_and_older_ones_know_no_meals(model):
    written = json.loads(json.dumps(model.configuration.to_dict()))
    assert Configuration.from_dict(written) == model.configuration and model.configuration.has_meals
    del written["has_meals"]
    assert not Configuration.from_dict(written).has_meals


def test_the_clock_is_the_same_a_day_later_and_another_after_lunch():
    now, tomorrow, after = clock_features(torch.tensor([[3.9, 27.9, 4.1]]))[0]
    torch.testing.assert_close(now, tomorrow, rtol=0, atol=1e-5)
    assert float((after - now).abs().max()) > 1


def test_a_patient_without_levels_is_asked_about_any_course(model):
    z = torch.zeros(1, 3, model.configuration.latent)
    patients = simulate(model.card, 1, torch.Generator().manual_seed(4))
    doses = Doses(*(torch.tensor([row]) for row in ([0.0, 12, 24], [370.0, 370, 370], [0.0, 0, 0], [1, 1, 1])))
    level, area = model.responses(z, patients.population).curves(doses, torch.tensor([[1.0, 4.5, 30.0]]))
    assert bool((level > 0).all()) and bool((area.diff(dim=-1) > 0).all())
