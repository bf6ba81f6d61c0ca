"""The decoders of drugs that are not proportional to dose, one that saturates and one that meets its target: laws that hold whatever the weights."""

import copy
import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch

from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.drugs.population import Population, course, simulate
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.structural.body import Body
from pkvae_core.structural.corrected import Corrected
from pkvae_core.structural.corrected_target import CorrectedTarget
from pkvae_core.structural.saturable import Saturable
from pkvae_core.structural.simulated import Simulated
from pkvae_core.structural.target_mediated import TargetMediated
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.train import Schedule, train, untrained
from pkvae_core.vae.vae import PKVAE, Configuration


@dataclass(frozen=True)
class Kind:
    """A drug, a few doses of it, hours in its course, and the textbook's body with the parameters of a decoded one. The largest of `amounts_mg` gives more
    than `excess` times the level of the smallest, beyond their ratio."""

    drug: str
    doses: tuple[Dose, ...]
    hours: tuple[float, ...]
    amounts_mg: tuple[float, ...]
    excess: float
    decoded: type[Body]
    textbook: Callable[..., Body]
    known: tuple[Covariate, ...]
    level: Sample
    schedule: Schedule

    @property
    def card(self) -> DrugCard:
        return load_card(self.drug)

    def of(self, amount_mg: float) -> tuple[Dose, ...]:
        return tuple(replace(dose, amount_mg=amount_mg) for dose in self.doses)


def _saturating(body: Corrected) -> Saturable:
    return Saturable(body.Vmax, body.Km, body.V, body.ka)


def _meeting(body: CorrectedTarget) -> TargetMediated:
    return TargetMediated(body.CL, body.excess_CL, body.target_CL, body.V, body.complex_V, body.production, body.baseline, body.Kd0, body.ka)


WEIGHT = Covariate("WT", 70.0)
KINDS = (
    Kind(
        "phenytoin", tuple(Dose(12.0 * i, 150) for i in range(10)), (30.0, 119.0, 200.0), (50, 100, 200, 300), 7.0, Corrected, _saturating,
        (WEIGHT, Covariate("AED", 1.0)), Sample(100.0, 8.0), Schedule(steps=30, batch=64, passes=2, warm_up=1.0),
    ),
    Kind(
        "omalizumab", tuple(Dose(672.0 * i, 300) for i in range(4)), (30.0, 900.0, 3300.0), (75, 150, 300, 600), 8.5, CorrectedTarget, _meeting,
        (WEIGHT,), Sample(800.0, 60.0), Schedule(steps=16, batch=32, passes=2, warm_up=1.0),
    ),
)  # fmt: skip
SATURATING, MEETING = KINDS


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.drug)
def kind(request) -> Kind:
    return request.param


@pytest.fixture(scope="module")
def model(kind) -> PKVAE:
    return untrained(kind.card, seed=3).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def bent(model) -> PKVAE:
    """The same model with weights that were pushed about, the correction's too."""
    state = {name: value + 0.05 * torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) for name, value in model.decoder.state_dict().items()}
    other = copy.deepcopy(model)
    other.decoder.load_state_dict(state)
    return other


def levels(model: PKVAE, doses, time_h) -> torch.Tensor:
    """Of three latent points [draw, time]."""
    z = torch.linspace(-1, 1, 3 * model.configuration.latent).view(1, 3, -1)
    nobody = Population.of(model.card, [Patient("a", doses, (), (WEIGHT,))])
    return model.responses(z, nobody).curves(course(model.card, [doses]), torch.tensor([time_h]))[0][0]


def test_an_untrained_decoder_is_the_textbook_model(model, kind):
    body = model.decoder(torch.randn(1, 20, model.configuration.latent, generator=torch.Generator().manual_seed(0)))
    assert isinstance(body, kind.decoded) and not bool(body.weight.any())
    doses, time = course(kind.card, [kind.doses]), torch.tensor([kind.hours])
    torch.testing.assert_close(Simulated(body).curves(doses, time)[0], Simulated(kind.textbook(body)).curves(doses, time)[0])


def test_nothing_is_there_before_the_first_dose_and_more_drug_is_never_a_lower_level(bent, kind):
    found = torch.stack([levels(bent, kind.of(mg), [-3.0, 0.0, *kind.hours]) for mg in kind.amounts_mg])
    assert not bool(found[..., :2].any()) and bool((found[0] >= 0).all()) and bool((found[..., 2:].diff(dim=0) > 0).all())


def test_it_is_not_proportional_to_dose(bent, kind):
    least, most = (levels(bent, kind.of(mg), [kind.doses[-1].time_h + 11]) for mg in (kind.amounts_mg[0], kind.amounts_mg[-1]))
    assert kind.excess > kind.amounts_mg[-1] / kind.amounts_mg[0] and not bent.is_dose_proportional
    assert bool((most > kind.excess * least).all())


def test_moving_the_clock_moves_the_curve(bent, kind):
    later = tuple(replace(dose, time_h=dose.time_h + 100) for dose in kind.doses)
    moved = levels(bent, later, [hour + 100 for hour in kind.hours])
    torch.testing.assert_close(moved, levels(bent, kind.doses, list(kind.hours)), rtol=1e-4, atol=1e-4)


def test_the_configuration_survives_its_own_json_and_an_older_one_is_still_read(model, kind):
    values = model.configuration.to_dict()
    assert Configuration.from_dict(values) == model.configuration and values["backbone"] == ("target" if kind == MEETING else "saturable")
    old = {name: value for name, value in values.items() if name != "backbone"}
    old["scales"] = {name: value for name, value in old["scales"].items() if name != "hours"}
    assert Configuration.from_dict(old).backbone == "saturable" and Configuration.from_dict(old).scales.hours == 1


def test_training_learns_and_what_is_saved_answers_alike(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("pkvae_core.vae.train.POOL", 256)
    trained, plan = train(kind.drug, tmp_path, schedule=kind.schedule, log=io.StringIO()), kind.schedule
    assert len((tmp_path / "training.csv").read_text().splitlines()) == 2
    assert trained.provenance["training"]["virtual_patients"] == plan.steps * plan.batch // plan.passes
    population = Population.of(kind.card, [Patient("a", kind.doses, (kind.level,), kind.known)])
    z, again = torch.zeros(1, 1, trained.configuration.latent), load_model(tmp_path)
    for model in (trained, again):
        assert torch.isfinite(model.posterior(population).log_prob(z[:, 0])).all()
    torch.testing.assert_close(levels(again, kind.doses, list(kind.hours)), levels(trained, kind.doses, list(kind.hours)))


def test_virtual_patients_with_changed_covariates_can_be_taught(model, kind):
    body = simulate(kind.card, 8, torch.Generator().manual_seed(0), changing=1.0).responses.earlier[0]
    assert not isinstance(body, tuple) and model.curve(body).shape == (8, 1, model.configuration.points)


@pytest.mark.parametrize("kind", [SATURATING], indirect=True, ids=["phenytoin"])
def test_a_teacher_tells_two_bodies_of_like_clearance_at_one_level_apart(model):
    """Both clear 0.5 L/h at 10 mg/L; one is all but linear."""
    one = torch.ones(1, 1)
    bodies = [Saturable(0.5 * (Km + 10) * one, Km * one, 36 * one, 1.5 * one) for Km in (2.0, 200.0)]
    curves = [model.curve(body)[0, 0] for body in bodies]
    assert float((curves[0] - curves[1]).abs().max()) > 5 * 0.5


@pytest.mark.parametrize("kind", [MEETING], indirect=True, ids=["omalizumab"])
def test_one_latent_is_the_logarithm_of_the_targets_level(model):
    z = torch.zeros(1, 3, model.configuration.latent)
    z[0, :, -2] = torch.tensor([-1.0, 0.0, 1.0])
    mean, sd, _ = model.decoder.target
    torch.testing.assert_close(model.decoder(z).baseline[0].log(), mean + sd * z[0, :, -2])
