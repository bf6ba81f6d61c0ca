"""Does a walk move where its sliders say, and does a path lead from one patient to the other?"""

import numpy as np
import pytest

from pkvae_core.insight.axes import axes
from pkvae_core.insight.latent import course_times, decode, typical_regimen
from pkvae_core.insight.walk import Course, further_out, straight, walk


@pytest.fixture(scope="module")
def given(vancomycin) -> Course:
    doses = typical_regimen(vancomycin.card).doses(24.0)
    return Course(doses, course_times(doses, 24.0, points=30))


@pytest.fixture(scope="module")
def own_axes(population):
    return [a for a in axes(population) if a.is_latent]


def test_a_slider_moves_along_its_axis_alone(vancomycin, population, own_axes, given):
    slides = walk(vancomycin, population, own_axes, population.centre, {}, given)
    for slide in slides:
        k, width = int(slide.axis.name.translate(str.maketrans("₁₂₃₄₅", "12345"))[1:]) - 1, slide.axis.coordinate(population.z).std()
        point = population.centre.copy()
        point[k] += slide.shift[5] * width
        assert slide.frames.concentration[5] == pytest.approx(decode(vancomycin, point[None], given.doses, given.time_h)[0], rel=1e-3, abs=1e-3)


def test_every_slider_stands_on_the_same_point(vancomycin, population, own_axes, given):
    shifts = {"z₁": 0.7, "z₃": -1.234}
    slides = walk(vancomycin, population, own_axes, population.centre, shifts, given)
    for slide in slides:
        assert slide.shift[slide.now] == pytest.approx(shifts.get(slide.axis.name, 0.0), abs=1e-9)
        assert slide.frames.concentration[slide.now] == pytest.approx(slides[0].frames.concentration[slides[0].now], rel=1e-3, abs=1e-3)


def test_a_walk_can_always_go_back(vancomycin, population, own_axes, given):
    far = population.z[np.abs(population.z[:, 0] - population.centre[0]).argmax()]
    slides = walk(vancomycin, population, own_axes, far, {"z₁": 1.1}, given)
    assert all(np.abs(slide.shift).min() == 0 for slide in slides)
    assert all((np.diff(slide.shift) > 0).all() for slide in slides)


def test_a_path_leads_straight_from_one_patient_to_the_other(vancomycin, population, given):
    one, other = population.z[0], population.z[1]
    position, frames = straight(vancomycin, population, (one, other), given)
    middle = len(position) // 2
    assert position[[0, middle, -1]] == pytest.approx([0, 0.5, 1])
    expected = decode(vancomycin, np.stack([one, (one + other) / 2, other]), given.doses, given.time_h)
    assert frames.concentration[[0, middle, -1]] == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_the_clearance_of_a_step_is_that_of_its_curve(vancomycin, population):
    """A continuous infusion of 60 mg/h settles at 60/CL."""
    from pkvae_core.patient import Dose

    given = Course((Dose(0, 60 * 5000, 5000),), np.array([4999.0]))
    frames = straight(vancomycin, population, (population.z[0], population.z[1]), given)[1]
    assert 60 / frames.concentration[:, 0] == pytest.approx(frames.parameters["CL"], rel=0.02)


def test_nobody_lies_further_out_than_the_last_patient_and_everybody_further_than_the_centre(population):
    assert further_out(population, population.centre[None])[0] == 1
    assert further_out(population, population.centre[None] + 1e3)[0] == 0
    shares = further_out(population, population.z)
    assert np.sort(shares) == pytest.approx((np.arange(len(shares)) + 1) / len(shares), abs=2 / len(shares))
