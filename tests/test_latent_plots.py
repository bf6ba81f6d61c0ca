"""Does the map hold every patient, and say what its marks are?"""

import numpy as np

from pkvae_core.insight.axes import axes
from pkvae_core.insight.latent import LatentMap
from pkvae_core.insight.placement import Placement, Region
from pkvae_core.insight.properties import Property
from pkvae_core.plots.latent import add_patient, map_figure, shading

RANDOM = np.random.default_rng(1)


def drawn(at: float):
    z = RANDOM.normal(size=(200, 2)).astype(np.float32)
    population = LatentMap(z, (Property("CL", "Clearance", "L/h", np.exp(z[:, 0])),))
    across, up = axes(population)[:2]
    grid = np.linspace(at - 1, at + 1, 21)
    density = np.exp(-((grid[None] - at) ** 2) - (grid[:, None] - at) ** 2)
    placement = Placement(Region(grid, grid, density, 0.5), (at, at), 0.95, True)
    figure = map_figure("light", population, across, up, population.properties[0])
    before = figure.layout.xaxis.range
    add_patient(figure, "light", "A <b>", placement, placement, [(at, at), (at, at + 0.1)])
    return figure, before


def test_a_patient_far_outside_the_population_is_still_on_the_map():
    figure, _ = drawn(20.0)
    assert figure.layout.xaxis.range[1] > 20 and figure.layout.yaxis.range[1] > 20


def test_a_patient_among_the_others_does_not_move_the_map():
    figure, before = drawn(0.0)
    assert list(figure.layout.xaxis.range) == list(before)


def test_every_dot_knows_its_number_and_every_mark_its_level():
    figure, _ = drawn(0.0)
    assert list(figure.data[0].customdata) == list(range(200))
    assert [a.text for a in figure.layout.annotations[1:3]] == ["0", "1"]
    assert figure.data[-1].hovertext == ("A &lt;b&gt; before any level", "A &lt;b&gt; after 1 level")


def test_ticks_of_a_colour_lie_on_its_scale_whether_it_is_multiplied_or_added():
    for name, values in (("CL", np.exp(RANDOM.normal(size=500))), ("WT", 70 + 12 * RANDOM.normal(size=500))):
        scale = shading(Property(name, name, "", values))
        assert 2 <= len(scale.ticks) <= 8
        assert all(scale.low <= at <= scale.high for at, _ in scale.ticks)
        assert all(abs((10**at if name == "CL" else at) - float(words)) < 1e-6 * abs(at or 1) + 1e-9 for at, words in scale.ticks)


def test_the_edge_of_an_area_is_where_its_density_has_the_level():
    grid = np.linspace(-2, 2, 81)
    area = Region(grid, grid, np.exp(-(grid[None] ** 2) - grid[:, None] ** 2), float(np.exp(-1)))
    (line,) = area.edge
    np.testing.assert_allclose(np.linalg.norm(line, axis=1), 1.0, atol=2e-3)
