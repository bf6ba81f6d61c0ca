"""Omalizumab: the card gives no dose, IgE before treatment is a covariate that never changes, and virtual courses last for months."""

import pytest
import torch

from pkvae_core.drugs.card import load_card
from pkvae_core.drugs.lint import lint_drug
from pkvae_core.drugs.population import simulate, typical_clearance
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.patient import Regimen

CARD = load_card("omalizumab")


@pytest.fixture(scope="module")
def virtual():
    return simulate(CARD, 1500, torch.Generator().manual_seed(0), changing=0.3)


def test_the_card_has_no_defect_and_gives_no_dose():
    assert lint_drug("omalizumab") == () and not CARD.gives_dose and "IgE" in CARD.why_no_dose


def test_what_is_injected_cannot_be_infused_and_has_the_depots_row():
    assert CARD.routes == ("iv", "sc") and "injected" in (CARD.refusal(Regimen(300, 672, 1.0)) or "")


def test_virtual_patients_keep_their_ige_while_their_weight_changes(virtual):
    names = [c.name for c in CARD.covariates]
    now, before = virtual.population.covariates, virtual.population.history.covariates
    assert bool((before[..., names.index("IGE")] == now[:, None, names.index("IGE")]).all())
    assert float((before[..., names.index("WT")] != now[:, None, names.index("WT")]).float().mean()) > 0.1


def test_courses_last_for_months_and_levels_are_drawn_over_weeks(virtual):
    population = virtual.population
    last = (population.doses.time * (population.doses.amount > 0)).amax(1)
    assert float(last.median()) > 24 * 60
    since = (population.sample_time[..., None] - population.doses.time[:, None]).masked_fill(population.doses.amount[:, None] == 0, torch.inf)
    since = since.masked_fill(since < 0, torch.inf).amin(-1)[population.is_sample]
    assert float(((since > 48) & (since < 300)).float().mean()) > 0.25


def test_the_average_concentration_is_the_steady_one_of_the_typical_regimen():
    patient = {name: torch.tensor([value]).double() for name, value in CARD.typical_patient.items()}
    level = average_concentration(CARD)
    assert level * float(typical_clearance(CARD, patient)) == pytest.approx(300 / 672, rel=1e-6)


def test_ige_before_treatment_is_counted_in_units_and_starts_the_target():
    """199.3 IU/mL are the paper's 482.4 ng/mL, 2.54 nmol/L of 190 kDa."""
    typical = MODELS["hayashi2007"].typical({"WT": torch.tensor([61.1]), "IGE": torch.tensor([482.4 / 2.42])})
    assert float(typical["baseline"]) == pytest.approx(482.4 / 190) and float(typical["target_CL"]) == pytest.approx(0.071)
