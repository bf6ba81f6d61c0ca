"""The benchmark on a handful of patients: every figure is there, none is out of its range, and a perfect engine would show as one."""

import numpy as np
import pytest
import torch

from pkvae_core.checks.beliefs import EXPOSURES, exact_belief, lost_probability, unit_exposures
from pkvae_core.checks.benchmark import COLUMNS, benchmark, summary, table
from pkvae_core.drugs.population import simulate
from pkvae_core.inference.reference import exact_posterior
from pkvae_core.vae.checkpoint import load_model


@pytest.fixture(scope="module")
def model():
    return load_model("vancomycin")


@pytest.fixture(scope="module")
def cells(model):
    return benchmark(model, levels=(0, 2), patients=4, coverage_patients=8, draws=300, seed=5)


def test_every_cell_counts_everybody(cells):
    assert [c.levels for c in cells] == [0, 2]
    for cell in cells:
        assert cell.patients == 4 and cell.coverage_patients == 8 and cell.unreliable_references == 0
        assert sum(cell.rungs.values()) == pytest.approx(1)
        assert all(0 <= share <= 1 for share in cell.coverage.values())
        assert all(low <= ratio <= high for ratio, low, high in cell.ratio.values())
        assert all(0 <= lost <= 1 for lost in cell.lost_probability.values())


def test_the_table_has_a_row_for_every_engine_and_exposure(cells):
    lines = table(cells).splitlines()
    assert len(lines) == 2 + 2 + 4
    assert all(line.count("|") == len(COLUMNS) + 1 for line in lines)


def test_the_summary_is_plain_enough_for_json(cells):
    plain = summary(cells, seed=5)
    assert plain["seed"] == 5 and "weighted auc24" in plain["cells"][1]["ratio"]


def test_a_seed_redraws_the_same_patients(model, cells):
    again = benchmark(model, levels=(2,), patients=4, coverage_patients=8, draws=300, seed=5)
    assert again[0].error == cells[1].error and again[0].coverage == cells[1].coverage


def test_the_exact_answer_loses_nothing_against_itself(model):
    virtual = simulate(model.card, 1, torch.Generator().manual_seed(2), samples=1)
    belief = exact_belief(model.card, exact_posterior(model.card, virtual.population, draws=2000))
    assert lost_probability(model.card, belief, belief) == 0


def test_exposures_are_those_of_the_typical_regimen(model):
    """AUC24 per mg at steady state is 24/interval over clearance, and the trough lies below the peak."""
    virtual = simulate(model.card, 20, torch.Generator().manual_seed(2))
    found = unit_exposures(model.card, virtual.pulses)
    assert set(found) == set(EXPOSURES)
    np.testing.assert_allclose(found["auc24"], 24 / model.card.typical_regimen.interval_h * virtual.pulses.auc()[..., 0], rtol=1e-6)
    assert (found["trough"] < found["peak"]).all()
