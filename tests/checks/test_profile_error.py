"""The profile's error: a design that leaks nothing, laws of its error and of its ratios, and one small drug through all of it."""

import numpy as np
import pytest
import torch

from pkvae_core.checks import profile_error as checked
from pkvae_core.checks import recorded
from pkvae_core.checks.profile_error import ask, by_exact, by_map, by_vae, without
from pkvae_core.checks.ratio import ratio_of_medians, share_closed
from pkvae_core.commands.measurements import profile_error as measured
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.published import MODELS
from pkvae_core.vae.checkpoint import load_model


@pytest.fixture(scope="module")
def asked():
    return ask(load_card("theophylline"), 12, torch.Generator().manual_seed(1))


def test_levels_lie_in_the_first_interval_and_the_question_in_the_second(asked):
    interval = load_card("theophylline").typical_regimen.interval_h
    levels, count = asked.population.sample_time[asked.population.is_sample], asked.population.is_sample.sum(1)
    assert bool((levels > 0).all()) and bool((levels <= interval).all())
    assert bool((asked.time > interval).all()) and float(asked.time[-1]) == 2 * interval
    assert set(count.tolist()) <= {3, 4, 5}


def test_where_meals_bring_a_drug_back_the_intervals_are_days_with_all_their_doses():
    day = ask(load_card("mycophenolate"), 12, torch.Generator().manual_seed(1))
    levels = day.population.sample_time[day.population.is_sample]
    assert day.population.doses.time[0].tolist() == [0, 12, 24, 36]
    assert bool((levels < 24).all()) and float(levels.max()) > 12 and float(day.time[-1]) == 48
    assert bool((day.truth > 0).all())


def test_patients_on_a_drug_that_saturates_take_different_amounts_each_twice_the_same():
    amount = ask(load_card("phenytoin"), 12, torch.Generator().manual_seed(1)).population.doses.amount
    assert len(set(amount[:, 0].tolist())) > 3 and torch.equal(amount[:, 0], amount[:, 1])


def test_a_covariate_left_out_is_unknown_and_all_else_stays():
    card = load_card("tacrolimus")
    known = ask(card, 12, torch.Generator().manual_seed(1))
    asked = without(known, card, "CYP3A5")
    is_unknown = asked.population.covariates.isnan().any(0)
    assert [c.name for c, missing in zip(card.covariates, is_unknown.tolist(), strict=True) if missing] == ["CYP3A5"]
    assert torch.equal(asked.population.level, known.population.level) and not known.population.covariates.isnan().any()


def test_who_knows_the_truth_errs_by_nothing_and_who_halves_it_errs_by_at_least_a_half(asked):
    assert not checked.profile_error(asked.truth, asked.truth).any()
    assert bool((checked.profile_error(asked.truth / 2, asked.truth) >= 0.5).all())


def test_the_generating_model_by_map_is_near_the_exact_posterior_and_so_is_the_vae(asked):
    """Theophylline's published model is one compartment: its mode and its median differ by far less than the population spreads."""
    card = load_card("theophylline")
    exact, effective = by_exact(card, asked, seed=1)
    map_error, ours = by_map(card, MODELS["rovei1982"], asked), by_vae(load_model("theophylline"), asked, seed=1, say=print).error(asked)
    best = np.median(exact.error(asked))
    assert effective.min() >= 400
    assert np.median(map_error) == pytest.approx(best, rel=0.3) and np.median(ours) == pytest.approx(best, rel=0.3)
    assert best < 0.3


def test_the_ratio_of_equal_errors_is_one_and_of_doubled_ones_two():
    error = np.random.default_rng(1).uniform(0.05, 0.3, 60)
    assert ratio_of_medians(error, error, np.random.default_rng(2)) == (1.0, 1.0, 1.0)
    assert ratio_of_medians(2 * error, error, np.random.default_rng(2)) == pytest.approx((2.0, 2.0, 2.0))


def test_the_gap_is_closed_by_the_best_and_not_at_all_by_the_rival():
    best = np.random.default_rng(1).uniform(0.05, 0.3, 60)
    rival, half = 2 * best, 1.5 * best
    assert share_closed(best, best, rival, np.random.default_rng(2)) == pytest.approx((1.0, 1.0, 1.0))
    assert share_closed(rival, best, rival, np.random.default_rng(2)) == pytest.approx((0.0, 0.0, 0.0))
    assert share_closed(half, best, rival, np.random.default_rng(2)) == pytest.approx((0.5, 0.5, 0.5))


def test_only_drugs_that_no_compartment_model_describes_get_compartment_rivals():
    beyond = {
        drug: measured.is_beyond_compartments(load_card(drug))
        for drug in ("vancomycin", "theophylline", "warfarin", "tacrolimus", "two_sites", "power_law", "mycophenolate")
    }
    assert {drug for drug, is_beyond in beyond.items() if is_beyond} == {"tacrolimus", "two_sites", "power_law", "mycophenolate"}


def test_figures_of_the_same_model_are_kept_and_the_table_says_all_of_them(monkeypatch):
    version = load_model("theophylline").version
    row = {
        "model": version,
        "coverage": 0.9,
        "coverage_patients": 4000,
        "coverage_unknown": {"CYP3A5": 0.891},
        "error": {"vae": 0.101, "exact": 0.1},
        "ratio": [1.01, 0.99, 1.03],
        "floor": [1.0, 0.99, 1.01],
        "apart": 0.004,
        "effective": [450.0, 1200.0],
        "unreliable": 0,
        "each": {"vae": [0.1], "exact": [0.1]},
        "classical": {
            "errors": {"one compartment": 0.2, "two compartments": 0.15},
            "closed": [0.98, 0.9, 1.05],
            "fits": {
                "one compartment": {"log_likelihood": -30.0, "rounds": 6, "is_settled": True},
                "two compartments": {"log_likelihood": -25.5, "rounds": 30, "is_settled": False},
            },
        },
    }
    monkeypatch.setattr(recorded, "recorded", lambda name: {"seed": 0, "patients": measured.PATIENTS, "drugs": {"theophylline": row}})
    monkeypatch.setattr(measured, "available_drugs", lambda: ("theophylline",))
    found = measured.measure(0, lambda line: None)
    assert found["drugs"]["theophylline"] == row
    said = measured.markdown(found)
    assert "1.010 (0.990 to 1.030)" in said and "15.0 (two compartments)" in said and "98 (90 to 105)" in said and "450 / 1,200" in said
    assert "without CYP3A5 89.1 %" in said
    assert "one compartment | 20.0 | -30.0 | 6 | yes" in said and "two compartments | 15.0 | -25.5 | 30 | no" in said
    before = row | {"classical": {"errors": {"one compartment": 0.3}, "closed": [0.9, 0.8, 1.0]}}  # recorded without saying how the fits ended
    monkeypatch.setattr(measured, "_classical", lambda *_: row["classical"])
    assert measured.with_fits(load_card("theophylline"), before, 0, print) == row
