"""Tables as councils have them: CSV of any encoding and delimiter, and Excel.

Everything is read as text first. What a cell means is decided by the reader that wants it, so
that leading zeros survive, no date is guessed, and every complaint can name row and column.
"""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from .errors import InputError, Problem, Problems, some

__all__ = [
    "area_code_column",
    "fold",
    "nearest",
    "parse_numbers",
    "read_assignment",
    "read_table",
    "require_column",
    "to_number",
]

WORKBOOKS = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
DELIMITERS = (",", ";", "\t", "|")
BAD_CELLS_SHOWN = 5

# First bytes of files that are often passed for tables, and what to say of them.
_NOT_TABLES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (b"PAR1", "a Parquet file", "Save it as CSV or Excel."),
    (b"%PDF", "a PDF", "Ask for the table as CSV or Excel."),
    (b"SQLite format 3\x00", "a database (a GeoPackage?)", "Save the table as CSV."),
    (b"{\\rtf", "a rich text document", "Save the table as CSV or Excel."),
)

# The smallest geography first: a lookup often carries the larger ones beside it.
_CODE_PATTERNS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(p, re.IGNORECASE)
    for p in (
        r"area_?code",
        r"oa\d\d(cd)?",
        r"lsoa\d\d(cd)?",
        r"(dz|sdz)\d{2,4}(_?cd|_?code)?|data_?zone(\d{4})?(cd|code)?",
        r"msoa\d\d(cd)?",
        r"(wd|cmwd|ward|osward)(\d\d)?(cd|_?code)?",
        r"(par|parncp|parish)\d\d(cd)?",
        r"(lad|ltla|laua|oslaua)(\d\d)?(cd)?",
        r"(ctyua|utla|cty|oscty|ced)(\d\d)?(cd)?",
        r"(itl|nuts|rgn|ctry)\d*(cd)?",
        r"geography[ _]?code|geo_?code|gss_?code",
        r"code|id|area_?id",
    )
)
_GENERIC = len(_CODE_PATTERNS) - 1
_CODE = re.compile(r"[EWSNKJ]\d{8}")
_POSTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?([eE][+-]?\d+)?|[+-]?\.\d+")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def read_table(
    path: Path, *, sheet: str | None = None, usecols: Callable[[str], bool] | None = None
) -> pd.DataFrame:
    r"""Read a CSV file or a worksheet, every cell as text.

    Parameters
    ----------
    path
        CSV in UTF-8, UTF-16 or Windows-1252, with commas, semicolons, tabs or bars between the
        cells; or a workbook (.xlsx, .xlsm, .xlsb, .xls, .ods). A workbook is known by its
        content, whatever its name. The header is row 1.
    sheet
        Worksheet of a workbook; the first when left out.
    usecols
        Called with each column name; columns for which it is false are not kept. All columns
        are kept when left out.

    Returns
    -------
    pandas.DataFrame
        Columns of dtype ``str``, white space stripped, ``""`` where a cell is blank (never
        missing). The row in the user's spreadsheet is ``index + 2``: the index is 0..n-1, with
        gaps where the file has rows that are blank throughout, which are left out. Numbers and
        dates of a workbook are given as ``12``, ``12.5``, ``2026-04-01``. Columns without a
        name are left out. ``attrs`` holds ``file`` (its name), ``encoding``, ``delimiter``
        (both ``""`` for a workbook) and ``sheet`` (``""`` for CSV).

    Raises
    ------
    InputError
        The file is missing, locked, empty or no table; it has no header, no rows, two columns
        of one name, or rows longer than the header.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "hours.csv"
    ...     _ = file.write_text("area_code;weekly_hours\nE01000001; 12\n")
    ...     read_table(file).to_dict("records")
    [{'area_code': 'E01000001', 'weekly_hours': '12'}]
    """
    path = Path(path)
    start = _first_bytes(path)
    attrs = {"file": path.name, "encoding": "", "delimiter": "", "sheet": ""}
    if _is_workbook(path, start):
        attrs["sheet"], rows = _workbook_rows(path, sheet)
        return _frame(iter(rows), path.name, usecols, attrs)
    _refuse_what_is_no_text(path, start)
    if sheet is not None:
        raise InputError(Problem(
            message=f"a worksheet {sheet!r} is named, but the file is no workbook", file=path.name,
            fix="Leave the sheet out, or give the .xlsx file.",
        ))
    tried = _encodings(start)
    for encoding in tried:
        attrs["encoding"] = encoding
        try:
            attrs["delimiter"] = _delimiter(path, encoding)
            with closing(_csv_rows(path, encoding, attrs["delimiter"])) as records:
                return _frame(records, path.name, usecols, attrs)
        except UnicodeDecodeError:
            continue
    raise InputError(Problem(
        message=f"the file is no text in {' or '.join(tried)}", file=path.name,
        fix="Save it as CSV UTF-8 or as .xlsx.",
    ))


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(Problem(
            message="this is a folder, not a file", file=path.name, fix="Name the file in it."))
    try:
        with path.open("rb") as handle:
            start = handle.read(8192)
    except FileNotFoundError as error:
        raise InputError(Problem(
            message="there is no such file", file=str(path), fix="Check the path.")) from error
    except OSError as error:
        raise InputError(Problem(
            message=f"the file cannot be opened: {error.strerror or error}", file=path.name,
            fix="Close it in Excel, or ask for the right to read it.",
        )) from error
    if not start.strip(b"\x00\xff\xfe\xef\xbb\xbf \t\r\n"):
        raise InputError(Problem(
            message="the file is empty", file=path.name, fix="Export it again."))
    return start


def _is_workbook(path: Path, start: bytes) -> bool:
    # By content: exports are often named .csv when they are workbooks, and the other way round.
    if start.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return True
    if start.startswith(b"PK\x03\x04"):
        if path.suffix.lower() in WORKBOOKS:
            return True
        return any(mark in start for mark in (
            b"[Content_Types].xml", b"xl/", b"opendocument.spreadsheet"))
    return False


def _refuse_what_is_no_text(path: Path, start: bytes) -> None:
    for magic, kind, fix in _NOT_TABLES:
        if start.startswith(magic):
            raise InputError(Problem(
                message=f"this is {kind}, not a table", file=path.name, fix=fix))
    if start.startswith(b"PK\x03\x04"):
        raise InputError(Problem(
            message="this is a zip archive, not a table", file=path.name, fix="Unpack it first."))
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml|table)", start, re.IGNORECASE):
        raise InputError(Problem(
            message="this is a web page (HTML or XML), not a table", file=path.name,
            fix="Open it in Excel and save it as .xlsx or CSV.",
        ))
    if b"\x00" in start and _encodings(start)[0] not in {"utf-16", "utf-16-le", "utf-16-be"}:
        raise InputError(Problem(
            message="this is a binary file, not a table", file=path.name,
            fix="Save it as CSV or .xlsx.",
        ))


def _encodings(start: bytes) -> list[str]:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ["utf-16"]
    if start.startswith(b"\xef\xbb\xbf"):
        return ["utf-8-sig"]
    # UTF-16 without its mark: in Latin letters every other byte is nought.
    even, odd = start[0:400:2], start[1:400:2]
    if len(odd) and odd.count(0) > 0.8 * len(odd) and not even.count(0):
        return ["utf-16-le"]
    if len(even) and even.count(0) > 0.8 * len(even) and not odd.count(0):
        return ["utf-16-be"]
    return ["utf-8", "cp1252"]


def _delimiter(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline="") as handle:
        line = next((text for text in handle if text.strip()), "")
    bare = re.sub(r'"[^"]*"', "", line)
    return max(DELIMITERS, key=bare.count)


def _csv_rows(path: Path, encoding: str, delimiter: str) -> Generator[list[str]]:
    with path.open(encoding=encoding, newline="") as handle:
        # Strict: a quote that is never closed would swallow the rows after it without a word.
        reader = csv.reader(handle, delimiter=delimiter, strict=True)
        try:
            yield from reader
        except csv.Error as error:
            raise InputError(Problem(
                message=f"the file cannot be read as CSV near line {reader.line_num}: {error}",
                file=path.name, fix="Look for a quote that is opened and not closed.",
            )) from error


def _workbook_rows(path: Path, sheet: str | None) -> tuple[str, list[list[str]]]:
    import python_calamine as calamine

    try:
        # No context manager: pulling the rows is all that needs the file.
        book = calamine.CalamineWorkbook.from_path(str(path))
        names = book.sheet_names
        if not names:
            raise InputError(Problem(
                message="the workbook has no worksheet", file=path.name, fix="Export it again."))
        if sheet is not None and sheet not in names:
            raise InputError(Problem(
                message=f"there is no worksheet {sheet!r}", file=path.name,
                fix=f"It has: {some(names)}.",
            ))
        name = names[0] if sheet is None else sheet
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except calamine.PasswordError as error:
        raise InputError(Problem(
            message="the workbook is protected by a password", file=path.name,
            fix="Save a copy without the password.",
        )) from error
    except (calamine.CalamineError, OSError) as error:
        raise InputError(Problem(
            message=f"the workbook cannot be read: {error}", file=path.name,
            fix="Open it in Excel and save it again as .xlsx, or as CSV.",
        )) from error
    if not any(cell not in {"", None} for row in rows for cell in row):
        others = [n for n in names if n != name]
        raise InputError(Problem(
            message=f"worksheet {name!r} is empty", file=path.name,
            fix=f"Name another sheet: {some(others)}." if others else "Export it again.",
        ))
    return name, [[_text(cell) for cell in row] for row in rows]


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        midnight = (cell.hour, cell.minute, cell.second, cell.microsecond) == (0, 0, 0, 0)
        return cell.date().isoformat() if midnight else cell.isoformat(sep=" ")
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return str(cell)


def _frame(
    rows: Iterator[list[str]],
    file: str,
    usecols: Callable[[str], bool] | None,
    attrs: dict[str, str],
) -> pd.DataFrame:
    header = [_clean(name) for name in next(rows, [])]
    if not any(header):
        raise InputError(Problem(
            message="row 1 is blank, so there is no header", file=file, row=1,
            fix="Put the names of the columns in row 1.",
        ))
    if all(_looks_like_data(name) for name in header if name):
        raise InputError(Problem(
            message="row 1 holds data, so there is no header", file=file, row=1,
            fix="Put a row with the names of the columns above it.",
        ))
    named = [i for i, name in enumerate(header) if name]
    kept = [i for i in named if usecols is None or usecols(header[i])]
    names = [header[i] for i in kept]
    problems = Problems()
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        problems.add(
            f"{len(twice)} column name{'s occur' if len(twice) > 1 else ' occurs'} more than "
            f"once: {some(twice)}", file=file, row=1,
            fix="It is not clear which one is meant: rename or delete one.",
        )
    columns: list[list[str]] = [[] for _ in kept]
    index: list[int] = []
    unnamed_used: set[int] = set()
    too_long: list[int] = []
    width = len(header)
    for number, row in enumerate(rows):
        if not any(cell and not cell.isspace() for cell in row):
            continue
        if len(row) > width and any(_clean(cell) for cell in row[width:]):
            too_long.append(number + 2)
        if len(named) < width:
            unnamed_used.update(
                i for i in range(min(width, len(row))) if not header[i] and _clean(row[i]))
        index.append(number)
        size = len(row)
        for values, i in zip(columns, kept, strict=True):
            values.append(_clean(row[i]) if i < size else "")
    if too_long:
        problems.add(
            f"{len(too_long)} row{'s have' if len(too_long) > 1 else ' has'} more cells than the "
            f"header has columns: row {some(too_long)}", file=file,
            fix="A comma inside a cell needs quotes round the cell; or row 1 is a title, "
                "not the header.",
        )
    # A first column without a name is the row label that R and pandas write; more is a title row.
    if unnamed_used - {0}:
        problems.add(
            f"column {some(sorted(i + 1 for i in unnamed_used))} "
            f"{'have' if len(unnamed_used) > 1 else 'has'} values but no name", file=file, row=1,
            fix="Row 1 must be the header: delete title rows above it, and name every column.",
        )
    if not index:
        problems.add("the table has a header but no rows", file=file, fix="Export it again.")
    problems.raise_if_any()
    frame = pd.DataFrame(
        {name: pd.Series(values, index=index, dtype="str")
         for name, values in zip(names, columns, strict=True)},
        index=pd.Index(index, dtype="int64"),
    )
    frame.attrs.update(attrs)
    return frame


def _clean(cell: str) -> str:
    return cell.strip().strip("\ufeff\u200b").strip()


def _looks_like_data(name: str) -> bool:
    return any(p.fullmatch(name) for p in (_NUMBER, _CODE, _POSTCODE))


def nearest(name: str, columns: Iterable[object]) -> str:
    """Say which columns come nearest to a name that is not there.

    Examples
    --------
    >>> nearest("weekly_hours", ["area_code", "Weekly hours", "lot"])
    "Did you mean 'Weekly hours'?"
    >>> nearest("zone", ["area_code", "lot"])
    'The columns are: area_code, lot.'
    """
    names = [str(c) for c in columns]
    folded = {fold(n): n for n in names}
    found = [folded[f] for f in difflib.get_close_matches(fold(name), list(folded), n=3)]
    if found:
        return f"Did you mean {' or '.join(repr(f) for f in found)}?"
    return f"The columns are: {some(names, limit=12)}."


def fold(name: str) -> str:
    """Return a name without case, spaces and marks.

    Examples
    --------
    >>> fold("Start time (claimed)")
    'starttimeclaimed'
    """
    return re.sub(r"[\W_]+", "", name).casefold()


def require_column(table: pd.DataFrame, column: str, problems: Problems, *, file: str) -> bool:
    """Check that a column is there; note a problem with the nearest names when it is not.

    Parameters
    ----------
    table
        Any table.
    column
        The column that is wanted, exactly as the table must name it.
    problems
        Where the problem is noted.
    file
        The name the message gives the table.

    Returns
    -------
    bool
        Whether it is there.
    """
    if column in table.columns:
        return True
    problems.add(f"there is no column {column!r}", file=file, fix=nearest(column, table.columns))
    return False


def parse_numbers(text: pd.Series[Any]) -> pd.Series[float]:
    """Turn text into numbers, with NaN where it is none.

    Parameters
    ----------
    text
        Stripped text, never missing. ``1,234.5`` is 1234.5; ``12,5``, ``nan`` and ``inf`` are
        no numbers.

    Returns
    -------
    pandas.Series
        float64, same index and name.
    """
    good = text.str.fullmatch(_NUMBER.pattern)
    numbers = pd.Series(float("nan"), index=text.index, name=text.name, dtype="float64")
    numbers[good] = text[good].str.replace(",", "", regex=False).astype("float64")
    return numbers


def to_number(
    values: pd.Series[Any],
    problems: Problems,
    *,
    file: str,
    minimum: float | None = None,
    maximum: float | None = None,
    required: bool = True,
    unit: str = "",
) -> pd.Series[float]:
    """Turn a column of text into numbers; note every cell that is none.

    Parameters
    ----------
    values
        Text as :func:`read_table` gives it: blank is ``""``, the spreadsheet row is
        ``index + 2``, the column's name is ``values.name``.
    problems
        Where the problems are noted: the first five cells one by one, the rest as a count. When
        most of the column is no number, only that is noted.
    file
        The name the messages give the table.
    minimum, maximum
        Least and greatest value allowed, both inclusive; no limit when left out.
    required
        Whether a blank cell is a problem.
    unit
        Added to the limits in messages, for example ``"hours a week"``.

    Returns
    -------
    pandas.Series
        float64 on the same index; NaN where the cell is blank or noted as a problem.
        ``1,234.5`` is read as 1234.5; ``12,5`` is refused.

    Examples
    --------
    >>> noted = Problems()
    >>> text = pd.Series(["1,200", "-3", "n/a"], name="weekly_hours")
    >>> to_number(text, noted, file="hours.csv", minimum=0).to_list()
    [1200.0, nan, nan]
    >>> [(p.row, p.message) for p in noted.errors]
    [(3, 'below the least allowed, 0'), (4, 'not a number')]
    """
    text = values.astype("str").str.strip()
    numbers = parse_numbers(text)
    good = numbers.notna()
    bad: list[tuple[int, str, str]] = []
    suffix = f" {unit}" if unit else ""
    hopeless = int((~good & (text != "")).sum())
    if hopeless > max(BAD_CELLS_SHOWN, len(text) / 2):
        # The wrong column: its cells may be names or numbers of people, so none is shown.
        problems.add(
            f"{hopeless} of {len(text)} cells are no numbers", file=file, column=str(values.name),
            fix="Check that this is the right column.",
        )
        return numbers
    if required:
        bad += [(at, "blank, where a number is needed", "") for at in numbers.index[text == ""]]
    bad += [
        (at, "not a number", text.loc[at]) for at in numbers.index[~good & (text != "")]
    ]
    if minimum is not None:
        low = numbers < minimum
        bad += [(at, f"below the least allowed, {minimum:g}{suffix}", text.loc[at])
                for at in numbers.index[low]]
        numbers[low] = float("nan")
    if maximum is not None:
        high = numbers > maximum
        bad += [(at, f"above the most allowed, {maximum:g}{suffix}", text.loc[at])
                for at in numbers.index[high]]
        numbers[high] = float("nan")
    bad.sort()
    for at, message, value in bad[:BAD_CELLS_SHOWN]:
        fix = "Fill it in, or delete the row." if not value else (
            "Write decimals with a point." if _DECIMAL_COMMA.fullmatch(value)
            else "Write a number." if message == "not a number" else "Check the figure.")
        problems.add(message, file=file, row=int(at) + 2, column=str(values.name),
                     value=value or None, fix=fix)
    if len(bad) > BAD_CELLS_SHOWN:
        rest = bad[BAD_CELLS_SHOWN:]
        problems.add(
            f"{len(rest)} more cells like these, in rows {some(at + 2 for at, _, _ in rest)}",
            file=file, column=str(values.name),
        )
    return numbers


def area_code_column(table: pd.DataFrame, *, ignore: Iterable[str] = ()) -> str | None:
    """Find the column of area codes by the names that ONS products use.

    Parameters
    ----------
    table
        Any table, one row an area (or more rows, when an area comes in parts).
    ignore
        Columns that are certainly not it.

    Returns
    -------
    str or None
        ``area_code`` before all; else the smallest geography (output area, LSOA, MSOA, ward,
        district, county, ...; any census year and edition, any case) of which every row has a
        code of its own; else the one with the most different codes; and only where there is
        none of these, ``code`` or ``id``. None when no name fits.

    Examples
    --------
    >>> area_code_column(pd.DataFrame({"LAD24CD": ["E06", "E06"], "LSOA21CD": ["E01", "E02"]}))
    'LSOA21CD'
    """
    skipped = set(ignore)
    ranks = {
        str(column): rank for column in table.columns
        if column not in skipped and (rank := _rank(str(column))) is not None
    }
    # area_code is ours, so it is meant even where codes occur twice; code and id say so little
    # that they are only taken where nothing else is there.
    for tier in ({0}, set(range(1, _GENERIC)), {_GENERIC}):
        best = max(
            (column for column, rank in ranks.items() if rank in tier),
            key=lambda column: (table[column].nunique(), -ranks[column]), default=None)
        if best is not None:
            return best
    return None


def _rank(column: str) -> int | None:
    name = column.strip()
    return next((i for i, p in enumerate(_CODE_PATTERNS) if p.fullmatch(name)), None)


def read_assignment(
    path: Path, column: str = "lot", *, sheet: str | None = None
) -> pd.Series[str]:
    """Read which lot or zone each area is in: a plan file, or today's zones.

    Parameters
    ----------
    path
        CSV or workbook with a column of area codes (``area_code``, or an ONS name such as
        ``LSOA21CD``) and a column of lots. Other columns are ignored.
    column
        Name of the column of lots.
    sheet
        Worksheet of a workbook; the first when left out.

    Returns
    -------
    pandas.Series
        Lot (str) by ``area_code`` (str, unique, in the file's order), name ``lot``. An area
        that occurs twice with the same lot is kept once.

    Raises
    ------
    InputError
        A column is missing, a code or lot is blank, or one area is in two lots.
    """
    table = read_table(path, sheet=sheet)
    file = Path(path).name
    problems = Problems()
    code = area_code_column(table, ignore=[column])
    if code is None:
        problems.add("there is no column of area codes", file=file,
                     fix=f"Name it area_code. {nearest('area_code', table.columns)}")
    has_lots = require_column(table, column, problems, file=file)
    if code is None or not has_lots:
        raise InputError(problems.items)
    for name, wanted in ((code, "an area code"), (column, "a lot")):
        blank = table.index[table[name] == ""] + 2
        if len(blank):
            problems.add(
                f"{len(blank)} row{'s' if len(blank) > 1 else ''} without {wanted}: "
                f"row {some(blank)}", file=file, column=name, fix="Fill them in, or delete them.",
            )
    pairs = table[[code, column]].drop_duplicates()
    pairs = pairs[pairs[code] != ""]
    twice = pairs.loc[pairs[code].duplicated(), code].unique()
    if len(twice):
        problems.add(
            f"{len(twice)} area{'s are' if len(twice) > 1 else ' is'} in more than one lot: "
            f"{some(twice)}", file=file, column=code,
            fix="An area can be in one lot only: delete the row that is wrong.",
        )
    problems.raise_if_any()
    return pd.Series(
        pairs[column].to_numpy(), index=pd.Index(pairs[code].to_numpy(), name="area_code"),
        name="lot", dtype="str",
    )
