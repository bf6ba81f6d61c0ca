"""The screen of decoders: its figures stay readable after the losers are gone, and say where their code is."""

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


def test_both_rounds_say_which_commit_holds_their_code(found):
    printed = decoder_screen.markdown(found)
    assert all(f"commit {each['code']['commit']}" in printed for each in (found, found["second"]))


def test_nobody_is_told_that_the_screen_can_be_run_here(found):
    with pytest.raises(ValueError, match=f"commits {found['code']['commit']} and {found['second']['code']['commit']}.*benchmark --of decoder-screen"):
        decoder_screen.measure(0, lambda line: None)
