"""A steady state whose hours differ: the whole day counts, and amounts scale."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pkvae_core.dosing.course import COARSE, follow
from pkvae_core.dosing.option import judge, judge_all
from pkvae_core.dosing.steady_state import steady_spans
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.patient import Dose, Regimen
from pkvae_core.structural.recirculation import Recirculating
from pkvae_core.structural.simulated import Simulated

CARD = load_card("mycophenolate")
AUC24 = Target.of(CARD)
CL, SHARE = torch.tensor([[8.0, 11.0, 15.0]]), torch.tensor([[0.2, 0.3, 0.35]])


def table(value: float) -> torch.Tensor:
    return torch.full_like(CL, value)


BODY = Recirculating(CL, table(12.5), table(16.1), table(150.0), table(3.5), table(0.1), table(0.44), SHARE, table(1 - math.exp(-0.675)))


@pytest.fixture
def posterior(draws):
    """Three draws, after some recorded doses."""
    found = draws(CL[0].tolist(), drug="mycophenolate", past=(Dose(0, 1000, 0, "mofetil"), Dose(12, 1000, 0, "mofetil")))
    return replace(found, responses=Simulated(BODY))


def test_auc24_at_steady_state_is_the_daily_dose_over_what_leaves_for_good(posterior):
    option = judge(posterior, AUC24, Regimen(500, 12, 0, 24, "mofetil"))
    assert option.exposure == pytest.approx((2 * 500 * 0.739 / (CL * (1 - SHARE)))[0].numpy(), rel=0.02)
    assert option.share_never_settled == 0


def test_the_last_day_is_the_one_that_was_simulated(posterior):
    regimen = Regimen(750, 12, 0, 24, "mofetil")
    span = steady_spans(posterior, [regimen], COARSE)[regimen](750)
    courses = (*posterior.patient.doses, *regimen.doses(264))
    level, area = follow(posterior, courses, np.append(span.time_h, [240.0, 264.0]))
    assert span.length_h == 24 and span.area_mg_h_per_L == pytest.approx(area[:, -1] - area[:, -2], rel=1e-3)
    assert span.concentration_mg_per_L == pytest.approx(level[:, :-2], rel=1e-3, abs=1e-3)
    assert span.time_h[span.trough] == pytest.approx(264)


def test_amounts_scale_once_the_recorded_doses_are_forgotten(posterior):
    low, high = judge_all(posterior, AUC24, [Regimen(mg, 12, 0, 24, "mofetil") for mg in (250, 1000)])
    assert high.exposure == pytest.approx(4 * low.exposure, rel=0.01)


def test_the_exact_amount_leads_to_the_aim(posterior):
    exact = judge(posterior, AUC24, Regimen(500, 12, 0, 24, "mofetil")).exact_amount_mg
    assert exact is not None
    assert judge(posterior, AUC24, Regimen(exact, 12, 0, 24, "mofetil")).exposure_median == pytest.approx(AUC24.aim, rel=1e-3)


def test_a_window_of_the_first_day_counts_the_recorded_doses_too(posterior):
    window = replace(AUC24, window_h=(0.0, 24.0))
    with_past, without = (
        judge(p, window, Regimen(500, 12, 0, 24, "mofetil")).exposure for p in (posterior, replace(posterior, patient=replace(posterior.patient, doses=())))
    )
    assert (with_past > 1.05 * without).all()
