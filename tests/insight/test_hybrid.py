"""Who is complex: the score, its null distribution, its calibration, and the curves beside it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.checks.virtual import as_patients
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import rows, simulate
from pkvae_core.inference.classical import fit_nested, task_of
from pkvae_core.inference.estimates import Estimates
from pkvae_core.insight.contrast import contrast
from pkvae_core.insight.hybrid import (
    LEARNED,
    NAMES,
    ONE,
    TWO,
    Classification,
    Rivals,
    _logistic,
    chances,
    classify,
    evidences,
    null_scores,
    one_compartment_twins,
    structures,
)
from pkvae_core.insight.profile import fits, normalised_error
from pkvae_core.vae.checkpoint import load_model


@pytest.fixture(scope="module")
def rivals() -> Rivals:
    """Compartment models after a few rounds of fitting to a small cohort: good enough for laws."""
    model = load_model("theophylline")
    cohort = simulate(model.card, 24, torch.Generator().manual_seed(5), samples=6, changing=0.0).population
    with torch.no_grad():
        one, two = fit_nested(model.card, cohort, structures(model.card), rounds=2)
        root = task_of(model.card, cohort, one.structure, seed=0).root(Estimates.of(one.estimates))
    return Rivals(model, one.model, two.model, 0.3, 1.2, (one.plain(), two.plain()), root)


@pytest.fixture(scope="module")
def population(rivals):
    return simulate(rivals.card, 40, torch.Generator().manual_seed(6), samples=5, changing=0.0).population


def test_simple_patients_are_seldom_called_complex(rivals, population):
    twins = one_compartment_twins(rivals, population, torch.Generator().manual_seed(7))
    found = classify(rivals, as_patients(rivals.card, rows(twins, slice(0, 12))))
    assert sum(each.is_complex for each in found) <= 3  # of 12 at 5 %: more than 3 has a chance of 0.2 %


def test_twins_keep_doses_times_and_covariates(rivals, population):
    twins = one_compartment_twins(rivals, population, torch.Generator().manual_seed(8))
    assert torch.equal(twins.sample_time, population.sample_time) and torch.equal(twins.covariates, population.covariates)
    assert torch.equal(twins.doses.amount, population.doses.amount) and not torch.equal(twins.level, population.level)


def test_levels_that_no_single_phase_draws_lower_the_evidence_of_one_compartment(rivals, population):
    """The levels of one-compartment patients, those long after a dose held up as a deep compartment would."""
    twins = one_compartment_twins(rivals, population, torch.Generator().manual_seed(9))
    given = torch.where(twins.doses.amount > 0, twins.doses.time, torch.inf)
    since = (twins.sample_time[:, :, None] - given[:, None]).where(given[:, None] < twins.sample_time[:, :, None], torch.tensor(torch.inf)).min(-1).values
    held_up = replace(twins, level=twins.level * torch.exp(0.4 * since.clamp(max=8) - 1.6))
    assert (evidences(rivals, held_up)[:, 0] < evidences(rivals, twins)[:, 0]).double().mean() > 0.8


def test_the_null_is_drawn_for_the_patient_and_repeats_with_its_seed(rivals, population):
    one = rows(population, slice(0, 1))
    first, second = (null_scores(rivals, one, count=10, seed=3) for _ in range(2))
    assert torch.equal(first, second) and first.shape == (1, 10)


def test_rivals_come_back_from_plain_values_as_they_were(rivals, population):
    again = Rivals.restore(rivals.model, json.loads(json.dumps(rivals.plain())))
    assert torch.allclose(evidences(again, population), evidences(rivals, population), atol=1e-2)  # the search for a mode stops early, here or there
    assert again.probability(1.0) == rivals.probability(1.0) and again.plain() == rivals.plain()


def test_what_is_not_known_of_the_population_spreads_its_patients(rivals, population):
    """The same normals, once from the fitted population itself and once each from a population of its own."""
    spread = []
    for each in (replace(rivals, root=None), replace(rivals, root=0.5 * torch.eye(len(rivals.root), dtype=torch.float64))):
        twins = [one_compartment_twins(each, population, torch.Generator().manual_seed(s)) for s in range(8)]
        spread.append(float(torch.stack([twin.level[twin.is_sample].log() for twin in twins]).std(0).mean()))
    assert spread[1] > 1.3 * spread[0]


def test_a_drug_that_is_swallowed_may_start_late_without_being_complex():
    one, two = structures(load_card("warfarin"))
    assert one.has_lag and two.has_lag and not any(each.has_lag for each in structures(load_card("phenobarbital")))


def test_the_calibration_finds_the_slope_that_made_the_labels():
    generator = np.random.default_rng(1)
    score = generator.normal(0, 2, 20_000)
    label = generator.random(20_000) < 1 / (1 + np.exp(-(0.5 + 1.5 * score)))
    assert np.allclose(_logistic(score, label), (0.5, 1.5), atol=0.1)


def test_a_patient_without_levels_is_refused(rivals, population):
    patient = replace(as_patients(rivals.card, population)[0], samples=())
    with pytest.raises(ValueError, match="has no level"):
        classify(rivals, [patient])


def test_the_class_says_why():
    evidence = {ONE: -10.0, TWO: -6.0, LEARNED: -5.0}
    assert Classification(evidence, 5.0, 0.01, 0.99).sentence.startswith("Complex: VAE explains the levels 148 times better than one compartment")
    assert Classification(evidence, 5.0, 0.4, 0.5).sentence.startswith("Simple: 40 %")


def test_every_model_draws_its_curve_and_its_misses(rivals, population):
    patient = as_patients(rivals.card, population)[3]
    found = fits(rivals, patient, draws=200)
    assert tuple(each.name for each in found) == NAMES
    for each in found:
        assert (each.low90 <= each.median + 1e-9).all() and (each.median <= each.high90 + 1e-9).all()
        assert len(each.residual) == len(patient.samples)
        assert each.error_interval[0] <= each.error_interval[1]


def test_the_contrast_of_a_simple_patient_is_like_its_twins(rivals, population):
    twin = one_compartment_twins(rivals, rows(population, slice(0, 6)), torch.Generator().manual_seed(11))
    shares = [contrast(rivals, patient, twins=40).share for patient in as_patients(rivals.card, twin)]
    assert 0.1 < np.mean(shares) < 0.9  # six uniform shares: their mean lies outside with a chance of 0.01 %


def test_the_interval_holds_the_median_and_repeats(rivals, population):
    patient = as_patients(rivals.card, population)[3]
    first, second = (contrast(rivals, patient, twins=10) for _ in range(2))
    assert first.low90 <= first.median <= first.high90
    assert (first.median, first.share) == (second.median, second.share)


def test_the_chance_of_a_low_score_ends_early_and_of_a_high_one_is_the_smallest_there_is(rivals, population):
    one = rows(population, slice(0, 1))
    assert [float(chances(rivals, one, torch.tensor([score]).double())) for score in (-1e9, 1e9)] == [1.0, 0.01]


def test_the_company_of_others_changes_no_class(rivals, population):
    patients = as_patients(rivals.card, rows(population, slice(0, 5)))
    together, alone = classify(rivals, patients), [classify(rivals, [patient])[0] for patient in patients]
    assert [each.score for each in together] == pytest.approx([each.score for each in alone], abs=0.02)  # padding changes the last digits of single precision
    assert [each.p for each in together] == pytest.approx([each.p for each in alone], abs=0.03)


def test_a_curve_through_the_levels_misses_nothing_and_one_ten_per_cent_off_misses_ten():
    observed = np.array([4.0, 4.0, np.nan])
    assert np.allclose(normalised_error(np.array([[4.0, 4.0, 9.0], [4.4, 3.6, 1.0]]), observed), [0.0, 10.0])
