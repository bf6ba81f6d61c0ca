"""Dosing virtual patients whose truth is known: who knows the truth hits what can be hit, and the usual dose takes no notice of levels."""

import numpy as np
import pytest
import torch

from pkvae_core.checks.engines import Engine
from pkvae_core.checks.trial import USUAL, Question, dose_trial
from pkvae_core.checks.typical import unit_exposures
from pkvae_core.checks.virtual import fresh
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import rows
from tests.checks.textbook import belief

CARD = load_card("vancomycin")
PATIENTS, SEED = 12, 4


def clairvoyant(after: int) -> Engine:
    """Knows every virtual patient once it has seen so many levels; before that it believes in one wrong clearance for everybody."""
    virtual = fresh(CARD, PATIENTS, samples=2, seed=SEED)

    def believe(patients, seed):
        found = []
        for patient in patients:
            mine = int(patient.id) - 1
            true = belief(patient, [1.0])
            if len(patient.samples) >= after:
                object.__setattr__(true, "responses", rows(virtual.truth, slice(mine, mine + 1)))
            found.append(true)
        return found

    return Engine("clairvoyant", believe)


@pytest.fixture(scope="module")
def trial():
    return dose_trial([clairvoyant(after=1)], CARD, patients=PATIENTS, levels=(0, 2), replicates=50, seed=SEED)


def test_who_knows_the_truth_gives_the_dose_that_it_asks_for_and_misses_nothing(trial):
    cell = next(c for c in trial.cells if (c.engine, c.levels) == ("clairvoyant", 2))
    assert (cell.MdAPE.value, cell.within_20.value, cell.missed.value) == (pytest.approx(0, abs=1e-3), 100, 0)
    assert cell.in_target.value == cell.reachable.value > 0


def test_a_wrong_belief_costs_the_target(trial):
    """Everybody is thought to clear 1 L/h, so nearly everybody gets far too little."""
    cell = next(c for c in trial.cells if (c.engine, c.levels) == ("clairvoyant", 0))
    assert cell.MdPE.value < -50 and cell.in_target.value < cell.reachable.value
    assert cell.missed.value == pytest.approx(cell.reachable.value - cell.in_target.value)


def test_the_usual_dose_takes_no_notice_of_levels(trial):
    none, two = ([(d.patient_id, d.given_mg) for d in trial.doses if (d.engine, d.levels) == (USUAL, n)] for n in (0, 2))
    assert none == two and len(none) == PATIENTS
    assert all(c.gain.value == 0 for c in trial.cells if c.engine == USUAL)


def test_the_usual_dose_is_what_the_typical_patient_needs():
    """Within a factor of what the patients' own truths ask for, which differ from the typical by their etas."""
    virtual, question = fresh(CARD, 3, samples=0, seed=1), Question.of(CARD)
    each, asked = question.usual_mg(virtual.patients), question.exact_mg(virtual.truth, np.ones((3, 1)))
    assert each.shape == (3,) and np.all(np.abs(np.log(each / asked)) < 2)


def test_the_best_amount_is_that_of_the_best_score():
    """Two draws of 0.3 and 0.5 (mg h/L per mg): 1,000 to 2,000 mg bring the first into 400 to 600, 800 to 1,200 mg the second."""
    question = Question.of(CARD)
    exposure = np.array([[0.3], [0.5]]) * question.amounts_mg
    chosen = question.amounts_mg[question.best(exposure, np.array([0.1, 0.9]))]
    assert question.is_in(np.array(0.5 * chosen))
    alone = question.amounts_mg[question.best(exposure[:1], np.array([1.0]))]
    assert question.is_in(np.array(0.3 * alone)) and alone > chosen


def test_the_exposure_of_the_dose_given_is_the_true_one(trial):
    virtual = fresh(CARD, PATIENTS, samples=2, seed=SEED)
    truth = unit_exposures(CARD, virtual.truth.pulses)["auc24"][:, 0].double()
    for dose in trial.doses:
        assert dose.true_exposure == pytest.approx(float(truth[int(dose.patient_id) - 1]) * dose.given_mg, rel=1e-5)
        assert dose.asked_mg * dose.true_exposure / dose.given_mg == pytest.approx(CARD.target().best or (CARD.target().low + CARD.target().high) / 2)


def test_a_line_for_every_dose_and_cell(trial):
    assert len(trial.rows()) == 4 and len(trial.dose_rows()) == 4 * PATIENTS
    assert len({tuple(row) for row in trial.dose_rows()}) == 1 and f"{PATIENTS} virtual patients" in trial.sentence


def test_the_same_seed_draws_the_same_patients():
    torch.manual_seed(1)
    one = dose_trial([], CARD, patients=4, levels=(0,), replicates=5, seed=9)
    torch.manual_seed(2)
    assert one.doses == dose_trial([], CARD, patients=4, levels=(0,), replicates=5, seed=9).doses
