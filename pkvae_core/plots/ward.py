"""How is a ward's table coloured: each urgency in the colour of its side, beside the mark and the word that say it too?"""

import pandas as pd
from pandas.io.formats.style import Styler

from pkvae_core.insight.urgency import NO_ALARM, PERHAPS_HIGH, PERHAPS_LOW, TOO_HIGH, TOO_LOW
from pkvae_core.plots.theme import PALETTES, Theme, faded

STRONG, FAINT = 0.22, 0.1


def coloured(table: pd.DataFrame, column: str, theme: Theme) -> Styler:
    """The table, the cells of `column` (an urgency in words) shaded."""
    palette = PALETTES[theme]
    shades = {
        TOO_HIGH: faded(palette.warning, STRONG),
        PERHAPS_HIGH: faded(palette.warning, FAINT),
        TOO_LOW: faded(palette.below, STRONG),
        PERHAPS_LOW: faded(palette.below, FAINT),
        NO_ALARM: faded(palette.in_target, FAINT),
    }
    dress = {urgency.words: f"background-color: {shade}" for urgency, shade in shades.items()}
    return table.style.map(lambda words: dress.get(words, ""), subset=[column])
