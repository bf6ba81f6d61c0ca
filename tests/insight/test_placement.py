"""Does a patient's outline hold what the model believes, in a shape that fits, and does the path lead from level to level?"""

import math

import numpy as np
import pytest

from pkvae_core.inference.posterior import Posterior, individualise
from pkvae_core.insight.axes import axes
from pkvae_core.insight.placement import agreement, beliefs_by_level, ellipse, gaussian_from, latent_mean, means, place, region
from pkvae_core.patient import Covariate, Dose, Patient, Sample

RANDOM = np.random.default_rng(5)
COVARIATES = tuple(Covariate(name, value) for name, value in {"AGE": 64, "SEX": 0, "WT": 72, "HT": 165, "SCR": 1.3}.items())
LEVELS = (Sample(26, 30.2), Sample(35.5, 16.4))


@pytest.fixture(scope="module")
def posterior(vancomycin) -> Posterior:
    return individualise(vancomycin, Patient("1", tuple(Dose(12 * i, 1000, 1) for i in range(3)), LEVELS, COVARIATES))


def shared(points: np.ndarray) -> float:
    free = region(points, 0.9)
    return agreement(free, ellipse(points, 0.9, free))


@pytest.mark.parametrize("probability", [0.5, 0.9])
def test_a_region_holds_its_share_of_the_draws(probability):
    angle = RANDOM.uniform(0, math.pi, size=800)  # a banana
    points = np.stack([np.cos(angle), np.sin(angle)], 1) * 5 + RANDOM.normal(size=(800, 2)) * 0.3
    area = region(points, probability, grid=80)
    column = np.abs(area.x[None] - points[:, :1]).argmin(1)
    row = np.abs(area.y[None] - points[:, 1:]).argmin(1)
    assert (area.density[row, column] > area.level).mean() == pytest.approx(probability, abs=0.04)
    centre = area.density[np.abs(area.y).argmin(), np.abs(area.x).argmin()]
    assert centre < area.level, "the hollow of the banana lies outside"


def test_the_ellipse_of_a_gaussian_holds_its_share():
    points = RANDOM.multivariate_normal([1, -2], [[2, 0.9], [0.9, 1]], 4000)
    area = ellipse(points, 0.9, region(points[:400], 0.9))
    column, row = np.abs(area.x[None] - points[:, :1]).argmin(1), np.abs(area.y[None] - points[:, 1:]).argmin(1)
    assert area.is_inside[row, column].mean() == pytest.approx(0.9, abs=0.03)  # the grid's cells at the edge


@pytest.mark.parametrize("draws", [100, 300, 600])
def test_gaussian_draws_get_an_ellipse(draws):
    assert shared(RANDOM.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], draws)) > gaussian_from(draws)


def test_draws_that_are_not_gaussian_get_a_contour():
    gaussian = RANDOM.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 600)
    banana = np.stack([gaussian[:, 0], gaussian[:, 1] + 0.7 * gaussian[:, 0] ** 2], 1)
    assert shared(banana) < shared(np.exp(0.4 * gaussian)) < gaussian_from(600)


def test_levels_shrink_the_area_of_a_patient(posterior, population):
    across, up = (next(a for a in axes(population) if a.name == name) for name in ("→CL", "→V"))

    def size(which: Posterior) -> float:
        area = place(which, across, up).area
        return float(area.is_inside.sum() * (area.x[1] - area.x[0]) * (area.y[1] - area.y[0]))

    assert size(posterior) < 0.8 * size(posterior.prior())


def test_the_path_leads_from_the_prior_to_the_posterior(vancomycin, posterior):
    beliefs = beliefs_by_level(vancomycin, posterior)
    assert [len(b.patient.samples) for b in beliefs] == [0, 1, 2]
    assert latent_mean(beliefs[0]) == pytest.approx(latent_mean(posterior.prior()), abs=1e-5)
    assert beliefs[-1] is posterior
    one = individualise(vancomycin, Patient("1", posterior.patient.doses, LEVELS[:1], COVARIATES))
    assert means(beliefs)[1] == pytest.approx(latent_mean(one), abs=1e-4)


def test_a_level_that_is_not_trusted_is_no_step(vancomycin, posterior):
    doubted = (Sample(20, 99.0, trust=0.0), *LEVELS)
    last = individualise(vancomycin, Patient("1", posterior.patient.doses, doubted, COVARIATES))
    assert len(beliefs_by_level(vancomycin, last)) == 3
