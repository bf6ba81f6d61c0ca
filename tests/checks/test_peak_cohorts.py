"""Are the simulated studies what they say, and does the exact posterior know no less than anybody?"""

import numpy as np
import pytest
import torch

from pkvae_core.checks import peak_cohorts
from pkvae_core.checks.peak_cohorts import GRID_H, HOURS, KINDS, DOSES_mg, LLOQ_mg_per_L, draw_study, exact
from pkvae_core.checks.second_peaks import observed
from pkvae_core.commands.measurements import second_peaks

SITES, _, PLAIN = KINDS


@pytest.fixture(scope="module")
def studies():
    return {kind.name: draw_study(kind, torch.Generator().manual_seed(3)) for kind in KINDS}


def test_one_slow_absorption_has_no_second_peak_and_the_other_kinds_have_some(studies):
    counts = {name: sum(at is not None for at in study.true_peaks_h()) for name, study in studies.items()}
    assert counts[PLAIN.name] == 0
    assert all(10 < counts[kind.name] < 45 for kind in KINDS if kind is not PLAIN)


def test_levels_scatter_about_the_truth_and_lie_above_their_limit(studies):
    for study in studies.values():
        ratios = []
        for patient, curve in zip(study.patients, study.truth, strict=True):
            assert [s.time_h for s in patient.samples] == HOURS.tolist()
            for sample in patient.samples[2:9]:
                if sample.concentration_mg_per_L is not None:
                    assert sample.concentration_mg_per_L >= LLOQ_mg_per_L
                    if sample.concentration_mg_per_L > 4 * LLOQ_mg_per_L:
                        ratios.append(sample.concentration_mg_per_L / np.interp(sample.time_h, GRID_H.numpy(), curve))
        assert np.std(ratios) == pytest.approx(0.15, abs=0.03) and np.mean(ratios) == pytest.approx(1, abs=0.03)


def test_three_doses_are_given():
    assert sorted(set(DOSES_mg.tolist())) == [20, 60, 180] and len(DOSES_mg) == 48


def test_the_exact_posterior_sees_second_peaks_where_they_are_and_none_where_none_can_be(studies, monkeypatch):
    monkeypatch.setattr(peak_cohorts, "BANK", 10_000)
    found = exact(SITES, studies[SITES.name], torch.Generator().manual_seed(1))
    true = np.array([at is not None for at in studies[SITES.name].true_peaks_h()])
    probability = np.array([each.probability for each in found])
    assert probability[true].mean() > probability[~true].mean() + 0.15
    assert probability.mean() == pytest.approx(true.mean(), abs=0.15)
    plain = exact(PLAIN, studies[PLAIN.name], torch.Generator().manual_seed(1))
    assert all(each.foreseen_h is None and each.probability < 0.05 for each in plain)


def test_the_table_counts_against_the_levels_and_against_the_truth(studies):
    study = studies[SITES.name]
    found = [second_peaks._of(each, i, study) for i, each in enumerate(_told(study))]
    row = second_peaks.row(found, study.true_peaks_h())
    assert row["true"]["hits"] == row["true"]["having"] == sum(at is not None for at in study.true_peaks_h())
    assert row["true"]["alarms"] == 0 and row["area"][0] == 1 and row["brier"] == 0
    assert row["observed"]["having"] == sum(observed(p) is not None for p in study.patients)
    table = second_peaks.markdown({"seed": 0, "draws": 1, "kinds": {SITES.name: {"exact posterior": row}}})
    assert f"{row['true']['hits']} of {row['true']['having']} (100 %" in table


def _told(study):
    """As if somebody knew the truth."""
    return [peak_cohorts.Exact(c, at, float(at is not None)) for c, at in zip(study.truth, study.true_peaks_h(), strict=True)]
