"""The model: laws that hold whatever the weights, and a training run that learns, resumes and is reproducible."""

import json
from dataclasses import replace

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population, course, simulate
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.structural.exponentials import NEVER, superpose
from pkvae_core.vae.checkpoint import load_model, training_curve
from pkvae_core.vae.encoder import sample_features
from pkvae_core.vae.hiding import hide
from pkvae_core.vae.train import Schedule, train, untrained
from pkvae_core.vae.vae import Configuration, objective

KNOWN = (Covariate("WT", 70.0), Covariate("HCT", 38.0))  # each card has one of them


@pytest.fixture(scope="module", params=["vancomycin", "theophylline", "tacrolimus"])
def model(request):
    return untrained(load_card(request.param), seed=3).eval().requires_grad_(False)


def patient(samples=((5.0, 9.0), (11.0, 6.0), (23.0, 5.0))) -> Patient:
    return Patient("a", tuple(Dose(12 * i, 500, 1.0 if i else 0.0) for i in range(2)), tuple(Sample(t, y) for t, y in samples), KNOWN)


def density(model, one: Patient) -> torch.Tensor:
    z = torch.linspace(-1, 1, model.configuration.latent)[None]
    return model.posterior(Population.of(model.card, [one])).log_prob(z)


def test_order_of_samples_changes_nothing(model):
    population = Population.of(model.card, [patient()])
    tables = ("sample_time", "level", "is_below_lloq", "is_sample", "trust")
    flipped = replace(population, **{name: getattr(population, name).flip(1) for name in tables})
    z = torch.zeros(1, model.configuration.latent)
    torch.testing.assert_close(model.posterior(population).log_prob(z), model.posterior(flipped).log_prob(z))


def test_padding_changes_nothing(model):
    alone = density(model, patient())
    crowd = Population.of(model.card, [patient(), patient(tuple((float(i), 5.0) for i in range(1, 9)))])
    z = torch.linspace(-1, 1, model.configuration.latent)[None].expand(2, -1)
    torch.testing.assert_close(model.posterior(crowd).log_prob(z)[:1], alone, rtol=1e-4, atol=1e-4)


def test_with_no_samples_the_encoder_is_the_prior_and_sees_no_dose(model):
    without = patient(samples=())
    z = torch.linspace(-1, 1, model.configuration.latent)[None]
    prior = model.prior(Population.of(model.card, [without]).covariates).log_prob(z)
    torch.testing.assert_close(density(model, without), prior)


def test_the_encoder_sees_doses_and_levels(model):
    assert not torch.equal(density(model, patient()), density(model, patient(((5.0, 9.0), (11.0, 6.0), (23.0, 9.0)))))
    richer = Patient("a", tuple(Dose(d.time_h, 2 * d.amount_mg, d.infusion_h) for d in patient().doses), patient().samples, patient().covariates)
    assert not torch.equal(density(model, patient()), density(model, richer))


def test_doubling_the_dose_doubles_the_curve(model):
    z = torch.randn(1, 20, model.configuration.latent, generator=torch.Generator().manual_seed(0))
    times = torch.linspace(0.1, 60, 30)[None]
    once, twice = (superpose(model.decoder(z), course(model.card, [[Dose(0, a, 1.0), Dose(12, a, 2.0)]]), times)[0] for a in (400, 800))
    torch.testing.assert_close(twice, 2 * once)


def test_there_is_nothing_before_the_first_dose_and_nothing_negative_after(model):
    z = 3 * torch.randn(1, 200, model.configuration.latent, generator=torch.Generator().manual_seed(1))
    times = torch.cat([torch.linspace(-20, 5, 10), torch.logspace(0.8, 2.5, 40)])[None]
    concentration, area = superpose(model.decoder(z), course(model.card, [[Dose(5, 400, 1.0)]]), times)
    assert (concentration[..., :10] == 0).all() and (concentration >= 0).all()
    assert (area.diff(dim=-1) >= -1e-3 * area[..., -1:]).all()


def test_unknown_covariates_are_a_state_of_their_own(model):
    count = len(model.card.covariates)
    z = torch.zeros(1, model.configuration.latent)
    assert torch.isfinite(model.prior(torch.full((1, count), torch.nan)).log_prob(z)).all()


def test_a_patient_whose_covariates_did_not_differ_was_the_same(model):
    z = torch.randn(2, 5, model.configuration.latent, generator=torch.Generator().manual_seed(2))
    covariates = torch.full((2, len(model.card.covariates)), torch.nan)
    torch.testing.assert_close(model.before(z, covariates, torch.zeros_like(covariates)), z)


def test_what_absorbs_does_not_change_with_covariates(model):
    absorption = model.configuration.absorption
    z = torch.randn(1, 5, model.configuration.latent, generator=torch.Generator().manual_seed(2))
    covariates = torch.full((1, len(model.card.covariates)), torch.nan)
    before = model.before(z, covariates, torch.ones_like(covariates))
    disposition = model.configuration.latent - absorption
    assert torch.equal(before[..., disposition:], z[..., disposition:])


def test_a_change_after_the_last_level_still_counts_in_what_the_encoder_sees(model):
    changed = replace(patient(), covariates=(*KNOWN, Covariate("WT", 61.0, time_h=15.0), Covariate("HCT", 31.0, time_h=15.0)))
    features = sample_features(Population.of(model.card, [changed]), model.configuration.scales, model.configuration.routes)
    unchanged = sample_features(Population.of(model.card, [patient()]), model.configuration.scales, model.configuration.routes)
    assert not torch.equal(features, unchanged)
    earlier = replace(changed, covariates=(*KNOWN, Covariate("WT", 61.0, time_h=-1.0), Covariate("HCT", 31.0, time_h=-1.0)))
    assert not torch.equal(features, sample_features(Population.of(model.card, [earlier]), model.configuration.scales, model.configuration.routes))


def test_what_changes_is_seen():
    """A covariate that changed in the course was measured: hiding leaves it in, before and after."""
    virtual = simulate(load_card("vancomycin"), 500, torch.Generator().manual_seed(0), changing=1.0)
    seen = hide(virtual.population, torch.Generator().manual_seed(1), tuple(c.name for c in load_card("vancomycin").covariates))
    did = (virtual.population.history.covariates[:, 1, 4] != virtual.population.covariates[:, 4]) & (virtual.population.history.until[:, 1] > NEVER)
    assert did.sum() > 300
    assert not seen.history.covariates[did][..., 4].isnan().any() and not seen.covariates[did][:, 4].isnan().any()


def test_hiding_leaves_half_of_the_patients_complete():
    card = load_card("vancomycin")
    virtual = simulate(card, 2000, torch.Generator().manual_seed(0))
    seen = hide(virtual.population, torch.Generator().manual_seed(1), tuple(c.name for c in card.covariates))
    complete = (~seen.covariates.isnan()).all(1).float().mean()
    assert 0.45 < complete < 0.65
    ingredients = ~seen.covariates[:, :5].isnan()
    known = ingredients[:, [0, 1, 2, 4]].all(1)
    assert not seen.covariates[known, 5].isnan().any()


def test_the_objective_has_finite_parts_and_gradients():
    model = untrained(load_card("vancomycin"), seed=1)
    virtual = simulate(model.card, 64, torch.Generator().manual_seed(0))
    parts = objective(model, virtual, virtual.population, curve_sd=0.1)
    parts.total(beta=1.0).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_training_learns_resumes_and_comes_back_from_its_files(tmp_path):
    schedule = Schedule(steps=60, batch=64, warm_up=0.01)
    model = train("theophylline", tmp_path / "whole", schedule=schedule, log=open(tmp_path / "log", "w"))
    rows = [[float(v) for v in line.split(",")] for line in (tmp_path / "whole" / "training.csv").read_text().splitlines()[1:]]
    assert rows[-1][0] == 60 and rows[-1][1] < rows[0][1]
    again = load_model(tmp_path / "whole")
    assert training_curve(tmp_path / "whole")["step"][-1] == 60
    assert again.version == model.version and again.provenance["training"]["steps"] == 60
    for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    import pkvae_core.vae.train as module

    schedule = Schedule(steps=12, batch=32)
    silent = open(tmp_path / "log", "w")
    whole = train("theophylline", tmp_path / "whole", schedule=schedule, log=silent)
    monkeypatch.setattr(module, "SAVE_EVERY", 6)

    def power_cut(model, patients, seen, *, curve_sd):
        power_cut.calls += 1
        if power_cut.calls > 9:
            raise KeyboardInterrupt
        return objective(model, patients, seen, curve_sd=curve_sd)

    power_cut.calls = 0
    monkeypatch.setattr(module, "objective", power_cut)
    with pytest.raises(KeyboardInterrupt):
        train("theophylline", tmp_path / "cut", schedule=schedule, log=silent)
    monkeypatch.setattr(module, "objective", objective)
    resumed = train("theophylline", tmp_path / "cut", schedule=schedule, resume=True, log=silent)
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_checkpoint_that_was_changed_is_refused(tmp_path):
    train("theophylline", tmp_path, schedule=Schedule(steps=2, batch=16), log=open(tmp_path / "log", "w"))
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(ValueError, match="checksum"):
        load_model(tmp_path)
    provenance = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(provenance | {"format": 99}))
    with pytest.raises(ValueError, match="format 99"):
        load_model(tmp_path)


def test_a_checkpoint_from_before_there_were_stages_has_one():
    model = untrained(load_card("theophylline"), seed=3)
    known = model.configuration.to_dict()
    assert known.pop("stages") == 1
    assert Configuration.from_dict(known) == model.configuration


def test_three_transit_compartments_are_read_off_the_published_model():
    model = untrained(load_card("tacrolimus"), seed=3)
    pulses = model.decoder(torch.zeros(1, 1, model.configuration.latent))
    assert model.configuration.stages == pulses.stages == 3
    assert pulses.amplitude.shape[-1] == 4 * model.configuration.terms


def test_an_empty_folder_says_how_to_train(tmp_path):
    with pytest.raises(ValueError, match="python -m pkvae_core train"):
        load_model(tmp_path)
