"""A population fit of the training patients, asked about others: it learns their clearance, and never sees who is held out."""

from dataclasses import replace

import numpy as np
import pytest

from pkvae_core.checks.fitted import fitted
from pkvae_core.checks.folds import cross_validate
from pkvae_core.inference.posterior import parameters
from pkvae_core.patient import Dose
from tests.checks.textbook import CARD, measured

DOSES = tuple(Dose(12.0 * i, 1000, 1) for i in range(4))
CLEARANCE = 8.0 * np.exp(0.2 * np.linspace(-1.5, 1.5, 12))  # about twice that of the card's published models for their typical patient


@pytest.fixture(scope="module")
def patients():
    generator = np.random.default_rng(1)
    exact = [measured(str(i), float(CL), DOSES, (3.0, 11.5, 35.5)) for i, CL in enumerate(CLEARANCE)]
    noisy = [[replace(s, concentration_mg_per_L=s.concentration_mg_per_L * float(generator.lognormal(0, 0.1))) for s in p.samples] for p in exact]
    return [replace(p, samples=tuple(s)) for p, s in zip(exact, noisy, strict=True)]


@pytest.fixture(scope="module")
def engine(patients):
    return fitted(CARD, rounds=6, draws=150).learn(patients[:8])


def test_the_fit_has_learned_the_clearance_of_its_cohort(engine, patients):
    """A patient without levels is expected to clear what the training patients did: 8 L/h times exp(-0.1), their geometric mean."""
    (belief,) = engine.believe([replace(patients[9], samples=())], 0)
    learned = float(np.exp(np.log(CLEARANCE[:8]).mean()))
    assert float(np.average(np.log(parameters(belief)["CL"]), weights=belief.weight)) == pytest.approx(np.log(learned), abs=0.15)


def test_levels_move_it_towards_the_held_out_patient(engine, patients):
    for i in (8, 11):
        before, after = (engine.believe([p], 0)[0] for p in (replace(patients[i], samples=()), patients[i]))
        errors = [abs(float(np.average(np.log(parameters(b)["CL"]), weights=b.weight)) - np.log(CLEARANCE[i])) for b in (before, after)]
        assert errors[1] < errors[0] and after.diagnostics.rung != "failed"


def test_a_patient_is_answered_the_same_alone_and_in_company(engine, patients):
    alone, together = engine.believe(patients[8:9], 3)[0], engine.believe(patients[8:11], 3)[0]
    np.testing.assert_allclose(parameters(alone)["CL"], parameters(together)["CL"], rtol=1e-4)


def test_it_goes_through_the_folds(patients):
    found = cross_validate([fitted(CARD, rounds=1, draws=40)], patients, folds=2, replicates=10)
    assert found.left_out == () and len(found.doses) == 36 and {d.engine for d in found.doses} == {"population fit, one compartment"}


def test_an_unknown_covariate_is_asked_for(engine, patients):
    blank = replace(patients[9], covariates=())
    assert engine.each([blank])[0] == "the fitted model needs WT and CRCL of patient 9. Add it."
    with pytest.raises(ValueError, match="population fit needs"):
        fitted(CARD).learn([blank, patients[0]])
    with pytest.raises(ValueError, match="nothing can be fitted"):
        fitted(CARD).learn([replace(p, samples=()) for p in patients])
