"""The links between a patient's bodies: what they draw, and what they are taught."""

import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import simulate
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.encoder import covariate_features
from pkvae_core.vae.occasions import Link, Occasions, one_each
from pkvae_core.vae.untrained import untrained
from pkvae_core.vae.vae import objective


def test_draws_follow_the_mixture():
    torch.manual_seed(0)
    link = Link(2, 1)
    z = torch.zeros(1, 1, 2).expand(1, 20_000, 2)
    expected = link(z, torch.ones(1, 20_000, 1))
    drawn = one_each(expected, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.mean(1), expected.mean[:, 0], atol=0.04, rtol=0)
    torch.testing.assert_close(drawn.var(1), expected.variance[:, 0], atol=0.06, rtol=0)


def test_a_link_teaches_the_codes_nothing():
    card = load_card("tacrolimus")
    model = untrained(card, seed=0)
    patients = simulate(card, 16, torch.Generator().manual_seed(0))
    parts = objective(model, patients, patients.population, curve_sd=0.5)
    parts.occasion.backward()
    taught = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and bool(p.grad.abs().sum() > 0)}
    assert taught == {"occasions"}


def test_the_truer_pair_is_the_likelier_one():
    """Trained links expect a patient's own body sooner than another patient's."""
    model = load_model("tacrolimus")
    drawn = simulate(model.card, 400, torch.Generator().manual_seed(7))
    assert drawn.usual is not None
    z, usual = (model.teacher(model.curve(responses.now)[:, 0]).mean for responses in (drawn.responses, drawn.usual))
    features, links = covariate_features(drawn.population.covariates, model.configuration.scales), model.occasions
    assert isinstance(links, Occasions)
    assert float(links.loss(z, usual, features).mean()) < float(links.loss(z, usual.roll(1, 0), features).mean()) - 1


def test_a_drug_that_does_not_vary_between_occasions_has_no_links():
    model = untrained(load_card("warfarin"), seed=0)
    drawn = simulate(model.card, 16, torch.Generator().manual_seed(0))
    assert model.occasions is None and float(objective(model, drawn, drawn.population, curve_sd=0.5).occasion) == 0
