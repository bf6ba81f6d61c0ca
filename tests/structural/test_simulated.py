"""Answers of simulated bodies behind the verbs that pulses have."""

from dataclasses import replace

import pytest
import torch

from pkvae_core.structural.corrected import Corrected
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.responses import joined
from pkvae_core.structural.saturable import Saturable
from pkvae_core.structural.simulated import Simulated

BODY = Saturable(*(torch.tensor([row]) for row in ([13.5, 10.0, 16.0], [2.4, 4.0, 6.0], [36.0, 50.0, 40.0], [1.5, 1.5, 1.5])))
DOSES = Doses(torch.tensor([[0.0, 12, 24, 36]]), torch.full((1, 4), 250.0), torch.zeros(1, 4), torch.ones(1, 4, dtype=torch.long))
TIME = torch.tensor([[1.0, 11, 13, 30, 60]])
ANSWER = Simulated(BODY)


def corrected(weight: list[float]) -> Corrected:
    return Corrected(BODY.Vmax, BODY.Km, BODY.V, BODY.ka, torch.full_like(BODY.V, 7.5), torch.tensor(weight).expand(1, 3, -1))


def test_some_of_the_draws_answer_as_they_did():
    whole, part = ANSWER.curves(DOSES, TIME)[0], ANSWER.at(torch.tensor([2, 0])).curves(DOSES, TIME)[0]
    torch.testing.assert_close(part, whole[:, [2, 0]])


def test_one_subject_repeated_answers_alike_to_like_courses():
    twice = (
        Simulated(corrected([0.2, -0.1]))
        .repeated(2)
        .curves(Doses(*(getattr(DOSES, f).repeat(2, 1) for f in ("time", "amount", "duration", "route"))), TIME.repeat(2, 1))
    )
    torch.testing.assert_close(twice[0][0], twice[0][1])


def test_draws_side_by_side_stay_themselves():
    both = joined([ANSWER, ANSWER.at(torch.tensor([1]))])
    torch.testing.assert_close(both.curves(DOSES, TIME)[0][:, 3], ANSWER.curves(DOSES, TIME)[0][:, 1])


def test_what_was_in_force_is_what_held_at_that_hour():
    before = replace(BODY, V=2 * BODY.V)
    changing = Simulated(BODY, (before,), torch.tensor([[20.0]]))
    assert torch.equal(changing.in_force(10.0).now.V, before.V) and torch.equal(changing.in_force(30.0).now.V, BODY.V)
    assert torch.equal(changing.settled().now.V, BODY.V)


def test_there_is_no_response_to_one_milligram():
    with pytest.raises(ValueError, match="Simulate the course"):
        _ = ANSWER.pulses


def test_an_untaught_correction_is_the_textbook():
    for mine, textbook in zip(Simulated(corrected([0.0, 0.0, 0.0])).curves(DOSES, TIME), ANSWER.curves(DOSES, TIME), strict=True):
        torch.testing.assert_close(mine, textbook)


def test_a_correction_changes_the_clearance_by_its_factor_and_the_slowing_is_the_slopes_own_slope():
    body = corrected([0.1, -0.02])
    u = 10 / 17.5
    factor = torch.exp(0.1 * torch.cos(torch.tensor(torch.pi * u)) - 0.02 * torch.cos(torch.tensor(2 * torch.pi * u)))
    torch.testing.assert_close(body.clearance(10.0), BODY.clearance(10.0) * factor)
    state = torch.tensor([[[300.0], [500.0], [200.0]]], dtype=torch.float64)
    torch.testing.assert_close(body.slope_and_slowing(state)[0], body.slope(state))
    difference = (body.slope(state + 1e-3) - body.slope(state - 1e-3)) / 2e-3
    torch.testing.assert_close(body.slope_and_slowing(state)[1], difference, rtol=1e-4, atol=1e-9)
