"""Two visits on the card's own timetable; an engine that knows the truth errs nowhere, and scaling in proportion errs where the dose changes most."""

import numpy as np
import pytest
import torch

from pkvae_core.checks.dose_change import Timetable, dose_change, engines, figures, two_visits
from pkvae_core.drugs.card import load_card
from pkvae_core.inference.classical import Structure, fit_population


def test_each_drug_has_a_timetable_of_its_own():
    assert Timetable.of(load_card("phenytoin")) == Timetable(12.0, 960.0, 1200.0, (238.0, 484.0, 959.5))
    weeks = Timetable.of(load_card("omalizumab"))
    assert (weeks.interval_h, weeks.change_h, weeks.end_h, weeks.last_h) == (672.0, 6 * 672.0, 8 * 672.0, 672.0)
    assert weeks.levels_h == (2 * 672 - 2, 3 * 672 + 224, 6 * 672 - 0.5)


@pytest.fixture(scope="module")
def found():
    card = load_card("omalizumab")
    visits = two_visits(card, 5, torch.Generator().manual_seed(1))
    with torch.no_grad():
        linear = fit_population(card, two_visits(card, 8, torch.Generator().manual_seed(2)).seen, Structure(1), rounds=2, seed=0).model
    return visits, dose_change(card, engines(card, linear, None, 0), visits, lambda line: None)


def test_amounts_before_and_after_are_the_cards_and_levels_lie_before_the_change(found):
    visits, _ = found
    assert set(visits.both.amount.flatten().tolist()) <= set(load_card("omalizumab").product().amounts_mg)
    torch.testing.assert_close(visits.both.amount[:, -1], visits.both.amount[:, 0] * visits.factor)
    assert float(visits.seen.sample_time.max()) < 4032 and bool((visits.trough > 0).all())


def test_the_right_structure_foresees_the_change_and_every_engine_is_in_the_table(found):
    visits, errors = found
    rows = figures(errors, np.asarray(visits.factor), seed=0)
    assert {row["engine"] for row in rows} == {"right", "superposition", "linear"} and len(rows) == 6
    assert all(row["error"] < 0.35 for row in rows if row["engine"] == "right")
