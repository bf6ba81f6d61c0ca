"""Is the regimen in use read off the doses, and only where they are clear?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkvae_core.dosing.current import USUAL_INTERVALS_H, current_regimen, standing
from pkvae_core.patient import Dose, Patient, Regimen, Sample


def patient(*doses: tuple[float, float]) -> Patient:
    return Patient("A", doses=tuple(Dose(time, amount, 1) for time, amount in doses))


@given(st.sampled_from(USUAL_INTERVALS_H), st.integers(2, 10), st.floats(1, 5000), st.floats(0, 1000))
def test_a_regimen_is_found_again_in_its_own_doses(interval_h, count, amount_mg, start_h):
    regimen = Regimen(amount_mg, interval_h, 1, start_h)
    found = current_regimen(Patient("A", doses=regimen.doses(start_h + (count - 0.5) * interval_h)))
    assert found and (found.amount_mg, found.interval_h, found.infusion_h) == (amount_mg, interval_h, 1)
    assert found.start_h == pytest.approx(start_h + count * interval_h)


def test_a_ward_s_clock_is_forgiven():
    assert current_regimen(patient((0, 1000), (11.3, 1000), (24.4, 1000))) == Regimen(1000, 12, 1, 36.4)


def test_a_loading_dose_is_not_part_of_the_regimen():
    assert current_regimen(patient((0, 2000), (12, 1000), (24, 1000))) == Regimen(1000, 12, 1, 36)


@pytest.mark.parametrize(
    "doses",
    [(), ((0, 1000),), ((0, 1000), (12, 750)), ((0, 1000), (12, 1000), (29, 1000)), ((0, 1000), (15, 1000)), ((0, 1000), (24, 1000), (36, 1000))],
    ids=["no dose", "one dose", "amount just changed", "last dose late", "no usual interval", "interval just changed"],
)
def test_no_regimen_is_made_up_where_none_is_clear(doses):
    assert current_regimen(patient(*doses)) is None


def test_a_record_stands_where_the_next_dose_falls_due_and_not_before_the_last_level():
    known = patient((0, 1000), (12, 1000))
    assert standing(known)[0] == 24
    late = Patient("A", known.doses, (Sample(30, 10.0),))
    now_h, current = standing(late)
    assert now_h == 30 and current and current.start_h == 30
    assert standing(known, 20.0)[0] == 20 and standing(known, 60.0)[1] == Regimen(1000, 12, 1, 60)
    assert standing(Patient("A")) == (0, None)
