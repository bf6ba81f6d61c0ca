"""The decoder of a drug that is not proportional to dose: laws that hold whatever the weights."""

import copy
import io

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population, course, simulate
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.structural.corrected import Corrected
from pkvae_core.structural.saturable import Saturable
from pkvae_core.structural.simulated import Simulated
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.train import Schedule, train, untrained
from pkvae_core.vae.vae import Configuration

CARD = load_card("phenytoin")
DOSES = tuple(Dose(12.0 * i, 150) for i in range(10))


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
    population = Population.of(CARD, [Patient("a", doses, (), (Covariate("WT", 70.0), Covariate("AED", 0.0)))])
    z = torch.linspace(-1, 1, 3 * model.configuration.latent).view(1, 3, -1)
    return model.responses(z, population).curves(course(CARD, [doses]), torch.tensor([time_h]))[0][0]


def test_an_untrained_decoder_is_the_textbook_model(model):
    z = torch.randn(1, 20, model.configuration.latent, generator=torch.Generator().manual_seed(0))
    body = model.decoder(z)
    textbook = Saturable(body.Vmax, body.Km, body.V, body.ka)
    assert isinstance(body, Corrected) and not bool(body.weight.any())
    doses, time = course(CARD, [DOSES]), torch.tensor([[5.0, 50.0, 130.0]])
    torch.testing.assert_close(Simulated(body).curves(doses, time)[0], Simulated(textbook).curves(doses, time)[0])


def test_nothing_is_there_before_the_first_dose_and_never_less_than_nothing(bent):
    found = levels(bent, DOSES, [-3.0, 0.0, 1.0, 60.0, 400.0])
    assert not bool(found[:, :2].any()) and bool((found >= 0).all()) and bool((found[:, 2:4] > 0).all())


def test_it_is_not_proportional_to_dose(bent):
    one, three = (levels(bent, tuple(Dose(d.time_h, mg) for d in DOSES), [119.0]) for mg in (100, 300))
    assert not bent.is_dose_proportional and bool((three > 3.5 * one).all())


def test_more_drug_is_never_a_lower_level(bent):
    found = torch.stack([levels(bent, tuple(Dose(d.time_h, mg) for d in DOSES), [30.0, 119.0, 200.0]) for mg in (50, 100, 200, 300)])
    assert bool((found.diff(dim=0) > 0).all())


def test_moving_the_clock_moves_the_curve(bent):
    later = tuple(Dose(d.time_h + 100, d.amount_mg) for d in DOSES)
    torch.testing.assert_close(levels(bent, later, [150.0, 219.0]), levels(bent, DOSES, [50.0, 119.0]), rtol=1e-4, atol=1e-4)


def test_a_teacher_tells_two_bodies_of_like_clearance_at_one_level_apart(model):
    """Both clear 0.5 L/h at 10 mg/L; one is all but linear."""
    one = torch.ones(1, 1)
    bodies = [Saturable(0.5 * (Km + 10) * one, Km * one, 36 * one, 1.5 * one) for Km in (2.0, 200.0)]
    curves = [model.curve(body)[0, 0] for body in bodies]
    assert float((curves[0] - curves[1]).abs().max()) > 5 * 0.5


def test_the_configuration_survives_its_own_json(model):
    assert Configuration.from_dict(model.configuration.to_dict()) == model.configuration


def test_training_learns_and_what_is_saved_answers_alike(tmp_path):
    trained = train("phenytoin", tmp_path, schedule=Schedule(steps=30, batch=64, passes=2, warm_up=1.0), log=io.StringIO())
    rows = (tmp_path / "training.csv").read_text().splitlines()
    assert len(rows) == 2 and trained.provenance["training"]["virtual_patients"] == 30 * 64 // 2
    patient = Patient("a", DOSES, (Sample(100.0, 8.0),), (Covariate("WT", 70.0), Covariate("AED", 1.0)))
    population, z = Population.of(CARD, [patient]), torch.zeros(1, 1, 5)
    for model in (trained, load_model(tmp_path)):
        assert torch.isfinite(model.posterior(population).log_prob(z[:, 0])).all()
    torch.testing.assert_close(load_model(tmp_path).decoder(z).Vmax, trained.decoder(z).Vmax)


def test_virtual_patients_with_changed_covariates_can_be_taught(model):
    virtual = simulate(CARD, 8, torch.Generator().manual_seed(0), changing=1.0)
    body = virtual.responses.earlier[0]
    assert not isinstance(body, tuple) and model.curve(body).shape == (8, 1, model.configuration.points)
