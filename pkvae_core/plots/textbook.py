"""The textbook's PKVAE on paper: the parts of its ELBO, its encoder and its decoder at work."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pkvae_core.plots.theme import PALETTES, Theme, band, faded, figure
from pkvae_core.vae.textbook import AtWork, Lesson


def parts_figure(theme: Theme, lesson: Lesson, *, height: int = 260) -> go.Figure:
    """Reconstruction and divergence (nats a patient) over the steps of one training; the negative ELBO is their sum."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    total = [r + d for r, d in zip(lesson.reconstruction, lesson.divergence, strict=True)]
    for name, values, hue, dash in (
        ("−ELBO", total, colour.ink, "solid"),
        ("Reconstruction", lesson.reconstruction, colour.regimen, "dash"),
        ("KL divergence", lesson.divergence, colour.warning, "dot"),
    ):
        hover = f"{name}, step %{{x:,}}: %{{y:.1f}} nats<extra></extra>"
        chart.add_trace(go.Scatter(x=lesson.step, y=values, name=name, mode="lines", line=dict(color=hue, dash=dash, width=2), hovertemplate=hover))
    chart.update_xaxes(title_text="Step of training", range=[0, lesson.steps], tickformat=",")
    chart.update_yaxes(title_text="Nats a patient")
    return _with_legend(chart)


def encoder_figure(theme: Theme, work: AtWork, *, height: int = 230) -> go.Figure:
    """What the encoder says of each latent number: mean and 90 % interval, over the prior's; a cross where z was drawn."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    names = [f"z{i + 1}" for i in range(len(work.mean))]
    chart.add_hrect(y0=-1.645, y1=1.645, fillcolor=faded(colour.prior, 0.18), line_width=0)
    spread = dict(type="data", array=1.645 * work.sd, color=colour.regimen, thickness=2, width=5)
    hover = "%{x}: mean %{y:.2f}<extra></extra>"
    chart.add_trace(
        go.Scatter(x=names, y=work.mean, error_y=spread, mode="markers", name="q(z | x)", marker=dict(color=colour.regimen, size=8), hovertemplate=hover)
    )
    drawn = dict(color=colour.warning, symbol="x", size=8)
    chart.add_trace(go.Scatter(x=names, y=work.z, mode="markers", name="z = μ + σ ε", marker=drawn, hovertemplate="%{x}: drawn %{y:.2f}<extra></extra>"))
    chart.update_yaxes(title_text="Latent value", range=[-4, 4])
    return _with_legend(chart)


def decoder_figure(theme: Theme, work: AtWork, *, height: int = 460) -> go.Figure:
    """The decoder's curves from many z with their middle 90 %, the one from the drawn z, the truth, and what was measured (mg/L)."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    low, high = np.quantile(work.many, [0.05, 0.95], axis=0)
    chart.add_trace(band(work.time_h, low, high, colour.regimen, opacity=0.2).update(name="Middle 90 %"))
    chart.add_trace(_line(work, work.decoded, "Decoded from this z", colour.regimen, "solid"))
    chart.add_trace(_line(work, work.true, "Truth", colour.ink, "dot"))
    if work.is_as_given:
        dots = dict(color=colour.ink, size=6)
        hover = "%{x:g} h: measured %{y:.2f} mg/L<extra></extra>"
        chart.add_trace(go.Scatter(x=work.time_h, y=work.measured, mode="markers", name="Measured", marker=dots, hovertemplate=hover))
    chart.update_xaxes(title_text="Hours after the dose", range=[0, float(work.time_h[-1]) * 1.02])
    chart.update_yaxes(title_text="Concentration (mg/L)", rangemode="tozero")
    return _with_legend(chart)


def trade_off_figure(theme: Theme, lessons: Sequence[Lesson], *, height: int = 260) -> go.Figure:
    """Where each beta ended: how badly it reconstructs, and how much it stores."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    ordered = sorted(lessons, key=lambda lesson: lesson.beta)
    x, y = [each.divergence[-1] for each in ordered], [each.reconstruction[-1] for each in ordered]
    labels = [f"β {each.beta:g}" for each in ordered]
    hover = "%{text}: KL %{x:.1f}, reconstruction %{y:.1f} nats a patient<extra></extra>"
    style = dict(mode="lines+markers+text", marker=dict(color=colour.regimen, size=9), line=dict(color=colour.hairline))
    chart.add_trace(go.Scatter(x=x, y=y, text=labels, textposition="top right", hovertemplate=hover, **style))
    chart.update_xaxes(title_text="KL divergence: what z stores (nats a patient)", rangemode="tozero")
    chart.update_yaxes(title_text="Reconstruction (nats a patient)")
    return chart


def against_figure(theme: Theme, textbook: Mapping[str, float | None], ours: Mapping[str, float], *, height: int = 260) -> go.Figure:
    """Median profile error (%) of both models by question."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    for name, values, hue, pattern in (("Textbook", textbook, colour.warning, "/"), ("The shipped model", ours, colour.regimen, "")):
        labels = ["no answer" if value is None else f"{value:.0f} %" for value in values.values()]
        chart.add_trace(
            go.Bar(
                y=list(values), x=[value or 0 for value in values.values()], name=name, orientation="h", text=labels, textposition="outside",
                marker=dict(color=hue, pattern=dict(shape=pattern)), hovertemplate=f"{name}, %{{y}}: %{{text}}<extra></extra>", cliponaxis=False,
            )
        )  # fmt: skip
    top = max(value for value in (*textbook.values(), *ours.values()) if value is not None)
    chart.update_xaxes(title_text="Median profile error (% of the mean concentration)", range=[0, 1.15 * top])
    chart.update_yaxes(autorange="reversed", showgrid=False)
    chart.update_layout(barmode="group")
    return _with_legend(chart)


def _line(work: AtWork, values: np.ndarray, name: str, hue: str, dash: str) -> go.Scatter:
    hover = f"{name}, %{{x:g}} h: %{{y:.2f}} mg/L<extra></extra>"
    return go.Scatter(x=work.time_h, y=values, name=name, mode="lines", line=dict(color=hue, dash=dash, width=2), hovertemplate=hover)


def _with_legend(chart: go.Figure) -> go.Figure:
    chart.update_layout(showlegend=True, legend=dict(orientation="h", y=1.0, yanchor="bottom", x=0), margin=dict(l=8, r=8, t=36, b=8))
    return chart
