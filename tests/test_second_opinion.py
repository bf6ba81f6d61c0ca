"""Does the Dose page ask other engines, say what they mean for the regimen, and suppose without touching the case?"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from pages.dose_parts import second
from pkvae_core.dosing.agreement import compare, opinion
from pkvae_core.dosing.candidates import candidates
from pkvae_core.inference.mapbayes import map_bayes
from pkvae_core.patient import Sample
from tests.dosing.conftest import cohort
from tests.test_dose_page import opened, page, said
from tests.test_report import CARD, CASE, CLEARANCES, belief, report_on, words_of


@pytest.fixture(scope="module")
def example() -> AppTest:
    """The first example, opened once; every test runs it on."""
    return page().button(key="example_1-vancomycin-high").click().run()


@pytest.fixture
def distorted(monkeypatch) -> Iterator[None]:
    """A MAP-Bayes that is told half of every level: it believes in a patient who clears about twice as much."""

    def half(card, patient, **options):
        halved = tuple(Sample(s.time_h, (s.concentration_mg_per_L or 1) / 2) for s in patient.samples)
        return map_bayes(card, replace(patient, samples=halved), **options)

    forget()
    monkeypatch.setattr(second, "map_bayes", half)
    yield
    forget()


def forget() -> None:
    """What other engines have said so far."""
    for answer in (second._posterior, second._opinion, second._judged, second._bands):
        answer.clear()  # pyright: ignore[reportFunctionMemberAccess]


def spoken(test: AppTest) -> str:
    return " ".join(m.value for m in test.markdown)


def widget(test: AppTest, kind: str, name: str):
    (found,) = [w for w in getattr(test, kind) if (w.key or "").startswith(f"whatif_{'typed' if kind == 'number_input' else 'slid'}") and w.key.endswith(name)]
    return found


def test_two_engines_that_agree_are_told_without_an_alarm(example):
    assert not example.exception
    assert "Averaged MAP-Bayes" in spoken(example) and "Would choose" in spoken(example)
    assert "Second opinion" not in said(example)


def test_the_exact_posterior_and_each_published_model_speak_when_they_are_asked(example):
    assert "Exact posterior agrees" not in spoken(example) and "Exact posterior would" not in spoken(example)
    example.session_state["each_model"] = True
    words = spoken(example.button(key="ask_exact").click().run())
    assert not example.exception
    assert "Exact posterior agrees" in words or "Exact posterior would" in words
    assert all(f"| {name} (" in words for name in ("Goti 2018", "Thomson 2009", "Colin 2019"))


def test_a_drug_with_one_published_model_has_a_second_opinion_too():
    test = page().button(key="example_5-theophylline").click().run()
    assert not test.exception
    assert "MAP-Bayes, Rovei 1982" in spoken(test)


def test_an_engine_that_disagrees_rings_the_alarm_above_the_answer(distorted):
    test = page().button(key="example_1-vancomycin-high").click().run()
    assert not test.exception
    (alarm,) = [w.value for w in test.warning if "Second opinion" in w.value]
    assert "Averaged MAP-Bayes disagrees and would choose" in alarm and "less exposure" in alarm
    assert ":material/warning: Disagrees" in spoken(test)


def test_a_supposed_clearance_is_answered_and_leaves_the_case_alone(example):
    example.session_state["whatif"] = True
    before = opened(example)
    words = spoken(example.run())
    assert "Hypothetical" in words and "If creatinine clearance is" in words and "would be recommended then" in words
    widget(example, "slider", "CRCL").set_value(40.0).run()
    assert widget(example, "number_input", "CRCL").value == 40.0
    assert "**40 mL/min**" in spoken(example)
    assert opened(example) == before


def test_a_supposed_value_beyond_the_card_is_answered_with_a_sentence_and_not_moved(example):
    example.session_state["whatif"] = True
    example.run()
    slid = widget(example, "slider", "CRCL").value
    widget(example, "number_input", "CRCL").set_value(2.0).run()
    assert "Creatinine clearance 2 mL/min lies outside 5 to 300 mL/min" in said(example)
    assert (widget(example, "number_input", "CRCL").value, widget(example, "slider", "CRCL").value) == (2.0, slid)
    assert "Hypothetical" not in spoken(example)


def test_the_report_carries_the_second_opinion():
    offered = candidates(CARD, start_h=36, interval_h=12, infusion_h=1)
    ours = opinion(belief(), CASE.target, offered)
    other = replace(opinion(belief(), CASE.target, offered), engine="average")
    words = words_of(report_on(second=compare(ours, other)))
    assert "Averaged MAP-Bayes agrees" in words and "in target" in words
    assert "Second opinion" not in words


def test_a_disagreement_stands_among_the_warnings_of_the_report():
    offered = candidates(CARD, start_h=36, interval_h=12, infusion_h=1)
    posterior = belief()
    ours = opinion(posterior, CASE.target, offered)
    faster = replace(cohort([1.7 * CL for CL in CLEARANCES], past=CASE.patient.doses), engine="average", patient=CASE.patient)
    found = compare(ours, opinion(faster, CASE.target, offered))
    assert found.is_alarm
    report = report_on(second=found)
    assert any("Second opinion: Averaged MAP-Bayes disagrees" in line.text for line in report.judgement[0].lines)
    assert "see the warnings" in words_of(report)
