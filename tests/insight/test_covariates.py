"""Does the verb find on a small cohort what is known to be true, whoever individualised it, and refuse what cannot be asked?"""

from dataclasses import replace

import numpy as np
import pytest

from pkvae_core.checks.discoveries import score, summary
from pkvae_core.checks.known_effects import MAIN, NULLS, XOR, known_effects
from pkvae_core.inference.mapbayes import map_all
from pkvae_core.inference.posterior import individualise_all
from pkvae_core.insight.covariates import Plan, discover_covariates
from pkvae_core.insight.discovery.prior import latent_shifts
from pkvae_core.patient import Patient
from pkvae_core.vae.checkpoint import load_model

FEW = Plan(names=("WT", "CRCL", "A", "B", "N1"), permutations=499, draws=200)


@pytest.fixture(scope="module")
def vancomycin():
    return load_model("vancomycin")


@pytest.fixture(scope="module")
def cohort(vancomycin) -> tuple[Patient, ...]:
    return known_effects(vancomycin.card, 150, 1001).patients


@pytest.fixture(scope="module")
def found(vancomycin, cohort):
    return discover_covariates(vancomycin, cohort, FEW)


def called(found, quantity: str) -> set[str]:
    return {e.column.name for e in found.effects if e.quantity.name == quantity and e.q <= found.rate}


def test_weight_kidneys_and_the_pair_are_called(found):
    assert called(found, "CL") >= {"WT", "CRCL"} and "N1" not in called(found, "CL")
    assert {p.first.name for p in found.pairs_on("CL")} | {p.second.name for p in found.pairs_on("CL")} == XOR


def test_the_area_mirrors_clearance(found):
    """AUC over 24 h is the daily dose over clearance: the same effects, turned over."""
    on = {q: {e.column.name: e.shape.contrasts[0].ratio for e in found.effects if e.quantity.name == q} for q in ("CL", "auc24")}
    assert on["CL"]["WT"] * on["auc24"]["WT"] == pytest.approx(1, rel=0.02)


def test_what_levels_cannot_tell_is_not_asked_and_said(found):
    assert [q.name for q in found.quantities] == ["CL", "auc24"]
    assert any("say too little about volume: what moves it is not asked" in note for note in found.notes)


def test_the_same_seed_finds_the_same(vancomycin, cohort, found):
    again = discover_covariates(vancomycin, cohort, FEW)
    assert [e.p for e in again.effects] == [e.p for e in found.effects]


def test_posteriors_of_classical_engines_and_of_the_model_with_its_covariates_do_as_well(vancomycin, cohort):
    """Each one's own prior, which knows weight and kidneys already, is divided out."""
    known = [replace(p, covariates=tuple(c for c in p.covariates if c.name in ("WT", "CRCL"))) for p in cohort[:80]]
    for posteriors in (individualise_all(vancomycin, known, draws=200), map_all(vancomycin.card, known, names=("thomson2009",), draws=200)):
        assert called(discover_covariates(posteriors, known, FEW), "CL") == {"WT", "CRCL"}


def test_patients_without_a_level_are_counted_out(vancomycin, cohort):
    idle = [*cohort, replace(cohort[0], id="idle", samples=())]
    found = discover_covariates(vancomycin, idle, replace(FEW, names=("WT",), permutations=99))
    assert found.patients == 150 and found.notes[0] == "1 patients without a level are left out."


def test_too_few_patients_are_refused(vancomycin, cohort):
    with pytest.raises(ValueError, match="fewer than 30 show nothing of covariates"):
        discover_covariates(vancomycin, cohort[:20])


def test_a_cohort_without_covariates_is_refused(vancomycin, cohort):
    with pytest.raises(ValueError, match="hold no covariate"):
        discover_covariates(vancomycin, [replace(p, covariates=()) for p in cohort[:40]])


def test_kidneys_move_the_prior_of_vancomycin_most_and_raise_clearance(vancomycin, cohort):
    shifts = {shift.spec.name: shift for shift in latent_shifts(vancomycin, cohort)}
    assert next(iter(shifts)) == "CRCL" and shifts["CRCL"].clearance_ratio > 1.4
    assert shifts["WT"].volume_ratio > 1.2


def test_true_and_false_calls_are_told_apart(vancomycin, cohort):
    everything = discover_covariates(vancomycin, cohort, Plan(permutations=199, draws=200))
    given = replace(everything, effects=tuple(replace(e, q=0.01 if e.column.name in ("WT", "N1", "A") else 1.0) for e in everything.effects), pairs=())
    judged = score(given)
    assert (judged.true, judged.false) == (2, 2), "weight and a null, each on clearance and area; a member of the pair counts neither way"
    assert judged.false_share == 0.5 and judged.found == {"WT"} and not judged.is_xor_found
    assert summary([judged, judged])["false_discovery_rate"] == 0.5


def test_the_truth_of_the_virtual_patients_is_as_written(vancomycin):
    drawn = known_effects(vancomycin.card, 1500, 5)
    values = {name: np.array([p.covariate(name) for p in drawn.patients]) for name in (*MAIN["CL"], "A", "B", *NULLS)}
    assert np.corrcoef(np.log(values["WT"]), values["N1"])[0, 1] == pytest.approx(0.7, abs=0.05)
    assert values["SHIFT"].mean() == pytest.approx(0.05, abs=0.018)
    log_clearance = np.log(drawn.clearance_L_per_h)
    is_one = (values["A"] > 40) != (values["B"] > 0.5)
    assert log_clearance[is_one].mean() - log_clearance[~is_one].mean() == pytest.approx(np.log(1.4), abs=0.08)
    assert abs(np.corrcoef(values["A"], log_clearance)[0, 1]) < 0.09 and abs(np.corrcoef(values["B"], log_clearance)[0, 1]) < 0.09
    assert {len(p.samples) for p in drawn.patients} == {3, 4, 5}
