"""The card of a model that learned from a cohort says no more than is known."""

from dataclasses import replace

import numpy as np
import pytest

from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.drugs.own import adapted_card, blank_card, key_of, observed_card
from pkvae_core.drugs.summary import covariate_distribution, summarise_cohort
from pkvae_core.patient import Dose, Patient, Sample
from pkvae_core.records.table import read_patients
from tests.own import cohort, csv_of


def test_a_name_becomes_a_folder_and_nothing_of_a_path_survives():
    assert key_of("Vancomycin, ward 7 (2026)") == "vancomycin-ward-7-2026"
    assert key_of("../../etc/passwd") == "etc-passwd"
    for name in ("", "  ", "..", "/", "x" * 61):
        with pytest.raises(ValueError, match="cannot be called"):
            key_of(name)


def test_an_adapted_card_keeps_what_may_be_given_and_says_whom_it_learned_from():
    shipped = load_card("tobramycin")
    card = adapted_card(shipped, cohort(24), name="Tobramycin, ward 7", cohort="ward7.csv")
    assert (card.drug, card.name) == ("tobramycin-ward-7", "Tobramycin, ward 7")
    assert card.products == shipped.products and card.targets == shipped.targets and card.limits[1:] == shipped.limits
    assert "24 patients of the cohort ward7.csv" in card.limits[0].text and "not been checked by anyone else" in card.limits[0].text
    assert card.version != shipped.version


def test_a_card_from_scratch_gives_no_dose_and_states_only_what_the_file_showed():
    read = read_patients(csv_of(cohort()).encode(), options=blank_card("Compound X").read_options())
    patients = tuple(record.patient for record in read.records)
    card = observed_card(blank_card("Compound X"), patients, cohort="x.csv")
    assert not card.gives_dose and card.targets == () and card.published_models == () and card.routes == ("iv",)
    ranges = {c.name: (c.soft_low, c.soft_high) for c in card.covariates}
    assert ranges["WT"] == (55, 85) and ranges["SEX"] == (0, 1) and "HT" not in ranges
    assert card.product().amounts_mg == (100, 120, 140) and card.product().intervals_h == (12,)
    assert card.typical_regimen.amount_mg == 120 and card.max_daily_mg == 280


def test_a_swallowed_drug_from_scratch_has_both_routes_of_a_response():
    card = observed_card(blank_card("X", route="oral"), [replace(p, doses=(Dose(0, 50),)) for p in cohort()], cohort="x.csv")
    assert card.routes == ("iv", "oral") and [p.route for p in card.products] == ["oral"]


def test_a_cohort_without_doses_teaches_nothing():
    with pytest.raises(ValueError, match="no patient of this cohort has a dose"):
        observed_card(blank_card("X"), [Patient("a", (), (Sample(1, 2.0),))], cohort="x.csv")
    with pytest.raises(ValueError, match="both a dose and a level"):
        summarise_cohort(load_card("tobramycin"), [Patient("a", (Dose(0, 1),))])


@pytest.mark.parametrize("make", [lambda: adapted_card(load_card("vancomycin"), cohort(), name="V", cohort="v.csv"), lambda: blank_card("X")])
def test_a_card_survives_its_passage_through_json(make):
    card = make()
    assert DrugCard.model_validate_json(card.model_dump_json()) == card


def test_the_summary_counts_what_is_there():
    below = replace(cohort(2)[0], samples=(Sample(25.5, None, 0.5), Sample(30, 2.0)))
    found = summarise_cohort(load_card("tobramycin"), (below, cohort(2)[1], Patient("idle")))
    assert (found.patients, found.levels, found.below_limit, found.doses) == (2, 4, 1, 8) and found.below_share == 0.25
    assert found.span_h == (35.0 - 2.25 - 0.25, 36.0) or found.span_h[1] == 36.0
    weight = next(c for c in found.covariates if c.label == "Weight")
    assert (weight.low, weight.high, weight.missing) == (55, 70, 0)


def test_the_distribution_is_that_of_the_cohort_and_holds_no_row():
    patients = cohort(40)
    found = covariate_distribution(load_card("tobramycin"), patients)
    assert found is not None and set(found) == {"names", "mean", "covariance", "patients"} and found["patients"] == 40
    i = found["names"].index("WT")
    weights = np.log([p.covariate("WT") or 0.0 for p in patients])
    assert found["mean"][i] == pytest.approx(weights.mean()) and found["covariance"][i][i] == pytest.approx(weights.var(ddof=1))
    assert "CRCL" not in found["names"]  # computed from the others
