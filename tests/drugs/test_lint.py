"""Does lint find what is wrong with a card, and nothing else?"""

from dataclasses import replace

import pytest

from pkvae_core.drugs import lint
from pkvae_core.drugs.card import DrugCard, available_drugs, load_card
from pkvae_core.drugs.lint import headline_defects, lint_card, lint_drug, typical_exposure
from pkvae_core.drugs.parts import TypicalRegimen
from pkvae_core.drugs.published import MODELS
from pkvae_core.patient import Regimen


def errors(card: DrugCard) -> list[str]:
    return [str(problem) for problem in lint_card(card) if problem.severity == "error"]


def changed(card: DrugCard, **update) -> DrugCard:
    """The card with fields replaced, unchecked."""
    return card.model_copy(update=update)


@pytest.mark.parametrize("drug", available_drugs())
def test_every_card_of_ours_is_free_of_errors(drug):
    assert not [str(problem) for problem in lint_drug(drug) if problem.severity == "error"]


@pytest.mark.parametrize("name", MODELS)
def test_every_published_model_gives_its_papers_headline_value(name):
    assert not headline_defects(MODELS[name])


def test_a_model_that_departs_from_its_paper_is_seen():
    model = MODELS["goti2018"]
    wrong = replace(model, typical=lambda c: {**model.typical(c), "CL": model.typical(c)["CL"] * 1.05})
    assert "the paper says 4.5" in headline_defects(wrong)[0]
    assert headline_defects(replace(model, headlines=()))


def test_an_unreadable_card_is_an_error():
    (problem,) = lint_drug("aspirin")
    assert problem.severity == "error" and "Known drugs" in str(problem)


def test_an_unverified_entry_is_a_warning():
    card = load_card("vancomycin")
    doubtful = changed(card, targets=(card.targets[0].model_copy(update={"unverified": True}), *card.targets[1:]))
    assert any(p.severity == "warning" and "targets.0" in str(p) for p in lint_card(doubtful))


@pytest.mark.parametrize(
    ("update", "words"),
    [
        ({"amount_unit": "grains"}, "amount_unit"),
        ({"concentration_unit": "mg"}, "concentration_unit"),
        ({"reporting_units": ("mg/L", "spoons")}, "reporting_units"),
        ({"cohort": "nobody"}, "no cohort nobody"),
        ({"version": "9"}, "revisions"),
        ({"typical_patient": {"WT": 7000}}, "outside what the models saw"),
        ({"typical_patient": {"WT": 79}}, "which the typical patient lacks"),
        ({"typical_regimen": TypicalRegimen(amount_mg=1010, interval_h=12, infusion_h=2)}, "not one that the card offers"),
        ({"max_single_mg": 100, "max_daily_mg": 100}, "no regimen is left"),
        ({"horizon_h": 24}, "Lengthen the horizon"),
    ],
)
def test_a_wrong_field_is_named(update, words):
    assert any(words in line for line in errors(changed(load_card("vancomycin"), **update)))


def test_a_renal_function_that_contradicts_the_creatinine_is_seen():
    card = load_card("vancomycin")
    assert any("Cockcroft-Gault" in line for line in errors(changed(card, typical_patient={**card.typical_patient, "CRCL": 45})))


def test_a_model_of_another_drug_is_seen():
    other = load_card("theophylline").published_models
    assert any("describes theophylline" in line for line in errors(changed(load_card("vancomycin"), published_models=other)))


def test_a_salt_factor_that_the_molar_masses_contradict_is_seen():
    card = load_card("theophylline")
    wrong = card.products[1].model_copy(update={"salt_factor": 0.86})  # the anhydrous salt's factor on the dihydrate's label
    assert any("molar masses say 0.789" in line for line in errors(changed(card, products=(card.products[0], wrong))))
    nameless = card.products[1].model_copy(update={"salt_molar_mass_g_per_mol": None})
    assert any("the salt is not named" in line for line in errors(changed(card, products=(card.products[0], nameless))))


def test_a_salt_factor_applied_twice_is_seen(monkeypatch):
    card = changed(load_card("theophylline"), typical_regimen=TypicalRegimen(product="aminophylline", amount_mg=800, interval_h=24, infusion_h=24))
    assert not errors(card)
    monkeypatch.setattr(lint, "course", lambda card, courses, once=lint.course: replace(once(card, courses), amount=once(card, courses).amount * 0.79))
    assert any("salt factor" in line for line in errors(card))


def test_a_target_in_the_wrong_unit_is_seen():
    card = load_card("tobramycin")
    in_grams = card.targets[0].model_copy(update={"inefficacy_alarm": 0.06, "low": 0.07, "high": 0.1, "toxicity_alarm": 0.12})
    assert any("targets.auc24: the typical patient has" in line for line in errors(changed(card, targets=(in_grams, *card.targets[1:]))))


def test_exposure_is_dose_over_clearance():
    card = load_card("vancomycin")
    # Colin 2019, abstract: CL 4.10 L/h at 35 years, 70 kg, SCr 0.83 mg/dL; 2 g a day give 2000 / 4.10 = 488 mg h/L
    typical = changed(card, typical_patient={**card.typical_patient, "AGE": 35, "WT": 70, "SCR": 0.83})
    assert typical_exposure(typical, MODELS["colin2019"], Regimen(1000, 12, 1))["auc24"] == pytest.approx(488, rel=0.01)
    assert typical_exposure(typical, MODELS["colin2019"], Regimen(2000, 24, 24))["peak"] == pytest.approx(2000 / 24 / 4.10, rel=0.01)
