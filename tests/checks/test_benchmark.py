"""The benchmark on a handful of patients: every figure is there, none is out of its range, and a perfect engine would show as one."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.checks import falling as falling_module
from pkvae_core.checks import timing
from pkvae_core.checks.beliefs import Beliefs, is_in_target, joined, picked
from pkvae_core.checks.benchmark import Benchmark, run_cell
from pkvae_core.checks.contenders import ENGINES, rivals
from pkvae_core.checks.falling import fallen, falling, next_day_auc
from pkvae_core.checks.ratio import log_rmse, ratio_of_errors
from pkvae_core.checks.scoreboard import compact_rows, engine_rows, markdown, model_rows, stratum_rows, summary
from pkvae_core.checks.typical import EXPOSURES, amounts_mg, unit_exposures
from pkvae_core.drugs.population import simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.inference import evidence
from pkvae_core.vae.checkpoint import load_model


@pytest.fixture(scope="module")
def model():
    return load_model("vancomycin")


@pytest.fixture(scope="module")
def found(model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "ALONE", 1)
        sizes = {"patients": 8, "coverage_patients": 12, "draws": 200, "seed": 5, "progress": lambda line: None}
        with torch.no_grad():
            cells = tuple(run_cell(model, levels, None, **sizes) for levels in (0, 2))
            return Benchmark(cells, falling(model, patients=6, draws=200, seed=3), 100.0, "the next published model on the card")


@pytest.fixture(scope="module")
def recorded(found):
    """As it is read back from model.json."""
    return json.loads(json.dumps(summary(found, seed=5)))


def test_every_cell_counts_everybody(found):
    assert [c.levels for c in found.cells] == [0, 2]
    for cell in found.cells:
        assert cell.patients == 8 and cell.coverage_patients == 12 and cell.unreliable_references == 0
        assert sum(cell.rungs.values()) == pytest.approx(1)
        assert all(0 <= share <= 1 for share in (*cell.coverage.values(), *cell.in_target.values()))
        assert all(low <= ratio <= high for ratio, low, high in cell.ratio.values())
        assert all(-1e-9 <= lost <= 1 for lost in cell.lost_probability.values())
        assert cell.strata["Everybody"]["patients"] == 12 and sum(each["patients"] for each in cell.by_model.values()) == 8
    assert {engine for engine, _ in found.cells[1].error} == set(ENGINES) and "encoder" not in {engine for engine, _ in found.cells[0].error}


def test_the_tables_have_a_row_for_everything(recorded, model):
    assert len(engine_rows(recorded, ("auc24", "trough"))) == 2 * (6 + 7)
    assert [row["engine"] for row in compact_rows(model.card, recorded)] == list(ENGINES.values())
    assert {row["Made by"] for row in model_rows(recorded, "auc24")} <= {m.name for m in model.card.published_models}
    assert stratum_rows(recorded)[0]["Patients"] == "Everybody" and stratum_rows(recorded)[0]["Count"] == "24"
    text = markdown(model.card, recorded)
    widths = [line.count(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert "Kidney function falls by half" in text and len(set(widths[: 2 + 26])) == 1


def test_a_record_of_an_older_benchmark_is_still_read(recorded, model):
    new = {"bias", "in_target", "engine_milliseconds", "by_model", "strata"}
    older = {"seed": 0, "cells": [{name: value for name, value in cell.items() if name not in new} for cell in recorded["cells"]]}
    assert "Log-RMSE" in markdown(model.card, older) and "log-RMSE" in markdown(model.card, older, is_compact=True)


def test_a_perfect_engine_has_ratio_one_and_loses_nothing(model):
    virtual = simulate(model.card, 3, torch.Generator().manual_seed(2), samples=1)
    exact = rivals(model.card, virtual.population, virtual.model, None, seed=1).beliefs["exact"]
    inside = exact.probability_in(model.card)
    assert torch.equal(inside.max(1).values, inside.gather(1, inside.argmax(1)[:, None])[:, 0])
    error = np.array([0.1, -0.2, 0.3])
    assert ratio_of_errors(error, error, np.random.default_rng(1)) == (1.0, 1.0, 1.0) and log_rmse(error) == pytest.approx(0.216, abs=1e-3)


def test_twice_the_error_is_a_ratio_of_two():
    error = np.random.default_rng(0).normal(size=500)
    ratio, low, high = ratio_of_errors(2 * error, error[::-1].copy(), np.random.default_rng(1))
    assert ratio == pytest.approx(2) and low < 2 < high


def test_quantiles_of_a_batch_are_those_of_each_patient():
    generator = torch.Generator().manual_seed(1)
    values, weight = torch.randn(4, 50, generator=generator).double(), torch.rand(4, 50, generator=generator).double()
    weight /= weight.sum(1, keepdim=True)
    found = Beliefs({"auc24": values}, weight).quantiles("auc24", (0.05, 0.5, 0.95))
    for i in range(4):
        np.testing.assert_allclose(found[:, i], weighted_quantiles(values[i].numpy(), weight[i].numpy(), (0.05, 0.5, 0.95)), atol=1e-9)


def test_the_dose_that_is_known_to_be_right_lands_in_the_target(model):
    """With the truth as the only draw, the likeliest amount reaches the target wherever one of the card's does."""
    virtual = simulate(model.card, 30, torch.Generator().manual_seed(3))
    truth = unit_exposures(model.card, virtual.pulses, ("auc24",))["auc24"]
    belief = Beliefs({"auc24": truth}, torch.ones(30, 1).double())
    lands = is_in_target(model.card, belief, belief.probability_in(model.card).argmax(1))
    reachable = [any(400 <= float(t) * amount <= 600 for amount in amounts_mg(model.card)) for t in truth[:, 0]]
    assert lands.tolist() == reachable and sum(reachable) > 20


def test_each_subject_gets_the_belief_that_its_index_names():
    one, two = (Beliefs({"auc24": torch.full((2, 3), value)}, torch.full((2, 3), 1 / 3)) for value in (1.0, 2.0))
    assert picked((one, two), torch.tensor([1, 0])).exposures["auc24"][:, 0].tolist() == [2.0, 1.0]
    assert joined((one, two), torch.full((2, 6), 1 / 6)).exposures["auc24"].shape == (2, 6)


def test_exposures_are_those_of_the_typical_regimen(model):
    """AUC24 per mg at steady state is 24/interval over clearance, and the trough lies below the peak."""
    virtual = simulate(model.card, 20, torch.Generator().manual_seed(2))
    found = unit_exposures(model.card, virtual.pulses)
    assert set(found) == set(EXPOSURES)
    np.testing.assert_allclose(found["auc24"], 24 / model.card.typical_regimen.interval_h * virtual.pulses.auc()[..., 0], rtol=1e-6)
    assert (found["trough"] < found["peak"]).all()


def test_a_kidney_that_fails_raises_the_next_days_exposure(model):
    population, truth = fallen(model.card, 20, torch.Generator().manual_seed(4))
    position = [c.name for c in model.card.covariates].index("CRCL")
    assert torch.allclose(2 * population.covariates[:, position], population.history.covariates[:, 0, position])
    before = type(truth)(truth.earlier[0])
    assert (next_day_auc(model.card, population, truth) > next_day_auc(model.card, population, before)).double().mean() > 0.95


def test_a_model_that_is_told_of_the_fall_does_better(found):
    fall = found.falling
    assert fall is not None and fall.error["weighted"] < fall.error["unaware"] and fall.ratio["weighted"][0] < 1.5


def test_patients_of_one_batch_alone_share_random_numbers(model, monkeypatch):
    """Else the error of sampling would not average out over batches."""
    seeds, believed = [], falling_module._believed
    monkeypatch.setattr(falling_module, "CHUNK", 2)
    monkeypatch.setattr(falling_module, "_believed", lambda model, some, draws, seed: seeds.append(seed) or believed(model, some, draws, seed))
    falling(model, patients=6, draws=50, seed=3)
    assert len(seeds) > 1 and len(set(seeds)) == len(seeds)


def test_a_wrong_model_is_timed_with_its_draws(model, monkeypatch):
    """Its time stands beside errors that rest on draws, not on the mode alone."""
    opponent, drawn = replace(MODELS["goti2018"], name="opponent"), []
    monkeypatch.setattr(timing, "ALONE", 1)
    monkeypatch.setattr(
        evidence, "from_prior", lambda published, *rest, _own=evidence.from_prior, **options: drawn.append(published.name) or _own(published, *rest, **options)
    )
    with torch.no_grad():
        timing.milliseconds(model, simulate(model.card, 2, torch.Generator().manual_seed(6), samples=0).population, 50, opponent)
    assert "opponent" in drawn


def test_patients_without_a_reliable_reference_are_counted_aloud(recorded, model):
    shaky = {**recorded, "cells": [{**cell, "unreliable_references": 2} for cell in recorded["cells"]]}
    assert "fewer than 400 effective draws for 4 of 16 patients" in markdown(model.card, shaky)
