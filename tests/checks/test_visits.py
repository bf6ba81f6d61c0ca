"""Checks of a drug that varies from visit to visit give each visit a body of its own, as the app does."""

import numpy as np
import pytest

from pkvae_core.checks import strangers
from pkvae_core.checks.engines import vae
from pkvae_core.checks.own import own_patients
from pkvae_core.checks.progress import silent
from pkvae_core.checks.replicates import replicate
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.vae.checkpoint import load_model

LEVELS = (Sample(133.0, 0.021), Sample(135.0, 0.014), Sample(277.0, 0.024), Sample(279.0, 0.020))
TWICE = Patient("twice", tuple(Dose(12.0 * i, 3.0) for i in range(26)), LEVELS, (Covariate("HCT", 33.0), Covariate("CYP3A5", 0.0)))


@pytest.fixture(scope="module")
def model():
    return load_model("tacrolimus")


def test_in_simulated_cohorts_the_same_hour_of_two_visits_is_not_the_same_body(model):
    """One body would make them alike but for the residual error of 11 %: a correlation above 0.9."""
    found = replicate(vae(model, draws=500), [TWICE], replicates=2000, seed=1, progress=silent)
    assert found.levels.measured.tolist() == [s.concentration_mg_per_L for s in LEVELS]
    alike = np.corrcoef(np.log(np.maximum(found.simulated, 1e-4)).T)
    assert 0.1 < alike[0, 2] < 0.6 and 0.1 < alike[1, 3] < 0.6


def test_patients_of_the_model_itself_have_a_body_for_each_visit(model):
    virtual, _ = own_patients(model, 6, levels=8)
    assert virtual.truth.earlier and virtual.truth.until is not None
    assert bool((virtual.truth.until > 0).any(1).all())


def test_strangers_are_judged_by_the_prior_that_the_app_judges_by(model, monkeypatch):
    seen = []
    judged = strangers.entitlement
    monkeypatch.setattr(strangers, "entitlement", lambda posterior, prior: seen.append((posterior, prior)) or judged(posterior, prior))
    strangers.verdicts_on(model, [TWICE])
    posterior, prior = seen[0]
    assert prior.diagnostics.rung == "prior" and prior.responses.until.tolist() == posterior.responses.until.tolist() == [[144.0, 288.0]]
