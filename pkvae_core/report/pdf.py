"""How does the report look on one sheet of A4?"""

from collections.abc import Sequence
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from pkvae_core.report.chart import ALARM, INK, ROLES, Shape, caption, curve_shapes, twenty_marks
from pkvae_core.report.content import Report
from pkvae_core.report.curve import Curve
from pkvae_core.report.evidence import Line, Listing

FONTS = Path(__file__).parents[2] / "assets" / "fonts"
REGULAR, BOLD = "PKVAESans-Regular", "PKVAESans-Semibold"
WIDTH, HEIGHT = A4
MARGIN = 42.0
INNER = WIDTH - 2 * MARGIN
GUTTER = 22.0
COLUMN = (INNER - GUTTER) / 2
FOOT = 66.0  # what stands at the bottom of the page: the signature and the disclaimer
CHART = (130.0, 235.0)  # its least and its greatest height


@cache
def _register_fonts() -> None:
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, FONTS / f"{name}.ttf"))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)


def pdf_report(report: Report) -> bytes:
    """The report as one vector page of PDF. Lists that are too long for it are cut, and say so."""
    _register_fonts()
    file = BytesIO()
    canvas = Canvas(file, pagesize=A4, pageCompression=1, invariant=1, lang="en-GB", initialFontName=REGULAR)  # pyright: ignore[reportArgumentType]
    canvas.setTitle(report.title)
    canvas.setAuthor("PKVAE")
    canvas.setSubject(report.disclaimer)
    _body(canvas, report, _answer(canvas, report, _head(canvas, report)))
    _foot(canvas, report)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _text(canvas: Canvas, x: float, y: float, text: str, size: float, *, colour: str = INK.ink, is_bold: bool = False, anchor: str = "start") -> None:
    canvas.setFont(BOLD if is_bold else REGULAR, size)
    canvas.setFillColor(HexColor(colour))
    {"start": canvas.drawString, "middle": canvas.drawCentredString, "end": canvas.drawRightString}[anchor](x, y, text)


def _fitted(text: str, font: str, size: float, width: float) -> str:
    """`text`, or as much of it as fits in one line, and an ellipsis."""
    if pdfmetrics.stringWidth(text, font, size) <= width:
        return text
    kept = next(n for n in range(len(text), -1, -1) if pdfmetrics.stringWidth(text[:n] + "…", font, size) <= width)
    return text[:kept].rstrip() + "…"


def _paragraph(canvas: Canvas | None, x: float, y: float, width: float, markup: str, size: float, *, colour: str = INK.ink) -> float:
    """Set wrapped text with its top at `y` (not at all without a canvas); returns its height."""
    height = _height(markup, width, size)
    if canvas:
        paragraph = Paragraph(markup, _style(size, colour))
        paragraph.wrap(width, HEIGHT)
        paragraph.drawOn(canvas, x, y - height)
    return height


@lru_cache(maxsize=1024)
def _height(markup: str, width: float, size: float) -> float:
    return Paragraph(markup, _style(size, INK.ink)).wrap(width, HEIGHT)[1]


def _style(size: float, colour: str) -> ParagraphStyle:
    return ParagraphStyle("", fontName=REGULAR, fontSize=size, leading=size * 1.32, textColor=HexColor(colour), splitLongWords=1)


def _head(canvas: Canvas, report: Report) -> float:
    """Title, print time, identity and patient; returns the height reached."""
    top = HEIGHT - MARGIN
    _text(canvas, MARGIN, top - 14, report.title, 18, colour=INK.primary, is_bold=True)
    for i, line in enumerate(report.identity):
        _text(canvas, WIDTH - MARGIN, top - 5 - 9.5 * i, line, 7.5, colour=INK.muted, anchor="end")
    _rule(canvas, top - 32)
    _text(canvas, MARGIN, top - 47, _fitted(report.patient, BOLD, 11, INNER), 11, is_bold=True)
    y = top - 58
    if report.alarm:
        inside = INNER - 20
        high = _paragraph(None, MARGIN, y, inside, escape(report.alarm), 9) + 8
        canvas.setFillColor(HexColor(ALARM))
        canvas.roundRect(MARGIN, y - high, INNER, high, 4, stroke=0, fill=1)
        _paragraph(canvas, MARGIN + 10, y - 3, inside, escape(report.alarm), 9, colour=INK.page)
        y -= high + 6
    return y


def _rule(canvas: Canvas, y: float) -> None:
    canvas.setStrokeColor(HexColor(INK.hairline))
    canvas.setLineWidth(0.6)
    canvas.line(MARGIN, y, WIDTH - MARGIN, y)


def _answer(canvas: Canvas, report: Report, y: float) -> float:
    """The panel: the regimen in words, its exposure, its chances, and what happens without it."""
    x, width, pad = MARGIN + 14, INNER - 28, 12.0
    size = next(s for s in (21.0, 18.0, 15.0, 12.0, 9.0) if s == 9 or pdfmetrics.stringWidth(report.answer, BOLD, s) <= width)
    detail = escape(report.detail)
    parts = 12 + size + 6 + _paragraph(None, x, y, width, detail, 8.5) + (74 if report.exposures else 0)
    parts += _paragraph(None, x, y, width, escape(report.unchanged), 8.5) + 4 if report.unchanged else 0
    canvas.setFillColor(HexColor(INK.panel))
    canvas.setStrokeColor(HexColor(INK.hairline))
    canvas.roundRect(MARGIN, y - parts - 2 * pad, INNER, parts + 2 * pad, 7, stroke=1, fill=1)
    y -= pad
    _text(canvas, x, y - 7, report.heading, 8.5, colour=INK.muted, is_bold=True)
    _text(canvas, x, y - 12 - size, report.answer, size, is_bold=True)
    y -= 12 + size + 6
    y -= _paragraph(canvas, x, y, width, detail, 8.5, colour=INK.muted)
    if report.exposures:
        _exposures(canvas, report, x, y - 8, width)
        y -= 74
    if report.unchanged:
        y -= _paragraph(canvas, x, y - 2, width, escape(report.unchanged), 8.5) + 4
    return y - pad


def _exposures(canvas: Canvas, report: Report, x: float, y: float, width: float) -> None:
    """Exposures side by side, then the chances with their twenty marks."""
    step = width / max(4, len(report.exposures))
    for i, exposure in enumerate(report.exposures):
        left = x + i * step
        _text(canvas, left, y - 7, _fitted(exposure.label, REGULAR, 7.5, step - 8), 7.5, colour=INK.muted)
        _text(canvas, left, y - 22, exposure.value, 13, is_bold=True)
        _text(canvas, left, y - 32, exposure.interval, 7.5, colour=INK.muted)
    for shape in twenty_marks(report.chances) if report.chances else ():
        _draw(canvas, shape, x, y - 40)
    left = x + 20 * 11 + 10
    for chance in report.chances:
        words = f"{chance.probability} {chance.label}"
        _text(canvas, left, y - 49, words, 9, colour=ROLES[chance.role], is_bold=True)
        left += pdfmetrics.stringWidth(words, BOLD, 9) + 12
    if not report.chances:
        return
    in_target = next(chance.of_20 for chance in report.chances if chance.role == "in_target")
    _text(canvas, x, y - 62, _fitted(f"{report.target} · of 20 patients like this one, {in_target} would be in target", REGULAR, 8, width), 8, colour=INK.muted)


def _draw(canvas: Canvas, shape: Shape, x: float, y: float) -> None:
    """One shape, its origin at (x, y), its own y axis downwards."""
    points = [(x + px, y - py) for px, py in shape.points]
    if shape.kind == "text":
        _text(canvas, *points[0], shape.text, shape.size, colour=shape.colour, is_bold=shape.is_bold, anchor=shape.anchor)
        return
    canvas.setFillColor(HexColor(shape.colour), alpha=shape.opacity)
    if shape.kind == "dot":
        canvas.circle(*points[0], shape.size, stroke=0, fill=1)
        return
    path = canvas.beginPath()
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    if shape.kind == "line":
        canvas.setStrokeColor(HexColor(shape.colour))
        canvas.setLineWidth(shape.size)
        canvas.setDash([3, 2] if shape.is_dashed else [])
        canvas.setLineJoin(1)
    else:
        path.close()
    canvas.drawPath(path, stroke=shape.kind == "line", fill=shape.kind == "area")
    canvas.setFillAlpha(1)
    canvas.setDash([])


def _body(canvas: Canvas, report: Report, y: float) -> None:
    """Chart, lists and small print between `y` and the foot. The chart takes what the lists leave; long lists are cut to leave its least height."""
    small = _small_print(None, report, 0) + 10
    words = caption(report.curve) if report.curve else ""
    room = y - FOOT - small - 10 - (12 + _paragraph(None, MARGIN, y, INNER, escape(words), 7) if words else 0)
    least, greatest = CHART if words else (0.0, 0.0)
    columns = [(x, _cut_to(listings, room - least)) for x, listings in ((MARGIN, report.inputs), (MARGIN + COLUMN + GUTTER, report.judgement))]
    if report.curve:
        height = min(max(room - max(_column(None, x, y, lists) for x, lists in columns), least), greatest)
        y = _chart(canvas, report.curve, words, y - 12, height)
    y -= 10
    for x, lists in columns:
        _column(canvas, x, y, lists)
    _rule(canvas, FOOT + small - 4)
    _small_print(canvas, report, FOOT + small - 9)


def _chart(canvas: Canvas, curve: Curve, words: str, y: float, height: float) -> float:
    for shape in curve_shapes(curve, INNER, height):
        _draw(canvas, shape, MARGIN, y)
    return y - height - _paragraph(canvas, MARGIN, y - height, INNER, escape(words), 7, colour=INK.muted)


def _cut_to(listings: Sequence[Listing], room: float) -> list[tuple[Listing, int]]:
    """How many entries of each list are shown, so that all fit into `room` points. Long histories give way before facts; each list keeps one entry."""
    shown = [min(len(listing.lines), 20) for listing in listings]
    while _column(None, 0, 0, list(zip(listings, shown, strict=True))) > room and max(shown) > 1:
        longest = max(range(len(shown)), key=lambda i: (shown[i] > 1, listings[i].is_history, shown[i]))
        shown[longest] -= 1
    return list(zip(listings, shown, strict=True))


def _column(canvas: Canvas | None, x: float, y: float, listings: Sequence[tuple[Listing, int]]) -> float:
    """Lists below each other with their top at `y` (not at all without a canvas); returns their height."""
    at = y
    for listing, most in listings:
        at -= _listing(canvas, x, at, listing, most)
    return y - at


def _small_print(canvas: Canvas | None, report: Report, y: float) -> float:
    """Model, sources, target and limits with their top at `y` (not at all without a canvas); returns their height."""
    at = y
    for line in report.small_print.lines:
        at -= _paragraph(canvas, MARGIN, at, INNER, f'<font name="{BOLD}">{escape(line.text)}</font> {escape(_cut(line.note, 900))}', 6.4, colour=INK.muted)
    return y - at


def _cut(text: str, most: int = 300) -> str:
    """At most so many characters; the HTML report has all of them."""
    return text if len(text) <= most else text[:most].rstrip() + "…"


def _markup(line: Line) -> str:
    text, note = escape(_cut(line.text)), escape(_cut(line.note))
    return f'{text} <font color="{INK.muted}">{note}</font>' if note else text


def _listing(canvas: Canvas | None, x: float, y: float, listing: Listing, most: int) -> float:
    """Set one list with its top at `y` (not at all without a canvas); returns its height."""
    lines, left_out = listing.shown(most)
    rows: Sequence[Line] = (*lines, *([Line("", left_out)] if left_out else []))
    if canvas:
        is_alarming = listing.title == "Warnings" and lines != (Line("None"),)
        _text(canvas, x, y - 9, listing.title, 9, colour=INK.warning if is_alarming else INK.ink, is_bold=True)
    at = y - 14
    for row in rows:
        at -= _paragraph(canvas, x, at, COLUMN, _markup(row), 7.8) + 0.8
    return y - at + 8


def _foot(canvas: Canvas, report: Report) -> None:
    _text(canvas, MARGIN, 46, "Checked by ______________________________     Date and time ____________________", 8.5)
    _rule(canvas, 34)
    _text(canvas, MARGIN, 23, f"{report.disclaimer} The prescriber decides.", 7.5, colour=INK.muted)
    _text(canvas, WIDTH - MARGIN, 23, "Page 1 of 1", 7.5, colour=INK.muted, anchor="end")
