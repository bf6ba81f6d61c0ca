"""Does the decision stand on the models that we ship?"""

from dataclasses import replace

import numpy as np
import pytest

from pages.dose_parts import entitled
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.option import judge
from pkvae_core.dosing.recommend import recommend
from pkvae_core.dosing.target import Target
from pkvae_core.inference.ladder import RUNGS
from pkvae_core.inference.posterior import individualise, parameters
from pkvae_core.patient import Covariate, Dose, Patient, Regimen, Sample
from pkvae_core.report import evidence
from pkvae_core.vae.checkpoint import load_model

PATIENT = Patient(
    "A",
    doses=tuple(Dose(12.0 * i, 1000, 1) for i in range(4)),
    samples=(Sample(35.5, 12.0), Sample(38.0, 24.0)),
    covariates=tuple(Covariate(name, value) for name, value in {"AGE": 57, "SEX": 1, "WT": 79, "HT": 175, "SCR": 1.0}.items()),
)


@pytest.fixture(scope="module")
def posterior():
    return individualise(load_model("vancomycin"), PATIENT, draws=200)


def test_auc24_is_the_daily_dose_over_each_draw_s_clearance(posterior):
    option = judge(posterior, Target.from_spec(posterior.card.target("auc24")), Regimen(1000, 12, 1, 48))
    settled = np.isfinite(option.exposure)
    assert option.exposure[settled] == pytest.approx(2000 / parameters(posterior)["CL"][settled], rel=1e-3)


def test_scaling_and_simulating_agree(posterior, simulated):
    target = Target("auc24", 400, 600, window_h=(0.0, 24.0), least_probability=0.25, toxicity_weight=1.0)
    scaled = judge(posterior, target, Regimen(750, 8, 1, 48)).exposure
    assert judge(simulated(posterior), target, Regimen(750, 8, 1, 48)).exposure == pytest.approx(scaled, rel=1e-3)


def test_a_patient_with_two_levels_gets_a_regimen(posterior):
    found = recommend(
        posterior, Target.from_spec(posterior.card.target()), candidates(posterior.card, start_h=48, infusion_h=1), current=Regimen(1000, 12, 1, 48)
    )
    assert found.best and found.best.probability_in >= found.target.least_probability


def test_every_rung_of_the_ladder_has_words_on_the_page_and_in_the_report():
    assert set(entitled.RUNGS) == set(evidence.RUNGS) == set(RUNGS)


def test_levels_that_the_model_cannot_explain_get_no_regimen(posterior):
    target, choice = Target.from_spec(posterior.card.target("auc24")), candidates(posterior.card, start_h=48)
    failed = replace(posterior, diagnostics=replace(posterior.diagnostics, rung="failed"))
    assert recommend(posterior, target, choice).best is not None
    found = recommend(failed, target, choice)
    assert found.best is None and "cannot explain" in found.reason
