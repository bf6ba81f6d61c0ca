"""Virtual patients: reproducible, inside their ranges, with the truth attached."""

import math

import pytest
import torch

from pkvae_core.drugs.card import available_drugs, load_card
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import Population, course, simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.structural.exponentials import NEVER


@pytest.fixture(params=available_drugs())
def card(request):
    return load_card(request.param)


def draw(card, count=400, seed=0, **options):
    return simulate(card, count, torch.Generator().manual_seed(seed), **options)


def test_a_seed_gives_the_same_patients(card):
    one, two, other = draw(card), draw(card), draw(card, seed=1)
    assert torch.equal(one.population.level, two.population.level)
    assert not torch.equal(one.population.level, other.population.level)


def test_covariates_lie_within_the_card(card):
    table = draw(card).population.covariates
    for i, spec in enumerate(card.covariates):
        assert not table[:, i].isnan().any()
        assert table[:, i].min() >= spec.low and table[:, i].max() <= spec.high


def test_no_level_comes_before_the_first_dose(card):
    population = draw(card).population
    assert (population.sample_time > 0).all()
    assert (population.doses.amount[:, 0] > 0).all()


def test_a_level_below_its_limit_holds_the_limit(card):
    population = draw(card, 2000).population
    assert population.is_below_lloq.any()
    assert (population.level[population.is_sample] > 0).all()


def test_the_true_curve_is_that_of_the_true_responses(card):
    virtual = draw(card, 50)
    concentration, _ = virtual.responses.curves(virtual.population.doses, virtual.population.sample_time)
    torch.testing.assert_close(concentration[:, 0], virtual.concentration)


def typical_clearance(model, covariates) -> torch.Tensor:
    """Of what a body has not saturated or bound."""
    if model.body is None:
        return model.clearance(covariates, 0.0)
    return model.body({name: value[:, None] for name, value in model.typical(covariates).items()}).disposition()["CL"][:, 0]


def test_who_changes_keeps_the_individual_deviation(card):
    """Typical values follow the covariates; the ratio of true to typical clearance stays what it was."""
    virtual = draw(card, 400, changing=1.0)
    history, model = virtual.population.history, MODELS[card.published_models[0].name]
    mine = ((virtual.model == 0) & (history.until[:, -1] > NEVER)).nonzero()[:, 0]
    ratios, kind = [], type(virtual.responses)
    for covariates, now in ((virtual.population.covariates, virtual.responses.now), (history.covariates[:, -1], virtual.responses.earlier[-1])):
        typical = typical_clearance(model, {c.name: covariates[:, i].double() for i, c in enumerate(card.covariates)})
        ratios.append((kind(now).disposition()["CL"][:, 0] / typical)[mine])
    assert len(mine) > 20
    torch.testing.assert_close(ratios[0], ratios[1], rtol=1e-4, atol=0)


def test_without_changes_there_is_no_history(card):
    assert draw(card, 20, changing=0.0).population.history.until.shape == (20, 0)


def test_every_published_model_of_the_card_is_drawn(card):
    assert set(draw(card, 2000).model.tolist()) == set(range(len(card.published_models)))


def test_the_number_of_levels_can_be_asked_for(card):
    assert (draw(card, 20, samples=3).population.is_sample.sum(1) == 3).all()


def test_doses_and_covariates_do_not_know_the_patients_own_kinetics():
    """Clearance relative to its typical value is independent of the doses given."""
    card = load_card("vancomycin")
    virtual = draw(card, 20_000)
    rows = virtual.model == 0
    covariates = {c.name: virtual.population.covariates[rows, i] for i, c in enumerate(card.covariates)}
    eta = (1 / virtual.pulses.auc()[rows, 0, 0] / MODELS["goti2018"].typical(covariates)["CL"]).log()
    dose = virtual.population.doses.amount[rows].sum(1).log()
    assert abs(float(torch.corrcoef(torch.stack([eta, dose]))[0, 1])) < 4 / math.sqrt(int(rows.sum()))


def test_between_patient_variability_is_the_published_one():
    covariates = {"WT": torch.full((4000,), 70.0)}
    drawn = MODELS["rovei1982"].individual(covariates, draws=1, generator=torch.Generator().manual_seed(0))
    assert float(drawn["CL"].log().var()) == pytest.approx(math.log(1 + 0.25**2), rel=0.1)


def test_patients_become_padded_tensors():
    card = load_card("vancomycin")
    one = Patient("a", (Dose(0, 1000, 1),), (Sample(5, 20.0), Sample(11, None, 2.0)), (Covariate("AGE", 50.0),))
    population = Population.of(card, [one, Patient("b")])
    assert population.is_sample.tolist() == [[True, True], [False, False]]
    assert population.is_below_lloq[0].tolist() == [False, True] and float(population.level[0, 1]) == 2.0
    assert float(population.doses.amount[1].sum()) == 0
    assert population.covariates[0, 0] == 50 and population.covariates[1].isnan().all()


def test_the_salt_factor_is_applied_once():
    card = load_card("theophylline")
    salt = card.product("aminophylline").salt_factor
    doses = course(card, [[Dose(0, 100, 0.5, "aminophylline"), Dose(8, 100, 0, "oral")]])
    assert salt != 1 and doses.amount[0].tolist() == pytest.approx([100 * salt, 100])
    assert doses.route.tolist() == [[0, 1]]


def test_creatinine_clearance_is_derived_and_says_how():
    patient = Patient("a", covariates=tuple(Covariate(k, v) for k, v in {"AGE": 64.0, "SEX": 0.0, "WT": 72.0, "HT": 165.0, "SCR": 1.3}.items()))
    found = complete(load_card("vancomycin"), patient)
    assert found.covariate("CRCL") == pytest.approx((140 - 64) * 72 / (72 * 1.3) * 0.85)
    assert "Cockcroft-Gault" in found.covariates[-1].source


def test_infants_grow_older_and_heavier_but_keep_their_birth_weight():
    card = load_card("phenobarbital")
    population = draw(card, 1000, changing=1.0).population
    names = [c.name for c in card.covariates]
    before, now = population.history.covariates[:, -1], population.covariates
    changed = (population.history.until[:, -1] > NEVER) & (before[:, names.index("PNA")] != now[:, names.index("PNA")])
    days, weight, birth, apgar = (now[changed, names.index(n)] - before[changed, names.index(n)] for n in ("PNA", "WT", "BWT", "APGAR"))
    assert changed.sum() > 500 and (days > 0).all()
    assert weight[before[changed, names.index("PNA")] > 6].median() > 0
    assert not birth.any() and not apgar.any()


def test_most_infants_begin_with_a_loading_dose_by_weight():
    card = load_card("phenobarbital")
    population = draw(card, 1000).population
    per_kg = population.doses.amount[:, 0] / population.covariates[:, 0]
    if population.history.until.shape[1]:
        first = torch.where(population.history.until[:, 0] > NEVER, population.history.covariates[:, 0, 0], population.covariates[:, 0])
        per_kg = population.doses.amount[:, 0] / first
    share = float((per_kg > 10).float().mean())
    assert 0.65 < share < 0.9


def test_a_drug_without_a_target_is_dosed_around_its_typical_regimen():
    card = load_card("warfarin")
    assert average_concentration(card) == pytest.approx(5 / 24 / 0.132)
    assert (draw(card).population.doses.amount[:, 0] > 0).all()


def test_the_genotype_of_a_patient_does_not_change():
    card = load_card("tacrolimus")
    population = draw(card, 500, changing=1.0).population
    genotype = [c.name for c in card.covariates].index("CYP3A5")
    assert torch.equal(population.history.covariates[:, -1, genotype], population.covariates[:, genotype])
    assert 0.1 < float(population.covariates[:, genotype].mean()) < 0.3


def test_courses_of_phenytoin_last_for_weeks_and_show_where_it_saturates():
    virtual = draw(load_card("phenytoin"), 1000)
    doses, last = virtual.population.doses, (virtual.population.doses.amount > 0).sum(1)
    assert float((doses.time.gather(1, last[:, None] - 1) > 24 * 14).float().mean()) > 0.25
    level = virtual.concentration[virtual.population.is_sample]
    assert 0.2 < float((level > 10).float().mean()) < 0.6 and bool((level >= 0).all())
