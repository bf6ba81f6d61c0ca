"""The textbook model with a learned correction: the textbook's itself before anything is learned, closer afterwards."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.checks.virtual import as_patients
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import published_responses, rows, simulate
from pkvae_core.inference.classical import Structure, fit_population
from pkvae_core.inference.mode import find_mode
from pkvae_core.insight.residual_fit import ResidualModel, residual_fit, residual_mode
from pkvae_core.insight.residual_model import Correction, knots_up_to, learn_correction, since_last_dose, whole_curves

CARD = load_card("vancomycin")
TIME_H = np.linspace(0.5, 60, 80)


@pytest.fixture(scope="module")
def textbook():
    cohort = simulate(CARD, 60, torch.Generator().manual_seed(5), samples=6, changing=0.0).population
    with torch.no_grad():
        return fit_population(CARD, cohort, Structure(1), rounds=6).model


@pytest.fixture(scope="module")
def learned(textbook) -> ResidualModel:
    return ResidualModel(CARD, textbook, learn_correction(textbook, CARD, patients=120))


@pytest.fixture(scope="module")
def drawn():
    return simulate(CARD, 80, torch.Generator().manual_seed(6), samples=8, changing=0.0)


def test_before_anything_is_learned_it_is_the_textbook_model(textbook, drawn):
    untrained = ResidualModel(CARD, textbook, Correction.untrained(knots_up_to(12.0)))
    found = residual_fit(untrained, as_patients(CARD, rows(drawn.population, slice(0, 1)))[0], TIME_H)
    assert (found.correction == 1).all() and (found.before == 1).all()
    place, _ = residual_mode(untrained, drawn.population)
    mode = find_mode(textbook, CARD, drawn.population)
    assert torch.allclose(place[:, : len(textbook.variance)], mode.normal, atol=0.02)  # both stop within noise of the same mode
    assert (place[:, len(textbook.variance) :] == 0).all()


def test_without_levels_the_correction_is_what_the_drug_s_patients_taught(learned, drawn):
    patient = replace(as_patients(CARD, rows(drawn.population, slice(0, 1)))[0], samples=())
    found = residual_fit(learned, patient, TIME_H)
    assert np.allclose(found.correction, found.before)


def test_levels_narrow_the_correction(learned, drawn):
    """On the mean over patients of the band's width: each level adds information."""
    widths = []
    for patient in as_patients(CARD, rows(drawn.population, slice(0, 5))):
        found = residual_fit(learned, patient, TIME_H)
        widths.append([np.log(band[2] / band[0]).mean() for band in (found.correction, found.before)])
    after, before = np.mean(widths, 0)
    assert after < before


def test_the_corrected_curve_comes_closer_to_the_truth(textbook, learned, drawn):
    """Eight levels of a drug of two compartments: the one-compartment model is off early and late, and the correction knows it."""
    dense, is_shown = whole_curves(drawn, torch.Generator().manual_seed(7))
    place, _ = residual_mode(learned, drawn.population)
    corrected = learned.curves(drawn.population, place[:, None], dense.sample_time)[:, 0]
    mode = find_mode(textbook, CARD, drawn.population).normal[:, None]
    plain = published_responses(textbook, CARD, drawn.population, mode).curves(drawn.population.doses, dense.sample_time)[0][:, 0]
    errors = [(((curve - dense.level).square() * is_shown).sum(1) / is_shown.sum(1)).sqrt() / dense.level.mean(1) for curve in (plain, corrected)]
    assert errors[1].median() < errors[0].median()


def test_the_lines_add_up_to_one_and_there_is_none_before_the_first_dose():
    correction = Correction.untrained(knots_up_to(24.0))
    assert torch.allclose(correction.basis(torch.tensor([0.0, 0.1, 1.0, 7.3, 24.0, 400.0])).sum(-1), torch.ones(6).double())
    assert (correction.basis(torch.tensor([torch.inf])) == 0).all()


def test_the_last_dose_is_the_last_before(drawn):
    doses = rows(drawn.population, slice(0, 1)).doses
    first = float(doses.time[0, 0])
    assert since_last_dose(doses, torch.tensor([[first - 1.0, first + 0.25]])).tolist() == [[float("inf"), pytest.approx(0.25, abs=1e-5)]]
