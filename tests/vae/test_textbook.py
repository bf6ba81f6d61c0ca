"""The textbook's PKVAE: an honest lesson, and an honest comparison."""

import numpy as np
import pytest
import torch

from pkvae_core.checks.textbook import QUESTIONS, compare, score
from pkvae_core.drugs.card import load_card
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.textbook import DOSES, GRID, LATENT, TextbookVAE, at_work, dimensions_in_use, grid_h, one_dose, profiles, teach

CARD = load_card("vancomycin")


@pytest.fixture(scope="module")
def lessons():
    """A short training with each of three betas."""
    return {beta: list(teach(CARD, beta=beta, steps=600))[-1] for beta in (0.0, 1.0, 10.0)}


def test_the_grid_has_24_hours_and_the_doses_are_multiples_of_the_typical_one():
    assert len(grid_h(CARD)) == GRID
    assert np.allclose(np.diff(grid_h(CARD)), grid_h(CARD)[0])
    amounts = one_dose(CARD, torch.tensor(DOSES)).amount[:, 0]
    assert torch.allclose(amounts, CARD.typical_regimen.amount_mg * torch.tensor(DOSES))


def test_the_truth_is_proportional_to_the_dose_and_the_measured_levels_scatter_around_it():
    found = profiles(CARD, 2000, torch.Generator().manual_seed(1))
    time = torch.as_tensor(grid_h(CARD), dtype=torch.float32).expand(2000, -1)
    again = found.patients.responses.curves(one_dose(CARD, 2 * found.dose), time)[0][:, 0]
    assert torch.allclose(again, 2 * found.true, rtol=1e-4, atol=1e-6)
    assert abs(float(((found.measured - found.true) / found.true.mean()).mean())) < 0.02


def test_training_lowers_the_negative_elbo(lessons):
    lesson = lessons[1.0]
    assert lesson.is_over
    assert lesson.elbo > -lesson.reconstruction[0] - lesson.divergence[0] + 5


def test_a_larger_beta_stores_less_and_reconstructs_worse(lessons):
    ends = [(lessons[b].divergence[-1], -lessons[b].reconstruction[-1]) for b in (0.0, 1.0, 10.0)]
    assert ends == sorted(ends, reverse=True)
    assert dimensions_in_use(lessons[10.0]) <= dimensions_in_use(lessons[0.0]) <= LATENT


def test_the_divergence_is_that_of_the_closed_form():
    model, q = TextbookVAE(1.0), None
    x = torch.rand(5, GRID)
    q = model.encode(x)
    closed = 0.5 * (q.loc.square() + q.scale.square() - 1 - 2 * q.scale.log()).sum(-1).mean()
    assert torch.allclose(model.parts(x, torch.ones(5), torch.Generator())[1], closed, atol=1e-5)


def test_the_draw_is_mean_plus_spread_times_eps(lessons):
    work = at_work(lessons[1.0], patient=3, eps_seed=5)
    assert np.allclose(work.z, work.mean + work.sd * work.eps, atol=1e-6)
    assert work.is_as_given and not at_work(lessons[1.0], patient=3, asked_dose=3.0).is_as_given


def test_the_same_seed_gives_the_same_lesson():
    first, second = (list(teach(CARD, steps=50))[-1] for _ in range(2))
    assert first.reconstruction == second.reconstruction


def test_a_negative_beta_is_refused():
    with pytest.raises(ValueError, match="beta is -1"):
        next(teach(CARD, beta=-1))


def test_a_perfect_answer_scores_no_error_and_full_coverage():
    true = np.exp(-np.linspace(0, 2, GRID))[None].repeat(4, 0)
    found = score(grid_h(CARD), np.stack([0.9 * true, true, 1.1 * true], 1), true)
    assert (found.profile_error, found.auc_log_rmse, found.coverage) == (0, 0, 100)


def test_asked_the_same_the_shipped_model_loses_nowhere_and_answers_where_the_textbook_cannot():
    found = compare(load_model("vancomycin"), patients=40, seed=3, steps=600)
    assert set(found.ours) == set(QUESTIONS) and found.textbook["again"] is None
    for name in ("all", "few", "more"):
        ours, theirs = found.ours[name], found.textbook[name]
        assert ours is not None and theirs is not None and ours.profile_error < theirs.profile_error
