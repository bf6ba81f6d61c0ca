"""The screen of decoders: its figures stay readable after the losers are gone, and say where their code is."""

import pytest

from pkvae_core.checks.recorded import recorded
from pkvae_core.commands.measurements import decoder_screen


def test_the_recorded_figures_of_every_family_are_printed():
    found = recorded("decoder-screen")
    assert found is not None and {"ode", "pulses", "flow", "shipped"} <= set(found["models"])
    printed = decoder_screen.markdown(found)
    assert all(printed.count(f"| {decoder_screen.WORDS[name]} |") >= 2 for name in found["models"])
    assert f"| {found['models']['flow']['steps']:,} |" in printed and decoder_screen.WORDS["right"] in printed


def test_nobody_is_told_that_the_screen_can_be_run_here():
    found = recorded("decoder-screen")
    assert found is not None
    with pytest.raises(ValueError, match=f"commit {found['code']['commit']}.*benchmark --of decoder-screen"):
        decoder_screen.measure(0, lambda line: None)
