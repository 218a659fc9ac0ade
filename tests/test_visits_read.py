"""Reading visits: every layout, every bad cell at once, nobody named, every hour accounted for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import box

from lotting.brief import VisitColumns, VisitsBrief
from lotting.errors import InputError
from lotting.visits.cells import parse_clock, parse_length
from lotting.visits.columns import ALIASES, LAYOUTS, layout_of
from lotting.visits.frame import check_visits, visit_hours
from lotting.visits.join import join_carers
from lotting.visits.read import VisitsRead, read_visits

AREAS = gpd.GeoDataFrame(
    {"x_m": [450_500.0, 451_500.0], "y_m": 300_500.0},
    index=pd.Index(["HER001", "HER002"], name="area_code"),
    geometry=[box(450_000, 300_000, 451_000, 301_000), box(451_000, 300_000, 452_000, 301_000)],
    crs="EPSG:27700")
PACKAGES = pd.DataFrame({
    "package_id": ["SECRET-K1", "SECRET-K2"], "person_id": ["SECRET-P1", "SECRET-P2"],
    "area_code": ["HER001", "HER002"], "x_m": [450_100.0, 451_100.0], "y_m": [300_100.0, 300_200.0]})
ABACUS = {
    "FileReference": "F1", "ServiceUserRef": "SECRET-P1", "ServiceUserDetails": "SECRET Jane Doe",
    "WeekEnding": "05/04/2026", "ServiceType": "HOME CARE", "VisitDate": "01/04/2026",
    "StartTimeClaimed": "08:00:00", "DurationClaimed": "00:30:00", "ActualStartTime": "08:07:00",
    "ActualDuration": "00:26:00", "SecondaryVisit": "False", "NumberOfCarers": "1",
}
SIMPLE = {"visit_id": "SECRET-V1", "person_id": "SECRET-P1", "worker_id": "SECRET-W1",
          "date": "2026-04-01", "start": "08:00", "end": "08:30"}


def read(folder: Path, *rows: dict[str, str], packages: pd.DataFrame | None = PACKAGES,
         **settings: object) -> VisitsRead:
    path = folder / "visits.csv"
    pd.DataFrame(rows).fillna("").to_csv(path, index=False)
    result = read_visits(VisitsBrief.model_validate({"file": path, **settings}), AREAS, packages=packages)
    check_visits(result.frame)
    told = " ".join([*map(str, result.warnings), *result.assumed, repr(result), str(result.sums)])
    assert "SECRET" not in told
    return result


def problems(folder: Path, *rows: dict[str, str], **settings: object) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, *rows, **settings)
    assert "SECRET" not in str(caught.value)
    return str(caught.value)


def test_an_abacus_export_is_read_as_it_is(tmp_path):
    """Planned times are the claimed ones; the place is that of the person; the name is not read."""
    result = read(tmp_path, ABACUS)
    visit = result.frame.iloc[0]
    assert (visit["day"], visit["target"], visit["duration_minutes"]) == (dt.date(2026, 4, 1), 480, 30)
    assert (visit["earliest"], visit["latest"], visit["area_code"]) == (450, 510, "HER001")
    assert (visit["x_m"], visit["y_m"]) == (450_100, 300_100)
    assert "Access Abacus service delivery" in result.assumed[0]
    assert "Jane" not in result.frame.to_string()


def test_actual_times_count_when_asked_for(tmp_path):
    """26 minutes from 8:07; the row without actual times has the planned ones, and it is said."""
    other = {**ABACUS, "StartTimeClaimed": "12:00:00", "ActualStartTime": "", "ActualDuration": ""}
    result = read(tmp_path, ABACUS, other, times="actual")
    assert result.frame["target"].to_list() == [487, 720]
    assert result.frame["duration_minutes"].to_list() == [26, 30]
    assert any("1 of 2 rows have no actual start" in text for text in result.assumed)


@pytest.mark.parametrize(("row", "layout"), [
    ({"SSRef": "SECRET-P1", "CarerID": "SECRET-W", "CPLI": "SECRET-K1", "Planned Start":
      "2026-04-01 08:00", "Planned End": "2026-04-01 08:30"}, "ContrOCC visits"),
    ({"Visit ID": "SECRET", "Date": "01/04/2026", "Start": "08:00", "End": "08:30", "Employee ID":
      "SECRET", "Customer ID": "SECRET-P1", "Workplan ID": "SECRET"}, "Access Care Rostering feed"),
])
def test_other_layouts_are_known(row, layout, tmp_path):
    """ContrOCC's ids with dates in the start cell; the rostering feed with a column of dates."""
    result = read(tmp_path, row)
    assert layout in result.assumed[0]
    assert layout in LAYOUTS
    visit = result.frame.iloc[0]
    assert (visit["target"], visit["duration_minutes"], visit["area_code"]) == (480, 30, "HER001")
    assert layout_of(["a", "b"]) == ""


def test_columns_of_any_name_are_mapped(tmp_path):
    """[visits.columns] before the usual names; a column that is not there is named."""
    row = {"Wer": "SECRET-P2", "Tag": "01/04/2026", "Um": "8.15", "Minuten": "45", "start": "99"}
    mapping = {"person_id": "Wer", "day": "Tag", "planned_start": "Um", "planned_duration": "Minuten"}
    visit = read(tmp_path, row, columns=mapping).frame.iloc[0]
    assert (visit["target"], visit["duration_minutes"], visit["area_code"]) == (495, 45, "HER002")
    text = problems(tmp_path, row, columns={**mapping, "planned_start": "Uhm"})
    assert "no column 'Uhm', which [visits.columns] planned_start names. Did you mean 'Um'?" in text


def test_the_guide_names_every_usual_column():
    """Every field of the brief has usual names, and the how-to lists them all."""
    page = (Path(__file__).resolve().parents[1] / "docs/how-to/visits.md").read_text(encoding="utf-8")
    assert set(VisitColumns.model_fields) == set(ALIASES)
    assert {a for names in ALIASES.values() for a in names if f"`{a}`" not in page} == set()


@pytest.mark.parametrize(("field", "bad", "says", "good"), [
    ("start", "25:00", "row 3, column start: no time of day that can be read ('25:00')", "23:59"),
    ("date", "31/02/2026", "row 3, column date: no date that can be read ('31/02/2026')", "28/02/2026"),
    ("date", "", "row 3, column date: no day is given", "01/04/2026"),
    ("duration", "soon", "row 3, column duration: no length of time that can be read ('soon')", "0:30"),
    ("duration", "0:00", "row 3, column duration: a visit of no time ('0')", "0:01"),
    ("duration", "24:01", "row 3, column duration: a visit of more than 24 hours ('1441')", "24:00"),
    ("carers", "5", "row 3, column carers: the number of carers is not 1 to 4 ('5')", "4"),
    ("secondary", "perhaps", "row 3, column secondary: neither true nor false", "true"),
    ("latest", "07:59", "row 3, column latest: the latest start is before the earliest ('07:59')", "08:00"),
    ("x_m", "east", "row 3, column x_m: a coordinate that is no number ('east')", "450200"),
])
def test_a_wrong_cell_is_named_and_its_neighbour_passes(field, bad, says, good, tmp_path):
    """File, row as the spreadsheet numbers it, column, value."""
    row = {**SIMPLE, "duration": "0:30", "carers": "1", "secondary": "", "earliest": "08:00",
           "latest": "09:00", "x_m": "450200", "y_m": "300200"}
    rows = [row, {**row, "visit_id": "SECRET-V2", field: good}]
    read(tmp_path, *rows)
    rows[1][field] = bad
    assert f"visits.csv, {says}" in problems(tmp_path, *rows)


def test_every_wrong_cell_comes_in_one_error(tmp_path):
    """Three kinds of mistakes in three rows: three problems, one exception."""
    rows = [{**SIMPLE, "start": "x9"}, {**SIMPLE, "date": "soon"}, {**SIMPLE, "end": "SECRET Jane"}]
    text = problems(tmp_path, *rows)
    assert text.startswith("3 problems")


def test_a_visit_over_midnight_is_of_the_day_it_begins(tmp_path):
    """23:45 to 00:15 is half an hour; the window may run past midnight, but not before its day."""
    late = {**SIMPLE, "start": "23:45", "end": "00:15"}
    early = {**SIMPLE, "visit_id": "SECRET-V2", "date": "2026-04-02", "start": "00:10", "end": "00:40"}
    frame = read(tmp_path, late, early).frame
    assert frame["duration_minutes"].to_list() == [30, 30]
    assert frame["latest"].to_list() == [1455, 40]
    assert frame["earliest"].to_list() == [1395, 0]


def test_two_carers_become_one_visit(tmp_path):
    """A primary and a secondary row; a row that says two alone; a secondary row without a primary."""
    rows = [
        {**ABACUS, "NumberOfCarers": "2"},
        {**ABACUS, "SecondaryVisit": "True", "NumberOfCarers": "2", "StartTimeClaimed": "08:05:00",
         "DurationClaimed": "00:20:00"},
        {**ABACUS, "NumberOfCarers": "2", "StartTimeClaimed": "12:00:00"},
        {**ABACUS, "SecondaryVisit": "True", "StartTimeClaimed": "18:00:00"},
    ]
    result = read(tmp_path, *rows)
    assert result.frame["carers"].to_list() == [2, 2, 1]
    assert result.frame["duration_minutes"].to_list() == [25, 30, 30], "50 minutes of two are 25 of each"
    assert result.sums.frame.loc["read", "hours"] == pytest.approx((50 + 60 + 30) / 60)
    assert any("1 rows are of an additional carer" in str(w) for w in result.warnings)


@pytest.mark.parametrize(("second", "visits"), [
    ({"worker_id": "SECRET-W2"}, 1),
    ({"worker_id": "SECRET-W2", "start": "08:14", "end": "08:44"}, 1),
    ({"worker_id": "SECRET-W2", "start": "08:16", "end": "08:46"}, 2),
    ({"start": "08:14", "end": "08:44"}, 2),
    ({"worker_id": "SECRET-W2", "person_id": "SECRET-P2"}, 2),
    ({"worker_id": "SECRET-W2", "date": "2026-04-02"}, 2),
])
def test_workers_at_one_person_at_one_time_are_together(second, visits, tmp_path):
    """Where nothing marks them: other workers, the same person and day, at most 15 minutes apart."""
    result = read(tmp_path, SIMPLE, {**SIMPLE, "visit_id": "SECRET-V2", **second})
    assert len(result.frame) == visits
    assert visit_hours(result.frame) == pytest.approx(1.0)


def test_visits_one_after_the_other_are_not_together():
    """15 minutes apart, the first over when the second begins."""
    rows = pd.DataFrame({
        "visit_id": ["a", "b"], "person": "p", "worker_id": ["1", "2"], "day": 1, "start": [480.0, 495.0],
        "minutes": [15.0, 30.0], "carers": 1, "secondary": False})
    assert join_carers(rows)["visit"].to_list() == ["a", "b"]
    rows.loc[0, "minutes"] = 16.0
    assert join_carers(rows)["visit"].to_list() == ["a", "a"]


def test_what_is_not_placed_is_listed_with_its_hours(tmp_path):
    """Hours read = placed + not placed, by reason; rows are numbered as the spreadsheet has them."""
    rows = [
        SIMPLE, SIMPLE,
        {**SIMPLE, "visit_id": "2", "status": "Cancelled late"},
        {**SIMPLE, "visit_id": "3", "start": "", "end": ""},
        {**SIMPLE, "visit_id": "4", "end": ""},
        {**SIMPLE, "visit_id": "5", "date": "2026-04-06", "end": "09:00"},
        {**SIMPLE, "visit_id": "6", "person_id": "SECRET-P9", "end": "09:30"},
        {**SIMPLE, "visit_id": "7", "person_id": "SECRET-P9", "area_code": "HER002", "start": "10:00",
         "end": "11:00"},
        {**SIMPLE, "visit_id": "8", "person_id": "SECRET-P8", "area_code": "E01", "end": "08:15"},
    ]
    result = read(tmp_path, *rows, day="2026-04-01")
    sums = result.sums.frame["hours"].to_dict()
    assert sums == pytest.approx({
        "read": 5.25, "placed": 1.5, "not placed: duplicate row": 0.5, "not placed: cancelled": 0.5,
        "not placed: no start given": 0.0, "not placed: no length given": 0.0,
        "not placed: another week": 1.0, "not placed: no location given": 1.5,
        "not placed: unknown area code": 0.25})
    assert result.not_placed.loc[3, "reason"] == "not placed: duplicate row"
    assert result.not_placed["hours"].sum() + visit_hours(result.frame) == pytest.approx(5.25)
    assert result.frame["area_code"].to_list() == ["HER001", "HER002"]


def test_rows_by_postcode_only_need_a_directory(tmp_path):
    """It says how many, and shows no postcode."""
    row = {**SIMPLE, "person_id": "", "postcode": "ZZ1 1AA"}
    text = problems(tmp_path, row)
    assert "1 of 1 rows can be placed by their postcode only" in text
    assert "ZZ1" not in text


def test_a_window_that_is_given_counts_and_the_start_is_moved_into_it(tmp_path):
    """Earliest and latest columns before window_minutes."""
    rows = [{**SIMPLE, "earliest": "07:45", "latest": "08:45"},
            {**SIMPLE, "visit_id": "2", "start": "11:00", "end": "11:30", "earliest": "11:15",
             "latest": "12:00"}]
    result = read(tmp_path, *rows)
    assert result.frame[["earliest", "latest", "target"]].to_numpy().tolist() == [
        [465, 525, 480], [675, 720, 675]]
    assert any("1 of 2 visits start outside the window" in str(w) for w in result.warnings)


@given(st.integers(60, 1439), st.sampled_from([
    "{h:02}:{m:02}", "{h}:{m:02}:00", "{h:02}{m:02}", "{h}.{m:02}", "2026-04-01T{h:02}:{m:02}:00"]))
def test_every_time_of_day_is_read_in_every_form(minute, form):
    """Oracle: the numbers the text was made of. Before 1:00 a dot would be a fraction of a day."""
    text = form.format(h=minute // 60, m=minute % 60)
    found, wrong = parse_clock(pd.Series([text]))
    assert found.iloc[0] == minute
    assert not wrong.iloc[0]


@given(st.integers(1, 2880), st.sampled_from(["{H}:{M:02}", "{H}:{M:02}:00", "{D}.{R:02}:{M:02}:00",
                                              "PT{H}H{M}M", "{H}h {M}m", "{total} min"]))
def test_every_length_is_read_in_every_form(total, form):
    """Oracle: the numbers the text was made of, timedelta's as .NET writes it among them."""
    hours, minutes = divmod(total, 60)
    text = form.format(H=hours, M=minutes, D=hours // 24, R=hours % 24, total=total)
    found, wrong, _ = parse_length(pd.Series([text]))
    assert found.iloc[0] == total
    assert not wrong.iloc[0]


def test_plain_numbers_are_hours_or_minutes_and_it_is_said(tmp_path):
    """By the column's name, else by their size."""
    row = {k: v for k, v in SIMPLE.items() if k != "end"}
    later = {**row, "visit_id": "2", "start": "9:00", "duration": "1"}
    result = read(tmp_path, {**row, "duration": "0.5"}, later)
    assert result.frame["duration_minutes"].to_list() == [30, 60]
    assert "Plain numbers in column duration are hours." in result.assumed
    result = read(tmp_path, {**row, "planned minutes": "20"})
    assert result.frame["duration_minutes"].to_list() == [20]
