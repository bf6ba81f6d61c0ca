"""Coverage, ranks and their bands: a perfect engine passes, one that is made wrong on purpose does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.checks.calibration import cohort_coverage, virtual_coverage
from pkvae_core.checks.coverage import Case, coverage_of, share_held, wilson
from pkvae_core.checks.engines import Engine
from pkvae_core.checks.progress import Cancelled
from pkvae_core.checks.ranks import rank_check, self_check
from pkvae_core.checks.strata import EVERYBODY, strata, strata_of
from pkvae_core.checks.uniformity import band_tail, bars, ranks_of, uniformity
from pkvae_core.checks.virtual import as_patients, fresh
from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import Population, course, simulate
from pkvae_core.patient import Covariate, Patient
from pkvae_core.vae.checkpoint import load_model


def test_of_uniform_ranks_one_curve_in_twenty_leaves_its_band():
    generator = np.random.default_rng(1)
    inside = [uniformity(generator.integers(0, 100, 200), 99).is_uniform for _ in range(400)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.04)  # 3.7 standard errors


def test_the_band_of_a_single_place_is_the_binomial_one():
    assert band_tail(500, 1) == pytest.approx(0.025, abs=0.006)  # a discrete distribution


@pytest.mark.parametrize("distorted", [lambda u: 0.5 + 0.6 * (u - 0.5), lambda u: u**1.3, lambda u: np.where(u < 0.5, u / 2, 1 - (1 - u) / 2)])
def test_ranks_that_are_not_uniform_are_caught(distorted):
    generator = np.random.default_rng(2)
    assert not uniformity(ranks_of(distorted(generator.random(1000)), 99, generator), 99).is_uniform


def test_ranks_of_uniform_probabilities_are_uniform():
    generator = np.random.default_rng(3)
    ranks = ranks_of(generator.random(2000), 99, generator)
    found = bars(ranks, 99)
    assert uniformity(ranks, 99).is_uniform
    assert found.share.sum() == pytest.approx(1) and found.low99 < 0.05 < found.high99


def test_an_interval_holds_a_point_or_a_part_of_an_interval():
    low, high = np.array([0.04, 0.06, 0.0, 0.0]), np.array([0.04, 0.06, 0.04, 0.10])
    assert share_held(low, high, 0.9) == pytest.approx([0, 1, 0, 0.5])


def test_wilson_by_hand():
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662."""
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_levels_below_the_limit_keep_the_coverage(seed=4):
    """Levels with uniform probabilities, those below 0.3 reported as such only."""
    u = np.random.default_rng(seed).random(20_000)
    low, high = np.where(u < 0.3, 0, u), np.where(u < 0.3, 0.3, u)
    for nominal in (0.2, 0.5, 0.9):
        assert share_held(low, high, nominal).mean() == pytest.approx(nominal, abs=0.015)


def test_several_levels_of_a_subject_widen_the_interval():
    cases = [Case("level", 0, str(i % 20), u, u, (EVERYBODY,)) for i, u in enumerate(np.tile(np.random.default_rng(5).random(20), 10))]
    alone = [replace(c, subject=str(i)) for i, c in enumerate(cases)]
    clustered, single = (coverage_of("toy", c, {"all": lambda n: True}).select(nominal=0.5)[0] for c in (cases, alone))
    assert clustered.covered == single.covered and (clustered.subjects, single.subjects) == (20, 200)
    assert clustered.high95 - clustered.low95 > 2 * (single.high95 - single.low95)


def test_a_perfect_engine_covers_what_it_promises(theophylline, engine_of):
    found = virtual_coverage(engine_of(theophylline, draws=150), theophylline, patients=100, levels=(0, 1))
    assert {"auc24", "trough", "concentration", "level"} <= set(found.there_is("quantity"))
    for point in found.select(stratum=EVERYBODY):
        noise = 4.2 * (point.nominal * (1 - point.nominal) / 100) ** 0.5 + 0.01  # of 60 to 100 figures none should lie further off
        assert point.cases == 100 and point.covered == pytest.approx(point.nominal, abs=noise)


def test_an_overconfident_engine_is_caught(theophylline, engine_of):
    found = virtual_coverage(engine_of(theophylline, spread=0.5, draws=200), theophylline, patients=80, levels=(0,))
    assert found.select(quantity="auc24", stratum=EVERYBODY, nominal=0.9)[0].high95 < 0.8  # 1.645/2 standard deviations hold 59 %
    ranks = rank_check(engine_of(theophylline, spread=0.5, draws=200), theophylline, patients=80, levels=0)
    assert "AUC24" in found.sentence and len(found.rows()) == len(found.points)
    assert not next(r for r in ranks.quantities if r.quantity == "CL").is_uniform and "leave their band" in ranks.sentence


def test_ranks_of_a_perfect_engine_are_uniform(theophylline, engine_of):
    found = rank_check(engine_of(theophylline), theophylline, patients=150, levels=0, seed=1)
    assert [r.quantity for r in found.quantities] == ["CL", "V", "half_life", "auc24", "trough"]
    assert sum(not r.is_uniform for r in found.quantities) <= 1  # each leaves its band once in twenty checks of a perfect engine
    assert all(len(r.ranks) == 150 for r in found.quantities)


def test_the_sampling_of_the_shipped_posterior_is_right():
    """On patients of the model itself, its own posterior is the exact one. Ranks of z and of what follows from it: mean and tails within 4 standard errors."""
    found = self_check(load_model("theophylline"), patients=72, draws=200, levels=2)
    assert {"z1", "CL"} <= {r.quantity for r in found.quantities} and "patients of the model itself, 2 levels each" in found.sentence
    for quantity in found.quantities:
        share = (quantity.ranks + 0.5) / 100
        assert len(share) == 72 and share.mean() == pytest.approx(0.5, abs=4 * (1 / 12 / 72) ** 0.5)
        assert np.mean((share < 0.05) | (share > 0.95)) == pytest.approx(0.1, abs=4 * (0.1 * 0.9 / 72) ** 0.5)


def test_a_cohort_is_forecast_without_its_future(theophylline, engine_of):
    """Each level is one case with the number of levels before it, and the last level changes no earlier case."""
    patients = fresh(theophylline, 6, samples=3, seed=1).patients
    asked: list[Patient] = []
    engine = engine_of(theophylline, draws=50)

    def believe(found, seed):
        asked.extend(found)
        return engine.believe(found, seed)

    found = cohort_coverage(Engine("spy", believe), theophylline, patients)
    assert {p.levels: p.cases for p in found.select(stratum=EVERYBODY, nominal=0.9)} == {"all": 18, "0": 6, "1": 6, "2": 6, "1+": 12}
    assert [len(p.samples) for p in asked] == [0, 1, 2] * 6
    for seen, at in zip(asked, [s.time_h for p in patients for s in p.samples], strict=True):
        assert all(item.time_h < at for item in (*seen.doses, *seen.samples))


def test_who_cannot_be_answered_for_is_named(theophylline, engine_of):
    engine = engine_of(theophylline, draws=20)

    def believe(patients, seed):
        if any(p.id == "2" for p in patients):
            raise ValueError("no weight")
        return engine.believe(patients, seed)

    found = cohort_coverage(Engine("toy", believe), theophylline, fresh(theophylline, 3, samples=1, seed=2).patients)
    assert len(found.left_out) == 1 and found.left_out[0].startswith("patient 2, level at ") and found.left_out[0].endswith("no weight")


def test_a_check_can_be_stopped(theophylline, engine_of):
    def stop(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        virtual_coverage(engine_of(theophylline, draws=10), theophylline, patients=5, levels=(0,), progress=stop)


@pytest.mark.parametrize("drug", ["vancomycin", "theophylline"])
def test_a_record_says_all_that_the_simulator_drew(drug):
    """Read back as a population, the records give the true concentrations, changes of covariates included."""
    card = load_card(drug)
    drawn = simulate(card, 30, torch.Generator().manual_seed(3), samples=4, changing=0.7)
    again = Population.of(card, as_patients(card, drawn.population))
    true = drawn.responses.curves(drawn.population.doses, drawn.population.sample_time[:, :4].sort(1).values)[0]
    assert torch.allclose(drawn.responses.curves(again.doses, again.sample_time)[0], true, rtol=1e-4, atol=1e-4)
    assert torch.equal(again.covariates, drawn.population.covariates)
    assert again.history.until.shape[1] == drawn.population.history.until.shape[1] == 2
    assert torch.equal(again.history.until, drawn.population.history.until)
    assert torch.allclose(again.history.covariates[again.history.until > 0], drawn.population.history.covariates[again.history.until > 0])


def test_fresh_patients_can_be_of_one_group(theophylline):
    card = load_card("vancomycin")
    group = strata(card)[0]
    found = fresh(card, 12, samples=1, is_wanted=group.holds)
    assert len(found.patients) == 12 and all(group.label in strata_of(card, p) for p in found.patients)
    truth = found.truth.curves(course(card, [p.doses for p in found.patients]), torch.tensor([[p.samples[0].time_h] for p in found.patients]))[0]
    assert truth.shape == (12, 1, 1)
    assert strata(theophylline) == ()


def test_a_small_group_is_filled_up_with_patients_of_its_own(engine_of):
    card = load_card("vancomycin")
    found = virtual_coverage(engine_of(card, draws=10), card, patients=12, levels=(0,), least_per_stratum=6)
    points = found.select(quantity="auc24", nominal=0.9)
    assert [p.stratum for p in points] == [EVERYBODY, *(s.label for s in strata(card))]
    assert points[0].cases == 12 and all(p.cases >= 6 and p.subjects == p.cases for p in points)


def test_patients_belong_to_the_groups_their_covariates_say():
    card = load_card("vancomycin")
    patient = Patient("1", covariates=(Covariate("WT", 140), Covariate("HT", 165), Covariate("AGE", 70), Covariate("CRCL", 20)))
    assert strata_of(card, patient) == (EVERYBODY, "Creatinine clearance under 30 mL/min", "Body mass index over 40 kg/m²", "65 to 79 years")
    assert strata_of(card, Patient("2")) == (EVERYBODY,)
