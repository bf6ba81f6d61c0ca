"""Figures of AUC estimates: what they say where the answer is known."""

import pytest
import torch

from pkvae_core.checks.auc_error import figures, table
from pkvae_core.checks.beliefs import Beliefs
from pkvae_core.commands.measurements import mycophenolate_auc
from pkvae_core.drugs.card import load_card

TRUTH = torch.tensor([40.0, 50, 60, 80], dtype=torch.float64)


def test_ten_per_cent_too_much_is_an_error_and_a_bias_of_ten_per_cent():
    found = figures(torch.stack([1.1 * TRUTH, 0.9 * TRUTH, 1.3 * TRUTH]), TRUTH)
    assert [found[name] for name in ("rmse", "rmse_low95", "rmse_high95", "bias")] == pytest.approx([0.1] * 4)
    assert found["coverage"] == 1


def test_an_interval_beside_the_truth_does_not_hold_it():
    low, high = 0.9 * TRUTH, 1.1 * TRUTH
    low[0], high[1] = 41, 49
    assert figures(torch.stack([TRUTH, low, high]), TRUTH)["coverage"] == 0.5


def test_typical_values_have_no_interval_in_the_table():
    found = figures(torch.stack([TRUTH, TRUTH, TRUTH]), TRUTH)
    *_, ours, typical = table({"vae": found, "typical": found}, {"vae": "VAE", "typical": "typical values"})
    assert ours.endswith("| 100.0 % |") and typical.endswith("|  |")


def test_the_levels_lie_around_the_morning_dose_and_the_area_holds_both_meals(monkeypatch):
    monkeypatch.setattr(mycophenolate_auc, "PATIENTS", 60)
    population, truth = mycophenolate_auc._patients(load_card("mycophenolate"), torch.Generator().manual_seed(1))
    assert float(population.doses.time.max()) == 96 and population.sample_time[0].tolist() == pytest.approx([95.98, 96.5, 98.0])
    evenings = Beliefs({"auc": truth.float()[:, None]}, torch.ones(60, 1)).quantiles("auc", (0.5,))[0]
    torch.testing.assert_close(evenings.float(), truth.float())
    assert 35 < float(truth.median()) < 75
