"""Reading an export of packages: every wrong cell is named, no person is."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotting.brief import DemandBrief
from lotting.dates import parse_dates
from lotting.errors import InputError
from lotting.packages import ROWS_SHOWN, Packages, read_packages

SECRETS = ("SECRET", "LE15 0AA", "LE150AA", "943 476", "486138")
GOOD = {
    "package_id": "SECRET-1", "person_id": "SECRET-P", "postcode": "LE15 0AA",
    "weekly_hours": "10", "payer": "LCC", "pathway": "home care", "start": "2026-01-01",
    "end": "", "carers": "1",
}


def read(folder: Path, *rows: dict[str, str], **brief: object) -> Packages:
    path = folder / "packages.csv"
    pd.DataFrame(rows).fillna("").to_csv(path, index=False)
    return read_packages(DemandBrief.model_validate(
        {"packages": path, "as_of": dt.date(2026, 4, 1), **brief}))


def package(number: int = 1, **cells: str) -> dict[str, str]:
    return {**GOOD, "package_id": f"SECRET-{number}", "person_id": f"SECRET-P{number}", **cells}


def problems(folder: Path, *rows: dict[str, str], **brief: object) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, *rows, **brief)
    text = str(caught.value)
    assert not any(secret in text for secret in SECRETS), text
    return text


@pytest.mark.parametrize(("field", "bad", "says", "good"), [
    ("weekly_hours", "ten", "row 3, column weekly_hours: not a number ('ten')", "10"),
    ("weekly_hours", "-0.25", "row 3, column weekly_hours: below the least allowed, 0", "0"),
    ("weekly_hours", "168.25", "row 3, column weekly_hours: above the most allowed, 168", "168"),
    ("start", "31/02/2026", "row 3, column start: no date that can be read ('31/02/2026')",
     "28/02/2026"),
    ("end", "soon", "row 3, column end: no date that can be read ('soon')", "01/01/2026"),
    ("end", "2025-12-31", "row 3, column end: the end is before the start", "2026-01-01"),
    ("carers", "3", "row 3, column carers: the number of carers is neither 1 nor 2 ('3')", "2"),
])
def test_a_wrong_cell_is_named_and_its_neighbour_passes(field, bad, says, good, tmp_path):
    """File, row as the spreadsheet numbers it, column, value, and what to do."""
    others = [package(), package(3), package(4)]
    read(tmp_path, others[0], package(2, **{field: good}), *others[1:])
    text = problems(tmp_path, others[0], package(2, **{field: bad}), *others[1:])
    assert f"packages.csv, {says}" in text


def test_every_problem_is_found_in_one_pass(tmp_path):
    text = problems(
        tmp_path, package(1, weekly_hours="x"), package(2, start="x"), package(3, carers="0"),
        package(4, end="2025-01-01"), package(5))
    assert text.startswith("4 problems")
    for column in ("weekly_hours", "start", "carers"):
        assert f"column {column}" in text


def test_many_wrong_cells_are_counted_not_listed(tmp_path):
    """20 rows are named, the rest counted; half a column wrong is the wrong column."""
    good = [package(i) for i in range(100, 150)]
    bad = [package(i, carers="7") for i in range(ROWS_SHOWN + 5)]
    text = problems(tmp_path, *good, *bad)
    assert text.count("neither 1 nor 2 ('7')") == ROWS_SHOWN
    assert "and 5 more rows" in text


@pytest.mark.parametrize("field", ["weekly_hours", "start", "end", "carers"])
def test_a_personal_column_named_by_mistake_is_not_repeated(field, tmp_path):
    """Where most cells are wrong their values may be names or NHS numbers."""
    rows = [package(i, nhs=f"943 476 59{i:02}") for i in range(8)]
    text = problems(tmp_path, *rows, columns={field: "nhs"})
    assert "Is it the right column?" in text


def test_missing_hours_are_kept_and_told_by_payer(tmp_path):
    """The NHS's data is incomplete: its packages are reported, not dropped."""
    result = read(tmp_path, package(1), package(2, weekly_hours="", payer="NHS"),
                  package(3, weekly_hours="0", payer="NHS"), package(4, weekly_hours="NULL"))
    assert result.frame["hours"].to_list() == [10, 0, 0, 0]
    (warning,) = result.warnings
    assert "3 of 4 packages (NHS 2, LCC 1)" in str(warning)


def test_gaps_in_any_column_are_warnings(tmp_path):
    result = read(tmp_path, package(1, person_id="", payer="", pathway="", start="", carers=""),
                  package(2))
    assert {w.column for w in result.warnings} == {
        "person_id", "payer", "pathway", "start", "carers"}
    assert all(w.severity == "warning" for w in result.warnings)
    assert not any(s in str(w) for w in result.warnings for s in SECRETS)


def test_two_carers_count_twice(tmp_path):
    words = {"1": 1, "2": 2, "2.0": 2, "yes": 2, "No": 1, "Double handed": 2, "single": 1, "": 1}
    frame = read(tmp_path, *(package(i, carers=w) for i, w in enumerate(words))).frame
    assert frame["carers"].to_list() == list(words.values())
    assert frame["hours"].to_list() == [10 * n for n in words.values()]


def test_double_handed_1_is_a_yes_not_one_carer(tmp_path):
    rows = [{k: v for k, v in package(i).items() if k != "carers"} | {"Double Handed": w}
            for i, w in enumerate(["1", "0", "Y", ""])]
    assert read(tmp_path, *rows).frame["carers"].to_list() == [2, 1, 2, 1]


def test_the_limit_is_for_each_carer(tmp_path):
    """168 hours with two carers are a week round the clock, and stand."""
    assert read(tmp_path, package(weekly_hours="168", carers="2")).frame["hours"].sum() == 336


def test_exact_duplicates_are_marked_and_different_contents_refused(tmp_path):
    """The same in another spelling is the same; another hour is not."""
    again = package(1, postcode="le150aa", start="01/01/2026", weekly_hours="10.0")
    result = read(tmp_path, package(1), again, package(2), package(1))
    assert result.frame["duplicate"].to_list() == [False, True, False, True]
    text = problems(tmp_path, package(1), package(2), package(1, weekly_hours="11"))
    assert "row 4, column package_id: this package id is also in row 2" in text


def test_rows_without_a_package_id_are_never_duplicates(tmp_path):
    result = read(tmp_path, package(1, package_id=""), package(1, package_id=""), package(2))
    assert not result.frame["duplicate"].any()


def test_usual_names_of_columns_are_found(tmp_path):
    """Names as councils and the NHS write them, whatever the case and the marks."""
    rows = [{"Package Ref": "SECRET-1", "NHS Number": "SECRET", "HOURS PER WEEK": "7.5",
             "Post_code": "LE15 0AA", "Funding": "CHC", "Service": "24-hour",
             "Start Date": "46113", "End-Date": "", "Surname": "SECRET"}]
    row = read(tmp_path, *rows).frame.iloc[0]
    assert row[["hours", "postcode", "payer", "pathway"]].to_list() == [
        7.5, "LE150AA", "CHC", "24-hour"]
    assert row["start"] == pd.Timestamp("2026-04-01")
    assert "SECRET" in row["person"]


def test_columns_nobody_asked_for_are_not_read(tmp_path):
    frame = read(tmp_path, package(surname="SECRET-NAME", notes="SECRET-NOTE")).frame
    assert not frame.astype("str").isin(["SECRET-NAME", "SECRET-NOTE"]).any(axis=None)


def test_the_brief_decides_between_columns(tmp_path):
    rows = [package(hours="99", Actual="12")]
    result = read(tmp_path, *rows)
    assert result.frame["hours"].to_list() == [10]
    assert "2 columns could be weekly_hours" in str(result.warnings[0])
    mapped = read(tmp_path, *rows, columns={"weekly_hours": "Actual"})
    assert mapped.frame["hours"].to_list() == [12]
    assert not mapped.warnings


@pytest.mark.parametrize(("drop", "says"), [
    ("weekly_hours", "no column of weekly hours"), ("package_id", "no column of package ids"),
    ("postcode", "no column says where")])
def test_a_missing_column_is_an_error(drop, says, tmp_path):
    row = {k: v for k, v in package().items() if k != drop}
    assert says in problems(tmp_path, row)


def test_a_mapped_column_that_is_not_there_is_an_error(tmp_path):
    text = problems(tmp_path, package(), columns={"weekly_hours": "weekly hrs"})
    assert "there is no column 'weekly hrs'" in text
    assert "Did you mean 'weekly_hours'" in text


@pytest.mark.parametrize(("x", "y", "says"), [
    ("abc", "308845", "a coordinate that is no number"),
    ("486138", "", "half a pair of coordinates"),
    ("-0.7276", "52.67", "degrees, not metres"),
])
def test_wrong_coordinates_are_named_without_their_value(x, y, says, tmp_path):
    assert says in problems(tmp_path, package(x_m=x, y_m=y))


def test_nought_nought_is_no_place(tmp_path):
    frame = read(tmp_path, package(1, x_m="0", y_m="0"), package(2, x_m="486138", y_m="308845"))
    assert frame.frame["x_m"].isna().to_list() == [True, False]


def test_without_persons_people_are_not_counted(tmp_path):
    row = {k: v for k, v in package().items() if k != "person_id"}
    result = read(tmp_path, row)
    assert not result.people_known
    assert "people are not counted" in str(result.warnings[0])


def test_the_rows_do_not_show_in_a_log(tmp_path):
    assert "SECRET" not in repr(read(tmp_path, package()))
    assert "SECRET" not in str(read(tmp_path, package()))


def test_an_excel_export_reads_like_its_csv(tmp_path):
    """Dates and numbers of a workbook come as what they are."""
    path = tmp_path / "packages.xlsx"
    pd.DataFrame([{
        "Package ID": 17, "Person ID": 9, "Weekly hours": 10.5, "Postcode": "LE15 0AA",
        "Start": dt.date(2026, 1, 1), "End": None, "Carers": 2}]).to_excel(path, index=False)
    frame = read_packages(DemandBrief(packages=path, as_of=dt.date(2026, 4, 1))).frame
    assert frame["hours"].to_list() == [21]
    assert frame["start"].to_list() == [pd.Timestamp("2026-01-01")]
    assert frame["package_id"].to_list() == ["17"]


FORMS = ("%Y-%m-%d", "%Y-%m-%d 00:00:00", "%Y-%m-%dT09:30:00", "%d/%m/%Y", "%d/%m/%Y 00:00",
         "%d-%m-%Y", "%d.%m.%Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%Y%m%d", "serial")


@given(st.dates(dt.date(1930, 1, 1), dt.date(2150, 12, 31)), st.sampled_from(FORMS))
def test_a_day_is_the_same_in_every_form(day, form):
    """Excel counts days from 30 December 1899 (true from March 1900 on)."""
    text = (str((day - dt.date(1899, 12, 30)).days) if form == "serial" else day.strftime(form))
    dates, wrong = parse_dates(pd.Series([text], dtype="str"))
    assert not wrong.any()
    assert dates[0] == pd.Timestamp(day)


@pytest.mark.parametrize(("text", "day_first", "day"), [
    ("03/04/2026", True, "2026-04-03"), ("03/04/2026", False, "2026-03-04"),
    ("1/4/26", True, "2026-04-01"), ("31/12/9999", True, "9999-12-31")])
def test_the_brief_says_whether_the_day_comes_first(text, day_first, day):
    dates, _ = parse_dates(pd.Series([text], dtype="str"), day_first=day_first)
    assert f"{dates[0]:%Y-%m-%d}" == day


@pytest.mark.parametrize("text", ["", "1900-01-01", "01/01/1900", "0001-01-01"])
def test_what_databases_write_for_no_date_is_none(text):
    dates, wrong = parse_dates(pd.Series([text], dtype="str"))
    assert dates.isna().all()
    assert not wrong.any()


@pytest.mark.parametrize("text", ["31/13/2026", "2026-02-29", "0202-04-01", "123", "1e5", "April"])
def test_what_is_no_date_is_wrong(text):
    _, wrong = parse_dates(pd.Series([text], dtype="str"))
    assert wrong.all()
