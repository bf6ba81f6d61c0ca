"""Do the charts of the checks show all that was found, also where hardly anything is known?"""

import numpy as np
import pytest

from pkvae_core.checks.coverage import CoveragePoint
from pkvae_core.checks.goals import PROPORTIONAL
from pkvae_core.checks.vpc import VPC, Percentile
from pkvae_core.plots import calibration, vpc
from pkvae_core.plots.marks import styles, whiskers
from pkvae_core.plots.theme import PALETTES

NAN = float("nan")


def percentile(percent: int, observed: float, high95: float) -> Percentile:
    return Percentile(percent, 1.0, 4.0, 2.0, 30, observed, 1.0, 5.0, high95)


def check(*percentiles: Percentile) -> VPC:
    points = np.array([2.0, 8.0])
    return VPC("PKVAE", "time_after_dose_h", False, 100, percentiles, (), ("1", "2"), np.array([1.0, 4.0]), points, np.array([False, True]), ())


def test_a_value_without_an_interval_has_no_whisker():
    dots = whiskers([1, 2], [10.0, 20.0], [(8.0, 13.0), (None, None)], "a", "#000000", "circle", ["", ""], "")
    assert list(dots.error_y.array) == [3.0, 0] and list(dots.error_y.arrayminus) == [2.0, 0]


def test_every_series_has_its_own_symbol_and_colour():
    for palette in PALETTES.values():
        dress = styles(palette)
        assert len({hue for hue, _ in dress}) == len({symbol for _, symbol in dress}) == len(dress)


def test_a_band_that_goes_on_above_the_chart_says_where_it_ends():
    chart = vpc.vpc_figure("light", check(percentile(95, 10.0, 900.0)), "mg/L")
    assert chart.layout.yaxis.range[1] < 900
    assert [note.text for note in chart.layout.annotations] == ["to 900"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_percentile_below_the_limit_is_a_gap(theme):
    chart = vpc.vpc_figure(theme, check(percentile(5, NAN, 3.0), percentile(50, 5.0, 7.0), percentile(95, 9.0, 12.0)), "mg/L")
    assert [trace.y[0] for trace in chart.data[1:]] == [None, 5.0, 9.0]


def test_levels_are_drawn_in_the_unit_of_the_laboratory():
    chart = vpc.vpc_figure("light", check(percentile(50, 5.0, 7.0)), "ug/L", unit_mg_per_L=0.001)
    assert list(chart.data[0].y) == [2000.0, 8000.0] and chart.layout.yaxis.title.text == "Level (ug/L)"


def test_a_row_of_the_coverage_chart_names_its_count():
    point = CoveragePoint("auc24", "AUC24", "0", "Everybody", 0.9, 0.9, NAN, NAN, 1200, 1200)
    chart = calibration.strata_figure("light", {"No level": point}, is_overall=[True], aim=PROPORTIONAL)
    assert chart.layout.yaxis.ticktext == ("No level · 1,200",)
    assert np.isfinite(chart.layout.xaxis.range).all()
