"""Do the commands take files in which covariates change, say what changed and when, and never look ahead?"""

from tests.test_command_line import DOSE, HEADER, course, run

__all__ = ["run"]
BEFORE, AFTER = "60,M,75,178,1.0", "60,M,75,178,2.0"


def changed(patient_id: str = "1", *, level: str = "14.0", asked: tuple[str, ...] = ("47",)) -> str:
    """The usual course, its creatinine doubled from the level on."""
    rows = course(patient_id, level=level, asked=asked).splitlines(keepends=True)
    return "".join(row.replace(BEFORE, AFTER) if float(row.split(",")[1]) >= 35 else row for row in rows)


def test_a_change_is_printed_with_its_hour_and_raises_what_is_predicted_after_it(run):
    code, err, (steady,) = run("predict", HEADER + course("1", level="", asked=("47",)))
    assert code == 0 and "clears at the new rate" not in err
    code, err, (falling,) = run("predict", HEADER + changed(level=""))
    assert code == 0 and "Creatinine clearance fell from 83 to 42 mL/min at 36 h (serum creatinine 1 to 2 mg/dL)" in err
    assert "Creatinine rose quickly (1 to 2 mg/dL)" in err
    assert float(falling["MEDIAN"]) > 1.1 * float(steady["MEDIAN"])


def test_with_dates_a_change_has_a_clock_time(run):
    hours = {"0": "2026-03-09 06:00", "12": "2026-03-09 18:00", "24": "2026-03-10 06:00", "36": "2026-03-10 18:00", "35.5": "2026-03-10 17:30"}
    rows = [row.split(",") for row in changed(asked=()).splitlines()]
    dated = "".join(",".join([row[0], hours[row[1]], *row[2:]]) + "\n" for row in rows)
    _, err, (found, *_) = run("dose", HEADER + dated, *DOSE)
    assert "on Tue 10 Mar 2026, 17:30 (serum creatinine 1 to 2 mg/dL)" in found["CAUTIONS"]


def test_the_change_stands_among_the_cautions_of_a_regimen_that_is_lower_for_it(run):
    _, _, (steady, *_) = run("dose", HEADER + course("1", asked=()), *DOSE)
    _, _, (falling, *_) = run("dose", HEADER + changed(asked=()), *DOSE)
    assert "clears at the new rate" in falling["CAUTIONS"] and "clears at the new rate" not in steady["CAUTIONS"]
    assert float(falling["EXACT_AMOUNT_MG"]) < float(steady["EXACT_AMOUNT_MG"])


def test_a_forecast_says_once_in_whom_covariates_changed(run):
    code, err, _ = run("forecast", HEADER + changed("1", asked=()) + changed("2", asked=()) + course("3", asked=()))
    sentence = "2 patients, the first is 1: serum creatinine and creatinine clearance changed during the course"
    assert code == 0 and err.count(sentence) == 1


def test_a_covariate_dated_after_the_new_regimen_begins_is_not_known_to_it(run):
    later = HEADER + course("1", asked=()) + f"1,60,,,,2,{AFTER}\n"
    _, err, found = run("dose", later, *DOSE)
    assert found == run("dose", HEADER + course("1", asked=()), *DOSE)[2]
    assert "1 covariate values after 48 h are left out" in err
