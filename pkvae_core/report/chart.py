"""Where does each mark of the chart stand? Shapes in points, y downwards; the PDF and the HTML page draw the same ones."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from jaxtyping import Float

from pkvae_core.plots.theme import PALETTES
from pkvae_core.report.content import Chance
from pkvae_core.report.curve import Curve
from pkvae_core.report.words import bounds_words, unit_words
from pkvae_core.wording import plain

INK = PALETTES["light"]
ALARM = "#B3261E"  # do not; the theme's red
ROLES = {"in_target": INK.in_target, "above": INK.warning, "below": INK.below}
Points = tuple[tuple[float, float], ...]
Times = Float[np.ndarray, " time"]


@dataclass(frozen=True)
class Shape:
    """One thing to draw. A dot's radius and a text's size are its `size`; a line's width too."""

    kind: Literal["area", "line", "dot", "text"]
    points: Points
    colour: str
    size: float = 1.0
    opacity: float = 1.0
    is_dashed: bool = False
    text: str = ""
    anchor: Literal["start", "middle", "end"] = "start"
    is_bold: bool = False


def triangle(x: float, y: float, size: float, *, points_up: bool) -> Points:
    tip = -size if points_up else size
    return ((x - size, y - tip * 0.8), (x + size, y - tip * 0.8), (x, y + tip * 0.8))


def twenty_marks(chances: Sequence[Chance]) -> list[Shape]:
    """Twenty marks in a row: dots in target, triangles below (down) and above it (up)."""
    roles = [chance.role for chance in chances for _ in range(chance.of_20)]
    shapes = []
    for i, role in enumerate(roles):
        x, y = 11 * (i + 0.5), 6.0
        points = ((x, y),) if role == "in_target" else triangle(x, y, 4.2, points_up=role == "above")
        shapes.append(Shape("dot" if role == "in_target" else "area", points, ROLES[role], 4.0))
    return shapes


@dataclass(frozen=True)
class Frame:
    """The plot's rectangle, and the hours and concentrations at its edges."""

    left: float
    right: float
    top: float
    bottom: float
    start_h: float
    end_h: float
    highest: float

    def x(self, time_h: float) -> float:
        return self.left + (time_h - self.start_h) / (self.end_h - self.start_h) * (self.right - self.left)

    def y(self, level: float) -> float:
        return self.bottom - level / self.highest * (self.bottom - self.top)

    def path(self, time_h: Times, level: Times) -> Points:
        return tuple((self.x(float(t)), self.y(float(c))) for t, c in zip(time_h, level, strict=True))


def rounded_up(value: float) -> tuple[float, float]:
    """The end of the axis at or above `value`, and its step: 1, 2 or 5 times a power of ten, four to eight steps."""
    power = 10 ** math.floor(math.log10(value)) if value > 0 else 1.0
    step = next(s * power for s in (0.1, 0.2, 0.5, 1, 2) if value <= 6 * s * power)
    return step * math.ceil(value / step - 1e-9), step


def curve_shapes(curve: Curve, width: float, height: float) -> list[Shape]:
    """The whole chart, back to front."""
    drawn = [float(curve.quantiles.max()), *(m.level for m in curve.measured), *([float(curve.unchanged.max())] if curve.unchanged is not None else [])]
    highest, step = rounded_up(max(drawn) * 1.04 or 1.0)
    frame = Frame(24, width - 70, 14, height - 30, float(curve.time_h[0]), float(curve.time_h[-1]), highest)
    return [*_target(curve, frame), *_axes(curve, frame, step), *_bands(curve, frame), *_marks(curve, frame), *_labels(curve, frame)]


def _target(curve: Curve, frame: Frame) -> Iterator[Shape]:
    if curve.band is None:
        return
    low, high = (frame.highest if b is None else min(b, frame.highest) for b in (curve.band[0] or 0, curve.band[1]))
    corners = ((frame.left, frame.y(low)), (frame.right, frame.y(low)), (frame.right, frame.y(high)), (frame.left, frame.y(high)))
    yield Shape("area", corners, INK.in_target, opacity=0.13)


def _axes(curve: Curve, frame: Frame, step: float) -> Iterator[Shape]:
    for i in range(round(frame.highest / step) + 1):
        y = frame.y(i * step)
        yield Shape("line", ((frame.left, y), (frame.right, y)), INK.hairline, 0.5)
        yield Shape("text", ((frame.left - 5, y + 2.5),), INK.muted, 7, text=plain(i * step), anchor="end")
    day: datetime | None = None
    for time_h, moment in curve.ticks:
        x = frame.x(time_h)
        yield Shape("line", ((x, frame.bottom), (x, frame.bottom + 3)), INK.muted, 0.5)
        yield Shape("text", ((x, frame.bottom + 11),), INK.muted, 7, text=f"{moment:%H:%M}", anchor="middle")
        if day is None or day.date() != moment.date():
            yield Shape("text", ((x, frame.bottom + 20),), INK.muted, 7, text=f"{moment:%a} {moment.day} {moment:%b}", anchor="middle")
        day = moment


def _bands(curve: Curve, frame: Frame) -> Iterator[Shape]:
    low90, low50, median, high50, high90 = curve.quantiles
    for low, high, opacity in ((low90, high90, 0.16), (low50, high50, 0.3)):
        yield Shape("area", frame.path(curve.time_h, low) + frame.path(curve.time_h, high)[::-1], INK.regimen, opacity=opacity)
    if curve.unchanged is not None:
        ahead = curve.time_h >= curve.now_h
        yield Shape("line", frame.path(curve.time_h[ahead], curve.unchanged[ahead]), INK.warning, 1.1, is_dashed=True)
    yield Shape("line", frame.path(curve.time_h, median), INK.regimen, 1.5)


def _marks(curve: Curve, frame: Frame) -> Iterator[Shape]:
    now = frame.x(curve.now_h)
    yield Shape("line", ((now, frame.top - 4), (now, frame.bottom)), INK.ink, 0.9)
    yield Shape("text", ((now, frame.top - 6),), INK.ink, 7.5, text="Now", anchor="middle", is_bold=True)
    for time_h in curve.dose_times_h:
        colour = INK.regimen if time_h >= curve.now_h else INK.muted
        yield Shape("area", triangle(frame.x(time_h), frame.bottom - 2.4, 3, points_up=True), colour)
    yield from _changes(curve, frame)
    for level in curve.measured:
        x, y = frame.x(level.time_h), frame.y(level.level)
        if level.is_below:
            yield Shape("area", triangle(x, y, 3.6, points_up=False), INK.ink)
        else:
            yield Shape("dot", ((x, y),), INK.page, 4.0)
            yield Shape("dot", ((x, y),), INK.ink, 3.1)
        if level.is_left_out:
            yield Shape("area", triangle(x, y, 2.3, points_up=False), INK.page) if level.is_below else Shape("dot", ((x, y),), INK.page, 2.1)


def _changes(curve: Curve, frame: Frame) -> Iterator[Shape]:
    """A tick on the time axis where a covariate takes a new value, with its words; words that would touch stand higher."""
    end, row = -math.inf, 0
    for change in curve.changes:
        x, width = frame.x(change.time_h), 3.9 * len(change.label)
        left = x - 3 - width if x + width + 4 > frame.right else x + 3
        row = row + 1 if left < end else 0
        end = max(end, left + width + 3)
        y = frame.bottom - 8 - 9 * row
        yield Shape("line", ((x, frame.bottom + 3), (x, y - 6)), INK.ink, 0.8, is_dashed=True)
        yield Shape("text", ((left, y),), INK.ink, 7, text=change.label, is_bold=True)


def _labels(curve: Curve, frame: Frame) -> Iterator[Shape]:
    """What the curves and the band are called, at their right ends, nine points apart at least."""
    named = [(frame.y(float(curve.quantiles[2, -1])), curve.label, INK.regimen)]
    if curve.unchanged is not None:
        named.append((frame.y(float(curve.unchanged[-1])), "If unchanged", INK.warning))
    if curve.band is not None:
        ends = [frame.highest if bound is None else min(bound, frame.highest) for bound in (curve.band[0] or 0.0, curve.band[1])]
        named.append((frame.y(sum(ends) / 2), f"Target {bounds_words(*curve.band)}", INK.in_target))
    named.sort()
    heights = [max(named[i][0], named[0][0] + 9 * i) for i in range(len(named))]
    lift = max(0.0, heights[-1] - frame.bottom)
    for height, (_, words, colour) in zip(heights, named, strict=True):
        yield Shape("text", ((frame.right + 5, height - lift + 2.5),), colour, 7.5, text=words, is_bold=words == curve.label)


def caption(curve: Curve) -> str:
    """What the chart's marks mean."""
    marks = [
        f"Concentration ({unit_words(curve.unit)})",
        "line: median",
        "dark band: middle 50 %",
        "light band: 90 %",
        "dots: measured levels",
        "triangles on the axis: doses",
    ]
    if any(level.is_below for level in curve.measured):
        marks.append("triangle pointing down: below the laboratory's limit")
    if any(level.is_left_out for level in curve.measured):
        marks.append("hollow: left out")
    return f"{' · '.join(marks)}. {curve.earlier}".strip()
