"""How far does the scoreboard's coverage reach, and is it drawn so?"""

import pytest

from pkvae_core.checks.goals import NOT_PROPORTIONAL, PROPORTIONAL, goal_of
from pkvae_core.checks.scoreboard import coverage_ends
from pkvae_core.drugs.card import load_card
from pkvae_core.plots.models import coverage_figure, ratio_figure


def held_out(patients: int) -> dict:
    cells = [{"levels": n, "coverage": {"weighted auc24": share}, "coverage_patients": patients} for n, share in ((0, 0.9), (2, 0.825), (4, 0.99))]
    return {"cells": cells}


def test_the_interval_of_a_coverage_holds_it_and_narrows_with_more_patients():
    few, many = (coverage_ends(held_out(patients))["weighted auc24"] for patients in (100, 4000))
    for share, (low, high), (lower, higher) in zip((0.9, 0.825, 0.99), few, many, strict=True):
        assert low < lower < share < higher < high <= 1
    assert many[0] == pytest.approx((0.8903, 0.9089), abs=2e-4)  # Wilson 1927


def test_the_whiskers_end_where_the_interval_ends_and_stay_on_the_chart():
    found = held_out(100)
    ends = coverage_ends(found)
    chart = coverage_figure("light", found["cells"], ends, PROPORTIONAL).to_plotly_json()
    dots, (bottom, top) = chart["data"][0], chart["layout"]["yaxis"]["range"]
    bars = zip(dots["y"], dots["error_y"]["arrayminus"], dots["error_y"]["array"], ends["weighted auc24"], strict=True)
    for y, below, above, (low, high) in bars:
        assert (y - below, y + above) == pytest.approx((100 * low, 100 * high))
        assert bottom < y - below and y + above < top


@pytest.mark.parametrize("drug", ["phenytoin", "mycophenolate", "omalizumab"])
def test_where_doses_do_not_add_up_the_goal_is_the_wider_one(drug):
    assert goal_of(load_card(drug)) is NOT_PROPORTIONAL
    assert goal_of(load_card("vancomycin")) is goal_of(load_card("power_law")) is PROPORTIONAL


@pytest.mark.parametrize("aim", [PROPORTIONAL, NOT_PROPORTIONAL])
def test_the_charts_shade_the_goal_and_show_all_of_it(aim):
    found = held_out(4000)
    for cell in found["cells"]:
        cell["ratio"] = {"weighted auc24": (1.0, 0.99, 1.01)}
    charts = coverage_figure("light", found["cells"], coverage_ends(found), aim), ratio_figure("light", found["cells"], aim)
    for chart, (low, high) in zip(charts, (aim.coverage_percent, (0, aim.ratio)), strict=True):
        drawn = chart.to_plotly_json()["layout"]
        assert (drawn["shapes"][0]["y0"], drawn["shapes"][0]["y1"]) == (low, high)
        assert high < drawn["yaxis"]["range"][1]
