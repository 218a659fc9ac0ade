"""The CQC's directories: columns by name, home care only, distances checked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xlsxwriter
from shapely import Point, box

from allocation.market.cqc import (
    CqcDirectory,
    locate_directory,
    providers_in_reach,
    read_cqc,
    unlocated,
)
from lotting.errors import InputError
from lotting.plan import Plan
from lotting.postcodes import PostcodeLookup

PREAMBLE = "CQC directory\nUpdated\n,\n\n"
HEADER = (
    "Name,Also known as,Address,Postcode,Phone number,Service's website (if available),Service types,"
    "Date of latest check,Specialisms/services,Provider name,Local authority,Region,Location URL,"
    "CQC Location ID (for office use only),CQC Provider ID (for office use only)\n"
)
HEADER_2017 = HEADER.replace("Local authority", "Local Authority").replace(
    "CQC Location ID (for office use only)", "CQC Location (for office use only")


def row(number: int, postcode: str, services: str, provider: str = "1-100") -> str:
    return (f'Place {number},,"Suite 1, High St",{postcode},07000,,{services},19/May/2022 - 00:00,Dementia,'
            f"Made-up Care Ltd,Rutland,East Midlands,https://example.org/{number},1-{number},{provider}\n")


def directory(points: dict[str, tuple[float, float, str]]) -> CqcDirectory:
    frame = pd.DataFrame(
        [(x, y, owner) for x, y, owner in points.values()], columns=["x_m", "y_m", "provider_id"],
        index=pd.Index(list(points), name="location_id"))
    return CqcDirectory(frame=frame, rows=len(frame), set_aside={}, file="cqc.csv")


def grid(n: int = 4, size: float = 1000.0) -> gpd.GeoDataFrame:
    codes = [f"A{i}" for i in range(n)]
    return gpd.GeoDataFrame(
        {"x_m": [size * (i + 0.5) for i in range(n)], "y_m": size / 2},
        geometry=[box(size * i, 0, size * (i + 1), size) for i in range(n)],
        index=pd.Index(codes, name="area_code"), crs="EPSG:27700")


@pytest.mark.parametrize("header", [HEADER, HEADER_2017])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_the_care_directory(tmp_path: Path, header: str, encoding: str) -> None:
    """Four lines before the header, service types parted by |; what is no home care is counted."""
    file = tmp_path / "01_April_2026_CQC_directory.csv"
    file.write_text(PREAMBLE + header + "".join([
        row(1, "le1 1aa", "Homecare agencies"), row(2, "LE1 1AB", "Residential homes|Homecare agencies"),
        row(3, "LE1 1AC", "Residential homes"), row(1, "LE1 1AA", "Homecare agencies"),
        row(4, "LE1 1AD", "Homecare agencies").replace("Place 4", "Café Care").replace(
            "Suite 1, High St", "Suite 1,\n High St"),
    ]), encoding=encoding)  # fmt: skip
    read = read_cqc(file)
    assert read.frame.index.to_list() == ["1-1", "1-2", "1-4"]
    assert read.frame["postcode"].to_list() == ["LE11AA", "LE11AB", "LE11AD"]
    assert read.frame.loc["1-4", "name"] == "Café Care"
    assert read.frame["local_authority"].unique().tolist() == ["Rutland"]
    assert read.set_aside == {"twice in the file": 1, "no home care": 1}
    assert read.rows == len(read.frame) + sum(read.set_aside.values())


def test_active_locations_of_any_order(tmp_path: Path) -> None:
    """The header of HSCA active locations stands below a README sheet and many rows, in any order;
    dormant locations are set aside, names of managers are not read."""
    file = tmp_path / "HSCA_Active_Locations.xlsx"
    columns = ["Provider ID", "Location Postal Code", "Dormant (Y/N)", "Registered manager", "Location ID",
               "Service type - Domiciliary care service", "Location Name", "Provider Name",
               "Location Latest Overall Rating", "Location Local Authority", "Provider Postal Code"]
    rows = [["1-9", "LE1 1AA", "N", "Secret Person", "1-1", "Y", "One", "Nine Ltd", "Good", "Rutland", "X"],
            ["1-9", "LE1 1AB", "Y", "Secret Person", "1-2", "Y", "Two", "Nine Ltd", "", "Rutland", "X"],
            ["1-8", "LE1 1AC", "N", "Secret Person", "1-3", "", "Three", "Eight Ltd", "", "Rutland", "X"]]
    with xlsxwriter.Workbook(str(file)) as book:
        book.add_worksheet("README").write(0, 0, "About")
        sheet = book.add_worksheet("HSCA_Active_Locations")
        for i, cells in enumerate([columns, *rows]):
            for j, cell in enumerate(cells):
                sheet.write(27 + i, j, cell)
    read = read_cqc(file)
    assert read.frame.index.to_list() == ["1-1"]
    assert read.frame.loc["1-1", ["provider_id", "rating", "postcode"]].to_list() == ["1-9", "Good", "LE11AA"]
    assert read.set_aside == {"no home care": 1, "dormant": 1}
    assert "Secret Person" not in read.frame.to_string()


@pytest.mark.parametrize(("text", "said"), [
    ("a,b\n1,2\n", "no header of a CQC directory"),
    (PREAMBLE + HEADER + row(1, "LE1 1AA", "Residential homes"), "none of 1 locations gives home care"),
])  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "file.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_cqc(file)
    with pytest.raises(InputError, match="no such file"):
        read_cqc(tmp_path / "absent.csv")


def test_a_postcode_that_is_not_known_is_listed(tmp_path: Path) -> None:
    """A location without a place is in nobody's reach, and it is said."""
    file = tmp_path / "cqc.csv"
    file.write_text(
        HEADER + row(1, "LE1 1AA", "Homecare agencies") + row(2, "ZZ9 9ZZ", "Homecare agencies"),
        encoding="utf-8")
    frame = pd.DataFrame({"x_m": [500.0], "y_m": [500.0], "terminated": False, "area_code": ""},
                         index=["LE11AA"])
    lookup = PostcodeLookup(frame=frame, file="n.csv", rows_read=1, area_column=None, complete=False)
    found = locate_directory(read_cqc(file), lambda wanted: lookup)
    assert found.frame["x_m"].notna().to_list() == [True, False]
    assert "1 of 2" in unlocated(found)
    assert "1-2" in unlocated(found)
    table = providers_in_reach(found, grid(), Plan({f"A{i}": "1" for i in range(4)}), pd.Series(dtype=float))
    assert table.loc["1", "locations"] == 1


def test_reach_to_the_metre() -> None:
    """Exactly as far as the reach is in reach, a metre more is not; within the lot is 0 km."""
    plan = Plan({"A0": "1", "A1": "1", "A2": "2", "A3": "2"})
    hours = pd.Series({"A0": 10.0, "A1": 10.0, "A2": 1.0, "A3": 9.0})
    places = directory({"a": (500, 500, "P"), "b": (-1000, 500, "Q"), "c": (-1001, 500, "R")})
    table = providers_in_reach(places, grid(), plan, hours, reach_km=1.0)
    assert table.loc["1", ["inside", "locations", "providers"]].to_list() == [1, 2, 2]
    assert table.loc["1", "nearest_km"] == 0
    assert table.loc["2", ["inside", "locations", "nearest_km"]].to_list() == [0, 0, 1.5]
    # "a" reaches the points of A0 and A1 (0 and 1,000 m): all of lot 1's hours; "b" reaches none.
    assert table.loc["1", "covering"] == 1


def test_half_of_the_hours_is_enough() -> None:
    """A provider covers a lot when half of its hours are in reach, through all its locations together."""
    plan = Plan(dict.fromkeys(["A0", "A1", "A2", "A3"], "1"))
    place = directory({"a": (500, 500, "P")})
    for first, covering in ((10.0, 1), (9.99, 0)):
        hours = pd.Series({"A0": first, "A1": 0.0, "A2": 5.0, "A3": 5.0})
        assert providers_in_reach(place, grid(), plan, hours, reach_km=0.5).loc["1", "covering"] == covering
    two = directory({"a": (500, 500, "P"), "b": (3500, 500, "P")})
    hours = pd.Series({"A0": 5.0, "A1": 5.0, "A2": 5.0, "A3": 5.0})
    found = providers_in_reach(two, grid(), plan, hours, reach_km=0.5)
    assert found.loc["1", ["locations", "providers", "covering"]].to_list() == [2, 1, 1]


def test_counts_against_brute_force() -> None:
    """In many random places, every figure is what shapely's distances say one by one."""
    rng = np.random.default_rng(4)
    areas = grid(8)
    plan = Plan({code: str(1 + i // 3) for i, code in enumerate(areas.index)})
    hours = pd.Series(rng.random(8), index=areas.index)
    points = {f"L{i}": (float(rng.uniform(-4000, 12000)), float(rng.uniform(-4000, 5000)), f"P{i % 13}")
              for i in range(40)}
    table = providers_in_reach(directory(points), areas, plan, hours, reach_km=2.0)
    for lot in ("1", "2", "3"):
        members = [c for c in areas.index if plan.lots[c] == lot]
        near = {k for k, (x, y, _) in points.items()
                if min(Point(x, y).distance(areas.geometry[c]) for c in members) <= 2000}
        assert table.loc[lot, "locations"] == len(near)
        assert table.loc[lot, "providers"] == len({points[k][2] for k in near})
        assert table.loc[lot, "inside"] == sum(
            any(Point(x, y).intersects(areas.geometry[c]) for c in members) for x, y, _ in points.values())
        covering = 0
        for owner in {p[2] for p in points.values()}:
            held = sum(hours[c] for c in members if any(
                math.dist((x, y), areas.loc[c, ["x_m", "y_m"]]) <= 2000
                for x, y, o in points.values() if o == owner))
            covering += held >= hours[members].sum() / 2
        assert table.loc[lot, "covering"] == covering
