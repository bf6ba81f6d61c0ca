"""The latent map as a figure to take away, and the curves that its points stand for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go

from pkvae_core.insight.axes import Axis
from pkvae_core.insight.latent import Bundle, LatentMap
from pkvae_core.insight.placement import Placement, Region
from pkvae_core.insight.properties import Property
from pkvae_core.plots.elapsed import Elapsed, elapsed
from pkvae_core.plots.theme import PALETTES, SEQUENTIAL, Palette, Theme, band, faded, figure

SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up")
LOGARITHMIC = ("CL", "V", "half_life", "ka", "lag", "ka2", "lag2", "SCR", "CRCL")

Steps = Sequence[tuple[float, float]]


def map_figure(theme: Theme, latent_map: LatentMap, across: Axis, up: Axis, colour_by: Property, *, height: int = 600) -> go.Figure:
    """Every virtual patient as a dot whose `customdata` is its number. Ranges are fixed: a new drawing does not move the map."""
    colour, x, y = PALETTES[theme], across.coordinate(latent_map.z), up.coordinate(latent_map.z)
    chart = figure(theme, height=height)
    chart.add_traces(_groups(colour, x, y, colour_by) if colour_by.categories else [_shaded(colour, x, y, colour_by)])
    chart.update_traces(selected_marker_opacity=0.95, unselected_marker_opacity=0.1)
    chart.update_layout(
        margin=dict(l=8, r=8, t=36, b=8),
        legend=dict(orientation="h", y=1.0, yanchor="bottom", x=0, itemclick=False, itemdoubleclick=False),
    )
    chart.update_layout(showlegend=bool(colour_by.categories))
    for update, axis, values in ((chart.update_xaxes, across, x), (chart.update_yaxes, up, y)):
        update(title_text=axis_title(axis), range=axis_range(values), fixedrange=False)
    return chart


def axis_range(values: np.ndarray) -> list[float]:
    """From where to where an axis reaches: all values, with a margin."""
    margin = 0.04 * float(np.ptp(values))
    return [float(values.min()) - margin, float(values.max()) + margin]


def axis_title(axis: Axis) -> str:
    """The axis and the property it goes with most closely, with the figure."""
    return f"{axis.name}   ({axis.meaning.property.label.lower()}: rank correlation {signed(axis.meaning.rho)})"


def signed(value: float) -> str:
    """A correlation with its sign and a true minus: +0.93, −0.10."""
    return f"{value:+.2f}".replace("-", "−")


@dataclass(frozen=True)
class Shading:
    """How a property becomes a colour: `shade` is the value or its logarithm, drawn from `low` to `high` (1st to 99th percentile); ticks on that scale."""

    shade: np.ndarray
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]


def shading(colour_by: Property) -> Shading:
    """Logarithmic for what is multiplied rather than added."""
    is_log = colour_by.name in LOGARITHMIC
    shade = np.log10(colour_by.values) if is_log else colour_by.values
    low, high = (float(v) for v in np.percentile(shade, [1, 99]))
    if is_log:
        values = [m * 10.0**k for k in range(-3, 5) for m in (1, 2, 5)]
        return Shading(shade, low, high, tuple((math.log10(v), f"{v:g}") for v in values if low <= math.log10(v) <= high))
    step = 10 ** math.floor(math.log10((high - low) / 2))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 6)
    first, last = math.ceil(low / step), math.floor(high / step)
    return Shading(shade, low, high, tuple((k * step, f"{k * step:g}") for k in range(first, last + 1)))


def _shaded(colour: Palette, x: np.ndarray, y: np.ndarray, colour_by: Property) -> go.Scatter:
    scale = shading(colour_by)
    at, words = zip(*scale.ticks, strict=True) if scale.ticks else ((), ())
    bar = dict(
        title=dict(text=f"{colour_by.label}<br>({colour_by.unit})", font=dict(size=12, color=colour.muted)), tickvals=at, ticktext=words,
        thickness=10, len=0.75, outlinewidth=0, tickfont=dict(size=12, color=colour.muted),
    )  # fmt: skip
    marker = dict(size=6, opacity=0.7, color=scale.shade.astype(np.float32), cmin=scale.low, cmax=scale.high, colorscale=SEQUENTIAL, colorbar=bar)
    hover = f"{colour_by.label} %{{text:.3~g}} {colour_by.unit}<extra></extra>"
    return go.Scatter(x=x, y=y, mode="markers", marker=marker, customdata=np.arange(len(x)), text=colour_by.values, hovertemplate=hover)


def hues(colour: Palette) -> tuple[str, ...]:
    """Colours of groups, in their order; each comes with its own of SYMBOLS."""
    return (colour.regimen, colour.warning, colour.in_target, colour.below, colour.prior, colour.primary)


def _groups(colour: Palette, x: np.ndarray, y: np.ndarray, colour_by: Property) -> list[go.Scatter]:
    traces = []
    for i, name in enumerate(colour_by.categories):
        mine = np.flatnonzero(colour_by.values == i)
        marker = dict(size=6, opacity=0.5, color=hues(colour)[i], symbol=SYMBOLS[i])
        traces.append(go.Scatter(x=x[mine], y=y[mine], mode="markers", name=name, marker=marker, customdata=mine, hovertemplate=f"{name}<extra></extra>"))
    return traces


def add_patient(chart: go.Figure, theme: Theme, label: str, prior: Placement, posterior: Placement | None, steps: Steps) -> None:
    """The open patient on the map: dashed before any level, solid with them; the means after 0, 1, 2 ... levels as numbered marks on a path."""
    colour = PALETTES[theme]
    for placement in filter(None, (prior, posterior)):
        _make_room(chart, placement.area)
    chart.add_traces(_outline(prior.area, colour, "dash"))
    _label(chart, prior.area.bottom, "before any level", colour, size=12, shift=-11)
    if posterior:
        chart.add_traces(_outline(posterior.area, colour, "solid"))
    chart.add_traces(_path(steps, escape(label), colour))
    for k, (x, y) in enumerate(steps):
        ink = colour.page if k == len(steps) - 1 else colour.ink
        chart.add_annotation(x=x, y=y, text=str(k), showarrow=False, font=dict(color=ink, size=10))
    _label(chart, (posterior or prior).area.top, f"<b>{escape(label)}</b>", colour, size=13, shift=11)


def _make_room(chart: go.Figure, area: Region) -> None:
    """A patient unlike the population is still on the map: the axes reach as far as the area."""
    for name, (low, high) in zip(("xaxis", "yaxis"), area.extent, strict=True):
        least, most = chart.to_dict()["layout"][name]["range"]
        chart.update_layout({name: dict(range=[min(least, low), max(most, high)])})


def _path(steps: Steps, label: str, colour: Palette) -> list[go.Scatter]:
    """A line through the means, one mark for each number of levels, the last one filled."""
    x, y = zip(*steps, strict=True)
    said = [f"{label} before any level", *(f"{label} after {k} level{'' if k == 1 else 's'}" for k in range(1, len(steps)))]
    fills = [colour.page] * (len(steps) - 1) + [colour.ink]
    halo = go.Scatter(x=x, y=y, mode="lines", line=dict(color=faded(colour.page, 0.8), width=6), hoverinfo="skip", zorder=2, showlegend=False)
    marks = go.Scatter(
        x=x, y=y, mode="lines+markers", hovertext=said, hovertemplate="%{hovertext}<extra></extra>", zorder=3, showlegend=False,
        line=dict(color=colour.ink, width=1.8), marker=dict(size=16, color=fills, opacity=1, line=dict(color=colour.ink, width=1.6)),
        selected_marker_opacity=1, unselected_marker_opacity=1,
    )  # fmt: skip
    return [halo, marks]


def _outline(area: Region, colour: Palette, dash: str) -> list[go.Contour]:
    """The edge of an area, on a halo that parts it from the dots."""
    edge = dict(type="constraint", operation="=", value=area.level)
    lines = [dict(color=faded(colour.page, 0.8), width=5), dict(color=colour.ink, width=2, dash=dash)]
    silent = dict(fillcolor="rgba(0,0,0,0)", hoverinfo="skip", showscale=False, showlegend=False, zorder=1)
    return [go.Contour(x=area.x, y=area.y, z=area.density.astype(np.float32), contours=edge, line=line, **silent) for line in lines]


def _label(chart: go.Figure, at: tuple[float, float], text: str, colour: Palette, *, size: int, shift: int) -> None:
    chart.add_annotation(
        x=at[0], y=at[1], text=text, showarrow=False, yshift=shift, font=dict(color=colour.ink, size=size), bgcolor=faded(colour.page, 0.75), borderpad=1
    )


def curves_figure(theme: Theme, population: Bundle, chosen: Bundle | None, patient: Bundle | None, names: Mapping[str, str], *, height: int = 300) -> go.Figure:
    """The chosen patients' curves with their bands; the medians of the population and of the open patient as lines. `names` labels the three."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    front = chosen or population
    clock = elapsed(float(front.time_h[-1]))
    hue = colour.regimen if chosen else colour.prior
    chart.add_trace(band(front.time_h / clock.hours, front.low90, front.high90, hue, opacity=0.16))
    chart.add_trace(band(front.time_h / clock.hours, front.low50, front.high50, hue, opacity=0.26))
    lines = [("population", population, colour.prior, "dot"), ("chosen", chosen, colour.regimen, "solid"), ("patient", patient, colour.ink, "dash")]
    shown = [line for line in lines if line[1] is not None]
    for name, bundle, line_colour, dash in shown:
        chart.add_trace(_median(bundle, clock, escape(names[name]), line_colour, dash))
    heights = _apart([float(bundle.median[-1]) for _, bundle, _, _ in shown], gap=0.075 * float(front.high90.max()))
    for (name, bundle, line_colour, _), y in zip(shown, heights, strict=True):
        chart.add_annotation(
            x=bundle.time_h[-1] / clock.hours, y=y, text=escape(names[name]), xanchor="left", xshift=6, showarrow=False, font=dict(color=line_colour, size=12)
        )
    top = 1.06 * max(bundle.high90.max() if bundle is front else bundle.median.max() for _, bundle, _, _ in shown)
    chart.update_layout(margin=dict(l=8, r=96, t=8, b=8), hovermode="x unified")
    chart.update_xaxes(title_text=f"{clock.title} since the first dose", range=[0, front.time_h[-1] / clock.hours], dtick=clock.tick)
    chart.update_xaxes(hoverformat=".1f", ticksuffix="")
    chart.update_yaxes(title_text="Concentration (mg/L)", range=[0, top], rangemode="tozero")
    return chart


def _median(bundle: Bundle, clock: Elapsed, name: str, colour: str, dash: str) -> go.Scatter:
    interval = np.stack([bundle.low90, bundle.high90], 1).astype(np.float32)
    hover = "%{y:.3g} mg/L (90 %: %{customdata[0]:.3g}–%{customdata[1]:.3g})"
    return go.Scatter(
        x=bundle.time_h / clock.hours,
        y=bundle.median,
        name=name,
        mode="lines",
        line=dict(color=colour, width=2.4, dash=dash),
        customdata=interval,
        hovertemplate=hover,
    )


def _apart(heights: Sequence[float], *, gap: float) -> list[float]:
    """The same heights, moved up where two labels would touch."""
    placed: dict[int, float] = {}
    for i in sorted(range(len(heights)), key=lambda i: heights[i]):
        placed[i] = max([heights[i], *(y + gap for y in placed.values())])
    return [placed[i] for i in range(len(heights))]
