"""One patient's levels with three models' curves, what each misses, and where a cohort's patients stand between simple and complex."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pkvae_core.insight.hybrid import LEARNED, LEAST_P, ONE, TWO, Classification
from pkvae_core.insight.profile import Fitted
from pkvae_core.patient import Patient
from pkvae_core.plots.elapsed import Elapsed, elapsed
from pkvae_core.plots.marks import legend_on_top
from pkvae_core.plots.theme import PALETTES, Palette, Theme, band, figure

LABELS = {ONE: "One compartment", TWO: "Two compartments", LEARNED: "VAE"}


def styles_of_models(colour: Palette) -> dict[str, tuple[str, str, str]]:
    """(colour, dash, symbol) of the three models."""
    return {ONE: (colour.warning, "dash", "diamond"), TWO: (colour.in_target, "dashdot", "square"), LEARNED: (colour.regimen, "solid", "circle")}


def _clock(patient: Patient, found: Sequence[Fitted]) -> Elapsed:
    """The same for both figures of a patient."""
    return elapsed(max([s.time_h for s in patient.samples] + [float(each.time_h[-1]) for each in found]))


def profile_figure(theme: Theme, patient: Patient, found: Sequence[Fitted], unit: str, *, unit_mg_per_L: float, is_log: bool, height: int = 470) -> go.Figure:
    """Measured levels as dots (a level below its limit as a triangle at the limit), each model's median with its 90 % band."""
    colour, chart, clock = PALETTES[theme], figure(theme, height=height), _clock(patient, found)
    for each in found:
        hue, dash, _ = styles_of_models(colour)[each.name]
        low, median, high = (table / unit_mg_per_L for table in (each.low90, each.median, each.high90))
        shown = median > 0 if is_log else np.ones_like(median, dtype=bool)
        least = 1e-3 * median.max() if is_log else 0.0
        chart.add_trace(band(each.time_h[shown] / clock.hours, np.maximum(low[shown], least), high[shown], hue, opacity=0.12).update(showlegend=False))
        hover = f"{LABELS[each.name]}, %{{x:.1f}} {clock.unit}: %{{y:.3g}} {unit}<extra></extra>"
        line = dict(color=hue, dash=dash, width=2)
        chart.add_trace(go.Scatter(x=each.time_h[shown] / clock.hours, y=median[shown], name=LABELS[each.name], mode="lines", line=line, hovertemplate=hover))
    for is_below, name, symbol in ((False, "Measured", "circle"), (True, "Below its limit", "triangle-down-open")):
        if some := [s for s in patient.samples if s.is_below_lloq == is_below]:
            values = [(s.lloq_mg_per_L if is_below else s.concentration_mg_per_L) or 0.0 for s in some]
            hover = f"{name}, %{{x:.1f}} {clock.unit}: %{{y:.3g}} {unit}<extra></extra>"
            dots = dict(color=colour.ink, size=9, symbol=symbol)
            chart.add_trace(
                go.Scatter(
                    x=[s.time_h / clock.hours for s in some], y=[v / unit_mg_per_L for v in values], name=name, mode="markers", marker=dots, hovertemplate=hover
                )
            )  # fmt: skip
    _mark_meals(chart, colour, [meal / clock.hours for each in found for meal in each.meals_h])
    chart.update_xaxes(title_text=f"{clock.title} since the start", dtick=clock.tick)
    chart.update_yaxes(title_text=f"Concentration ({unit})", type="log" if is_log else "linear", rangemode="normal" if is_log else "tozero")
    return legend_on_top(chart)


def _mark_meals(chart: go.Figure, colour: Palette, meals: Sequence[float]) -> None:
    """Short ticks on the time axis where a model assumes meals; the word stands at the first one."""
    for meal in meals:
        chart.add_shape(type="line", x0=meal, x1=meal, y0=0, y1=0.035, yref="y domain", line=dict(color=colour.muted, width=1.4))
    if meals:
        chart.add_annotation(
            x=meals[0], y=0.035, xref="x", yref="y domain", text="meal", showarrow=False, yanchor="bottom", font=dict(color=colour.muted, size=12)
        )


def residuals_figure(theme: Theme, patient: Patient, found: Sequence[Fitted], *, height: int = 220) -> go.Figure:
    """Each level minus each model's median, in standard deviations of that model's residual error."""
    colour, chart, clock = PALETTES[theme], figure(theme, height=height), _clock(patient, found)
    times = [s.time_h / clock.hours for s in patient.samples]
    for at, dash in ((0, "solid"), (-1.96, "dot"), (1.96, "dot")):
        chart.add_hline(y=at, line=dict(color=colour.muted, width=1, dash=dash))
    for each in found:
        hue, _, symbol = styles_of_models(colour)[each.name]
        hover = f"{LABELS[each.name]}, %{{x:.1f}} {clock.unit}: %{{y:.2f}} sd<extra></extra>"
        marker = dict(color=hue, symbol=symbol, size=9)
        chart.add_trace(go.Scatter(x=times, y=each.residual, name=LABELS[each.name], mode="markers", marker=marker, hovertemplate=hover))
    chart.update_xaxes(title_text=f"{clock.title} since the start", nticks=6)
    chart.update_yaxes(title_text="Residual (sd)", range=[-4, 4])
    return chart


def classes_figure(theme: Theme, patients: Sequence[Patient], classes: Sequence[Classification], *, height: int = 300) -> go.Figure:
    """Every patient's score and how often a simple patient scores as high: below the line, the patient is called complex."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    for is_complex, name, hue, symbol in ((False, "Simple", colour.prior, "circle-open"), (True, "Complex", colour.warning, "diamond")):
        some = [(p, c) for p, c in zip(patients, classes, strict=True) if c.is_complex == is_complex]
        hover = "patient %{text}: score %{x:.2f} nats, %{y:.3f} of simple patients score as high<extra></extra>"
        marker = dict(color=hue, symbol=symbol, size=9)
        chart.add_trace(
            go.Scatter(
                x=[c.score for _, c in some], y=[c.p for _, c in some], text=[p.id for p, _ in some], name=name, mode="markers", marker=marker,
                hovertemplate=hover,
            )
        )  # fmt: skip
    chart.add_hline(y=LEAST_P, line=dict(color=colour.muted, width=1, dash="dot"))
    chart.update_xaxes(title_text="Score: evidence of the best complex model over one compartment (nats)")
    chart.update_yaxes(title_text="Share of simple patients who score as high", type="log", range=[-2.4, 0.05], tickvals=[0.005, 0.05, 0.5, 1])
    return legend_on_top(chart)
