"""The complexity measurement keeps only figures of the present kind, and says aloud what it found of drugs that truly are one compartment."""

from pkvae_core.commands.measurements import complexity as measured


def figures(called: int, *, published: int = 3, is_simple: bool = False) -> dict:
    return {
        "model": "a",
        "is_one_compartment": is_simple,
        "simple_from": measured.SIMPLE_FROM,
        "false_alarms": measured._share(called, measured.SIMPLE),
        "called_complex": measured._share(published, measured.PUBLISHED),
        "roc": {"area": 0.52, "low95": 0.48, "high95": 0.56},
        "brier": 0.25,
        "calibration": [{"from": 0.4, "to": 0.6, "patients": 600, "said": 0.5, "complex": 0.49}],
        "processor_s_a_patient": 0.2,
        "rivals": {"fits": [{"is_settled": True}, {"is_settled": False}]},
    }


def test_figures_are_kept_only_where_simple_patients_came_from_another_cohort():
    now = figures(6)
    assert measured.is_settled(now) and not measured.is_settled(None)
    assert not measured.is_settled({name: value for name, value in now.items() if name != "simple_from"})
    assert not measured.is_settled(now | {"false_alarms": measured._share(1, 10)})


def test_false_alarms_of_drugs_that_truly_are_one_compartment_are_said_and_pooled():
    drugs = {
        "warfarin": figures(6, published=4, is_simple=True),
        "phenobarbital": figures(9, published=2, is_simple=True),
        "tobramycin": figures(3, published=14),
    }
    said = measured.markdown(measured.together(drugs, 0))
    assert "Warfarin 4 of 60, Phenobarbital 2 of 60; together 5.0" in said and "Of all 450 simple patients 4.0" in said
    assert "Warfarin (published: one compartment)" in said and said.count("yes and no") == 3


def test_without_such_a_drug_nothing_is_pooled():
    assert "No drug measured here has published models of one compartment" in measured.markdown(measured.together({"tobramycin": figures(3)}, 0))


def test_simple_patients_from_the_null_itself_are_not_pooled_with_the_others():
    before = {name: value for name, value in figures(90).items() if name != "simple_from"}
    found = measured.together({"tobramycin": before, "warfarin": figures(6, is_simple=True)}, 0)
    assert found["false_alarms"]["of"] == measured.SIMPLE and found["false_alarms"]["called"] == 6
    assert measured.markdown(found).count("from the null itself, not pooled") == 1
