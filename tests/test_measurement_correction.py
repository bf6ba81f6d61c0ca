"""The correction's record says where it harms and how often its bands hold; the fit that it corrects is the page's."""

from pkvae_core.commands.measurements import correction as measured


def cell(levels: int, ratio: list[float], coverage: float) -> dict:
    return {"levels": levels, "textbook": 7.5, "corrected": 7.5 * ratio[0], "vae": 6.0, "ratio": ratio, "coverage": coverage}


FOUND = {
    "seed": 0,
    "patients": 100,
    "drugs": {
        "theophylline": {"cells": [cell(2, [1.21, 1.06, 1.34], 0.92), cell(4, [1.04, 0.96, 1.25], 0.84)]},
        "tacrolimus": {"cells": [cell(8, [0.68, 0.62, 0.76], 0.85)]},
    },
}


def test_harm_and_help_are_said_where_the_interval_is_clear_of_one():
    said = measured.verdict(FOUND)
    assert "clearly smaller in 1 of 3 cells" in said
    assert "clearly larger in 1: Theophylline with 2 levels (ratio 1.21, 95 % 1.06 to 1.34)." in said
    assert "bands hold 84 to 92 % of the truth, less than 90 % in 2 of 3 cells" in said


def test_without_harm_none_is_said():
    assert "In none does it make the error clearly larger" in measured.verdict(FOUND | {"drugs": {"tacrolimus": FOUND["drugs"]["tacrolimus"]}})


def test_the_table_begins_with_the_verdict():
    assert measured.verdict(FOUND) in measured.markdown(FOUND).splitlines()[0]
