"""A figure as a file of its own: it opens in any browser, without a network, and can be zoomed and saved as a picture there."""

import plotly.graph_objects as go

from pkvae_core.plots.theme import PALETTES, Theme

CONFIG = {
    "displaylogo": False,
    "showSendToCloud": False,
    "responsive": True,
    "toImageButtonOptions": {"format": "png", "scale": 3},
}


def standalone_html(chart: go.Figure, theme: Theme, *, title: str) -> bytes:
    """One HTML file with the figure and everything that draws it; its camera saves a PNG at three times the size. It asks nobody for anything."""
    page = go.Figure(chart).update_layout(paper_bgcolor=PALETTES[theme].page, title=dict(text=title, x=0.01), margin_t=64)
    return page.to_html(config=CONFIG, include_plotlyjs=True, full_html=True).encode()
