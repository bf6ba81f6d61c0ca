"""The screen of decoders: its figures are readable, and both rounds are printed."""

import pytest

from pkvae_core.checks.recorded import recorded
from pkvae_core.commands.measurements import decoder_screen


@pytest.fixture(scope="module")
def found():
    found = recorded("decoder-screen")
    assert found is not None
    return found


def test_the_recorded_figures_of_every_family_are_printed(found):
    assert {"ode", "pulses", "flow", "shipped"} <= set(found["models"])
    printed = decoder_screen.markdown(found)
    assert all(printed.count(f"| {decoder_screen.WORDS[name]} |") >= 2 for name in found["models"])
    assert f"| {found['models']['flow']['steps']:,} |" in printed and decoder_screen.WORDS["right"] in printed


@pytest.mark.parametrize("drug", ["omalizumab", "mycophenolate"])
def test_so_are_those_of_the_second_round(found, drug):
    printed, each = decoder_screen.markdown(found), found["second"]["drugs"][drug]
    assert {"ode", "flow", "shipped"} == set(each["models"])
    for name, one in each["models"].items():
        words, (middle, low, high) = decoder_screen.SECOND[drug][name], one["profile"]["ratio"]
        assert f"| {words} | {100 * one['profile']['error']:.1f} | {middle:.3f} ({low:.3f} to {high:.3f}) |" in printed
