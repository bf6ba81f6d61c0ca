"""Are strangers what they claim to be, and are they counted right?"""

import numpy as np
import pytest

from pkvae_core.checks.strange import CLAIMED_ML_PER_MIN, Draw, dialysed, exchanged, makers, measured, scaled
from pkvae_core.checks.strangers import OWN, Rate, Strangers, strangers, summary, table, verdicts_on
from pkvae_core.drugs.card import available_drugs, load_card
from pkvae_core.drugs.population import Population
from pkvae_core.inference.verdict import OUT, REFUSED, VERDICTS
from pkvae_core.patient import Patient
from pkvae_core.vae.checkpoint import load_model

CARD = load_card("vancomycin")
DRAW = Draw(CARD, 12, 2, 0)


def levels(patient: Patient) -> list[float]:
    return [s.concentration_mg_per_L or 0.0 for s in patient.samples]


@pytest.mark.parametrize("drug", available_drugs())
def test_every_kind_can_be_drawn_for_every_drug_with_its_number_of_levels(drug):
    card = load_card(drug)
    for kind, make in makers(Draw(card, 5, 2, 0)).items():
        found = make()
        assert len(found) <= 5 and all(len(p.samples) == 2 for p in found), kind
        Population.of(card, found)


def test_the_same_seed_draws_the_same_strangers():
    assert dialysed(DRAW) == dialysed(DRAW)
    assert dialysed(DRAW) != dialysed(Draw(CARD, 12, 2, 1))


def test_a_slip_of_the_unit_multiplies_every_measured_level():
    once, tenfold = scaled(DRAW, 1.0), scaled(DRAW, 10.0)
    assert [10 * level for p in once for level in levels(p)] == pytest.approx([level for p in tenfold for level in levels(p)])


def test_an_exchange_leaves_the_trough_above_the_peak():
    found = exchanged(Draw(CARD, 60, 2, 0))
    assert found and all(p.samples[0].time_h < p.samples[1].time_h for p in found)
    assert np.mean([a < b for a, b in map(levels, found)]) > 0.8


def test_children_are_small_and_dialysis_is_hidden_behind_a_clearance():
    kinds = makers(DRAW)
    stated, unstated = (kinds[f"a child, age {words}"]() for words in ("stated", "not stated"))
    assert all((p.covariate("AGE") or 99) < 12 and (p.covariate("WT") or 99) < 60 for p in stated)
    assert all(p.covariate("AGE") is None for p in unstated)
    assert all((p.covariate("CRCL") or 0) >= CLAIMED_ML_PER_MIN for p in dialysed(DRAW))


def test_without_kidneys_levels_are_higher_and_a_session_strips_the_drug():
    draw = Draw(CARD, 40, 4, 0)
    anuric, usual = dialysed(draw), draw.usual(4).patients
    assert np.median([level for p in anuric for level in levels(p)]) > 1.2 * np.median([level for p in usual for level in levels(p)])


def test_levels_carry_the_error_of_their_published_model():
    virtual = DRAW.usual()
    first, second = (measured(CARD, virtual, virtual.truth, None, DRAW.generator) for _ in range(2))
    assert first == second
    assert [[s.time_h for s in row] for row in first] == [pytest.approx([s.time_h for s in p.samples], rel=1e-5) for p in virtual.patients]


def test_children_of_stated_age_and_tenfold_errors_are_sent_away():
    model = load_model("vancomycin")
    kinds = makers(Draw(CARD, 8, 4, 0))
    assert set(verdicts_on(model, kinds["a child, age stated"]())) == {REFUSED}
    tenfold = verdicts_on(model, kinds["every level ten times too high"]())
    assert sum(v in (OUT, REFUSED) for v in tenfold) >= len(tenfold) - 1


def test_every_patient_gets_a_verdict_and_progress_is_told():
    told: list[tuple[int, int]] = []
    found = strangers(load_model("theophylline"), patients=2, levels=(1,), progress=lambda *step: told.append(step))
    assert told[-1] == (len(found.rates), len(found.rates))
    assert all(r.refused + r.out + r.caution <= r.patients for r in found.rates)
    assert {r.kind for r in found.rates} >= set(OWN) and set(VERDICTS) == {"in domain", "caution", "out", "refused"}
    assert table(found).count("\n") == len(found.rates) + 1


def test_the_sentence_names_what_one_level_does_not_show():
    rates = (
        Rate(OWN[0], 1, 200, 1, 1, 9),
        Rate("every level ten times too high", 1, 50, 40, 9, 0),
        Rate("every level ten times too low", 1, 50, 30, 19, 0),
        Rate("peak and trough exchanged", 1, 50, 0, 10, 5),
    )
    found = Strangers("vancomycin", 0, rates)
    assert found.sentence.startswith("1.0 % of 200 patients like those of the training are sent away, and 98.0 % of tenfold errors.")
    assert "One level alone does not show: peak and trough exchanged (20 %)." in found.sentence
    assert summary(found)["rates"][0]["noticed"] == pytest.approx(0.01)
