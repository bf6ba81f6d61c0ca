"""Does the Model checks page run its checks in the background, keep what it found, and say what it has not?"""

import gc
import threading
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.checks_parts import jobs
from pages.checks_parts.jobs import Job, Step
from pages.checks_parts.running import duration, said, share

APP, PAGE = str(Path(__file__).parents[1] / "app.py"), "pages/checks.py"
PATIENT = """ID,TIME,AMT,DUR,DV,AGE,SEX,WT,HT,SCR (mg/dL)
A1,2026-03-09 06:00,1000,1,,64,F,72,165,1.3
A1,2026-03-09 18:00,1000,1,,64,F,72,165,1.3
A1,2026-03-10 17:30,,,16.4,64,F,72,165,1.3
"""


def visit(page: str) -> AppTest:
    """The page as a fresh server shows it to somebody who follows a link to it."""
    return AppTest.from_file(APP, default_timeout=120).switch_page(page).run()


def words(test: AppTest) -> str:
    return " ".join(element.value for kind in (test.title, test.header, test.markdown, test.caption, test.info) for element in kind)


def work(tick, *, steps: int = 3) -> str:
    for i in range(steps):
        tick(i, steps)
    return "made"


def endless(tick) -> None:
    while True:
        tick(1, 2)
        time.sleep(0.005)


def test_a_job_keeps_the_result_of_each_step():
    job = Job([Step("a", "First", work), Step("b", "Second", work)])
    assert job.wait(10) and job.status.phase == "finished"
    assert [(name, outcome.result, outcome.failure) for name, outcome in job.outcomes.items()] == [("a", "made", ""), ("b", "made", "")]


def test_a_cancelled_job_keeps_what_had_ended_and_nothing_of_the_rest():
    job = Job([Step("a", "First", work), Step("b", "Second", endless), Step("c", "Third", work)])
    while "a" not in job.outcomes:
        time.sleep(0.005)
    job.cancel()
    assert job.wait(10) and job.status.phase == "cancelled"
    assert list(job.outcomes) == ["a"]


def test_a_check_that_fails_is_said_in_words_and_the_next_one_runs(caplog):
    def impossible(tick) -> None:
        raise ValueError("3 levels are too few.")

    def broken(tick) -> None:
        raise KeyError("patient 7")

    job = Job([Step("a", "First", impossible), Step("b", "Second", broken), Step("c", "Third", work)])
    assert job.wait(10)
    assert job.outcomes["a"].failure == "3 levels are too few."
    assert job.outcomes["b"].failure == "Second stopped with an error of ours; the server's log says where."
    assert job.outcomes["c"].result == "made"


def test_one_run_at_a_time_on_this_server_and_a_waiting_one_can_be_cancelled():
    first = Job([Step("a", "First", endless)])
    while first.status.phase != "running":
        time.sleep(0.005)
    second = Job([Step("a", "First", work)])
    assert not second.wait(0.3) and second.status.phase == "waiting"
    assert said(second.status) == "Waiting for another run on this server to end"
    second.cancel()
    assert second.wait(10) and second.status.phase == "cancelled"
    first.cancel()
    assert first.wait(10)


def test_a_job_whose_session_is_gone_stops():
    job = Job([Step("a", "First", endless)])
    status = job.status
    del job
    gc.collect()
    for _ in range(1000):
        if status.is_over:
            break
        time.sleep(0.01)
    assert status.phase == "cancelled"
    assert not [thread for thread in threading.enumerate() if thread.name == "checks" and thread.is_alive() and not status.is_over]


def test_how_far_a_job_is_stands_in_words():
    status = jobs.Status((Step("a", "First", work), Step("b", "Second", work)), phase="running", at=1, done=40, total=200)
    status.step_began = time.monotonic() - 3
    assert said(status) == "2 of 2: Second, 40 of 200, about 12 s left for it"
    assert share(status) == pytest.approx(0.6)
    assert (duration(0.2), duration(200)) == ("about 1 s", "about 3 min")


def run_of(test: AppTest) -> Job:
    """The one job of this session."""
    (job,) = [job for mine in test.session_state["checks_jobs"].values() for job in mine]
    return job


def test_before_any_run_no_figure_is_shown():
    test = visit(PAGE)
    assert not test.exception
    assert {metric.value for metric in test.metric} == {"–"}
    assert "Nothing has been checked on these patients yet" in words(test)


@pytest.fixture
def small(monkeypatch):
    """A run of seconds: few patients, few draws."""
    from pages.checks_parts import offered, source

    monkeypatch.setattr(source, "SIZES", (6, 8))
    monkeypatch.setattr(source, "EXAMPLE", 6)
    monkeypatch.setattr(offered, "DRAWS", 50)
    monkeypatch.setattr(offered, "REPLICATES", 20)


def choose(test: AppTest, *names: str) -> AppTest:
    """Only these checks."""
    for pills in test.get("button_group"):
        if pills.label == "Checks":
            pills.set_value(list(names))
    return test.run()


def test_a_run_of_all_checks_finishes_and_its_figures_survive_another_page(small):
    test = visit(PAGE)
    test.selectbox(key="checks_size").select(8).run()
    test.button(key="checks_run").click().run()
    assert not test.exception
    job = run_of(test)
    assert job.wait(115)
    assert {name: outcome.failure for name, outcome in job.outcomes.items() if outcome.failure} == {}
    test.run()
    assert not test.exception
    values = [metric.value for metric in test.metric]
    assert "–" not in values and "→" in values[1] and " of " in values[3]
    charts = [element.proto for element in test.get("plotly_chart")]
    assert len(charts) >= 18 and all(chart.alt for chart in charts)
    assert "not checked yet" not in words(test)
    test.switch_page("pages/models.py").run()
    back = test.switch_page(PAGE).run()
    assert [metric.value for metric in back.metric] == values


def test_other_patients_have_no_figures_of_these(small):
    test = choose(visit(PAGE), "plausibility")
    test.button(key="checks_run").click().run()
    assert run_of(test).wait(100)
    test.run()
    assert " of " in test.metric[3].value
    test.number_input(key="checks_seed").set_value(2).run()
    assert test.metric[3].value == "–"


def test_the_example_cohort_opens_in_one_click_and_is_checked(small):
    test = visit(PAGE)
    test.session_state["checks_kind"] = "A cohort of yours"
    test.run()
    test.button(key="checks_example").click().run()
    assert "6 patients with" in words(test)
    choose(test, "forecasts").button(key="checks_run").click().run()
    assert run_of(test).wait(100)
    test.run()
    assert not test.exception
    assert "→" in test.metric[1].value


def test_a_broken_file_gets_a_sentence_and_a_cohort_stays_while_on_another_page():
    test = visit(PAGE)
    test.session_state["checks_kind"] = "A cohort of yours"
    test.session_state["checks_drug"] = "vancomycin"
    test.run()
    test.file_uploader[0].set_value(("broken.csv", bytes(range(256)) * 20, "text/csv")).run()
    assert not test.exception
    assert test.error[0].value.replace("\\", "").startswith("This is not a table: the file holds binary data.")
    test.file_uploader[0].set_value(("ward_*7*.csv", PATIENT.encode(), "text/csv")).run()
    assert r"**ward\_\*7\*\.csv**: one patient with one level." in words(test)
    assert "every figure is rough" in words(test)
    test.switch_page("pages/models.py").run()
    assert "one patient with one level" in words(test.switch_page(PAGE).run())
