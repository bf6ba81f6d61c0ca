"""How does the report look in a browser? One file, no outside request."""

from html import escape

from pkvae_core.report.chart import ALARM, INK, ROLES, Shape, caption, curve_shapes, twenty_marks
from pkvae_core.report.content import Report
from pkvae_core.report.evidence import Line, Listing
from pkvae_core.wording import rounded

CHART = (511.0, 200.0)  # in points, as on paper; the page scales it to its own width
STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: {INK.page}; color: {INK.ink}; font: 15px/1.45 "Source Sans 3", "Source Sans Pro", "Segoe UI", Roboto, system-ui, sans-serif; }}
main {{ max-width: 820px; margin: 0 auto; padding: 28px 24px; }}
header {{ display: flex; flex-wrap: wrap; justify-content: space-between; gap: 8px 24px; border-bottom: 1px solid {INK.hairline}; padding-bottom: 10px; }}
h1 {{ margin: 0; font-size: 26px; color: {INK.primary}; }}
h2 {{ margin: 20px 0 4px; font-size: 16px; }}
p, ul {{ margin: 0 0 4px; }}
ul {{ padding: 0; list-style: none; }}
.quiet {{ color: {INK.muted}; font-size: 13px; }}
.patient {{ margin: 12px 0; font-weight: 600; font-size: 17px; overflow-wrap: anywhere; }}
.alarm {{ background: {ALARM}; color: {INK.page}; font-weight: 600; padding: 8px 14px; border-radius: 8px; margin-bottom: 12px; }}
.answer {{ background: {INK.panel}; border: 1px solid {INK.hairline}; border-radius: 10px; padding: 16px 20px; }}
.answer h2 {{ margin: 0; font-size: 14px; color: {INK.muted}; }}
.regimen {{ font-size: 30px; line-height: 1.2; font-weight: 680; margin: 2px 0; font-variant-numeric: tabular-nums; }}
.numbers {{ display: flex; flex-wrap: wrap; gap: 8px 36px; margin: 12px 0; }}
.numbers b {{ display: block; font-size: 20px; font-variant-numeric: tabular-nums; }}
.chances {{ display: flex; flex-wrap: wrap; align-items: center; gap: 4px 16px; font-weight: 600; }}
figure svg {{ display: block; width: 100%; height: auto; }}
.chances svg {{ width: 308px; height: auto; }}
figure {{ margin: 18px 0 0; }}
.columns {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 0 32px; overflow-wrap: anywhere; }}
.warnings h2 {{ color: {INK.warning}; }}
.sign {{ display: flex; flex-wrap: wrap; gap: 12px 40px; margin: 32px 0 12px; }}
.sign span {{ border-bottom: 1px solid {INK.ink}; display: inline-block; width: 220px; }}
footer {{ border-top: 1px solid {INK.hairline}; padding-top: 8px; }}
@media print {{ body {{ font-size: 11px; }} main {{ max-width: none; padding: 0; }} * {{ print-color-adjust: exact; }} }}
"""


def html_report(report: Report) -> str:
    """The report as one self-contained page; every list is whole."""
    identity = "".join(f"<div>{escape(line)}</div>" for line in report.identity)
    alarm = f'<p class="alarm" role="alert">{escape(report.alarm)}</p>' if report.alarm else ""
    small_print = "".join(f"<p><b>{escape(line.text)}</b> {escape(line.note)}</p>" for line in report.small_print.lines)
    return f"""<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(report.title)}</title><style>{STYLE}</style></head><body><main>
<header><h1>{escape(report.title)}</h1><div class="quiet">{identity}</div></header>
<p class="patient">{escape(report.patient)}</p>{alarm}
{_answer(report)}
{_figure(report)}
<div class="columns"><div>{"".join(map(_listing, report.inputs))}</div><div>{"".join(map(_listing, report.judgement))}</div></div>
<section class="quiet"><h2>{escape(report.small_print.title)}</h2>{small_print}</section>
<div class="sign"><div>Checked by <span>&nbsp;</span></div><div>Date and time <span>&nbsp;</span></div></div>
<footer class="quiet">{escape(report.disclaimer)} The prescriber decides.</footer>
</main></body></html>
"""


def _answer(report: Report) -> str:
    numbers = "".join(
        f'<div><span class="quiet">{escape(e.label)}</span><b>{escape(e.value)}</b><span class="quiet">{escape(e.interval)}</span></div>'
        for e in report.exposures
    )
    chances = "".join(f'<span style="color:{ROLES[c.role]}">{escape(c.probability)} {escape(c.label)}</span>' for c in report.chances)
    of_20 = ", ".join(f"{c.of_20} of 20 {c.label}" for c in report.chances)
    marks = f'<div class="chances">{_svg(twenty_marks(report.chances), 220, 12, of_20)}{chances}</div>' if report.chances else ""
    heading = f'<h2>{escape(report.heading)}</h2><p class="regimen">{escape(report.answer)}</p><p class="quiet">{escape(report.detail)}</p>'
    target = f'<p class="quiet">{escape(" · ".join(filter(None, (report.target, of_20))))}</p><p>{escape(report.unchanged)}</p>'
    return f'<section class="answer">{heading}<div class="numbers">{numbers}</div>{marks}{target}</section>'


def _figure(report: Report) -> str:
    if (curve := report.curve) is None:
        return ""
    end = f"{rounded(float(curve.quantiles[2, -1]))} {curve.unit}"
    alt = f"Concentration over time under {report.answer}: the median ends at {end}; {len(curve.measured)} levels."
    return f'<figure>{_svg(curve_shapes(curve, *CHART), *CHART, alt)}<figcaption class="quiet">{escape(caption(curve))}</figcaption></figure>'


def _listing(listing: Listing) -> str:
    is_alarming = listing.title == "Warnings" and listing.lines != (Line("None"),)
    lines = "".join(f'<li>{escape(line.text)} <span class="quiet">{escape(line.note)}</span></li>' for line in listing.lines)
    return f"<section{' class=warnings' if is_alarming else ''}><h2>{escape(listing.title)}</h2><ul>{lines}</ul></section>"


def _svg(shapes: list[Shape], width: float, height: float, alt: str) -> str:
    drawn = "".join(map(_element, shapes))
    return f'<svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {width:g} {height:g}">{drawn}</svg>'


def _element(shape: Shape) -> str:
    x, y = shape.points[0]
    if shape.kind == "text":
        weight = 600 if shape.is_bold else 400
        style = f'fill="{shape.colour}" font-size="{shape.size:g}" font-weight="{weight}" text-anchor="{shape.anchor}"'
        return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(shape.text)}</text>'
    if shape.kind == "dot":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{shape.size:g}" fill="{shape.colour}"/>'
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in shape.points)
    if shape.kind == "area":
        return f'<polygon points="{points}" fill="{shape.colour}" fill-opacity="{shape.opacity:g}"/>'
    dash = ' stroke-dasharray="5 3"' if shape.is_dashed else ""
    return f'<polyline points="{points}" fill="none" stroke="{shape.colour}" stroke-width="{shape.size:g}"{dash}/>'
