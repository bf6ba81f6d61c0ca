"""Accuracy by the number of earlier levels, as the page shows it and as the file that one downloads."""

import pytest

from pkvae_core.checks.accuracy import Margin
from pkvae_core.checks.engines import Engine
from pkvae_core.checks.levels import level_accuracy
from pkvae_core.checks.progress import Cancelled
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from tests.checks.textbook import knowing

PATIENTS = [
    Patient(
        str(i),
        doses=tuple(Dose(12.0 * j, 1000, 1) for j in range(4)),
        samples=(Sample(11.5, 9.0 + i), Sample(13.5, 24.0), Sample(35.5, None, 5.0)),
        covariates=(Covariate("WT", 70 + i), Covariate("CRCL", 80)),
    )
    for i in range(10)
]


@pytest.fixture(scope="module")
def engine():
    return knowing({p.id: [3.0, 4.0, 6.0] for p in PATIENTS}, before=[2.0, 5.0])


@pytest.fixture(scope="module")
def found(engine):
    steps = []
    accuracy = level_accuracy(engine, PATIENTS, margin=Margin(1, 25), replicates=50, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(8, 10), (10, 10)]
    return accuracy


def test_every_level_has_a_line_and_every_group_two(found):
    assert len(found.level_rows()) == 30 and len(found.rows()) == 2 * len(found.summaries)
    for rows in (found.rows(), found.level_rows()):
        assert len({tuple(row) for row in rows}) == 1  # the same columns in every line


def test_the_file_says_what_the_summary_says(found):
    row = next(r for r in found.rows() if r["earlier_levels"] == "1+" and r["view"] == "a posteriori")
    assert row["RMSE_mg_per_L"] == found.summaries["1+"].IPRED.RMSE.value and row["below_limit"] == 10
    assert row["bayesian_impact_percent"] == found.summaries["1+"].IPRED_against_PRED.bayesian_impact.value
    assert "30 levels of 10 patients" in found.sentence


def test_a_check_stops_where_it_is_told_to(engine):
    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        level_accuracy(engine, PATIENTS, margin=Margin(1, 25), progress=stop)


def test_a_patient_without_an_answer_is_named(engine):
    def believe(patients, seed):
        if any(p.id == "3" for p in patients):
            raise ValueError("the weight is unknown.")
        return engine.believe(patients, seed)

    found = level_accuracy(Engine("choosy", believe), PATIENTS[:5], margin=Margin(1, 25), replicates=10)
    assert found.left_out == ("3: the weight is unknown.",) and found.summaries["all"].n_subjects == 4
