"""Latent sizes: every size is measured on the same patients, absorption shares a small latent, and nothing explains patients better than who made them."""

import pytest
import torch

from pkvae_core.checks.latent_size import latent_sizes, published_evidence
from pkvae_core.commands.measurements import latent_size as measured
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import simulate
from pkvae_core.inference.ladder import climb
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.untrained import untrained


@pytest.mark.parametrize(("latent", "absorption"), [(2, 1), (4, 2), (12, 2)])
def test_where_latents_are_few_absorption_gets_at_most_half_of_them(latent, absorption):
    configuration = untrained(load_card("tacrolimus"), seed=1, latent=latent).configuration
    assert (configuration.latent, configuration.absorption) == (latent, absorption)


def test_a_shipped_model_explains_fresh_patients_nearly_as_well_as_the_published_ones_that_made_them():
    card = load_card("theophylline")
    some = simulate(card, 40, torch.Generator().manual_seed(3), samples=4).population
    ours, _ = climb(load_model("theophylline"), some, draws=1000, generator=torch.Generator().manual_seed(3))
    short = published_evidence(card, some, 3) - ours.log_evidence.double().numpy()
    assert abs(short.mean()) < 0.2


def test_untrained_models_of_every_size_fall_short_of_those_who_made_the_patients():
    found = latent_sizes(load_card("theophylline"), (2, 6), steps=2, patients=2, seed=1, say=print)
    assert [size.latent for size in found] == [2, 6] and all(len(size.short) == 2 and size.short.mean() > 0 for size in found)


def test_the_table_names_the_size_that_is_shipped_and_the_cost_of_every_other():
    rows = [{"latent": n, "in_use": min(n, 5), "short": [1.0 / n, 0.5 / n, 1.5 / n], "worse": [0.0, -0.1, 0.1]} for n in measured.SIZES]
    found = {"steps": 1500, "patients": 300, "levels": 4, "sizes": list(measured.SIZES), "drugs": {"vancomycin": {"shipped": 5, "sizes": rows}}}
    said = measured.markdown(found)
    assert "Vancomycin (5)" in said and "0.50 (0.25 to 0.75), 2" in said and "12 latents" in said
