"""Two visits on the card's own timetable."""

import torch

from pkvae_core.checks.dose_change import Timetable, two_visits
from pkvae_core.drugs.card import load_card


def test_each_drug_has_a_timetable_of_its_own():
    assert Timetable.of(load_card("phenytoin")) == Timetable(12.0, 960.0, 1200.0, (238.0, 484.0, 959.5))
    weeks = Timetable.of(load_card("omalizumab"))
    assert (weeks.interval_h, weeks.change_h, weeks.end_h, weeks.last_h) == (672.0, 6 * 672.0, 8 * 672.0, 672.0)
    assert weeks.levels_h == (2 * 672 - 2, 3 * 672 + 224, 6 * 672 - 0.5)


def test_amounts_before_and_after_are_the_cards_and_levels_lie_before_the_change():
    card = load_card("omalizumab")
    visits = two_visits(card, 5, torch.Generator().manual_seed(1))
    assert set(visits.both.amount.flatten().tolist()) <= set(card.product().amounts_mg)
    torch.testing.assert_close(visits.both.amount[:, -1], visits.both.amount[:, 0] * visits.factor)
    assert float(visits.seen.sample_time.max()) < 4032 and bool((visits.trough > 0).all())
