"""Is every covariate that cannot be tested named with the reason, and none filled in?"""

import numpy as np

from pkvae_core.drugs.card import load_card
from pkvae_core.insight.discovery.columns import Column, choose, columns_of
from pkvae_core.patient import Covariate, Patient, Sample

RANDOM = np.random.default_rng(4)
X = RANDOM.normal(50, 10, 120)


def column(name: str, values: np.ndarray, categories: tuple[str, ...] = ()) -> Column:
    return Column(name, name.capitalize(), "", values, categories)


def patient(number: int, **values: float) -> Patient:
    return Patient(str(number), samples=(Sample(10.0, 5.0, None),), covariates=tuple(Covariate(name, value) for name, value in values.items()))


def test_a_constant_is_set_aside_in_words():
    chosen = choose([column("a", X), column("site", np.ones(120), ("Basel", "Bern"))])
    assert [c.name for c in chosen.columns] == ["a"] and chosen.notes == ("Site is the same in all patients: not tested.",)


def test_single_cases_are_no_group():
    values = np.zeros(120)
    values[:3] = 1
    assert choose([column("rare", values)]).notes == ("Rare is the same in all patients but 3: not tested.",)


def test_what_others_tell_is_set_aside_and_they_are_named():
    other = RANDOM.normal(5, 1, 120)
    chosen = choose([column("a", X), column("b", other), column("sum", X + 4 * other + RANDOM.normal(0, 0.5, 120))])
    assert [c.name for c in chosen.columns] == ["a", "b"]
    assert chosen.notes[0].startswith("Sum cannot be told apart from A and B, which tell ")


def test_a_product_of_others_is_told_by_their_logarithms():
    other = np.exp(RANDOM.normal(0, 0.3, 120))
    assert [c.name for c in choose([column("a", X), column("b", other), column("ratio", X / other)]).columns] == ["a", "b"]


def test_a_correlation_of_seven_tenths_is_told_apart():
    follower = 0.7 * (X - 50) / 10 + np.sqrt(0.51) * RANDOM.standard_normal(120)
    assert len(choose([column("a", X), column("b", follower)]).columns) == 2


def test_what_is_seldom_known_is_not_tested_and_gaps_are_said():
    seldom, gaps = X.copy(), RANDOM.normal(0, 1, 120)
    seldom[:70], gaps[:12] = np.nan, np.nan
    chosen = choose([column("seldom", seldom), column("gaps", gaps)])
    assert [c.name for c in chosen.columns] == ["gaps"]
    assert chosen.notes[0] == "Seldom is known of 50 of 120 patients only: not tested."
    assert chosen.notes[1].startswith("Gaps is unknown in 12 of 120 patients: they are left out where it is tested, nothing is filled in")


def test_columns_that_the_card_does_not_know_are_columns_too():
    card = load_card("vancomycin")
    found, notes = columns_of(card, [patient(1, WT=70, ALBUMIN=30, ARM=0), patient(2, WT=80, ARM=1)], words={"ARM": ("placebo", "drug")})
    by_name = {c.name: c for c in found}
    assert list(by_name) == ["WT", "ALBUMIN", "ARM"] and notes == ()
    assert by_name["WT"].label == "Weight" and np.isnan(by_name["ALBUMIN"].values[1]) and by_name["ARM"].said(1) == "drug"


def test_the_value_at_the_middle_level_counts_and_a_change_is_said():
    card = load_card("vancomycin")
    changing = Patient("1", samples=tuple(Sample(t, 5.0, None) for t in (1.0, 30.0, 40.0)), covariates=(Covariate("WT", 70.0), Covariate("WT", 75.0, 20.0)))
    found, notes = columns_of(card, [changing, patient(2, WT=80), patient(3, WT=90)])
    assert found[0].values[0] == 75.0 and notes[0].startswith("Weight changes in 1 of 3 patients")


def test_two_numbers_are_two_groups_named_by_them():
    found, _ = columns_of(load_card("theophylline"), [patient(i, NYHA=2 + 2 * (i % 2)) for i in range(4)])
    assert found[0].categories == ("2", "4") and found[0].values.tolist() == [0, 1, 0, 1]
