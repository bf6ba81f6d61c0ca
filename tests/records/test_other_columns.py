"""Does a file's own knowledge of its patients arrive as it stands, and is what cannot be read said?"""

from pkvae_core.drugs.card import load_card
from pkvae_core.records.other_columns import with_other_columns
from pkvae_core.records.table import read_patients

FILE = b"""ID,TIME,AMT,DUR,DV,WT,Albumin,Arm,Name,Comment,Blank,Lab
1,0,1000,1,,70,31,yes,Ann,a,,5
1,10,,,12,70,31,yes,Ann,b,,5
2,0,1000,1,,80,,no,Bob,c,,<3
2,10,,,15,80,40,no,Bob,d,,4
3,0,1000,1,,90,36,.,Cy,e,,6
3,10,,,11,90,38,no,Cy,f,,6
"""


def read(content: bytes = FILE):
    options = load_card("vancomycin").read_options()
    return with_other_columns(content, options=options, patients=[r.patient for r in read_patients(content, options=options).records])


def value(found, number: int, name: str) -> float | None:
    return found.patients[number].covariate(name)


def test_numbers_arrive_as_numbers_and_words_as_groups():
    found = read()
    assert [value(found, i, "Albumin") for i in range(3)] == [31, 40, 36]
    assert found.words["Arm"] == ("no", "yes") and [value(found, i, "Arm") for i in range(3)] == [1, 0, 0]


def test_what_the_card_reads_is_not_read_twice():
    found = read()
    assert "WT" not in found.names and value(found, 0, "WT") == 70


def test_names_of_people_are_never_covariates():
    assert "Name" not in read().names


def test_a_column_that_changes_counts_by_its_first_value_which_is_said():
    assert "Albumin changes within 1 patients: the first value of each counts." in read().notes


def test_what_is_no_number_is_unknown_and_said():
    found = read()
    assert value(found, 1, "Lab") is None and "Lab is no number in 1 patients: unknown there." in found.notes


def test_an_empty_column_and_a_column_of_comments_are_said():
    many = b"ID,TIME,AMT,DUR,DV,Blank,Comment\n" + b"".join(b"%d,0,1000,1,,,%d words\n%d,9,,,9,,%d words\n" % (i, i, i, i) for i in range(1, 12))
    found = read(many)
    assert found.names == () and found.notes == ("Blank is empty.", "Comment holds 11 different words: too many for groups, not read.")


def test_a_formula_is_not_read():
    assert "Arm holds formulas, and formulas are not evaluated." in read(FILE.replace(b",yes,", b",=1+1,")).notes
