"""The template: what we offer for download is what we can read."""

import pytest

from pkvae_core.records.template import template

TYPICAL = {"AGE": 57, "SEX": 0, "WT": 79, "HT": 175, "SCR": 1.0, "CRCL": 70}


@pytest.mark.parametrize(("interval_h", "infusion_h"), [(12, 1), (8, 0), (24, 24), (6, 0.5)])
def test_the_template_reads_back_without_a_problem(read, specs, interval_h, infusion_h):
    content = template(specs, typical=TYPICAL, amount_mg=1000, interval_h=interval_h, infusion_h=infusion_h)
    cohort = read(content, covariates=specs)
    (record,) = cohort.records
    assert not cohort.problems
    assert [dose.time_h for dose in record.patient.doses] == [0, interval_h]
    assert record.patient.doses[0].infusion_h == infusion_h
    first = {c.name: c.value for c in reversed(record.patient.covariates)}
    assert first == TYPICAL
    assert [asked.time_h for asked in record.prediction_times] == [3 * interval_h]


def test_units_stand_in_the_names_of_the_template(specs):
    assert "SCR (mg/dL)" in template(specs, typical=TYPICAL, amount_mg=1000, interval_h=12, infusion_h=1).decode("utf-8-sig")


def test_the_template_shows_a_creatinine_that_changed(read, specs):
    content = template(specs, typical=TYPICAL, amount_mg=1000, interval_h=12, infusion_h=1)
    (record,) = read(content, covariates=specs).records
    assert [(c.value, c.time_h) for c in record.patient.covariates if c.name == "SCR"][1:] == [(1.25, 15)]
    assert record.patient.covariate("CRCL") == 56 and record.patient.covariate("WT") == TYPICAL["WT"]
