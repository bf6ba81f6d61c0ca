"""Is a drug card read whole, immutable, and refused with words that help?"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pkvae_core.drugs.card import CARDS, available_drugs, load_card, read_card
from pkvae_core.drugs.parts import AmountRange
from pkvae_core.patient import Regimen


def with_text(folder: Path, old: str, new: str) -> Path:
    """A copy of the vancomycin card with its first `old` replaced."""
    text = (CARDS / "vancomycin" / "card.toml").read_text(encoding="utf-8")
    assert old in text
    path = folder / "card.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize("drug", available_drugs())
def test_every_card_loads_and_has_a_default_target_and_product(drug):
    card = load_card(drug)
    assert card.drug == drug
    assert card.product() is card.products[0]
    if card.gives_dose:
        assert card.target() in card.targets and card.target(card.main_metric) is card.target()
    else:
        assert card.why_no_dose


def test_a_card_without_a_target_gives_no_dose_and_says_why(tmp_path):
    text = (CARDS / "warfarin" / "card.toml").read_text(encoding="utf-8")
    path = tmp_path / "card.toml"
    path.write_text(text.replace("gives_dose = false", "gives_dose = true"), encoding="utf-8")
    with pytest.raises(ValueError, match="needs a target"):
        read_card(path)
    path.write_text(text.replace('why_no_dose = "', 'why_no_dose = ""  # "'), encoding="utf-8")
    with pytest.raises(ValueError, match="why_no_dose"):
        read_card(path)


def test_a_daily_limit_by_weight_binds_where_the_weight_is_known():
    card, regimen = load_card("phenobarbital"), Regimen(4, 12, 0.5)
    assert card.refusal(regimen) is None and card.refusal(regimen, 2.0) is None
    assert "6 mg/kg" in (card.refusal(regimen, 1.0) or "")


def test_the_three_linear_drugs_are_available():
    assert {"vancomycin", "tobramycin", "theophylline"} <= set(available_drugs())


def test_an_unknown_drug_product_or_target_lists_the_known_ones():
    with pytest.raises(ValueError, match="theophylline, tobramycin, .*vancomycin"):
        load_card("aspirin")
    with pytest.raises(ValueError, match="oral, aminophylline"):
        load_card("theophylline").product("suppository")
    with pytest.raises(ValueError, match="auc24, trough"):
        load_card("vancomycin").target("peak")


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ('name = "Vancomycin"', "", "name", "Add it"),
        ("strengths_mg", "strength_mg", "products.0.strength_mg", "no such field"),
        ("low = 400", "low = 700", "targets.0", "five numbers"),
        ("step_mg = 250", "step_mg = -1", "products.0.amounts.0.step_mg", "greater than 0"),
        ("high_mg = 2000", "high_mg = 2100", "products.0.amounts.0", "do not end at 2100"),
        ('route = "iv"', 'route = "nasal"', "products.0.route", "'nasal'"),
        ('source = ["oral"]', "", "limits.4", "no source"),
        ('max_source = ["liu2011"', 'max_source = ["nobody"', "card", "Add .sources.nobody."),
        ("is_default = true", "", "card", "is_default"),
        ("soft_high = 160", "soft_high = 400", "covariates.2", "soft_high <= high"),
        ('metric = "trough"', 'metric = "auc24"', "card", "targets repeats a name"),
    ],
)
def test_a_defect_names_file_field_and_remedy(tmp_path, old, new, field, words):
    with pytest.raises(ValueError, match=words) as raised:
        read_card(with_text(tmp_path, old, new))
    assert f"{tmp_path.name}/card.toml: {field}" in str(raised.value)
    assert len(str(raised.value)) < 600


def test_a_broken_line_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"card.toml is not valid TOML: .*line"):
        read_card(with_text(tmp_path, "max_daily_mg = 4500", "max_daily_mg = four"))


def test_a_card_cannot_be_changed():
    card = load_card("vancomycin")
    with pytest.raises(ValidationError):
        card.max_daily_mg = 9000  # pyright: ignore[reportAttributeAccessIssue]


def test_amounts_step_differently_in_each_range():
    amounts = load_card("tobramycin").product().amounts_mg
    assert amounts[:3] == (20, 40, 60) and amounts[-2:] == (760, 800)
    assert 180 in amounts and 240 in amounts and 260 not in amounts


@given(low=st.integers(1, 500), step=st.integers(1, 100), count=st.integers(0, 40))
def test_a_range_reaches_both_its_ends(low, step, count):
    amounts = load_card("vancomycin").product().model_copy(update={"amounts": (AmountRange(low_mg=low, high_mg=low + count * step, step_mg=step),)}).amounts_mg
    assert amounts[0] == low and amounts[-1] == low + count * step and len(amounts) == count + 1


def test_an_infusion_leaves_half_the_interval_free_or_is_continuous():
    for drug in available_drugs():
        for product in load_card(drug).products:
            assert product.schedules
            assert all(infusion < interval / 2 or infusion == interval for interval, infusion in product.schedules)
    assert (24, 24) in load_card("vancomycin").product().schedules
    assert (48, 24) not in load_card("vancomycin").product().schedules


def test_aminophylline_holds_79_per_cent_theophylline():
    # 25 mg/mL of the dihydrate are 19.7 mg/mL of anhydrous theophylline (label)
    assert load_card("theophylline").product("aminophylline").active_mg(25) == pytest.approx(19.7, rel=0.005)


def test_routes_come_vein_first():
    assert load_card("vancomycin").routes == ("iv",)
    assert load_card("theophylline").routes == ("iv", "oral")


@pytest.mark.parametrize(
    ("drug", "regimen", "words"),
    [
        ("vancomycin", Regimen(1000, 12, 1), None),
        ("vancomycin", Regimen(1000, 12, 0.5), "faster than 1,000 mg/h"),
        ("vancomycin", Regimen(1000, 12, 0), "faster"),
        ("vancomycin", Regimen(2250, 24, 3), "highest single dose"),
        ("vancomycin", Regimen(4500, 24, 24), None),
        ("vancomycin", Regimen(5000, 24, 24), "highest daily dose"),
        ("vancomycin", Regimen(2000, 8, 2), "highest daily dose"),
        ("vancomycin", Regimen(1000, 12, 1, loading_amount_mg=2500, loading_infusion_h=2.5), None),
        ("vancomycin", Regimen(1000, 12, 1, loading_amount_mg=3250, loading_infusion_h=4), "highest one, 3,000 mg"),
        ("vancomycin", Regimen(1000, 12, 1, loading_amount_mg=2500, loading_infusion_h=1), "faster"),
        ("tobramycin", Regimen(320, 24, 0.5, loading_amount_mg=400, loading_infusion_h=0.5), "no loading dose"),
        ("theophylline", Regimen(200, 8), None),
        ("theophylline", Regimen(200, 8, 1), "swallowed"),
        ("theophylline", Regimen(600, 8, 1, product="aminophylline"), "highest daily dose"),
        ("theophylline", Regimen(1100, 24, 24, product="aminophylline"), None),
    ],
)
def test_the_card_refuses_what_it_does_not_allow_and_says_why(drug, regimen, words):
    refusal = load_card(drug).refusal(regimen)
    assert refusal is None if words is None else words in (refusal or "")


@given(amount=st.floats(1, 6000), part=st.floats(0.01, 1), interval=st.sampled_from([6.0, 12.0, 24.0]), infusion=st.floats(0.5, 6))
def test_less_of_an_allowed_regimen_is_allowed(amount, part, interval, infusion):
    card = load_card("vancomycin")
    if card.refusal(Regimen(amount, interval, infusion)) is None:
        assert card.refusal(Regimen(amount * part, interval, infusion)) is None


def test_a_file_is_read_with_the_cards_units_covariates_and_products():
    options = load_card("theophylline").read_options(dvid=2, assume_infusion_h=0.5)
    assert (options.amount_unit, options.concentration_unit, options.molar_mass_g_per_mol) == ("mg", "mg/L", 180.16)
    assert options.products["oral"] == options.products["po"] == "oral"
    assert options.products["iv"] == options.products["aminophylline"] == "aminophylline"
    assert not options.is_infused and options.infused_products == {"aminophylline"}
    assert (options.dvid, options.assume_infusion_h) == (2, 0.5)
    assert load_card("vancomycin").read_options().is_infused
    assert all(word == word.lower() for drug in available_drugs() for word in load_card(drug).read_options().products)
