"""Which table is in this file? Bytes become cells of text with the row numbers of a spreadsheet; nothing is interpreted, no formula evaluated."""

import csv
import io
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from io import BufferedIOBase
from pathlib import Path

import openpyxl
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from pkvae_core.records.problems import DataError

MAX_BYTES = 20_000_000
MAX_ROWS = 200_000
MAX_COLUMNS = 500
MAX_UNPACKED_BYTES = 300_000_000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
WAY_OUT = "Save the table as CSV (UTF-8), separated by commas, with the column names in its first row."


@dataclass(frozen=True)
class Table:
    """Cells of text, one list per row; `lines` are the rows as a spreadsheet counts them (the header is 1), `decimal` is the file's decimal sign."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    decimal: str = "."
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> tuple[str, ...]:
        place = self.header.index(name)
        return tuple(row[place] for row in self.rows)


def open_table(source: Path | str | bytes | BufferedIOBase) -> Table:
    """The table in a CSV or .xlsx file, given as a path, its bytes or an open binary file. Raises DataError."""
    content = _content(source)
    if not content.strip():
        raise DataError(f"The file is empty. {WAY_OUT}")
    if content.startswith(b"PK\x03\x04"):
        return _first_sheet(*_workbook(content))
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError("This is an old Excel file (.xls) or another Office document. Save it as .xlsx or CSV.")
    return _table(_delimited(_text(content)), ())


def _first_sheet(cells: list[list[str]], notes: tuple[str, ...]) -> Table:
    """The table in it; where there is none, the sheets that were not looked at are named."""
    try:
        return _table(cells, notes)
    except DataError as error:
        if notes:
            raise DataError(f"{error} In this workbook {notes[0]}; move the sheet with the table to the front.") from error
        raise


def _content(source: Path | str | bytes | BufferedIOBase) -> bytes:
    """At most MAX_BYTES: a larger file is refused before it is read."""
    if isinstance(source, bytes):
        content = source
    elif isinstance(source, str | Path):
        try:
            with Path(source).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise DataError(f"{Path(source).name} cannot be opened ({error.strerror}). Check the name of the file.") from error
    else:
        content = source.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DataError(f"The file is larger than {MAX_BYTES // 10**6} MB. Split it by patients, or leave out columns that are not needed.")
    return content


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        if b"\x00" in content or sum(content[:4096].count(byte) for byte in range(9)) > 0:
            raise DataError(f"This is not a table: the file holds binary data. {WAY_OUT}")
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"The file's text cannot be decoded. {WAY_OUT}")


def _delimited(text: str) -> list[list[str]]:
    text = re.sub(r"\Asep=.[\r\n]+", "", text)  # a line for Excel alone, which does not count it either
    lines = text.lstrip("\r\n").split("\n", 1)
    counts = Counter({sign: len(next(csv.reader([lines[0]], delimiter=sign), [])) for sign in DELIMITERS})
    delimiter, columns = counts.most_common(1)[0]
    if columns < 2:
        shown = lines[0].strip()[:60]
        guess = " It seems to be separated by spaces." if len(shown.split()) > 2 else " It seems to be separated by |." if "|" in shown else ""
        raise DataError(f'Only one column was found, "{shown}".{guess} Separate the columns by comma, semicolon or tab.')
    cells, filled = [], 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            cells.append(row)
            filled += any(row)
            _refuse_if_long(filled)
    except csv.Error as error:
        raise DataError(f"Row {len(cells) + 1} cannot be read ({error}); a quotation mark may be missing. {WAY_OUT}") from error
    return cells


def _refuse_if_long(rows: int) -> None:
    if rows > MAX_ROWS + 1:
        raise DataError(f"The file has more than {MAX_ROWS:,} rows. Split it by patients.")


def _workbook(content: bytes) -> tuple[list[list[str]], tuple[str, ...]]:
    """The first sheet; formulas come as their text, never as a value."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise DataError(f"The workbook unpacks to more than {MAX_UNPACKED_BYTES // 10**6} MB. {WAY_OUT}")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False)
        if not book.worksheets:
            raise DataError(f"This Excel file has no sheet with cells. {WAY_OUT}")
        sheet = book.worksheets[0]
        cells, filled = [], 0
        for row in sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True):
            is_blank = all(value is None for value in row)
            cells.append([] if is_blank else [_cell(value) for value in row])
            filled += not is_blank
            _refuse_if_long(filled)
        others = [name for name in book.sheetnames if name != sheet.title]
        return cells, (f'only the first sheet, "{sheet.title}", is read; {", ".join(others)} is not',) if others else ()
    except DataError:
        raise
    except Exception as error:  # whatever a damaged workbook provokes inside openpyxl, the answer is the same
        raise DataError(f"This Excel file cannot be read ({type(error).__name__}). {WAY_OUT}") from error


def _cell(value: object) -> str:
    """A cell as the text that a CSV would hold."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, ArrayFormula | DataTableFormula):
        return "=formula"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, time):
        return value.isoformat("seconds")
    if isinstance(value, timedelta):
        return f"{value.total_seconds() / 3600:.15g}"
    return str(value)


def _table(cells: list[list[str]], notes: tuple[str, ...]) -> Table:
    """Blank rows are skipped but counted; a row that is longer than the header is refused, because its values have shifted."""
    cells = [[cell.strip().replace("\u2212", "-") for cell in row] for row in cells]
    filled = [(line, row) for line, row in enumerate(cells, start=1) if any(row)]
    if not filled:
        raise DataError(f"The file holds no values. {WAY_OUT}")
    head = filled[0][1]
    width = max(i for i, name in enumerate(head) if name) + 1
    header = tuple(name.lstrip("#").strip() or f"(column {i + 1})" for i, name in enumerate(head[:width]))
    if width == 1 and any(any(row[1:]) for _, row in filled[1:]):
        raise DataError(f'The first row holds one name only, "{header[0][:60]}". Remove the lines above the column names, so that these are the first row.')
    _refuse_header(header)
    rows, short = [], []
    for line, row in filled[1:]:
        if any(row[width:]):
            raise DataError(
                f"Row {line} has more values than the {width} columns named in the first row. "
                "If it holds decimal commas, separate the columns by semicolons; otherwise name every column."
            )
        if len(row) < width:
            short.append(line)
        rows.append(tuple(row[:width]) + ("",) * (width - len(row)))
    if not rows:
        raise DataError("The file has column names but no rows below them. Add one row for each dose and each level.")
    if short and len(short) < len(rows):
        notes += (f"row {short[0]}{f' and {len(short) - 1} more' if len(short) > 1 else ''} ends early; the missing values count as empty",)
    return Table(header, tuple(rows), tuple(line for line, _ in filled[1:]), _decimal_sign(rows), notes)


def _refuse_header(header: tuple[str, ...]) -> None:
    if len(header) > MAX_COLUMNS:
        raise DataError(f"The file has more than {MAX_COLUMNS} columns. Leave out those that are not needed.")
    if all(re.fullmatch(r"[-+\d.,eE]*", name) for name in header):
        raise DataError("The first row holds numbers, not names. Write the column names (ID, TIME, AMT, DV ...) into the first row.")
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise DataError(f"Two columns are called {twice[0]}. Give every column its own name.")


def _decimal_sign(rows: list[tuple[str, ...]]) -> str:
    """A comma when numbers such as 12,5 outnumber numbers such as 12.5. A number such as 1,000 says nothing: it may be one or a thousand."""
    points, commas = 0, 0
    for row in rows:
        for cell in row:
            points += "." in cell and bool(_WITH_POINT(cell))
            commas += "," in cell and bool(_WITH_COMMA(cell))
    return "," if commas > points else "."


_WITH_POINT = re.compile(r"<?[-+]?\d*\.\d+").fullmatch
_WITH_COMMA = re.compile(r"<?[-+]?(\d*,(\d{1,2}|\d{4,})|0+,\d+)").fullmatch
