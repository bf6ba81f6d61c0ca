"""What learning from observed patients promises: it gains, it goes on where it was stopped, it keeps what it must not change, and it knows its error."""

import copy
import math

import numpy as np
import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population
from pkvae_core.inference.ladder import climb
from pkvae_core.inference.mixing import share_of
from pkvae_core.inference.posterior import individualise, predict
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.residual_error import ResidualError
from pkvae_core.vae.checkpoint import learning_curve, load_model
from pkvae_core.vae.observed import ObservedSchedule, learn, misfit_of
from pkvae_core.vae.observed_model import Ensemble

CARD = load_card("theophylline")
FAST = ObservedSchedule.fast()


def cohort(count: int, *, proportional: float = 0.1, seed: int = 0) -> list[Patient]:
    """One compartment, swallowed: CL 3 L/h, V 35 L, ka 1.2/h, 30 % apart; four levels within a day."""
    generator = torch.Generator().manual_seed(seed)

    def one(i: int) -> Patient:
        cl, v, ka = (torch.tensor([3.0, 35.0, 1.2]) * torch.exp(0.3 * torch.randn(3, generator=generator))).tolist()
        times = (0.5 + 23 * torch.rand(4, generator=generator)).tolist()
        truth = [300 * ka / (v * (ka - cl / v)) * (math.exp(-cl / v * t) - math.exp(-ka * t)) for t in times]
        noise = (1 + proportional * torch.randn(4, generator=generator)).tolist()
        samples = tuple(Sample(t, c * n) for t, c, n in zip(times, truth, noise, strict=True))
        return Patient(str(i), (Dose(0, 300, 0, "oral"),), samples, (Covariate("WT", 55 + 30 * float(torch.rand(1, generator=generator))),))

    return [one(i) for i in range(count)]


@pytest.fixture(scope="module")
def patients() -> list[Patient]:
    return cohort(40)


@pytest.fixture(scope="module")
def learned(patients, tmp_path_factory):
    folder = tmp_path_factory.mktemp("learned")
    return learn(CARD, patients, folder, schedule=FAST), folder


def test_learning_raises_the_bound_of_patients_held_out(tmp_path):
    learn(CARD, cohort(100), tmp_path, schedule=ObservedSchedule(members=2, steps=40, refine_steps=0, width=16, arrivals=1))
    for member in learning_curve(tmp_path).values():
        assert min(member["held_out"]) < member["held_out"][0] - 0.3


def test_a_model_is_read_back_as_it_was_written(learned, patients):
    model, folder = learned
    again = load_model(folder)
    ours, theirs = individualise(model, patients[0]), individualise(again, patients[0])
    assert isinstance(again, Ensemble) and again.errors == model.errors and again.card == model.card
    assert predict(ours, patients[0].doses, [3, 9, 20]).median == pytest.approx(predict(theirs, patients[0].doses, [3, 9, 20]).median)


def test_a_model_from_scratch_owes_nothing_to_published_models(learned):
    model, _ = learned
    assert model.card.published_models == () and model.names == ("cohort",)
    assert model.provenance["origin"] == "cohort" and model.provenance["training"]["patients"] == 40


class Stopped(Exception):
    pass


@pytest.mark.parametrize("stop", [3, 47], ids=["at once", "in the second member, while its encoder is refined"])
def test_an_interrupted_learning_goes_on_to_the_same_model(learned, patients, tmp_path, stop):
    def tick(done, total, losses):
        assert 0 <= done <= total
        if done >= stop:
            raise Stopped

    with pytest.raises(Stopped):
        learn(CARD, patients, tmp_path, schedule=FAST, tick=tick)
    resumed = learn(CARD, patients, tmp_path, schedule=FAST, resume=True)
    for name, value in learned[0].state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0)
    assert resumed.errors == learned[0].errors


def test_there_is_nothing_to_resume_in_an_empty_folder(patients, tmp_path):
    with pytest.raises(ValueError, match="nothing to resume"):
        learn(CARD, patients, tmp_path, schedule=FAST, resume=True)


def test_no_fit_goes_on_beyond_its_steps(patients, tmp_path):
    """Also where the last step is not one at which the patients held out are asked."""
    schedule = ObservedSchedule(members=1, steps=7, refine_steps=0, batch=16, draws=8, width=16, check_every=5)
    told: list[tuple[int, int]] = []
    learn(CARD, patients, tmp_path, schedule=schedule, tick=lambda done, total, losses: told.append((done, total)))
    assert told[-1] == (7, 7) and learning_curve(tmp_path)[1]["step"] == [0, 5, 7]


def test_nine_patients_teach_nothing(patients, tmp_path):
    with pytest.raises(ValueError, match="at least 10"):
        learn(CARD, patients[:9], tmp_path, schedule=FAST)


def test_without_levels_the_posterior_is_every_members_prior_in_equal_parts(learned, patients):
    model, _ = learned
    found = individualise(model, Patient("new", patients[0].doses, (), patients[0].covariates))
    each = [individualise(m, Patient("new", patients[0].doses, (), patients[0].covariates), draws=share_of(1000, 2)) for m in model.members]
    assert found.diagnostics.rung == "prior" and float(found.weight.std()) == pytest.approx(0, abs=1e-9)
    together = sum(predict(one, patients[0].doses, [4, 12]).mean for one in each) / 2
    assert predict(found, patients[0].doses, [4, 12]).mean == pytest.approx(together, rel=1e-5)


def test_each_member_weighs_as_much_as_it_explains_the_levels(learned, patients):
    """A second member with lower concentrations: its share is that of its evidence."""
    right = learned[0].members[0]
    wrong = copy.deepcopy(right)
    with torch.no_grad():
        wrong.decoder.centre[: wrong.decoder.terms] -= 0.15
    found = individualise(Ensemble([right, wrong], {}), patients[1], draws=1000)
    population = Population.of(right.card, [patients[1]])
    with torch.no_grad():
        evidence = [climb(m, population, draws=500, generator=torch.Generator().manual_seed(0))[0].log_evidence for m in (right, wrong)]
    assert float(found.weight[:500].sum()) == pytest.approx(float(torch.sigmoid(evidence[0] - evidence[1])), rel=1e-4)
    assert float(found.weight.sum()) == pytest.approx(1)


def test_the_residual_error_is_found_again(tmp_path):
    """30 % made the levels, 20 % is where learning begins: found within a fifth, at the typical level."""
    schedule = ObservedSchedule(members=1, steps=160, refine_steps=0, width=24, arrivals=1, learning_rate=1e-2)
    model = learn(CARD, cohort(150, proportional=0.3), tmp_path, schedule=schedule)
    (error,), typical = model.errors, model.configuration.scales.concentration
    assert math.hypot(error.proportional, error.additive_mg_per_L / typical) == pytest.approx(0.3, rel=0.2)


@pytest.fixture(scope="module")
def shipped():
    return load_model("theophylline")


def test_on_an_infinite_leash_nothing_changes(shipped, patients, tmp_path):
    schedule = ObservedSchedule(folds=2, adapting_steps=4, check_every=2, adapting_batch=16, adapting_draws=8, leash=math.inf)
    adapted = learn(CARD, patients, tmp_path, start=shipped, schedule=schedule)
    for name, value in shipped.state_dict().items():
        torch.testing.assert_close(adapted.state_dict()[name], value, rtol=0, atol=0)
    assert adapted.errors == shipped.errors


def test_adapting_raises_the_bound_and_leaves_the_shipped_model_alone(shipped, patients, tmp_path):
    before = {name: value.clone() for name, value in shipped.state_dict().items()}
    schedule = ObservedSchedule(folds=2, adapting_steps=12, check_every=4, adapting_batch=32, adapting_draws=8)
    adapted = learn(CARD, patients, tmp_path, start=shipped, schedule=schedule)
    curves = learning_curve(tmp_path).values()
    assert sum(min(curve["held_out"]) for curve in curves) < sum(curve["held_out"][0] for curve in curves)
    assert adapted.card.published_models == CARD.published_models and adapted.provenance["training"]["start"] == shipped.version
    for name, value in shipped.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_a_model_of_other_covariates_does_not_adapt(shipped, patients, tmp_path):
    bare = CARD.model_copy(update={"covariates": CARD.covariates[:0]})
    with pytest.raises(ValueError, match="other covariates"):
        learn(bare, patients, tmp_path, start=shipped, schedule=FAST)


def test_a_card_without_covariates_learns_too(patients, tmp_path):
    bare = CARD.model_copy(update={"covariates": (), "typical_patient": {}})
    model = learn(bare, patients, tmp_path, schedule=ObservedSchedule.fast())
    assert math.isfinite(predict(individualise(model, patients[0]), patients[0].doses, [6.0]).median[0])


def test_what_the_residual_error_has_beyond_the_laboratorys_is_misfit():
    lab = ResidualError(0.1, 0.05)
    assert misfit_of(lab, lab, 4.0) == misfit_of(ResidualError(0.05, 0.01), lab, 4.0) == 0.0
    assert misfit_of(ResidualError(0.26, 0.05), lab, 4.0) == pytest.approx(0.24)
    assert misfit_of(ResidualError(0.1, (0.05**2 + 0.4**2) ** 0.5), lab, 4.0) == pytest.approx(0.1)


def test_a_known_misfit_widens_the_band_and_leaves_the_median(patients, tmp_path):
    """Learned twice alike, once told of an almost perfect laboratory: what is left over is the model's own."""
    plain, told = (learn(CARD, patients, tmp_path / str(i), schedule=FAST, assay=assay) for i, assay in enumerate((None, ResidualError(1e-3, 0.0))))
    assert plain.configuration.misfit == 0.0 and told.members[1].configuration.misfit > 0.1
    time_h = [1.0, 3.0, 6.0]
    narrow, wide = (predict(individualise(model, patients[0]), patients[0].doses, time_h) for model in (plain, told))
    width = [np.log(p.quantile(0.95) / p.quantile(0.05)) for p in (narrow, wide)]
    assert (width[1] > width[0]).all() and np.allclose(np.log(wide.median / narrow.median), 0, atol=0.15)
    assert load_model(tmp_path / "1").configuration.misfit == told.configuration.misfit
