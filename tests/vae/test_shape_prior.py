"""Does the gallery's prior describe the z that bodies have?"""

import torch
from torch.distributions import MultivariateNormal

from pkvae_core.vae.shape_prior import fitted, give_prior
from pkvae_core.vae.shapes import LATENT, PRIOR_COMPONENTS, ShapeVAE
from pkvae_core.vae.shapes_training import draw_bank, load_shapes


def test_two_clouds_are_found_with_their_shares_means_and_spreads():
    generator = torch.Generator().manual_seed(1)
    few, many = 3 + 0.5 * torch.randn(1000, 2, generator=generator), -3 + 0.2 * torch.randn(3000, 2, generator=generator)
    found = fitted(torch.cat([few, many]), 2, generator, rounds=60)
    order = found.mean[:, 0].argsort()
    assert torch.allclose(found.log_share[order].exp(), torch.tensor([0.75, 0.25]), atol=1e-3)
    assert torch.allclose(found.mean[order], torch.tensor([[-3.0, -3.0], [3.0, 3.0]]), atol=0.05)
    assert torch.allclose(found.covariance[order].diagonal(dim1=1, dim2=2).sqrt(), torch.tensor([[0.2, 0.2], [0.5, 0.5]]), rtol=0.08)


def test_rounds_bring_the_mixture_closer_to_its_patients():
    generator = torch.Generator().manual_seed(2)
    z = torch.randn(3000, 3, generator=generator).exp()
    scores = [float(fitted(z, 8, torch.Generator().manual_seed(3), rounds=n).log_parts(z).logsumexp(-1).mean()) for n in (0, 3, 12)]
    assert scores == sorted(scores)


def test_a_model_takes_its_prior_over_and_nothing_else_changes():
    model, bank = ShapeVAE(prior_components=4), draw_bank(60, torch.Generator().manual_seed(4))
    before = {name: table.clone() for name, table in model.state_dict().items()}
    give_prior(model, bank.curves, bank.dose_mg, torch.Generator().manual_seed(5))
    assert len(model.prior_mean) == PRIOR_COMPONENTS
    assert all(torch.equal(table, before[name]) for name, table in model.state_dict().items() if not name.startswith("prior"))


@torch.no_grad()
def test_of_fresh_patients_the_shipped_prior_says_more_than_one_cloud_would():
    model, bank = load_shapes(), draw_bank(100, torch.Generator().manual_seed(6))
    z = model.taught(bank.curves, bank.dose_mg).mean
    one = MultivariateNormal(z.mean(0), torch.cov(z.T))
    assert z.shape[1] == LATENT
    assert float(model.prior().log_prob(z).mean()) > float(one.log_prob(z).mean()) + 2
