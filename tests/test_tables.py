"""Tables of any encoding, and what is said of the ones that are none."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from lotting.errors import InputError, Problems
from lotting.tables import (
    area_code_column,
    nearest,
    parse_numbers,
    read_assignment,
    read_table,
    to_number,
)

ROWS = "area_code,place\nE01000001,Café Lane\nE01000002,Ross-on-Wye\n"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def messages(error: pytest.ExceptionInfo[InputError]) -> str:
    return str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be",
                                      "cp1252"])
def test_every_encoding_gives_the_same_table(tmp_path: Path, encoding: str) -> None:
    table = read_table(write(tmp_path / "t.csv", ROWS.encode(encoding)))
    assert table.columns.to_list() == ["area_code", "place"]
    assert table["place"].to_list() == ["Café Lane", "Ross-on-Wye"]
    assert table.dtypes.astype(str).to_list() == ["str", "str"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter_is_found_from_the_header(tmp_path: Path, delimiter: str) -> None:
    text = f'area_code{delimiter}"a, b; c"\nE01{delimiter}"1{delimiter}2"\n'
    table = read_table(write(tmp_path / "t.csv", text))
    assert table.columns.to_list() == ["area_code", "a, b; c"]
    assert table.iloc[0].to_list() == ["E01", f"1{delimiter}2"]


def test_a_late_letter_outside_utf_8_means_windows_1252(tmp_path: Path) -> None:
    """The encoding is settled by the whole file, not by its first bytes."""
    text = "code,name\n" + "1,plain\n" * 20_000 + "2,Café\n"
    table = read_table(write(tmp_path / "t.csv", text.encode("cp1252")))
    assert table["name"].iloc[-1] == "Café"
    assert table.attrs["encoding"] == "cp1252"
    assert len(table) == 20_001


def test_row_numbers_survive_blank_rows_and_line_breaks_in_cells(tmp_path: Path) -> None:
    """The row in the spreadsheet is index + 2, blank rows left out but counted."""
    table = read_table(write(tmp_path / "t.csv", 'a,b\n1,"two\nlines"\n , \n\n4,x\n,\n'))
    assert table["a"].to_list() == ["1", "4"]
    assert (table.index + 2).to_list() == [2, 5]


def test_leading_zeros_and_text_that_looks_missing_stay(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", "a,b\n007,NA\n1e5, nan \n"))
    assert table.to_numpy().tolist() == [["007", "NA"], ["1e5", "nan"]]


def test_short_rows_are_blank_at_the_end_and_long_rows_are_refused(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", "a,b\n1\n2,3,,\n"))
    assert table["b"].to_list() == ["", "3"]
    with pytest.raises(InputError, match=r"1 row has more cells than the header.*row 3"):
        read_table(write(tmp_path / "t.csv", "a,b\n1,2\n3,4,5\n"))


def test_usecols_keeps_only_the_columns_wanted(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "pcds,oa,oa,lsoa21cd\nLE1 1AA,1,2,E01\n")
    assert read_table(path, usecols=lambda c: c.startswith("ls")).columns.to_list() == ["lsoa21cd"]
    with pytest.raises(InputError, match="more than once: oa"):
        read_table(path)


def test_the_row_labels_that_r_and_pandas_write_are_left_out(tmp_path: Path) -> None:
    assert read_table(write(tmp_path / "t.csv", ",a\n0,x\n")).columns.to_list() == ["a"]
    with pytest.raises(InputError, match="column 2, 3 have values but no name"):
        read_table(write(tmp_path / "t.csv", "Care in 2026,,\narea,lot,hours\nE1,1,2\n"))


@pytest.mark.parametrize(("content", "said"), [
    (b"", "empty"),
    (b"\xef\xbb\xbf \n", "empty"),
    (b"\n,\na,b\n", "no header"),
    (b"area_code,weekly_hours\n", "no rows"),
    (b"area_code,weekly_hours\n,\n", "no rows"),
    (b"E01000001,33.5\nE01000002,1\n", "no header"),
    (b"a,b,a\n1,2,3\n", "more than once: a"),
    (b"\x00\x01\x02\x03" * 99, "binary"),
    (gzip.compress(b"a,b\n1,2\n", mtime=0), "gzip"),
    (b"%PDF-1.7 ...", "PDF"),
    (b"PK\x03\x04" + b"\x00" * 60, "zip"),
    (b"<html><table></table></html>", "web page"),
    (b'a,b\n1,"never closed\n2,3\n', "quote"),
    (b"a,b\n1,\x81\x8d\n", "no text"),
])
def test_what_is_no_table_is_said_in_one_problem(
    tmp_path: Path, content: bytes, said: str
) -> None:
    with pytest.raises(InputError, match=said) as error:
        read_table(write(tmp_path / "t.csv", content))
    assert len(error.value.problems) == 1
    assert "t.csv" in messages(error)


def test_missing_folder_and_locked_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="folder"):
        read_table(tmp_path)
    path = write(tmp_path / "t.csv", ROWS)

    def locked(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(InputError, match=r"cannot be opened: Permission denied. Close it in Excel"):
        read_table(path)


def workbook(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_gives_the_text_its_csv_would(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", {"one": [
        ["area_code", "hours", "start", "ok", "gone"],
        ["E01", 12, dt.date(2026, 4, 1), True, None],
        [None, None, None, None, None],
        [" E02 ", 12.5, dt.datetime(2026, 4, 1, 9, 30), False, "x"],  # noqa: DTZ001
    ]})
    table = read_table(path)
    assert table.to_numpy().tolist() == [
        ["E01", "12", "2026-04-01", "true", ""],
        ["E02", "12.5", "2026-04-01 09:30:00", "false", "x"],
    ]
    assert (table.index + 2).to_list() == [2, 4]
    assert table.attrs["sheet"] == "one"


def test_a_workbook_is_known_by_its_content(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", {"s": [["a"], ["1"]]}).rename(tmp_path / "t.csv")
    assert read_table(path)["a"].to_list() == ["1"]


def test_sheets_are_named_when_one_is_missing_or_empty(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", {"notes": [], "data": [["a"], ["1"]]})
    assert read_table(path, sheet="data")["a"].to_list() == ["1"]
    with pytest.raises(InputError, match=r"'notes' is empty. Name another sheet: data"):
        read_table(path)
    with pytest.raises(InputError, match=r"no worksheet 'dat'. It has: notes, data"):
        read_table(path, sheet="dat")
    with pytest.raises(InputError, match="no workbook"):
        read_table(write(tmp_path / "t.csv", ROWS), sheet="data")


def test_a_broken_workbook_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_table(write(tmp_path / "t.xlsx", b"PK\x03\x04 broken"))
    with pytest.raises(InputError, match=r"cannot be read|password"):
        read_table(write(tmp_path / "t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]),
                                 min_size=1), min_size=2, max_size=2), min_size=1, max_size=5))
def test_what_pandas_writes_is_read_back(tmp_path: Path, rows: list[list[str]]) -> None:
    """Property: any printable text without white space survives a round trip, in order."""
    path = tmp_path / "t.csv"
    pd.DataFrame(rows, columns=["first", "second"]).to_csv(path, index=False)
    assert read_table(path).to_numpy().tolist() == rows


@pytest.mark.parametrize(("text", "number"), [
    ("12", 12.0), ("-3.50", -3.5), ("1,234.5", 1234.5), ("1e3", 1000.0), (".5", 0.5), ("+7", 7.0),
])
def test_numbers_that_are_read(text: str, number: float) -> None:
    assert parse_numbers(pd.Series([text])).to_list() == [number]


@pytest.mark.parametrize("text", ["12,5", "1,23", "nan", "inf", "£5", "twelve", "1 2", "--1", "1%"])
def test_text_that_is_no_number(text: str) -> None:
    assert parse_numbers(pd.Series([text])).isna().all()


def test_numbers_say_row_column_and_value() -> None:
    problems = Problems()
    text = pd.Series(["1", "2,5", "", "169", "168"], index=[0, 1, 2, 5, 6], name="hours")
    numbers = to_number(text, problems, file="h.csv", minimum=0, maximum=168)
    assert numbers.dropna().to_dict() == {0: 1.0, 6: 168.0}
    assert [(p.row, p.column, p.value) for p in problems.errors] == [
        (3, "hours", "2,5"), (4, "hours", None), (7, "hours", "169")]
    assert "point" in problems.errors[0].fix


def test_blank_is_fine_where_it_is_allowed() -> None:
    problems = Problems()
    to_number(pd.Series(["", "1"], name="x"), problems, file="h.csv", required=False)
    assert not problems.items


def test_many_bad_numbers_are_counted_and_a_wrong_column_shows_none_of_its_cells() -> None:
    """A column of names mapped to hours by mistake must not reach a message."""
    problems = Problems()
    to_number(pd.Series(["x"] * 8 + ["1"] * 9, name="h"), problems, file="h.csv")
    assert len(problems.errors) == 6
    assert "3 more cells" in problems.errors[-1].message
    problems = Problems()
    to_number(pd.Series([f"Person {i}" for i in range(20)], name="h"), problems, file="h.csv")
    assert len(problems.errors) == 1
    assert "Person" not in str(problems.errors[0])


@pytest.mark.parametrize(("columns", "found"), [
    (["LSOA11CD", "LSOA11NM"], "LSOA11CD"),
    (["lsoa21cd", "msoa21cd"], "lsoa21cd"),
    (["OA21CD", "LSOA21CD"], "OA21CD"),
    (["WD25CD", "LAD25CD"], "WD25CD"),
    (["CTYUA24CD", "CTYUA24NM"], "CTYUA24CD"),
    (["OBJECTID", "id", "MSOA01CD"], "MSOA01CD"),
    (["Geography code", "geography"], "Geography code"),
    (["name", "code"], "code"),
    (["area_code", "LSOA21CD"], "area_code"),
    (["name", "lot"], None),
])
def test_code_columns_of_ons_products(columns: list[str], found: str | None) -> None:
    table = pd.DataFrame([[f"{c}{i}" for c in columns] for i in range(3)], columns=columns)
    assert area_code_column(table) == found


def test_a_larger_geography_with_repeated_codes_is_not_the_code() -> None:
    table = pd.DataFrame({"OA21CD": ["1", "1", "1"], "LSOA21CD": ["a", "b", "c"]})
    assert area_code_column(table) == "LSOA21CD"


def test_one_repeated_code_does_not_hand_over_to_a_row_number() -> None:
    table = pd.DataFrame({"id": ["1", "2", "3"], "LSOA21CD": ["a", "b", "b"]})
    assert area_code_column(table) == "LSOA21CD"


def test_nearest_forgives_case_and_spaces() -> None:
    assert nearest("weekly_hours", ["x", "Weekly Hours"]) == "Did you mean 'Weekly Hours'?"


def test_assignment_by_code(tmp_path: Path) -> None:
    path = write(tmp_path / "plan.csv", "LSOA21CD,lot,zone\nb,1,9\na,2,8\nb,1,7\n")
    assert read_assignment(path).to_dict() == {"b": "1", "a": "2"}
    assert read_assignment(
        write(path, "LSOA21CD,zone\nb,x\n"), "zone").rename_axis("area_code").name == "lot"


@pytest.mark.parametrize(("text", "said"), [
    ("area_code,lot\na,1\na,2\n", "1 area is in more than one lot: a"),
    ("area_code,lot\n,1\nb,\n", "row 2"),
    ("area_code,zone\na,1\n", "no column 'lot'"),
    ("place,lot\na,1\n", "no column of area codes"),
])
def test_assignments_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_assignment(write(tmp_path / "plan.csv", text))
