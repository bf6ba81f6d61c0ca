"""What a record claims and cannot be, or what an answer assumes of it, is said: meals, a steady state, flags, birth; and breakdowns cost one patient alone."""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch

from pkvae_core.commands import predict as predicting
from tests.test_command_line import DOSE, HEADER, course, run

__all__ = ["run"]
EATING = "ID,TIME,AMT,DV,EVID,WT\n"


def eaten(patient: str, first: str, asked: str) -> str:
    return f"{patient},{first},500,,1,65\n{patient},{asked},,,2,65\n"


def test_the_first_hours_after_an_evening_dose_have_no_lunch_and_those_after_a_morning_dose_have(run):
    """4 h 50 min after the dose, which is 50 min after lunch or at night: the same patient, told apart by the clock alone."""
    rows = eaten("MORN", "2026-03-01 08:00", "2026-03-01 12:50") + eaten("EVE", "2026-03-01 20:00", "2026-03-02 00:50")
    code, err, (morning, evening) = run("predict", EATING + rows, drug="mycophenolate")
    assert code == 0 and "every day at 12:00 and 18:00" in err
    assert float(morning["MEDIAN"]) > 1.2 * float(evening["MEDIAN"])


def test_clock_times_without_dates_are_a_clock_too(run):
    dated = eaten("1", "2026-03-01 20:00", "2026-03-02 00:50")
    _, _, (known,) = run("predict", EATING + dated, drug="mycophenolate")
    _, err, (found,) = run("predict", EATING + dated.replace("2026-03-01 ", "1 ").replace("2026-03-02 ", "2 "), drug="mycophenolate")
    assert float(found["MEDIAN"]) == pytest.approx(float(known["MEDIAN"]), rel=1e-4) and "every day at 12:00 and 18:00" in err


@pytest.mark.parametrize("command", ["predict", "dose", "forecast", "ward"])
def test_every_command_says_what_hour_0_is_taken_for_where_no_clock_is_known(run, command):
    rows = EATING + "1,0,500,,1,65\n1,12,500,,1,65\n1,13,,6,0,65\n1,20,,,2,65\n"
    flags = ("--metric", "auc24", "--from-h", "24") if command == "dose" else ()
    code, err, found = run(command, rows, *flags, drug="mycophenolate")
    said = found[0]["CAUTIONS"] if command == "dose" else err
    assert code == 0 and "hour 0 is taken as 08:00" in said and "4 and 10 h after" in said


def test_of_a_drug_that_meals_do_not_bring_back_no_meal_is_spoken_of(run):
    _, err, _ = run("predict", HEADER + course("1"))
    assert "eal" not in err.replace("real", "")


SATURATED = "ID,TIME,AMT,DV,EVID,ADDL,II,SS,WT,AED\n{id},0,{mg},,1,0,{every},1,60,0\n{id},11.9,,,2,,,,60,0\n"


def test_a_steady_state_above_capacity_is_contradicted_and_one_far_below_it_is_not(run):
    """600 mg of the salt a day against a capacity of some 325 mg; 100 mg a day are eliminated by nearly everybody."""
    _, err, _ = run("predict", SATURATED.format(id="HIGH", mg=300, every=12), drug="phenytoin")
    (said,) = re.findall(r"patient HIGH: Most outcomes contradict the record: .* in (\d+) of 1000 outcomes levels on that have not settled", err)
    assert int(said) > 900
    _, err, _ = run("predict", SATURATED.format(id="LOW", mg=50, every=24), drug="phenytoin")
    assert "contradict the record" not in err


def test_flags_are_0_or_1_or_unknown_and_one_between_is_refused_alone(run):
    head = "ID,TIME,AMT,DV,EVID,FED\n"
    rows = "HALF,0,200,,1,0.5\nHALF,5,,,2,0.5\nYES,0,200,,1,1\nYES,5,,,2,1\nWHO,0,200,,1,\nWHO,5,,,2,\n"
    code, err, found = run("predict", head + rows, drug="two_sites")
    assert code == 1 and [row["ID"] for row in found] == ["YES", "WHO"]
    assert "Fed is 0.5; it can only be 0 or 1 (1 after a meal, 0 fasted). Leave it empty if it is not known" in err


def test_a_flag_that_changes_is_said_in_words(run):
    _, err, _ = run("predict", "ID,TIME,AMT,DV,EVID,FED\n1,0,200,,1,0\n1,24,200,,1,1\n1,30,,,2,1\n", drug="two_sites")
    assert "Fed changed from no to yes at 24 h" in err


NEWBORN = "ID,TIME,AMT,DV,EVID,II,SS,WT,BWT,PNA,APGAR\n{id},0,3,,1,12,{steady},1.2,1.2,{age},8\n{id},11,,,2,,,1.2,1.2,{age},8\n"


def test_a_steady_state_from_before_birth_is_refused_and_one_since_birth_is_read(run):
    """84 doses stand for it, 42 days: more than the 20 days of this infant's life, and less than the 60 of that one's."""
    code, err, _ = run("predict", NEWBORN.format(id="young", steady=1, age=20), drug="phenobarbital")
    assert code == 2 and "would lie before birth, up to 22 days before" in err and "Write out the doses that were given since birth" in err
    code, err, _ = run("predict", NEWBORN.format(id="once", steady="", age=0), drug="phenobarbital")
    assert code == 0 and "before birth" not in err


def broken(error: Exception) -> Callable:
    def answer(model, patient, **options):
        if patient.id == "odd":
            raise error
        return ANSWER(model, patient, **options)

    return answer


ANSWER = predicting.answer_for
BREAKDOWNS = [
    OverflowError("math range error"),
    RuntimeError("no convergence"),
    torch.linalg.LinAlgError("not positive-definite"),
    np.linalg.LinAlgError("singular"),
]


@pytest.mark.parametrize("error", BREAKDOWNS, ids=lambda error: f"{type(error).__module__}.{type(error).__name__}")
def test_a_computation_that_breaks_down_costs_its_own_patient_alone_and_is_said_to_be_ours(run, monkeypatch, error):
    monkeypatch.setattr(predicting, "answer_for", broken(error))
    code, err, rows = run("predict", HEADER + course("odd") + course("fine"))
    assert code == 1 and {row["ID"] for row in rows} == {"fine"}
    said = rf"patient odd: the computation broke down in predict\.py, line \d+ \({type(error).__name__}: {error}\)\. This is a failure of PKVAE"
    assert re.search(said, err)


def test_dose_and_forecast_go_on_after_a_breakdown_too(run, monkeypatch):
    def breaks(*given, **options):
        raise OverflowError("math range error")

    monkeypatch.setattr("pkvae_core.commands.dose.answer_for", breaks)
    monkeypatch.setattr("pkvae_core.commands.forecast.forecast", breaks)
    for command, flags in (("dose", DOSE), ("forecast", ())):
        code, err, rows = run(command, HEADER + course("odd"), *flags)
        assert code == 2 and rows == [] and "patient odd: the computation broke down" in err


@pytest.mark.parametrize("error", [TypeError("wrong"), KeyError("wrong"), NotImplementedError("wrong"), RecursionError("wrong")])
def test_a_bug_is_raised_and_not_made_a_patient_of(run, monkeypatch, error):
    monkeypatch.setattr(predicting, "answer_for", broken(error))
    with pytest.raises(type(error)):
        run("predict", HEADER + course("odd") + course("fine"))
