"""Files: every kind of table that people send is read, and every other file is refused in a sentence."""

import io
from datetime import datetime, time

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkvae_core.records import spreadsheet
from pkvae_core.records.numbers import number
from pkvae_core.records.problems import DataError
from pkvae_core.records.spreadsheet import MAX_BYTES, MAX_ROWS, open_table

PLAIN = "ID,TIME,AMT,DUR,DV\n1,0,1000,1.5,\n1,12.5,,,10.25\n"


def workbook(rows, *more_sheets) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    for name in more_sheets:
        book.create_sheet(name)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", ";").encode(),
        ("sep=;\n" + PLAIN.replace(",", ";")).encode(),
        PLAIN.replace(",", " , ").encode(),
        workbook([["ID", "TIME", "AMT", "DUR", "DV"], [1, 0, 1000, 1.5, None], [1, 12.5, None, None, 10.25]]),
    ],
)
def test_the_same_table_in_any_format_is_the_same_table(content):
    assert open_table(content) == open_table(PLAIN.encode())


def test_a_table_comes_from_a_path_its_bytes_or_an_open_file(tmp_path):
    (tmp_path / "cases.csv").write_text(PLAIN)
    assert open_table(tmp_path / "cases.csv") == open_table(PLAIN.encode()) == open_table(io.BytesIO(PLAIN.encode()))


def test_decimal_commas_are_read_as_such(read):
    comma = read(PLAIN.replace(",", ";").replace(".", ","))
    assert comma.records[0].patient == read(PLAIN).records[0].patient and not comma.problems
    quoted = '"ID","TIME","AMT","DUR","DV"\n"1","0","1000","1,5",""\n"1","12,5","","","10,25"\n'
    assert read(quoted).records[0].patient == comma.records[0].patient


def test_a_comma_that_may_be_a_thousand_is_asked_about(read):
    (problem,) = read("ID;TIME;AMT;DUR;DV\n1;0;1,000;1;\n1;12.5;;;10\n").problems
    assert (problem.severity, problem.row, problem.column) == ("error", 2, "AMT")
    assert "thousand" in problem.message


@given(st.floats(0, 1e6), st.sampled_from([".", ","]))
def test_a_number_reads_back_with_either_decimal_sign(value, decimal):
    assert number(f"{value:.6f}".replace(".", decimal), decimal).value == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("text", ["", ".", "NA", "nan", "N/A", "-99", "-999", "missing", "-"])
def test_what_says_missing_is_missing(text):
    assert number(text) == (None, "")


@pytest.mark.parametrize("text", ["abc", "1_000", "1 000", "1.000,5", "12 mg", "inf", "1e999", "0x10", "=1+1", "=cmd|' /C calc'!A0", "+A1", "@SUM(A1)"])
def test_what_is_no_number_is_never_one(text):
    assert number(text).value is None and number(text).defect


def test_excel_dates_and_times_are_read_and_formulas_are_not_evaluated(read):
    day = datetime(2024, 5, 3)
    rows = [
        ["ID", "DATE", "TIME", "AMT", "DUR", "DV"],
        ["a", day, time(8), 1000, 1, None],
        ["a", day, time(20, 30), None, None, 10],
        ["b", day, time(8), "=500+500", 1, None],
    ]
    cohort = read(workbook(rows))
    assert [sample.time_h for sample in cohort.records[0].patient.samples] == [12.5]
    assert cohort.origin["a"] == datetime(2024, 5, 3, 8)
    (problem,) = cohort.problems
    assert (problem.patient_id, problem.row, problem.column) == ("b", 4, "AMT") and "formula" in problem.message


def test_a_second_sheet_is_named_as_not_read():
    assert "Notes" in open_table(workbook([["ID", "TIME"], [1, 0]], "Notes")).notes[0]


@pytest.mark.parametrize("first", [[["Ward list of Monday"]], []])
def test_where_the_first_sheet_holds_no_table_the_other_sheets_are_named(first):
    with pytest.raises(DataError, match='only the first sheet, "Sheet", is read; Patients is not; move the sheet with the table to the front'):
        open_table(workbook(first, "Patients"))


def test_rows_are_counted_as_a_spreadsheet_counts_them(read):
    (problem,) = read('ID,TIME,AMT,DUR,DV,note\n\n1,0,1000,1,,"two\nlines"\n,,,,,\n1,12,,,-3,\n', column_map={"DV": "DV"}).problems[1:]
    assert problem.row == 5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b",,\n,,\n", "no values"),
        (b"ID,TIME,AMT\n", "no rows"),
        (bytes(range(256)) * 10, "binary"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "binary"),
        (b"PK\x03\x04" + bytes(100), "Excel file cannot be read"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "old Excel"),
        (b"ID|TIME|AMT|DV\n1|0|1000|\n", r"separated by \|"),
        (b"ID TIME AMT DV\n1 0 1000 .\n", "separated by spaces"),
        (b"hello\n", "Only one column"),
        (b"1,0,1000\n1,12,0\n", "numbers, not names"),
        (workbook([["Ward 7, Monday"], [], ["ID", "TIME", "AMT"], [1, 0, 1000]]), "Remove the lines above the column names"),
        (b"Ward 7,,\nID,TIME,AMT\n1,0,1000\n", "Remove the lines above the column names"),
        (b"ID,TIME,WT,WT\n1,0,70,70\n", "Two columns"),
        (b"ID,TIME,AMT,DV\n1,0,1000,\n1,12,,12,3\n", "Row 3 has more values"),
        (b'ID,TIME,AMT\n1,0,"' + b"x" * 200_000 + b"\n", "Row 2 cannot be read"),
        (b"x" * (MAX_BYTES + 1), "20 MB"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_a_sentence(content, words):
    with pytest.raises(DataError, match=words):
        open_table(content)


def test_a_long_file_is_refused(monkeypatch):
    assert MAX_ROWS == 200_000
    monkeypatch.setattr(spreadsheet, "MAX_ROWS", 2)
    assert len(open_table(b"ID,TIME\n1,0\n1,1\n").rows) == 2
    with pytest.raises(DataError, match="more than 2 rows"):
        open_table(b"ID,TIME\n1,0\n1,1\n1,2\n")


def test_a_large_file_is_refused_before_it_is_read():
    class Endless(io.BufferedIOBase):
        def read(self, size=-1):
            assert 0 < size <= MAX_BYTES + 1
            return b"x" * size

    with pytest.raises(DataError, match="20 MB"):
        open_table(Endless())


def test_a_workbook_that_unpacks_to_a_flood_is_refused(monkeypatch):
    monkeypatch.setattr(spreadsheet, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(DataError, match="unpacks"):
        open_table(workbook([["ID", "TIME"], [1, 0]]))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"gone\.csv cannot be opened"):
        open_table(tmp_path / "gone.csv")
