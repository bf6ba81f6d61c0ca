"""What our charts look like: the colour of every role, and one plotly template per theme."""

from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

Theme = Literal["light", "dark"]
FONT = '"Source Sans", "Source Sans Pro", "Source Sans 3", sans-serif'
SEQUENTIAL = "Viridis"


@dataclass(frozen=True)
class Palette:
    """Colours by what they mean. Checked for colour blindness; a shape doubles every colour."""

    ink: str  # text, axes, measured levels
    muted: str
    hairline: str
    page: str
    panel: str
    primary: str
    regimen: str  # this regimen, this patient
    warning: str  # unchanged, above the target, to look at
    in_target: str
    below: str
    prior: str  # the population, before any level


PALETTES: dict[Theme, Palette] = {
    "light": Palette("#0E1A22", "#5B6973", "#D5DDE1", "#FFFFFF", "#F3F6F7", "#0B5C73", "#0072B2", "#C75000", "#00735A", "#B0578D", "#8A949B"),
    "dark": Palette("#E6EDF1", "#9AA8B1", "#2B3A43", "#0F171C", "#18232A", "#7CC7DA", "#56B4E9", "#F0883E", "#4CC9A4", "#E39CC4", "#7C8A93"),
}


def faded(colour: str, opacity: float) -> str:
    """This colour, seen through."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def template(theme: Theme) -> go.layout.Template:
    """Axes, type and hover labels of every figure."""
    colour = PALETTES[theme]
    axis = dict(
        gridcolor=faded(colour.hairline, 0.6), linecolor=colour.hairline, zeroline=False, showline=False, ticks="", fixedrange=True,
        tickfont=dict(color=colour.muted, size=12), title=dict(font=dict(color=colour.muted, size=12), standoff=8), automargin=True,
    )  # fmt: skip
    layout = go.Layout(
        font=dict(family=FONT, size=13, color=colour.ink), paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        margin=dict(l=8, r=8, t=8, b=8), xaxis=axis, yaxis=axis, showlegend=False, separators=".,",
        hoverlabel=dict(bgcolor=colour.panel, bordercolor=colour.hairline, font=dict(family=FONT, size=13, color=colour.ink)),
        modebar=dict(bgcolor="rgba(0,0,0,0)", color=colour.muted, activecolor=colour.primary), newselection=dict(line=dict(color=colour.ink, width=1)),
        coloraxis=dict(colorscale=SEQUENTIAL, colorbar=dict(thickness=10, outlinewidth=0, len=0.8, tickfont=dict(color=colour.muted, size=12))),
    )  # fmt: skip
    return go.layout.Template(layout=layout)


def figure(theme: Theme, *, height: int) -> go.Figure:
    """An empty figure in our dress. The figure's own template stands, whatever plotly's default is."""
    return go.Figure(layout=dict(template=template(theme), height=height))


def band(x, low, high, colour: str, *, opacity: float) -> go.Scatter:
    """A shaded band between two curves, silent under the pointer (the hover of the middle line names its interval)."""
    edge = dict(width=0)
    return go.Scatter(
        x=[*x, *reversed(x)], y=[*high, *reversed(low)], fill="toself", fillcolor=faded(colour, opacity), line=edge, mode="lines", hoverinfo="skip"
    )
