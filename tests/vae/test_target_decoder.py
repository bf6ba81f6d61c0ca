"""The decoder of a drug that meets its target: the target's level is one of the latents."""

import copy
import io

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population, course, simulate
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.structural.corrected_target import CorrectedTarget
from pkvae_core.structural.simulated import Simulated
from pkvae_core.structural.target_mediated import TargetMediated
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.train import Schedule, train, untrained
from pkvae_core.vae.vae import Configuration

CARD = load_card("omalizumab")
DOSES = tuple(Dose(672.0 * i, 300) for i in range(4))


@pytest.fixture(scope="module")
def model():
    return untrained(CARD, seed=3).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def bent(model):
    """The same model with weights that were pushed about, the correction's too."""
    state = {name: value + 0.05 * torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) for name, value in model.decoder.state_dict().items()}
    other = copy.deepcopy(model)
    other.decoder.load_state_dict(state)
    return other


def levels(model, doses, time_h) -> torch.Tensor:
    z = torch.linspace(-1, 1, 3 * model.configuration.latent).view(1, 3, -1)
    return Simulated(model.decoder(z)).curves(course(CARD, [doses]), torch.tensor([time_h]))[0][0]


def test_an_untrained_decoder_is_the_textbook_model(model):
    body = model.decoder(torch.randn(1, 20, model.configuration.latent, generator=torch.Generator().manual_seed(0)))
    assert isinstance(body, CorrectedTarget) and not bool(body.weight.any())
    textbook = TargetMediated(body.CL, body.excess_CL, body.target_CL, body.V, body.complex_V, body.production, body.baseline, body.Kd0, body.ka)
    doses, time = course(CARD, [DOSES]), torch.tensor([[100.0, 1000.0, 3000.0]])
    torch.testing.assert_close(Simulated(body).curves(doses, time)[0], Simulated(textbook).curves(doses, time)[0])


def test_one_latent_is_the_logarithm_of_the_targets_level(model):
    z = torch.zeros(1, 3, model.configuration.latent)
    z[0, :, -2] = torch.tensor([-1.0, 0.0, 1.0])
    mean, sd, _ = model.decoder.target
    torch.testing.assert_close(model.decoder(z).baseline[0].log(), mean + sd * z[0, :, -2])


def test_nothing_is_there_before_the_first_dose_and_more_drug_is_never_a_lower_level(bent):
    found = torch.stack([levels(bent, tuple(Dose(d.time_h, mg) for d in DOSES), [-3.0, 0.0, 30.0, 900.0, 4000.0]) for mg in (75, 150, 300, 600)])
    assert not bool(found[..., :2].any()) and bool((found[..., 2:].diff(dim=0) > 0).all())


def test_it_is_not_proportional_to_dose(bent):
    one, eight = (levels(bent, tuple(Dose(d.time_h, mg) for d in DOSES), [3300.0]) for mg in (75, 600))
    assert not bent.is_dose_proportional and bool((eight > 8.5 * one).all())


def test_moving_the_clock_moves_the_curve(bent):
    later = tuple(Dose(d.time_h + 100, d.amount_mg) for d in DOSES)
    torch.testing.assert_close(levels(bent, later, [400.0, 2500.0]), levels(bent, DOSES, [300.0, 2400.0]), rtol=1e-4, atol=1e-4)


def test_the_configuration_survives_its_own_json_and_an_older_one_is_still_read(model):
    values = model.configuration.to_dict()
    assert Configuration.from_dict(values) == model.configuration and values["backbone"] == "target"
    old = {name: value for name, value in values.items() if name != "backbone"}
    old["scales"] = {name: value for name, value in old["scales"].items() if name != "hours"}
    assert Configuration.from_dict(old).backbone == "saturable" and Configuration.from_dict(old).scales.hours == 1


def test_training_learns_and_what_is_saved_answers_alike(tmp_path, monkeypatch):
    monkeypatch.setattr("pkvae_core.vae.train.POOL", 256)
    trained = train("omalizumab", tmp_path, schedule=Schedule(steps=16, batch=32, passes=2, warm_up=1.0), log=io.StringIO())
    patient = Patient("a", DOSES, (Sample(800.0, 60.0),), (Covariate("WT", 70.0),))
    population, z = Population.of(CARD, [patient]), torch.zeros(1, 1, 7)
    again = load_model(tmp_path)
    assert torch.isfinite(again.posterior(population).log_prob(z[:, 0])).all()
    torch.testing.assert_close(again.decoder(z).production, trained.decoder(z).production)


def test_virtual_patients_whose_weight_changed_can_be_taught(model):
    body = simulate(CARD, 8, torch.Generator().manual_seed(0), changing=1.0).responses.earlier[0]
    assert not isinstance(body, tuple) and model.curve(body).shape == (8, 1, model.configuration.points)
