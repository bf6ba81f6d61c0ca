"""The Models page trains on a cohort in the background, says whether the model got better, and keeps it in the library when asked."""

import json
import shutil
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.models_parts import trainings as work
from pkvae_core.case import Case
from pkvae_core.checks import own_model
from pkvae_core.checks.accuracy import Figure
from pkvae_core.checks.adaptation import MAP, NEW, SHIPPED, Comparison, EngineScore, Validation, judge, sentence
from pkvae_core.checks.own_model import ASKED, Plan, card_of
from pkvae_core.checks.paired import PairedRatio
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from tests.own import cohort, csv_of, own_folder

APP, PAGE, KEY = str(Path(__file__).parents[1] / "app.py"), "pages/models.py", "tobramycin-ward-7"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("PKVAE_MODELS", str(tmp_path / "models"))
    st.cache_resource.clear()
    yield tmp_path / "models"
    for each in work.trainings().values():
        each.job.cancel()
        each.job.wait(10)
    st.cache_resource.clear()


@pytest.fixture
def page():
    """The view in which a model is trained, with the example cohort open."""
    test = AppTest.from_file(APP, default_timeout=120).switch_page(PAGE).run()
    return choose(test, "models_view", "Train on your cohort")


def choose(test: AppTest, key: str, value) -> AppTest:
    test.button_group(key=key).set_value(value)
    return test.run()


def words(test: AppTest) -> str:
    kinds = (test.title, test.header, test.markdown, test.caption, test.info, test.warning, test.error, test.success)
    return " ".join(element.value for kind in kinds for element in kind).replace("\\", "")


def upload(test: AppTest, count: int = 24) -> AppTest:
    test.selectbox(key="train_start").set_value("tobramycin").run()
    test.file_uploader(key="train_upload").set_value(("ward7.csv", csv_of(cohort(count)).encode(), "text/csv"))
    return test.run()


def ratio(low: float, high: float) -> PairedRatio:
    middle = Figure((low + high) / 2, low, high)
    return PairedRatio(200, 60, 0, middle, middle, middle, middle, Figure(0.0, -1.0, 1.0))


def validation(low: float, high: float) -> Validation:
    held, found = Figure(90.0, 85.0, 95.0), ratio(low, high)
    verdict = judge(found, held, held)
    score = EngineScore(200, 60, held, held, held, held)
    sides = tuple(Comparison(rival, found, found, verdict, sentence(verdict, rival, found, held)) for rival in (SHIPPED, MAP))
    return Validation(5, 60, {NEW: score, SHIPPED: score, MAP: score}, sides, ())


def draft(place: Path, **more) -> Path:
    folder = own_folder(place / ".drafts", **more)
    asked = (
        '{"name": "Tobramycin, ward 7", "cohort": "ward7.csv", "start": "tobramycin", "beside": "", "folds": 5, "seed": 1, "is_fast": false, "patients": "x"}'
    )
    (folder / ASKED).write_text(asked)
    return folder


def test_a_cohort_is_summed_up_before_anything_is_learned(page):
    upload(page)
    assert [m.label for m in page.metric][:2] == ["Patients", "Levels"] and [m.value for m in page.metric][:2] == ["24", "48"]
    assert not page.exception and "too small" not in words(page)


def test_a_cohort_that_proves_nothing_is_told_so_at_once(page):
    upload(page, 12)
    assert "Your cohort is too small, keep the shipped model" in words(page)


def test_a_training_goes_on_without_its_session_and_its_draft_waits(page, place, monkeypatch):
    told = []

    def make(plan, card, patients, out, *, resume, tick):
        told.append((plan.name, plan.start, card.drug, len(patients), resume))
        tick(1, 2, {"train": 3.0, "held_out": 3.5})
        own_folder(out.parent)

    monkeypatch.setattr(work, "make", make)
    monkeypatch.setattr(work, "hold_out", lambda *args, **options: validation(0.8, 0.9))
    upload(page)
    page.text_input(key="train_name").set_value("Tobramycin, ward 7")
    page.run().button(key="train_go").click().run()
    training = work.trainings()[KEY]
    assert training.job.wait(20) and training.job.status.phase == "finished"
    assert told == [("Tobramycin, ward 7", "tobramycin", KEY, 24, False)] and training.live.losses["train"] == [3.0]
    assert not page.exception and (place / ".drafts" / KEY / "model.json").exists()


def test_a_taken_name_is_said_and_what_was_typed_stays(page, place):
    own_folder(place)
    upload(page)
    page.text_input(key="train_name").set_value("Tobramycin, ward 7")
    page.run().button(key="train_go").click().run()
    assert "already" in words(page) and page.text_input(key="train_name").value == "Tobramycin, ward 7" and not work.trainings()


def test_a_cancelled_training_can_be_resumed_with_the_same_patients(place, monkeypatch):
    resumed = []

    def make(plan, card, patients, out, *, resume, tick):
        out.mkdir(parents=True, exist_ok=True)
        (out / ASKED).write_text(json.dumps({**asdict(plan), "patients": own_model.digest_of(patients)}))
        resumed.append(resume)
        while not resume:
            tick(1, 2, {})
            time.sleep(0.01)

    monkeypatch.setattr(work, "make", make)
    plan = Plan("Tobramycin, ward 7", "ward7.csv", start="tobramycin", folds=0)
    first = work.begin(plan, card_of(plan, cohort()), cohort())
    with pytest.raises(ValueError, match="being trained already"):
        work.begin(plan, first.card, cohort())
    first.job.cancel()
    assert first.job.wait(20) and first.job.status.phase == "cancelled"
    with pytest.raises(ValueError, match="another draft"):
        work.begin(plan, first.card, cohort(25))
    again = work.begin(plan, first.card, cohort())
    assert again.job.wait(20) and resumed == [False, True] and again.job.status.phase == "finished"


def test_the_loss_curve_stays_short_however_long_the_training():
    live = work.Live()
    for step in range(3 * work.MOST_POINTS):
        live.add(step, {"train": float(step)})
    assert len(live.step) <= work.MOST_POINTS and live.step == sorted(live.step) and len(live.losses["train"]) == len(live.step)


@pytest.mark.parametrize(("low", "high", "said"), [(0.8, 0.9, "Better"), (1.05, 1.2, "Worse, keep the shipped model"), (0.6, 1.6, "too small")])
def test_a_draft_shows_its_verdict_and_is_saved_into_the_library(place, low, high, said):
    draft(place, validation=validation(low, high).to_dict())
    test = AppTest.from_file(APP, default_timeout=120).switch_page(PAGE).run()
    choose(test, "models_view", "Train on your cohort")
    assert said in words(test) and not test.exception
    test.button(key=f"take_{KEY}").click().run()
    assert (place / KEY / "model.json").exists() and "is in the library" in words(test)


def test_an_own_model_is_offered_by_name_and_can_be_deleted(place):
    own_folder(place, validation=validation(0.8, 0.9).to_dict())
    test = AppTest.from_file(APP, default_timeout=120).switch_page(PAGE).run()
    choose(test, "models_drug", KEY)
    assert "Tobramycin, ward 7" in words(test) and "Better" in words(test) and not test.exception
    test.button(key=f"delete_{KEY}").click().run()
    assert not (place / KEY).exists() and not test.exception


@pytest.mark.parametrize("is_alone", [True, False])
def test_the_dose_page_offers_own_models_beside_the_shipped_ones(place, is_alone):
    own_folder(place, is_alone=is_alone)
    test = AppTest.from_file(APP, default_timeout=120).run()
    assert "Tobramycin, ward 7 (own model)" in test.selectbox(key="file_drug").options and not test.exception


def test_a_model_from_scratch_follows_levels_and_recommends_nothing(place):
    own_folder(place, is_alone=True)
    test = AppTest.from_file(APP, default_timeout=120).run()
    test.session_state["open_case"] = Case("a", KEY, cohort()[0], datetime(2026, 3, 9), 48.0, Target.of(load_card(KEY)), "mg/L")
    test.run()
    assert not test.exception and "gives no dose" in words(test) and "Concentration" in words(test)
    assert "Regimens, ranked" not in words(test)
    assert "learned from a cohort alone" in words(test)
    test.button(key="write_followed").click().run()
    assert not test.exception and "Report ready" in words(test)


def test_a_patient_whose_model_was_deleted_is_closed_and_the_reader_told(place):
    folder = own_folder(place)
    test = AppTest.from_file(APP, default_timeout=120).run()
    target = Target.of(load_card(KEY))
    test.session_state["open_case"] = Case("a", KEY, cohort()[0], datetime(2026, 3, 9), 48.0, target, "mg/L")
    test.run()
    assert not test.exception and "own model" in words(test)
    shutil.rmtree(folder)
    test.run()
    assert not test.exception and "no longer in the library" in words(test)


def test_second_peaks_are_looked_for_from_scratch_alone(page):
    assert "train_peaks" not in [toggle.key for toggle in page.toggle]
    choose(page, "train_way", "Learn from scratch")
    assert not page.exception and page.toggle(key="train_peaks").value is False
    usual, sought = Plan("X", "x.csv").schedule, Plan("X", "x.csv", has_peaks=True).schedule
    assert usual.starts == 0 and sought.members < usual.members < sought.starts


def test_another_file_is_asked_for_in_the_place_of_the_one_that_was_read(page):
    upload(page)
    assert "**ward7.csv**" in words(page)
    page.button(key="train_other").click().run()
    assert "**ward7.csv**" not in words(page) and len(page.file_uploader) == 2


def test_a_cohort_of_one_is_counted_in_words(page):
    upload(page, 1)
    assert "One patient with 2 levels is too few" in words(page)
