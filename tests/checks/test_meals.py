"""The laws of bodies that meals bring their drug back to: kept by the published ones, broken by impossible ones."""

from dataclasses import replace

import pytest
import torch

from pkvae_core.checks.meals import MEAL_QUESTIONS, meal_trial_of
from pkvae_core.checks.typical import by_amount, exposures
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import simulate, typical_body
from pkvae_core.patient import Regimen
from pkvae_core.structural.simulated import Simulated

CARD = load_card("mycophenolate")
COURSES = [Regimen(500, 12, 0, 0, "mofetil").doses(60)] * 40
TRUTH = simulate(CARD, 40, torch.Generator().manual_seed(1), changing=0.0).responses


def found(responses) -> dict[str, float]:
    trial = meal_trial_of(CARD, responses, COURSES)
    return {q.name: float(q.measure(trial).max() - q.tolerance) for q in MEAL_QUESTIONS}


def test_the_published_bodies_keep_every_law():
    assert all(excess <= 0 for excess in found(TRUTH).values())


@pytest.mark.parametrize(
    ("law", "wrong"), [("Mass balance", lambda body: replace(body, CL=0.9 * body.CL)), ("Nothing out of nothing", lambda body: replace(body, CL=1.2 * body.CL))]
)
def test_a_body_that_claims_another_clearance_than_it_has_is_found(law, wrong):
    trial = meal_trial_of(CARD, TRUTH, COURSES)
    question = next(q for q in MEAL_QUESTIONS if q.name == law)
    assert bool((question.measure(replace(trial, body=wrong(trial.body))) > question.tolerance).all())


def test_exposures_of_the_typical_regimen_are_those_of_the_last_day():
    body = typical_body(CARD)
    usual = exposures(CARD, Simulated(body))
    assert float(usual["auc24"]) == pytest.approx(float(2 * 500 * 0.739 / body.clearance()), rel=0.02)
    assert float(usual["peak"]) > 5 * float(usual["trough"])


def test_exposures_scale_with_the_amount():
    each = by_amount(CARD, TRUTH, [100.0, 300.0])
    for table in each.values():
        torch.testing.assert_close(table[..., 1], 3 * table[..., 0])
