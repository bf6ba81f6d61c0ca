"""Is a second peak what a reader of the profile would call one, and is nobody asked about what he taught?"""

import numpy as np
import pytest

from pkvae_core.checks.second_peaks import FEWEST_LEVELS, Foreseen, SecondPeaks, foresee, half, observed, second_peak_h, second_peaks, separation
from pkvae_core.patient import Dose, Patient, Sample
from pkvae_core.vae.checkpoint import load_model

TIME = np.linspace(0, 24, 241)


def bump(at_h: float, height: float, width_h: float = 1.0) -> np.ndarray:
    return height * np.exp(-(((TIME - at_h) / width_h) ** 2))


def patient(name: str, levels: list[float]) -> Patient:
    samples = tuple(Sample(float(i), level, 0.1) if level >= 0.1 else Sample(float(i), None, 0.1) for i, level in enumerate(levels))
    return Patient(name, (Dose(0, 100, 0, "oral"),), samples)


def test_the_later_of_the_two_highest_maxima_is_the_second_peak():
    assert second_peak_h(TIME, bump(2, 10) + bump(9, 4)) == pytest.approx(9, abs=0.11)
    assert second_peak_h(TIME, bump(2, 4) + bump(9, 10)) == pytest.approx(9, abs=0.11)
    assert second_peak_h(TIME, bump(2, 10) + bump(9, 6) + bump(16, 2)) == pytest.approx(9, abs=0.11)


def test_one_peak_and_a_ripple_are_no_second_peak():
    assert second_peak_h(TIME, bump(2, 10)) is None
    assert second_peak_h(TIME, bump(2, 10) + bump(9, 0.9)) is None
    assert second_peak_h(TIME, np.zeros(241)) is None


def test_levels_below_the_limit_count_as_nothing():
    assert observed(patient("a", [0, 5, 0, 3, 0, 0, 0])) == 3
    assert observed(patient("b", [0, 5, 4, 3, 2, 1, 0])) is None


def test_nobody_is_asked_about_what_he_taught():
    everybody = [patient(str(i), [0, 5, 4, 3, 2, 1, 0.5]) for i in range(9)]
    taught: list[set[str]] = []

    def learn(training, fold):
        taught.append({p.id for p in training})
        return load_model("theophylline")

    for found in second_peaks(learn, everybody, folds=3, progress=lambda done, total: None):
        assert [p.patient_id for p in found.patients] == [p.id for p in everybody]
    assert len(taught) == 3 and all(len(ids) == 6 for ids in taught)
    assert set.intersection(*taught) == set(), "each was left out once"


def test_the_sentence_counts_hits_within_two_hours_and_alarms():
    found = SecondPeaks((Foreseen("a", 5, 6.5), Foreseen("b", 5, 7.5), Foreseen("c", 5, None), Foreseen("d", None, 4), Foreseen("e", None, None)), 5)
    assert "1 of 3 (33 %" in found.sentence and "1 of 2 (50 %" in found.sentence and "(2 at whatever hour)" in found.sentence


def test_too_few_levels_are_said():
    few = [patient(str(i), [1.0] * (FEWEST_LEVELS - 1)) for i in range(9)]
    with pytest.raises(ValueError, match="0 patients have a dose and 6 levels"):
        second_peaks(lambda training, fold: load_model("theophylline"), few, folds=3, progress=lambda done, total: None)


def test_the_levels_given_and_all_levels_stand_beside_it():
    found = SecondPeaks((Foreseen("a", 5, None, shown_h=5, described_h=6), Foreseen("b", 5, 5, described_h=9), Foreseen("c", None, None, described_h=4)), 5)
    assert "show 1 of the 2 by themselves" in found.beside
    assert "the median has 1 of them within 2 h, and a second peak in 1 of the 1 others" in found.beside


def test_every_second_level_is_given_from_the_first_or_from_the_second_on():
    assert [s.time_h for s in half(patient("a", [1.0] * 7)).samples] == [0, 2, 4, 6]
    assert [s.time_h for s in half(patient("a", [1.0] * 7), 1).samples] == [1, 3, 5]


def test_what_is_given_is_not_counted_as_kept_back():
    model, record = load_model("theophylline"), patient("a", [0, 5, 4, 3, 2, 0, 1, 0.5])
    from_first, from_second = (foresee(model, [record], first)[0] for first in (0, 1))
    assert len(from_first.errors) == 3 and len(from_second.errors) == 3 and from_first.errors != from_second.errors


def test_a_probability_that_tells_everybody_apart_has_the_whole_area():
    assert separation(np.array([0.8, 0.9]), np.array([0.1, 0.2]))[0] == 1
    assert separation(np.array([0.1, 0.2]), np.array([0.8, 0.9]))[0] == 0
    area, low, high = separation(np.full(20, 0.3), np.full(30, 0.3))
    assert low <= area == 0.5 <= high


def test_probabilities_are_told_where_somebody_has_a_second_peak_or_nobody():
    both = SecondPeaks(tuple(Foreseen(str(i), 5 if i < 3 else None, None, probability=0.6 if i < 3 else 0.2) for i in range(6)), 2)
    assert "60 % in the mean where one was observed and 20 % elsewhere; area under the ROC curve 1.00" in both.probable
    assert "20 % in the mean" in SecondPeaks(both.patients[3:], 2).probable


def test_levels_kept_back_are_counted_where_they_lie_above_their_limit():
    model = load_model("theophylline")
    [found] = foresee(model, [patient("a", [0, 5, 4, 3, 2, 0, 1, 0.5])])
    assert len(found.errors) == 3 and all(error > -1 for error in found.errors) and 0 <= found.probability <= 1
    assert "3 lie above their limit" in SecondPeaks((found,), 1).missed
    assert "No level" in SecondPeaks((Foreseen("b", None, None),), 1).missed
