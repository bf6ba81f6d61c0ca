"""Does the Latent page look for effects in the background, and show what was found with its doubt?"""

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from streamlit.testing.v1 import AppTest

from pages.checks_parts.running import JOBS
from pkvae_core.insight.discovery.columns import Column
from pkvae_core.insight.discovery.effects import Curve, Effect
from pkvae_core.insight.discovery.levels_alone import CLEARANCE
from pkvae_core.insight.discovery.pairs import Cell, Pair
from pkvae_core.insight.discovery.shape import Contrast, Shape
from pkvae_core.plots.covariates import effect_figure, pair_figure
from pkvae_core.plots.theme import PALETTES

APP = str(Path(__file__).parents[1] / "app.py")
ARM = Column("ARM", "Arm <b>", "", np.array([0.0, 1.0]), ("no", "<i>yes"))
WEIGHT = Column("WT", "Weight", "kg", np.array([60.0, 80.0]))


def effect(column: Column, x: list[float]) -> Effect:
    value = np.array([4.0, 5.0])
    shape = Shape("slope", (Contrast(0, 10, 1.08, 1.05, 1.11),))
    return Effect(column, CLEARANCE, 0.001, 0.01, 0.2, 100, Curve(np.array(x, float), value, value - 0.5, value + 0.5), shape)


def test_effects_are_looked_for_and_shown_with_their_doubt():
    test = AppTest.from_file(APP, default_timeout=300).switch_page("pages/latent.py").run()
    test.selectbox(key="latent_drug").set_value("theophylline").run()
    test.selectbox(key="covariates_size").set_value(200).run()
    test.button(key="covariates_run").click().run()
    (jobs,) = test.session_state[JOBS].values()
    assert jobs[0].wait(240)
    test.run()
    assert not test.exception
    table = next(frame.value for frame in test.dataframe if "q" in frame.value.columns)
    assert table["Covariate"].tolist() == ["Weight"] and table["Called"].tolist() == ["yes"]
    assert str(table["Effect (95 % interval)"][0]).startswith("each 5 kg: clearance +")
    assert any("say too little about" in element.value for element in test.markdown)


def test_a_curve_has_its_band_and_a_group_its_whiskers_and_names_stay_text():
    curve = effect_figure("light", effect(WEIGHT, [60, 80]), is_called=True)
    assert [type(trace) for trace in curve.data] == [go.Scatter, go.Scatter] and curve.layout.xaxis.title.text == "Weight (kg)"
    groups = effect_figure("dark", effect(ARM, [0, 1]), is_called=False)
    dots = groups.to_plotly_json()["data"][0]
    assert groups.layout.xaxis.ticktext == ("no", "&lt;i&gt;yes") and list(dots["error_y"]["array"]) == [0.5, 0.5]
    assert dots["marker"]["color"] == PALETTES["dark"].prior, "what is not called is grey"


def test_every_cell_of_a_pair_says_its_ratio_and_interval():
    cells = tuple(Cell(a, b, r, r - 0.05, r + 0.05) for a, b, r in (("low", "no", 0.85), ("low", "yes", 1.17), ("high", "no", 1.17), ("high", "yes", 0.85)))
    figure = pair_figure("light", Pair(WEIGHT, ARM, CLEARANCE, 0.001, 0.01, cells))
    assert list(figure.to_plotly_json()["data"][0]["text"][0]) == ["<b>−15 %</b><br>−20 to −10", "<b>+17 %</b><br>12 to 22"]
