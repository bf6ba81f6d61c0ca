"""A drug that is not proportional to dose goes through the same checks: its exposures are those of whole regimens, amount by amount."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.checks import loop, trial
from pkvae_core.checks import plausibility as plausible
from pkvae_core.checks.beliefs import Beliefs, is_in_target, joined, picked
from pkvae_core.checks.engines import Engine
from pkvae_core.checks.loop import closed_loop
from pkvae_core.checks.plausibility import plausibility
from pkvae_core.checks.ranks import rank_check
from pkvae_core.checks.trial import USUAL, Question, dose_trial
from pkvae_core.checks.typical import amounts_mg, by_amount, exposures, labels
from pkvae_core.checks.virtual import fresh
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import course
from pkvae_core.inference.mapbayes import map_all
from pkvae_core.patient import Dose
from pkvae_core.structural.compartments import one_compartment
from pkvae_core.structural.corrected import Corrected
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.responses import Responses
from pkvae_core.structural.saturable import Saturable
from pkvae_core.structural.simulated import Simulated

CARD = load_card("phenytoin")
PATIENTS, SEED = 5, 4


@pytest.fixture(scope="module")
def virtual():
    return fresh(CARD, PATIENTS, samples=2, seed=SEED)


@pytest.fixture(scope="module")
def published() -> Engine:
    return Engine("published", lambda patients, seed: map_all(CARD, patients, draws=60, seed=seed))


def test_exposures_are_those_of_the_whole_course(virtual):
    """120 doses of 150 mg followed one by one, to the end of the sixtieth day."""
    truth = virtual.truth.settled()
    found = exposures(CARD, truth)
    doses = course(CARD, [tuple(Dose(12.0 * i, 150.0, 0.0, "sodium") for i in range(120))] * PATIENTS)
    level, area = truth.curves(doses, torch.tensor([[1428.0, 1440.0]]).expand(PATIENTS, -1))
    torch.testing.assert_close(found["trough"][:, 0], level[:, 0, 1], rtol=2e-3, atol=1e-2)
    torch.testing.assert_close(found["auc24"][:, 0], 2 * (area[:, 0, 1] - area[:, 0, 0]), rtol=2e-3, atol=0.3)
    assert (found["peak"] > found["trough"]).all() and "day 60" in labels(CARD)["trough"]


def test_twice_the_amount_is_more_than_twice_the_exposure(virtual):
    found = by_amount(CARD, virtual.truth.settled(), [92.0, 184.0], ("auc24",))["auc24"][:, 0]
    assert (found[:, 1] > 2 * found[:, 0]).all()


def test_a_linear_opponent_is_asked_for_the_same_regimens():
    """One compartment: AUC24 of an amount is its clearance into the daily dose."""
    CL = torch.tensor([[1.0, 2.0]])
    amplitude, rate = one_compartment(CL, torch.full_like(CL, 40.0))
    linear = Responses(Pulses(amplitude[:, :, None].expand(1, 2, 2, -1), rate[:, :, None].expand(1, 2, 2, -1), torch.zeros(1, 2, 2)))
    usual = CARD.product("sodium").active_mg(150)
    torch.testing.assert_close(exposures(CARD, linear, ("auc24",))["auc24"], 2 * usual / CL)


def test_who_knows_the_truth_lands_in_target_wherever_an_amount_does(virtual):
    truth = Beliefs.of(CARD, virtual.truth.settled(), torch.ones(PATIENTS, 1).double())
    assert truth.dosed is not None and truth.dosed.shape == (PATIENTS, 1, len(amounts_mg(CARD)))
    chosen = truth.probability_in(CARD).argmax(1)
    reachable = ((truth.dosed >= 10) & (truth.dosed <= 20)).any(-1)[:, 0]
    assert is_in_target(CARD, truth, chosen).tolist() == reachable.tolist()
    both = joined((truth, truth), torch.full((PATIENTS, 2), 0.5).double())
    assert both.dosed is not None and both.dosed.shape[1] == 2
    again = picked((truth, truth), torch.zeros(PATIENTS, dtype=torch.long)).dosed
    assert again is not None and torch.equal(again, truth.dosed)


def test_the_exact_amount_brings_the_aim(virtual):
    question, truth = Question.of(CARD), virtual.truth.settled()
    asked = question.exact_mg(truth, np.ones((PATIENTS, 1)))
    active = torch.as_tensor(asked * question.active_mg[0] / question.amounts_mg[0]).float()[:, None]
    brought = by_amount(CARD, truth, active, ("trough",))["trough"][:, 0, 0]
    np.testing.assert_allclose(brought, question.target.aim, rtol=0.02)


def test_a_trial_of_doses_and_the_ranks_of_the_truth_are_run(published, monkeypatch):
    monkeypatch.setattr(trial, "HALVINGS", 3)
    found = dose_trial([published], CARD, patients=2, levels=(1,), replicates=5, seed=SEED)
    assert {c.engine for c in found.cells} == {"published", USUAL} and len(found.doses) == 4 and not found.left_out
    ranks = rank_check(published, CARD, patients=2, seed=1)
    assert {"Trough on day 60", "AUC24 on day 60", "Clearance at low levels"} <= {r.label for r in ranks.quantities}


def test_the_loop_of_a_slow_drug_draws_its_levels_weeks_apart(published, monkeypatch):
    monkeypatch.setattr(trial, "HALVINGS", 3)
    monkeypatch.setattr(loop, "SLOW_VISITS_H", (168.0,))
    monkeypatch.setattr(loop, "SLOW_DAYS", 9)
    few = Engine("few", lambda patients, seed: [p.resampled(20) for p in published.believe(patients, seed)])
    found = closed_loop([few], CARD, patients=1, replicates=5, seed=SEED)
    mine = [d for d in found.days if d.arm == "few"]
    assert [d.levels_known for d in mine] == [0] * 6 + [1] * 3 and not found.left_out


def test_a_published_body_violates_nothing(virtual, published, monkeypatch):
    monkeypatch.setattr(plausible, "REFERENCE", 1000)
    found = plausibility(published, CARD, virtual.patients, draws=30)
    assert [c.name for c in found.checks if not c.is_kept] == [] and {"Saturation", "Mass balance"} <= {c.name for c in found.checks}


@pytest.mark.parametrize(
    ("change", "law"),
    [
        (lambda b: Corrected(b.Vmax, b.Km, b.V, b.ka, torch.full_like(b.V, 7.5), torch.tensor([-1.5, 0.0]).expand(*b.V.shape, 2)), "Saturation"),
        (
            lambda b: Corrected(b.Vmax, b.Km, b.V, b.ka, torch.full_like(b.V, 7.5), torch.tensor([1.5, 0.0]).expand(*b.V.shape, 2)),
            "More drug leaves at higher levels",
        ),
        (lambda b: replace(b, Vmax=-0.1 * b.Vmax), "No drug out of nothing"),
        (lambda b: replace(b, V=b.V / 30), "Volume that people have"),
    ],
)
def test_a_planted_violation_is_found(virtual, published, change, law, monkeypatch):
    monkeypatch.setattr(plausible, "REFERENCE", 1000)

    def bent(posterior):
        body = posterior.responses.settled().now
        assert isinstance(body, Saturable)
        return replace(posterior, responses=Simulated(change(body)))

    planted = Engine("planted", lambda patients, seed: [bent(p) for p in published.believe(patients, seed)])
    assert law in {c.name for c in plausibility(planted, CARD, virtual.patients[:2], draws=20).checks if not c.is_kept}
