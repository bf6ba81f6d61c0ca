"""The exact answers under a hidden structure: more levels leave less to miss, and the mode is the highest point there is."""

import numpy as np
import pytest
import torch

from pkvae_core.checks import right_structure as of
from pkvae_core.checks.hidden import HIDDEN, TIMES_H
from pkvae_core.checks.unknown_structure import AT, BAND, card, draw_cohort
from pkvae_core.drugs.population import Population

TWO_SITES = next(h for h in HIDDEN if h.name == "two sites")  # in closed form, so fast


@pytest.fixture
def asked(monkeypatch):
    for name, value in {"BANK": 4000, "AT_ONCE": 2000}.items():
        monkeypatch.setattr(of, name, value)
    return draw_cohort(TWO_SITES, 6, torch.Generator().manual_seed(1))


def test_drawing_etas_first_changes_nothing():
    curves = TWO_SITES.draw(3, torch.Generator().manual_seed(5))
    assert torch.equal(curves, TWO_SITES.curves_of(TWO_SITES.draw_eta(3, torch.Generator().manual_seed(5))))
    median = TWO_SITES.curves_of(torch.zeros(1, len(TWO_SITES.typical), dtype=torch.float64))
    assert median.shape == (1, len(TIMES_H)) and float(median.max()) > 1


def test_the_quantiles_are_in_order_and_enclose_most_of_the_truth(asked):
    population = Population.of(card(), asked.patients)
    (low, middle, high), mode = of.right_structure(TWO_SITES, population, AT, BAND, torch.Generator().manual_seed(2))
    truth = asked.truth[:, AT].numpy()
    assert (low <= middle).all() and (middle <= high).all() and mode.shape == truth.shape
    assert ((truth >= low) & (truth <= high)).mean() > 0.6


def test_the_mode_is_found_from_wherever_the_search_begins(asked):
    """Two searches, from the typical patient and from a far one, come to curves of the same height."""
    population = Population.of(card(), asked.patients)
    start = torch.zeros(6, len(TWO_SITES.typical), dtype=torch.float64)
    found = [of._climbed(TWO_SITES, population, eta, torch.Generator().manual_seed(i)) for i, eta in enumerate((start, start + 0.7))]
    curves = [TWO_SITES.curves_of(eta)[:, AT].numpy() for eta in found]
    assert np.median(np.abs(curves[0] / curves[1] - 1)) < 0.1
