"""How much better does the model foresee the next level with every level that it has seen?"""

from collections.abc import Mapping

import plotly.graph_objects as go

from pkvae_core.checks.accuracy import Summary
from pkvae_core.plots.marks import by_category, legend_on_top, whiskers
from pkvae_core.plots.theme import PALETTES, Theme, figure

LABELS = {
    "MAPE": "Mean absolute error (MAPE, %)",
    "MPE": "Mean error (MPE, %)",
    "MdAPE": "Median absolute error (MdAPE, %)",
    "RMSE": "Root mean square error (RMSE, mg/L)",
    "within_20": "Levels within 20 % (F20, %)",
    "within_30": "Levels within 30 % (F30, %)",
    "within_margin": "Levels within the margin (%)",
    "coverage_90": "Levels inside the 90 % interval (%)",
}


def forecast_figure(theme: Theme, summaries: Mapping[str, Summary], statistic: str, label: str, *, height: int = 320) -> go.Figure:
    """One statistic of the a-priori and the a-posteriori forecast by the number of earlier levels, with its 95 % interval over patients."""
    colour, chart = PALETTES[theme], figure(theme, height=height)
    groups = {name: s for name, s in summaries.items() if name not in ("all", "1+") and s.n}
    for shift, name, side, hue, symbol in (
        (-0.08, "A priori (doses and covariates)", "PRED", colour.prior, "circle-open"),
        (0.08, "A posteriori (with the earlier levels)", "IPRED", colour.regimen, "circle"),
    ):
        found = [(i, s, getattr(getattr(s, side), statistic)) for i, s in enumerate(groups.values())]
        known = [(i, s, f) for i, s, f in found if f.value is not None]
        said = [f"{s.n:,} levels of {s.n_subjects:,} patients" for _, s, _ in known]
        ends = [(f.low95, f.high95) for _, _, f in known]
        hover = f"{name}: %{{y:.1f}}<br>%{{customdata}}<extra></extra>"
        chart.add_trace(whiskers([i + shift for i, _, _ in known], [f.value for _, _, f in known], ends, name, hue, symbol, said, hover))
    if statistic == "MPE":
        chart.add_hline(y=0, line=dict(color=colour.muted, width=1.2, dash="dash"))
    if statistic == "coverage_90":
        chart.add_hline(y=90, line=dict(color=colour.muted, width=1.2, dash="dash"))
    chart.update_yaxes(title_text=label, rangemode="normal" if statistic in ("MPE", "coverage_90") else "tozero")
    return legend_on_top(by_category(chart, [f"{name}<br>{s.n:,} levels" for name, s in groups.items()], "Earlier levels known"))
