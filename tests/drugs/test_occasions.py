"""Occasions: which levels share one, when its body ends, and what the bodies of one patient have in common."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from pkvae_core.drugs.card import available_drugs, load_card
from pkvae_core.drugs.occasions import Epochs, by_visit, occasion_ends
from pkvae_core.drugs.population import History, Population, published_responses, simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.patient import Dose, Patient, Sample
from pkvae_core.structural.exponentials import NEVER, Doses

TWICE_DAILY = [12.0 * i for i in range(20)]
WOILLARD = MODELS["woillard2011"]


@pytest.fixture(scope="module")
def card():
    return load_card("tacrolimus")


def test_a_profile_of_twelve_hours_is_one_occasion_that_ends_with_its_next_dose():
    assert occasion_ends(TWICE_DAILY, [47.9, 49.0, 51.0], 12.0) == (60.0,)
    assert occasion_ends(TWICE_DAILY, [48.0, 50.0, 54.0, 60.0], 12.0) == (60.0,)  # a level at the time of a dose is the one before it


def test_levels_of_two_mornings_are_two_occasions_though_one_was_drawn_early():
    assert occasion_ends(TWICE_DAILY, [47.9, 70.0], 12.0) == (48.0, 72.0)


def test_without_a_dose_between_them_levels_are_of_one_occasion():
    assert occasion_ends([0.0], [1.0, 24.0, 72.0], 12.0) == (72.0,)


def test_after_the_last_recorded_dose_the_next_one_is_due():
    assert occasion_ends([0.0, 12.0], [13.0, 15.0], 12.0) == (24.0,)


def test_without_levels_there_is_no_occasion():
    assert occasion_ends(TWICE_DAILY, [], 12.0) == ()


def test_epochs_part_where_either_changes():
    epochs = Epochs.of(torch.tensor([[5.0, 30.0]]), torch.tensor([[NEVER, 24.0]]))
    assert epochs.until.tolist() == [[NEVER, 5.0, 24.0, 30.0]]
    assert epochs.covariate.tolist() == [[0, 0, 1, 1, 2]] and epochs.occasion.tolist() == [[0, 1, 1, 2, 2]]


def test_one_occasion_has_the_variance_between_patients_and_between_occasions():
    assert math.isclose(float(WOILLARD.total[0, 0]), math.log(1 + 0.28**2) + math.log(1 + 0.31**2), rel_tol=1e-9)
    assert torch.equal(WOILLARD.total[2:4, 2:4], WOILLARD.omega[2:4, 2:4])  # the paper has none of Q and V2


def test_a_body_on_one_occasion_is_eta_plus_kappa():
    known = {"HCT": torch.tensor([35.0]), "CYP3A5": torch.tensor([0.0])}
    normal = torch.zeros(1, 1, WOILLARD.normals(1), dtype=torch.float64)
    normal[..., 0], normal[..., 5 + 2], normal[..., 5 + 3 + 2] = 1.0, 2.0, -2.0  # eta of CL, then kappa of CL on the one and the other
    eta, kappa = math.sqrt(math.log(1 + 0.28**2)), math.sqrt(math.log(1 + 0.31**2))
    for occasion, turns in ((0, 2.0), (1, -2.0)):
        assert math.isclose(float(WOILLARD.at(known, normal, torch.tensor([occasion]))["CL"]), 21.2 * math.exp(eta + turns * kappa), rel_tol=1e-9)


def population(card, ends):
    """A milligram into the vein at 0 and 24 h."""
    covariates = torch.tensor([[35.0, 0.0]])[:, [["HCT", "CYP3A5"].index(c.name) for c in card.covariates]]
    time = torch.tensor([[0.0, 24.0]])
    doses, nothing = Doses(time, torch.ones_like(time), torch.zeros_like(time), torch.zeros(1, 2, dtype=torch.long)), torch.zeros(1, 0)
    return Population(covariates, History.none(covariates), doses, nothing, nothing, nothing.bool(), nothing.bool(), nothing, ends=ends)


def test_a_new_occasion_takes_over_what_the_one_before_left_in_the_body(card):
    of = population(card, torch.tensor([[24.0]]))
    normal = torch.randn(1, 1, WOILLARD.normals(1), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    time = np.array([1.0, 10.0, 25.0, 40.0])
    found = published_responses(WOILLARD, card, of, normal).curves(of.doses, torch.tensor(time[None]).float())[0][0, 0]
    known = {c.name: of.covariates[:, i] for i, c in enumerate(card.covariates)}
    first, second = ({k: float(v) for k, v in WOILLARD.at(known, normal, torch.tensor([i])).items()} for i in (0, 1))
    amounts = np.array([1.0, 0.0])
    expected = []
    for body, begin, seen in ((first, 0.0, time[:2]), (second, 24.0, time[2:])):
        amounts = amounts + np.array([1.0, 0.0]) * (begin > 0)
        lived = solve_ivp(_two_compartments, (begin, begin + 24), amounts, t_eval=[*seen, begin + 24], args=(body,), rtol=1e-9, atol=1e-12)
        expected += (lived.y[0, : len(seen)] / body["V1"]).tolist()
        amounts = lived.y[:, -1]
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-4)


def _two_compartments(_, amounts, body):
    central, peripheral = amounts
    there, back = body["Q"] / body["V1"] * central, body["Q"] / body["V2"] * peripheral
    return [back - there - body["CL"] / body["V1"] * central, there - back]


def test_records_part_their_levels_as_virtual_patients_do(card):
    virtual = simulate(card, 50, torch.Generator().manual_seed(0), samples=3, changing=0.0, is_of_one_occasion=False)
    assert int((virtual.population.occasions > NEVER).sum(1).max()) > 1
    torch.testing.assert_close(virtual.responses.until, virtual.population.occasions)


def test_a_drug_that_does_not_vary_between_occasions_knows_of_none():
    card = load_card("vancomycin")
    patient = Patient("a", (Dose(0, 1000, 1), Dose(48, 1000, 1)), (Sample(10, 12.0), Sample(58, 13.0)))
    assert Population.of(card, [patient]).ends is None
    one, two = (simulate(card, 30, torch.Generator().manual_seed(0), is_of_one_occasion=is_one) for is_one in (True, False))
    assert torch.equal(one.population.level, two.population.level) and one.usual is None


def test_of_the_models_of_a_drug_all_vary_between_occasions_or_none_does():
    for drug in available_drugs():
        assert len({bool(MODELS[m.name].occasion_variance) for m in load_card(drug).published_models}) <= 1


def test_each_visit_is_a_record_of_its_own_with_all_doses_and_no_level_is_lost_or_told_twice():
    doses = tuple(Dose(12.0 * i, 3.0, 0.0, "capsule") for i in range(12))
    patient = Patient("a", doses, tuple(Sample(t, 5.0) for t in (47.9, 49.0, 51.0, 95.9, 97.0)) + (Sample(100.0, 9.0, trust=0.0),))
    visits = by_visit(load_card("tacrolimus"), patient)
    assert [[s.time_h for s in v.samples] for v in visits] == [[47.9, 49.0, 51.0], [95.9, 97.0]]
    assert all(v.doses == doses for v in visits)
    assert Population.of(load_card("tacrolimus"), visits).occasions.shape[1] == 1
    assert by_visit(load_card("vancomycin"), patient) == (patient,)
