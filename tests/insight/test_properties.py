"""Is what is known of virtual patients what their true responses say?"""

import math

import numpy as np
import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.population import simulate
from pkvae_core.insight.axes import SYMBOLS
from pkvae_core.insight.properties import known_properties, pharmacokinetics
from pkvae_core.structural.compartments import first_order_absorption, one_compartment
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.onset import in_waves


def test_the_properties_of_a_one_compartment_patient_are_its_parameters():
    clearance, volume = torch.tensor([[4.0]]), torch.tensor([[50.0]])
    amplitude, rate = one_compartment(clearance, volume)
    found = {p.name: float(p.values[0]) for p in pharmacokinetics(Pulses(amplitude[:, :, None], rate[:, :, None], torch.zeros(1, 1, 1)))}
    assert found == pytest.approx({"CL": 4.0, "V": 50.0, "half_life": math.log(2) * 50 / 4}, rel=1e-5)


def test_the_absorption_of_a_swallowed_dose_is_found():
    """Of one compartment, tmax = lag + ln(ka/k)/(ka - k); the hours looked at are 0.1 apart."""
    ka, k, lag = 1.2, 0.1, 0.4
    amplitude, rate = one_compartment(torch.tensor([[4.0]]), torch.tensor([[40.0]]))
    swallowed = first_order_absorption(amplitude, rate, torch.tensor([[ka]]), torch.ones(1, 1))
    nothing = torch.zeros_like(amplitude)
    vein = torch.cat([amplitude, nothing], -1), torch.cat([rate, rate], -1)
    pulses = Pulses(torch.stack([vein[0], swallowed[0]], 2), torch.stack([vein[1], swallowed[1]], 2), torch.tensor([[[0.0, lag]]]))
    found = {p.name: float(p.values[0]) for p in pharmacokinetics(pulses)}
    assert found["ka"] == pytest.approx(ka)
    assert found["lag"] == pytest.approx(lag)
    assert found["peak_time"] == pytest.approx(lag + math.log(ka / k) / (ka - k), abs=0.06)


def test_two_waves_have_a_share_and_a_second_lag_and_the_higher_one_peaks():
    """Of 1 mg a fifth comes early; what comes after 6 h is four times as much, so the peak is that of the second wave."""
    ka, lag, share = ([[[value, other]]] for value, other in ((1.2, 0.9), (0.4, 6.0), (0.2, 0.8)))
    amplitude, rate = one_compartment(torch.tensor([[8.0]]), torch.tensor([[40.0]]))
    found = {p.name: float(p.values[0]) for p in pharmacokinetics(in_waves(amplitude, rate, *map(torch.tensor, (ka, lag, share))))}
    assert [found[name] for name in ("ka", "lag", "share", "ka2", "lag2")] == pytest.approx([1.2, 0.4, 20.0, 0.9, 6.0], rel=1e-4)
    assert found["peak_time"] == pytest.approx(6.0 + math.log(0.9 / 0.2) / 0.7, abs=0.2)


def test_of_a_drug_that_meals_bring_back_the_share_that_comes_back_is_known():
    card = load_card("mycophenolate")
    found = {p.name: p for p in known_properties(card, simulate(card, 400, torch.Generator().manual_seed(1)))}
    assert {"CL", "V", "half_life", "ka", "lag", "share", "WT"} <= set(found)
    assert float(np.median(found["share"].values)) == pytest.approx(29.1, abs=2) and found["share"].unit == "%"
    assert found["share"].varies and "saturation" not in found


@pytest.mark.parametrize(("drug", "is_complex"), [("vancomycin", True), ("theophylline", False)])
def test_complexity_is_known_where_it_differs(drug, is_complex):
    card = load_card(drug)
    names = [p.name for p in known_properties(card, simulate(card, 50, torch.Generator().manual_seed(1)))]
    assert ("complexity" in names) == is_complex


def test_what_is_the_same_for_everybody_does_not_vary():
    card = load_card("theophylline")
    found = {p.name: p.varies for p in known_properties(card, simulate(card, 50, torch.Generator().manual_seed(1)))}
    assert found["CL"] and not found["published_model"]


def test_what_the_target_adds_to_clearance_grows_with_ige_and_every_property_can_name_an_axis():
    card = load_card("omalizumab")
    found = {p.name: p for p in known_properties(card, simulate(card, 400, torch.Generator().manual_seed(0)))}
    assert {name for name, p in found.items() if p.is_pharmacokinetic} <= SYMBOLS.keys()
    assert torch.corrcoef(torch.stack([torch.as_tensor(found[name].values).log() for name in ("target", "IGE")]))[0, 1] > 0.6
