"""Units: every way to write one means the same, and a conversion there and back changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkvae_core.records import units
from pkvae_core.records.units import (
    QUANTITIES,
    amount_factor,
    canonical,
    concentration_factor,
    covariate_factor,
    rate_factor,
    split_unit,
    time_factor,
)


@pytest.mark.parametrize(
    ("unit", "mg"), [("mg", 1), ("g", 1000), ("ug", 0.001), ("mcg", 0.001), ("µg", 0.001), ("μg", 0.001), ("ng", 1e-6), ("MG", 1), (" mg ", 1)]
)
def test_amounts_are_counted_in_mg(unit, mg):
    assert amount_factor(unit) == pytest.approx(mg)


@pytest.mark.parametrize(
    ("unit", "mg_per_L"),
    [("mg/L", 1), ("ug/mL", 1), ("mcg/mL", 1), ("µg/mL", 1), ("ng/mL", 0.001), ("ug/L", 0.001), ("mg_L", 1), ("mg.L-1", 1), ("ug per mL", 1), ("g/L", 1000)],
)
def test_concentrations_are_counted_in_mg_per_litre(unit, mg_per_L):
    assert concentration_factor(unit) == pytest.approx(mg_per_L)


def test_molar_units_need_the_molar_mass():
    assert concentration_factor("umol/L", 180.16) == pytest.approx(0.18016)  # theophylline: 10 mg/L is 55.5 umol/L
    assert concentration_factor("nmol/mL", 180.16) == pytest.approx(0.18016)
    assert amount_factor("mmol", 180.16) == pytest.approx(180.16)
    with pytest.raises(ValueError, match="molar mass"):
        concentration_factor("umol/L")


@pytest.mark.parametrize("unknown", ["", "mg/kg", "IU", "mg/L/h", "L", "furlong"])
def test_an_unknown_unit_is_refused_with_the_known_ones(unknown):
    with pytest.raises(ValueError, match=r"mg, g, ug"):
        amount_factor(unknown)
    with pytest.raises(ValueError, match=r"mg/L, ug/mL"):
        concentration_factor(unknown)


def test_an_amount_is_no_concentration():
    with pytest.raises(ValueError, match="not known"):
        amount_factor("mg/L")
    with pytest.raises(ValueError, match="not known"):
        concentration_factor("umol", 100)


@given(st.sampled_from([(a, b) for factors in QUANTITIES.values() for a in factors for b in factors]), st.floats(1e-3, 1e3))
def test_a_covariate_converted_there_and_back_is_unchanged(pair, value):
    there, back = pair
    assert value * covariate_factor(there, back) * covariate_factor(back, there) == pytest.approx(value)


@given(st.sampled_from(sorted(units.CONCENTRATIONS)), st.sampled_from("µuμ"))
def test_spelling_does_not_change_a_concentration(unit, micro):
    spelt = unit.replace("u", micro).replace("l", "L").replace("/", " / ")
    assert concentration_factor(spelt) == concentration_factor(unit)
    assert canonical(units.shown(unit)) == unit


def test_clinical_conversions():
    assert 88.4 * covariate_factor("umol/L", "mg/dL") == pytest.approx(1)  # creatinine, molar mass 113.12
    assert 154 * covariate_factor("lb", "kg") == pytest.approx(69.85, abs=0.01)
    assert 70 * covariate_factor("inches", "cm") == pytest.approx(177.8)
    assert 18 * covariate_factor("months", "years") == pytest.approx(1.5)
    assert 90 * time_factor("min") == pytest.approx(1.5)
    assert rate_factor("ug/min") == pytest.approx(0.06)
    with pytest.raises(ValueError, match="cannot be converted"):
        covariate_factor("kg", "cm")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("SCR_umol_L", ("SCR", "umol/l")),
        ("SCR.umol.L", ("SCR", "umol/l")),
        ("WT (lb)", ("WT", "lb")),
        ("HT[m]", ("HT", "m")),
        ("Dose mg", ("Dose", "mg")),
        ("conc_ug/mL", ("conc", "ug/ml")),
        ("RATE_mg_h", ("RATE", "mg/h")),
        ("DV", ("DV", None)),
        ("DOSE_GROUP", ("DOSE_GROUP", None)),
        ("ACTUAL_TIME", ("ACTUAL_TIME", None)),
        ("SEX (1=m)", ("SEX", "1=m")),
    ],
)
def test_a_unit_is_found_in_the_name_of_a_column(column, expected):
    assert split_unit(column) == expected
