"""Can everybody read it: do our colours contrast in both themes, and are they the same in the charts and in Streamlit?"""

import tomllib
from pathlib import Path

import pytest

from pkvae_core.plots.theme import PALETTES, faded, figure

CONFIG = tomllib.loads((Path(__file__).parents[1] / ".streamlit" / "config.toml").read_text())
HUES = ("blue", "green", "orange", "yellow", "red", "violet", "gray")


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("hue", HUES)
def test_badges_and_alerts_are_readable(theme, hue):
    colours = CONFIG["theme"][theme]
    assert contrast(colours[f"{hue}TextColor"], colours[f"{hue}BackgroundColor"]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable_on_page_and_panel(theme):
    palette = PALETTES[theme]
    for ink in (palette.ink, palette.muted, palette.primary):
        assert contrast(ink, palette.page) >= 4.5
        assert contrast(ink, palette.panel) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_chart_labels_in_the_colour_of_their_line_are_readable(theme):
    palette = PALETTES[theme]
    for role in (palette.regimen, palette.warning, palette.in_target, palette.below):
        assert contrast(role, palette.page) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_and_widgets_wear_the_same_colours(theme):
    palette, colours = PALETTES[theme], CONFIG["theme"][theme]
    assert (palette.page, palette.panel, palette.ink, palette.primary) == tuple(
        colours[name] for name in ("backgroundColor", "secondaryBackgroundColor", "textColor", "primaryColor")
    )


def test_a_faded_colour_keeps_its_hue():
    assert faded("#0B5C73", 0.5) == "rgba(11,92,115,0.5)"


def test_charts_stand_on_the_page():
    assert all(figure(theme, height=100).to_dict()["layout"]["template"]["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)" for theme in PALETTES)
