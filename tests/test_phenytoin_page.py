"""What does the Dose page say of a drug that saturates: who never settles counts as above, and no time to steady state is promised?"""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import pages
from pkvae_core.vae.checkpoint import load_model

APP = str(Path(__file__).parents[1] / "app.py")


@pytest.fixture(autouse=True)
def phenytoin_alone(monkeypatch):
    one = {"phenytoin": load_model("phenytoin")}
    monkeypatch.setattr(pages, "models", lambda: one)


def test_the_page_says_how_probable_it_is_that_levels_never_settle():
    test = AppTest.from_file(APP, default_timeout=300).run().button(key="example_10-phenytoin-climbing").click().run()
    assert not test.exception
    said = " ".join(element.value for kind in (test.info, test.markdown, test.caption, test.warning) for element in kind)
    assert "have not settled after 60 days" in said and "count as above the target" in said
    assert "Clearance at 15 mg/L" in said and "Half-life at 15 mg/L" in said
    assert "Steady state after about" not in said and "steady state takes weeks" in said
