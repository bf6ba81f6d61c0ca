"""The gallery's small VAE: what holds before and after training, whatever its weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.inference.shape_posterior import DRAWS, believe_shape, shape_curves
from pkvae_core.insight.gallery import exhibit, level_hours, profile_error
from pkvae_core.structural.shapes import SHAPES, TIMES_H
from pkvae_core.vae.shapes import LATENT, LLOQ_mg_per_L, ShapeLevels, ShapeVAE, around, at, squeezed
from pkvae_core.vae.shapes_training import ShapeSchedule, draw_bank, load_shapes, measured, save_shapes, train_shapes, write_held_out


@pytest.fixture(scope="module")
def model() -> ShapeVAE:
    return load_shapes()


@pytest.fixture(scope="module")
def levels() -> ShapeLevels:
    bank = draw_bank(1, torch.Generator().manual_seed(3))
    hours = torch.as_tensor(level_hours(8), dtype=torch.float32).expand(len(bank.shape), -1)
    return measured(bank.curves[:, 0], bank.dose_mg[:, 0], hours, torch.Generator().manual_seed(4))


def row(levels: ShapeLevels, i: int) -> ShapeLevels:
    return ShapeLevels(*(getattr(levels, name)[i : i + 1] for name in ("dose_mg", "time_h", "level", "is_below", "is_level")))


def test_order_and_padding_of_levels_change_nothing(model, levels):
    other = torch.randperm(8, generator=torch.Generator().manual_seed(5))
    mixed = ShapeLevels(levels.dose_mg, *(getattr(levels, name)[:, other] for name in ("time_h", "level", "is_below", "is_level")))
    padded = ShapeLevels(
        levels.dose_mg, *(torch.nn.functional.pad(getattr(levels, name), (0, 3), value=value) for name, value in (("time_h", 7.0), ("level", 9.0))),
        *(torch.nn.functional.pad(getattr(levels, name), (0, 3), value=False) for name in ("is_below", "is_level")),
    )  # fmt: skip
    z = torch.randn(len(levels.dose_mg), 8)
    own = model.posterior(levels).log_prob(z)
    for same in (mixed, padded):
        assert torch.allclose(model.posterior(same).log_prob(z), own, atol=1e-3)


def test_without_levels_the_belief_is_the_prior_whatever_the_dose(model, levels):
    first, second = (believe_shape(model, row(replace(levels, dose_mg=levels.dose_mg * k).none(), 0)) for k in (1.0, 2.0))
    assert first.rung == "prior" and torch.equal(first.z, second.z)


def test_what_the_decoder_misses_widens_the_band_and_moves_its_middle_little(model, levels):
    belief = believe_shape(model, row(levels, 2))
    still = replace(belief, off=torch.zeros_like(belief.off))
    wide, narrow = (squeezed(shape_curves(model, each, 300.0)) for each in (belief, still))
    assert (wide.var(0) > narrow.var(0)).double().mean() > 0.9
    assert ((wide.median(0).values - narrow.median(0).values).abs() < wide.std(0)).all()


def test_a_level_far_from_the_curve_is_likelier_when_curves_are_known_to_be_off(levels):
    """And one that lies on it less likely."""
    some = replace(levels, is_below=torch.zeros_like(levels.is_below))
    sure, unsure = torch.zeros(len(some.level), 1, 8), torch.full((len(some.level), 1, 8), 0.2)
    for off, sign in ((1.5, 1), (1.0, -1)):
        at_levels = off * some.level[:, None]
        assert (sign * (some.log_likelihood(at_levels, unsure) - some.log_likelihood(at_levels, sure)) > 0).all()


def test_no_curve_is_negative(model):
    z = 3 * torch.randn(50, 8, generator=torch.Generator().manual_seed(6))
    assert (model.decode(z, torch.full((50,), 200.0)) >= 0).all()


def test_levels_below_the_limit_hold_the_limit(levels):
    assert (levels.level[levels.is_below] == LLOQ_mg_per_L).all() and (levels.level[~levels.is_below] >= LLOQ_mg_per_L).all()


def test_the_curve_between_the_hours_is_a_straight_line():
    grid = TIMES_H.float()
    curve = 2 * grid + 1
    hours = torch.tensor([0.5, 3.3, 35.0])
    assert torch.allclose(at(curve, grid, hours), 2 * hours + 1, atol=1e-4)


def test_the_hours_around_levels_are_enough_to_know_the_curve_at_them(model):
    grid, time = TIMES_H.float(), torch.tensor([[0.01, 0.3, 7.7, 35.99]])
    near, z, dose = around(grid, time), torch.randn(1, LATENT, generator=torch.Generator().manual_seed(8)), torch.tensor([250.0])
    assert len(near) < len(grid) / 4
    for whole, some in ((model.decode(z, dose), model.decode(z, dose, near)), (model.misfit(z, dose), model.misfit(z, dose, near))):
        assert torch.allclose(at(whole, grid, time), at(some, grid[near], time), rtol=1e-4)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.curve.__name__)
def test_the_shipped_model_comes_close_to_every_shape(model, shape):
    """Within a third of the mean concentration, from twelve levels, where its median on fresh patients is a fraction of that."""
    found = exhibit(model, shape, {knob.name: knob.usual for knob in shape.knobs}, count=12)
    assert found.given.fits[-1].error_percent < 33
    assert 30 <= found.distinct <= DRAWS


def test_the_same_seed_draws_the_same_levels_and_another_does_not(model):
    shape = SHAPES[2]
    turned = {knob.name: knob.usual for knob in shape.knobs}
    first, same, other = (exhibit(model, shape, turned, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.level, same.level) and not np.array_equal(first.level, other.level)


def test_a_true_curve_has_no_error_and_one_a_tenth_too_high_somewhat_more_than_ten_per_cent():
    truth = np.exp(-TIMES_H.numpy() / 6)
    assert profile_error(truth, truth) == 0
    assert 10 < profile_error(1.1 * truth, truth) < 20


def test_a_saved_model_answers_as_before_and_a_damaged_one_is_refused(tmp_path, levels):
    schedule = ShapeSchedule(patients=4, steps=2, batch=8, prior_patients=40)
    trained = train_shapes(schedule, lambda line: None)
    save_shapes(trained, schedule, trained="2026-01-01", held_out={}, folder=tmp_path)
    again = load_shapes(tmp_path)
    first, second = (shape_curves(m, believe_shape(m, row(levels, 0).none()), 300.0) for m in (trained, again))
    assert torch.equal(first, second)
    write_held_out({"patients": 7}, tmp_path)
    assert load_shapes(tmp_path).provenance == again.provenance | {"held_out": {"patients": 7}}
    (tmp_path / "model.safetensors").write_bytes(b"else")
    with pytest.raises(ValueError, match="not the file"):
        load_shapes(tmp_path)
